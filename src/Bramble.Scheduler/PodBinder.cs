using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Scheduler.Cycle;
using Bramble.Scheduler.Extenders;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;
using Microsoft.Extensions.Logging;

namespace Bramble.Scheduler;

/// <summary>A node for a Pod, and what must be written before it is bound.</summary>
/// <param name="Pending">What is being waited for; null: nothing.</param>
/// <param name="Binder">Who binds it; null: the scheduler itself.</param>
internal sealed record Assignment(string Node, IReadOnlyList<IReservation> Reservations, PendingBinding? Pending, Extender? Binder);

/// <summary>Writes what rules reserved (volumes, devices), waits for it, and then the binding. Thread-safe.</summary>
internal sealed class PodBinder(IKubeClient client, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan BindingMax = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<NamespacedName, PendingBinding> _pending = new();

    /// <summary>A binding that has to wait for others begins: <see cref="Stop"/> gives it up when the Pod goes. <see cref="End"/> must follow.</summary>
    public PendingBinding Begin(PodInfo pod)
    {
        var pending = new PendingBinding(pod.Uid);
        _pending[pod.Name] = pending;
        return pending;
    }

    public void Stop(PodInfo pod)
    {
        if (_pending.TryGetValue(pod.Name, out var pending) && pending.Uid == pod.Uid) pending.Stop("context canceled");
    }

    public void End(PodInfo pod, PendingBinding pending)
    {
        _pending.TryRemove(KeyValuePair.Create(pod.Name, pending));
        pending.End();
    }

    /// <summary>A more important Pod takes the room of one that is still waited for, and has it afterwards.</summary>
    /// <returns>False: it is not, or not any more.</returns>
    public async ValueTask<bool> TryPreemptAsync(PodInfo pod, CancellationToken cancel)
    {
        if (!_pending.TryGetValue(pod.Name, out var pending) || pending.Uid != pod.Uid || !pending.TryPreempt()) return false;
        await pending.Ended.WaitAsync(cancel);
        return true;
    }

    /// <exception cref="SchedulingException">With upstream's message.</exception>
    public async Task BindAsync(PodInfo pod, Assignment assignment, BindingReport report, CancellationToken cancel)
    {
        if (assignment.Pending is { } pending)
        {
            var start = report.Now;
            try
            {
                await PrepareAsync(pod, assignment, pending, report, cancel);
            }
            catch
            {
                report.Took(ExtensionPoint.PreBind, start, StepStatus.Error);
                throw;
            }
            report.Took(ExtensionPoint.PreBind, start, StepStatus.Success);
        }
        var bindStart = report.Now;
        try
        {
            await BindAsync(pod, assignment);
            report.Took(ExtensionPoint.Bind, bindStart, StepStatus.Success);
        }
        catch
        {
            report.Took(ExtensionPoint.Bind, bindStart, StepStatus.Error);
            throw;
        }
    }

    /// <summary>Volumes and devices are prepared side by side; what fails first ends the others.</summary>
    private async Task PrepareAsync(PodInfo pod, Assignment assignment, PendingBinding pending, BindingReport report, CancellationToken cancel)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, pending.Token);
        Exception? first = null;
        await NominateAsync(pod, assignment.Node, cancel);
        await Task.WhenAll(assignment.Reservations.Select(WriteAsync));
        if (first is not null) throw first;
        if (!pending.TryWrite()) throw new SchedulingException(pending.Why ?? "context canceled");

        async Task WriteAsync(IReservation reservation)
        {
            try
            {
                await reservation.WriteAsync(report, either.Token);
            }
            catch (Exception e)
            {
                var told = e is StatusException or SchedulingException ? e.Message : e is OperationCanceledException && !cancel.IsCancellationRequested ? pending.Why : null;
                if (Interlocked.CompareExchange(ref first, told is null ? e : new SchedulingException($"running PreBind plugin \"{reservation.Plugin}\": {told}"), null) is null) await either.CancelAsync();
            }
        }
    }

    private async Task BindAsync(PodInfo pod, Assignment assignment)
    {
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

    /// <summary>Others (an autoscaler) see where the Pod will go while its volumes are being made. KEP-5278.</summary>
    private async Task NominateAsync(PodInfo pod, string node, CancellationToken cancel)
    {
        if (pod.NominatedNode == node) return;
        try
        {
            await PodStatusPatch.WriteAsync(client, pod.Name, new JsonObject { ["uid"] = pod.Uid }, new JsonObject { ["nominatedNodeName"] = node }, time, cancel);
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException)
        {
            // It is only a hint to others: the binding goes on.
            SchedulerLog.StatusFailed(log, pod.Name, e.Message);
        }
    }
}
