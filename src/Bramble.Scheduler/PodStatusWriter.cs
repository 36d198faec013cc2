using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Scheduler.State;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Scheduler;

/// <summary>Writes why Pods wait (condition PodScheduled) and which node is being emptied for them, apart from the loop that decides. Of several wishes for one
/// Pod the newest is written; a Pod that got its node meanwhile is left alone.</summary>
/// <remarks>Each write names the version it was made for, so that it can never fall upon a binding. Holds at most one wish a waiting Pod.</remarks>
internal sealed class PodStatusWriter(IKubeClient client, ILister<V1Pod> pods, Func<NamespacedName, string, bool> hasNode, TimeProvider time, ILogger log) : IDisposable
{
    private const int Writers = 8;
    private const int AttemptsMax = 10;

    private readonly Lock _gate = new();
    private readonly Dictionary<NamespacedName, Wish> _wishes = [];
    private readonly WorkQueue<NamespacedName> _queue = new(time);

    /// <param name="nominatedNode">Null: as it is; empty: none.</param>
    public void Write(PodInfo pod, string? reason, string? message, string? nominatedNode)
    {
        lock (_gate)
        {
            var wish = new Wish(pod.Uid, reason, message, nominatedNode);
            if (_wishes.TryGetValue(pod.Name, out var waiting) && waiting.Uid == pod.Uid)
                wish = wish with { NominatedNode = nominatedNode ?? waiting.NominatedNode, Reason = reason ?? waiting.Reason, Message = message ?? waiting.Message };
            _wishes[pod.Name] = wish;
        }
        _queue.Add(pod.Name);
    }

    /// <summary>The Pod got its node: what was to be said of its waiting is not said any more.</summary>
    public void Drop(NamespacedName name)
    {
        lock (_gate) _wishes.Remove(name);
    }

    public Task RunAsync(CancellationToken cancel) => Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => WriteAsync(cancel)));

    public void Dispose() => _queue.Dispose();

    private async Task WriteAsync(CancellationToken cancel)
    {
        while (true)
        {
            NamespacedName name;
            try
            {
                name = await _queue.TakeAsync(cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            try
            {
                Wish? wish;
                lock (_gate) _wishes.Remove(name, out wish);
                if (wish is not null) await WriteAsync(name, wish, cancel);
                _queue.Forget(name);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (StatusException e) when (e.IsNotFound)
            {
                _queue.Forget(name);        // it went: nobody reads its status any more
            }
            catch (Exception e) when (e is StatusException or HttpRequestException or IOException or OperationCanceledException)
            {
                SchedulerLog.StatusFailed(log, name, e.Message);
            }
            finally
            {
                _queue.Done(name);
            }
        }
    }

    private async Task WriteAsync(NamespacedName name, Wish wish, CancellationToken cancel)
    {
        if (pods.Find(name) is not { } pod || pod.Metadata.Uid != wish.Uid || hasNode(name, wish.Uid) || !string.IsNullOrEmpty(pod.Spec.NodeName)) return;
        if (Body(pod, wish) is not { } status) return;
        var metadata = new JsonObject { ["uid"] = wish.Uid, ["resourceVersion"] = pod.Metadata.ResourceVersion };
        try
        {
            await PodStatusPatch.WriteAsync(client, name, metadata, status, time, cancel);
        }
        catch (StatusException e) when (e.IsConflict && _queue.Failures(name) < AttemptsMax)
        {
            // Somebody wrote the Pod meanwhile: again when that is seen here, unless there is something newer to say.
            lock (_gate) _wishes.TryAdd(name, wish);
            _queue.AddRateLimited(name);
        }
    }

    /// <returns>Null: the status says so already.</returns>
    private JsonObject? Body(V1Pod pod, Wish wish)
    {
        var status = (wish.Reason is null ? null : PodConditionPatch.Status(pod, "PodScheduled", "False", wish.Reason, wish.Message!, time.GetUtcNow())) ?? [];
        if (wish.NominatedNode is { } node && node != (pod.Status?.NominatedNodeName ?? "")) status["nominatedNodeName"] = node.Length == 0 ? null : node;
        return status.Count == 0 ? null : status;
    }

    private sealed record Wish(string Uid, string? Reason, string? Message, string? NominatedNode);
}
