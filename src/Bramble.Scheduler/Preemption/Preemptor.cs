using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Scheduler.State;
using Microsoft.Extensions.Logging;

namespace Bramble.Scheduler.Preemption;

/// <summary>Carries out a preemption: each victim is told why and deleted with its own grace period, as a user's deletion would. KEP-3329, KEP-4832.</summary>
/// <param name="hasNode">Has the Pod (its name and uid) a node?</param>
internal sealed class Preemptor(IKubeClient client, PodBinder binder, Func<NamespacedName, string, bool> hasNode, TimeProvider time, ILogger log)
{
    /// <param name="pods">Those of the victims that are not going already.</param>
    /// <returns>False: some victim could not be deleted.</returns>
    public async Task<bool> PreemptAsync(
        PodInfo pod, IReadOnlyList<PodInfo> pods, string node, string schedulerName, EventRecorder events, RunningPreemption running, CancellationToken cancel)
    {
        // The last one goes when the others were told to: when it goes the room is complete.
        var results = await Task.WhenAll(pods.SkipLast(1).Select(v => PreemptAsync(pod, v, node, schedulerName, events, cancel)));
        if (!results.All(r => r)) return false;
        running.LastComes(pods[^1]);
        return await PreemptAsync(pod, pods[^1], node, schedulerName, events, cancel);
    }

    private async Task<bool> PreemptAsync(PodInfo pod, PodInfo victim, string node, string schedulerName, EventRecorder events, CancellationToken cancel)
    {
        // One that is not bound yet, because its volumes or devices are being prepared, need not go: it looks for another node.
        var isBinding = await binder.TryPreemptAsync(victim, cancel);
        // Its binding failed, or it went: it is not in the way any more.
        if (!isBinding && !hasNode(victim.Name, victim.Uid)) return true;
        var isGone = false;
        try
        {
            if (!isBinding) isGone = !await DeleteAsync(victim, schedulerName, cancel);
        }
        catch (StatusException e) when (e.IsNotFound || e.IsConflict)
        {
            isGone = true;       // by itself, or another one has its name now
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException)
        {
            SchedulerLog.PreemptionFailed(log, victim.Name, e.Message);
            return false;
        }
        if (isGone) return true;
        var note = $"Preempted by pod {pod.Uid} on node {node}{(isBinding ? " (in kube-scheduler memory)." : "")}";
        events.WithAction(EventSubject.Of(Resources.Pods, victim.Pod), "Normal", "Preempted", "Preempting", note, EventSubject.Of(Resources.Pods, pod.Pod));
        return true;
    }

    /// <returns>False: it is gone already.</returns>
    private async Task<bool> DeleteAsync(PodInfo victim, string schedulerName, CancellationToken cancel)
    {
        var status = PodConditionPatch.Status(
            victim.Pod, "DisruptionTarget", "True", "PreemptionByScheduler", $"{schedulerName}: preempting to accommodate a higher priority pod", time.GetUtcNow());
        if (status is not null)
            await PodStatusPatch.WriteAsync(client, victim.Name, new JsonObject { ["uid"] = victim.Uid }, status, time, cancel);
        return await client.DeleteAsync(Resources.Pods, victim.Name, new DeleteQuery(Uid: victim.Uid), cancel);
    }
}
