using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Scheduler.State;
using Microsoft.Extensions.Logging;

namespace Bramble.Scheduler.Preemption;

/// <summary>Carries out a preemption: each victim is told why and deleted with its own grace period, as a user's deletion would. KEP-3329, KEP-4832.</summary>
internal sealed class Preemptor(IKubeClient client, TimeProvider time, ILogger log)
{
    /// <returns>False: some victim could not be deleted.</returns>
    public async Task<bool> PreemptAsync(PodInfo pod, Victims victims, string schedulerName, EventRecorder events, CancellationToken cancel)
    {
        // Those that go already need no second call.
        var results = await Task.WhenAll(victims.Pods.Where(v => !v.IsLeaving).Select(v => PreemptAsync(pod, v, victims.Node, schedulerName, events, cancel)));
        return results.All(r => r);
    }

    private async Task<bool> PreemptAsync(PodInfo pod, PodInfo victim, string node, string schedulerName, EventRecorder events, CancellationToken cancel)
    {
        var status = PodConditionPatch.Status(
            victim.Pod, "DisruptionTarget", "True", "PreemptionByScheduler", $"{schedulerName}: preempting to accommodate a higher priority pod", time.GetUtcNow());
        try
        {
            if (status is not null)
                await client.StrategicPatchAsync(Resources.Pods, victim.Name, new JsonObject { ["metadata"] = new JsonObject { ["uid"] = victim.Uid }, ["status"] = status }, "status", cancel);
            if (!await client.DeleteAsync(Resources.Pods, victim.Name, new DeleteQuery(Uid: victim.Uid), cancel)) return true;
        }
        catch (StatusException e) when (e.IsNotFound || e.IsConflict)
        {
            return true;       // gone by itself, or another one has its name now
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException)
        {
            SchedulerLog.PreemptionFailed(log, victim.Name, e.Message);
            return false;
        }
        events.WithAction(EventSubject.Of(Resources.Pods, victim.Pod), "Normal", "Preempted", "Preempting", $"Preempted by pod {pod.Uid} on node {node}", EventSubject.Of(Resources.Pods, pod.Pod));
        return true;
    }
}
