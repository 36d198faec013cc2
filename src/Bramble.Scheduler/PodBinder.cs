using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Scheduler.Extenders;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;
using Microsoft.Extensions.Logging;

namespace Bramble.Scheduler;

/// <summary>A node for a Pod, and what must be written before it is bound.</summary>
/// <param name="Stop">Cancelled when the Pod goes while that is being waited for; null: nothing to wait for.</param>
/// <param name="Binder">Who binds it; null: the scheduler itself.</param>
internal sealed record Assignment(string Node, IReadOnlyList<IReservation> Reservations, CancellationTokenSource? Stop, Extender? Binder);

/// <summary>Writes what rules reserved (volumes, devices), waits for it, and then the binding. Thread-safe.</summary>
internal sealed class PodBinder(IKubeClient client, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan BindingMax = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<NamespacedName, (string Uid, CancellationTokenSource Stop)> _waiting = new();

    /// <summary>A binding that has to wait for others begins: <see cref="Stop"/> ends it when the Pod goes.</summary>
    public CancellationTokenSource Begin(PodInfo pod)
    {
        var stop = new CancellationTokenSource();
        _waiting[pod.Name] = (pod.Uid, stop);
        return stop;
    }

    public void Stop(PodInfo pod)
    {
        if (_waiting.TryGetValue(pod.Name, out var waiting) && waiting.Uid == pod.Uid) waiting.Stop.Cancel();
    }

    /// <exception cref="SchedulingException">With upstream's message.</exception>
    public async Task BindAsync(PodInfo pod, Assignment assignment, BindingReport report, CancellationToken cancel)
    {
        if (assignment.Stop is { } stop)
        {
            try
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, stop.Token);
                await NominateAsync(pod, assignment.Node, either.Token);
                foreach (var reservation in assignment.Reservations) await WriteAsync(reservation, report, either.Token);
            }
            finally
            {
                // Not disposed: Stop may just be cancelling it, and without a timer there is nothing to give back.
                if (_waiting.TryGetValue(pod.Name, out var waiting) && waiting.Stop == stop) _waiting.TryRemove(KeyValuePair.Create(pod.Name, waiting));
            }
        }
        // A decision made is carried out also while stopping, within bounds.
        using var bounded = new CancellationTokenSource(BindingMax, time);
        if (assignment.Binder is { } binder && await BindsAsync(binder, pod, assignment.Node, bounded.Token)) return;
        var body = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Binding",
            ["metadata"] = new JsonObject { ["name"] = pod.Name.Name, ["namespace"] = pod.Name.Namespace, ["uid"] = pod.Uid },
            ["target"] = new JsonObject { ["kind"] = "Node", ["name"] = assignment.Node },
        };
        try
        {
            await client.CreateAsync(Resources.Pods, pod.Name, body, "binding", bounded.Token);
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException)
        {
            // An answer that was lost does not say that nothing was done: were the Pod forgotten until it shows, its room would be given away twice.
            if (e is not StatusException { Status.Code: < 500 } && await IsBoundAsync(pod, assignment.Node, bounded.Token)) return;
            if (e is not StatusException) throw;
            throw new SchedulingException($"running Bind plugin \"DefaultBinder\": {e.Message}");
        }
    }

    /// <returns>False: it did not, and that is not to matter.</returns>
    private async Task<bool> BindsAsync(Extender binder, PodInfo pod, string node, CancellationToken cancel)
    {
        try
        {
            await binder.BindAsync(pod, node, cancel);
            return true;
        }
        catch (SchedulingException e) when (binder.IsIgnorable)
        {
            SchedulerLog.ExtenderIgnored(log, binder.Url, "bind", pod.Name, e.Message);
            return false;
        }
    }

    private async Task<bool> IsBoundAsync(PodInfo pod, string node, CancellationToken cancel) =>
        await client.FindModelAsync(Resources.Pods, pod.Name, cancel) is { } now && now.Metadata.Uid == pod.Uid && now.Spec.NodeName == node;

    private static async Task WriteAsync(IReservation reservation, BindingReport report, CancellationToken cancel)
    {
        try
        {
            await reservation.WriteAsync(report, cancel);
        }
        catch (Exception e) when (e is StatusException or SchedulingException)
        {
            throw new SchedulingException($"running PreBind plugin \"{reservation.Plugin}\": {e.Message}");
        }
    }

    /// <summary>Others (an autoscaler) see where the Pod will go while its volumes are being made. KEP-5278.</summary>
    private async Task NominateAsync(PodInfo pod, string node, CancellationToken cancel)
    {
        if (pod.NominatedNode == node) return;
        try
        {
            await client.StrategicPatchAsync(Resources.Pods, pod.Name, new JsonObject
            {
                ["metadata"] = new JsonObject { ["uid"] = pod.Uid },
                ["status"] = new JsonObject { ["nominatedNodeName"] = node },
            }, "status", cancel);
        }
        catch (StatusException e)
        {
            // It is only a hint to others: the binding goes on.
            SchedulerLog.StatusFailed(log, pod.Name, e.Message);
        }
    }
}
