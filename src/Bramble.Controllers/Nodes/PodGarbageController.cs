using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Nodes;

/// <summary>Removes Pods that nobody else will: of nodes that are gone, never scheduled and marked for deletion, and finished ones beyond a number.</summary>
internal sealed class PodGarbageController : IReconciler
{
    /// <summary>A node that was deleted by mistake comes back within this time, and its Pods live.</summary>
    private static readonly TimeSpan Quarantine = TimeSpan.FromSeconds(40);
    private static readonly NamespacedName Finished = new("", "");

    private readonly ControllerContext _context;
    private readonly IInformer<V1Node> _nodes;
    private readonly IInformer<V1Pod> _pods;
    private readonly ConcurrentDictionary<string, long> _missingSince = new(StringComparer.Ordinal);

    public PodGarbageController(ControllerContext context)
    {
        _context = context;
        _nodes = context.Watches(Resources.Nodes, change =>
        {
            if (change.New is { } node)
            {
                if (change.Old is null) _missingSince.TryRemove(change.Name.Name, out _);
                if (IsOutOfService(node))
                    foreach (var pod in _pods!.ByIndex(NodePods.ByNode, change.Name.Name).Where(p => p.IsBeingDeleted())) context.Queue.Add(pod.NamespacedName());
                return;
            }
            foreach (var pod in _pods!.ByIndex(NodePods.ByNode, change.Name.Name)) context.Queue.Add(pod.NamespacedName());
        });
        _pods = context.Watches(Resources.Pods, change =>
        {
            if (change.New is not { } pod) return;
            if (pod.IsFinished() && change.Old?.IsFinished() != true) context.Queue.Add(Finished);
            var isOnNode = pod.Spec.NodeName is { Length: > 0 };
            var itsNode = isOnNode ? _nodes.Find(new NamespacedName("", pod.Spec.NodeName)) : null;
            var isOnMissingNode = isOnNode && itsNode is null;
            if (isOnMissingNode || (pod.IsBeingDeleted() && itsNode is not null && IsOutOfService(itsNode)) || (pod.IsBeingDeleted() && string.IsNullOrEmpty(pod.Spec.NodeName))) context.Queue.Add(change.Name);
        });
        _pods.AddIndex(NodePods.ByNode, NodePods.Node);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (name == Finished) return await RemoveFinishedAsync(cancel);
        if (_pods.Find(name) is not { } pod) return Requeue.Never;
        if (string.IsNullOrEmpty(pod.Spec.NodeName))
        {
            if (pod.IsBeingDeleted()) await ForceAsync(pod, null, cancel);
            return Requeue.Never;
        }
        var node = new NamespacedName("", pod.Spec.NodeName);
        if (_nodes.Find(node) is { } its)
        {
            if (pod.IsBeingDeleted() && IsOutOfService(its)) await ForceAsync(pod, null, cancel);
            return Requeue.Never;
        }
        var since = _missingSince.GetOrAdd(node.Name, _ => _context.Time.GetTimestamp());
        var left = Quarantine - TimeSpan.FromTicks(Math.Min(_context.Time.GetElapsedTime(since).Ticks, AgeOf(pod).Ticks));
        if (left > TimeSpan.Zero) return Requeue.After(left);
        // The API's own word before something irreversible.
        if (await _context.Client.FindAsync(Resources.Nodes, node, cancel) is not null) return Requeue.Never;
        await ForceAsync(pod, "PodGC: node no longer exists", cancel);
        return Requeue.Never;
    }

    /// <summary>A Pod that is younger than its node's absence has a quarantine of its own, as upstream begins one anew after each look.</summary>
    private TimeSpan AgeOf(V1Pod pod) => pod.Metadata.CreationTimestamp is { } created ? _context.Time.GetUtcNow() - created : TimeSpan.MaxValue;

    /// <summary>An operator says that the machine is off for good: what was to end there has ended.</summary>
    private static bool IsOutOfService(V1Node node) => !ZoneStates.IsReady(node) && node.Spec?.Taints?.Any(t => t.Key == "node.kubernetes.io/out-of-service") == true;

    private async Task<Requeue> RemoveFinishedAsync(CancellationToken cancel)
    {
        if (_context.Config.TerminatedPodsMax <= 0) return Requeue.Never;
        var finished = _pods.List().Where(p => p.IsFinished()).ToList();
        // Evicted ones first: those of controllers may still be counted.
        var ordered = finished.OrderBy(p => p.Status is { Phase: "Failed", Reason: "Evicted" } ? 0 : 1).ThenBy(p => p.Metadata.CreationTimestamp).ThenBy(p => p.Metadata.Name, StringComparer.Ordinal);
        StatusException? refused = null;
        foreach (var pod in ordered.Take(Math.Max(0, finished.Count - _context.Config.TerminatedPodsMax)))
        {
            try
            {
                await ForceAsync(pod, null, cancel);
            }
            catch (StatusException e)
            {
                // One that somebody keeps, the first each time, keeps the others not.
                refused ??= e;
            }
        }
        return refused is null ? Requeue.Never : throw refused;
    }

    private async Task ForceAsync(V1Pod pod, string? disruption, CancellationToken cancel)
    {
        try
        {
            if (!pod.IsFinished())
            {
                var status = new JsonObject { ["phase"] = "Failed" };
                if (pod.Metadata.Generation is { } generation and > 0) status["observedGeneration"] = generation;
                if (disruption is not null) status["conditions"] = new JsonArray((JsonNode)DisruptionTarget.Condition(pod, "DeletionByPodGC", disruption, _context.Time.GetUtcNow()));
                await _context.Client.StrategicPatchAsync(
                    Resources.Pods, pod.NamespacedName(), new JsonObject { ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid }, ["status"] = status }, "status", cancel);
            }
            await _context.Client.DeleteAsync(Resources.Pods, pod.NamespacedName(), new DeleteQuery(0, Uid: pod.Metadata.Uid), cancel);
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            // Gone by itself.
        }
    }
}
