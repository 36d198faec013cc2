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
                if (!PodGarbage.IsOutOfService(node)) return;
            }
            foreach (var pod in _pods!.ByIndex(NodePods.ByNode, change.Name.Name)) context.Queue.Add(pod.NamespacedName());
        });
        _pods = context.Watches(Resources.Pods, change =>
        {
            if (change.New is not { } pod) return;
            if (pod.IsFinished() && change.Old?.IsFinished() != true) context.Queue.Add(Finished);
            if (PodGarbage.Decide(pod, NodeOf(pod), TimeSpan.Zero, context.Time.GetUtcNow()) is not PodGarbage.Keep) context.Queue.Add(change.Name);
        });
        _pods.AddIndex(NodePods.ByNode, NodePods.Node);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (name == Finished) return await RemoveFinishedAsync(cancel);
        if (_pods.Find(name) is not { } pod) return Requeue.Never;
        var node = NodeOf(pod);
        var missing = pod.Spec.NodeName is { Length: > 0 } && node is null ? _context.Time.GetElapsedTime(_missingSince.GetOrAdd(pod.Spec.NodeName, _ => _context.Time.GetTimestamp())) : TimeSpan.Zero;
        switch (PodGarbage.Decide(pod, node, missing, _context.Time.GetUtcNow()))
        {
            case PodGarbage.Wait(var left):
                return Requeue.After(left);
            case PodGarbage.Remove:
                await ForceAsync(pod, null, cancel);
                break;
            // The API's own word before something irreversible.
            case PodGarbage.RemoveOrphan when await _context.Client.FindAsync(Resources.Nodes, new NamespacedName("", pod.Spec.NodeName), cancel) is null:
                await ForceAsync(pod, "PodGC: node no longer exists", cancel);
                break;
        }
        return Requeue.Never;
    }

    private V1Node? NodeOf(V1Pod pod) => pod.Spec.NodeName is { Length: > 0 } name ? _nodes.Find(new NamespacedName("", name)) : null;

    private async Task<Requeue> RemoveFinishedAsync(CancellationToken cancel)
    {
        StatusException? refused = null;
        foreach (var pod in PodGarbage.Beyond(_pods.List(), _context.Config.TerminatedPodsMax))
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
