using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Nodes;

/// <summary>When a Pod must leave a node for its NoExecute taints.</summary>
internal static class TaintEviction
{
    /// <returns>Null: it may stay for good; zero: it goes at once; else how long it may stay from when the taints came.</returns>
    public static TimeSpan? Decide(IReadOnlyList<V1Taint> taints, IList<V1Toleration>? tolerations)
    {
        if (taints.Count == 0) return null;
        TimeSpan? least = null;
        foreach (var taint in taints)
        {
            var matching = (tolerations ?? []).Where(t => Tolerates(t, taint)).ToList();
            if (matching.Count == 0) return TimeSpan.Zero;
            foreach (var toleration in matching)
            {
                if (toleration.TolerationSeconds is not { } seconds) continue;
                var span = TimeSpan.FromSeconds(Math.Max(0, seconds));
                if (least is null || span < least) least = span;
            }
        }
        return least;
    }

    private static bool Tolerates(V1Toleration toleration, V1Taint taint) =>
        (string.IsNullOrEmpty(toleration.Effect) || toleration.Effect == taint.Effect)
        && (string.IsNullOrEmpty(toleration.Key) || toleration.Key == taint.Key)
        && (toleration.OperatorProperty == "Exists" || (toleration.Value ?? "") == (taint.Value ?? ""));
}

/// <summary>Removes Pods from nodes whose NoExecute taints they do not tolerate (any longer).</summary>
/// <remarks>Waiting counts on the monotonic clock from when the taints were seen, so a clock that jumps evicts nobody.</remarks>
internal sealed class TaintEvictionController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Node> _nodes;
    private readonly IInformer<V1Pod> _pods;
    private readonly ConcurrentDictionary<string, long> _taintedSince = new(StringComparer.Ordinal);

    public TaintEvictionController(ControllerContext context)
    {
        _context = context;
        _pods = context.Watches(Resources.Pods, change =>
        {
            // Only a Pod on a node with such taints is of interest: all others cost one look-up.
            if (change.New is { Spec.NodeName: { Length: > 0 } node } && _taintedSince.ContainsKey(node)) context.Queue.Add(change.Name);
        });
        _pods.AddIndex(NodePods.ByNode, NodePods.Node);
        _nodes = context.Watches(Resources.Nodes, NodeChanged);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_pods.Find(name) is not { } pod || pod.IsBeingDeleted() || string.IsNullOrEmpty(pod.Spec.NodeName)) return Requeue.Never;
        if (_nodes.Find(new NamespacedName("", pod.Spec.NodeName)) is not { } node || !_taintedSince.TryGetValue(pod.Spec.NodeName, out var since)) return Requeue.Never;
        var taints = NoExecute(node);
        if (TaintEviction.Decide(taints, pod.Spec.Tolerations) is not { } stay) return Requeue.Never;
        var left = stay - _context.Time.GetElapsedTime(since);
        if (left > TimeSpan.Zero) return Requeue.After(left);

        _context.Events.Normal(EventSubject.Of(Resources.Pods, pod), "TaintManagerEviction", $"Marking for deletion Pod {name}");
        var condition = new JsonObject
        {
            ["type"] = "DisruptionTarget",
            ["status"] = "True",
            ["reason"] = "DeletionByTaintManager",
            ["message"] = "Taint manager: deleting due to NoExecute taint",
            ["lastTransitionTime"] = KubeTime.Seconds(_context.Time.GetUtcNow()),
        };
        await _context.Client.StrategicPatchAsync(
            Resources.Pods, name,
            new JsonObject { ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid }, ["status"] = new JsonObject { ["conditions"] = new JsonArray((JsonNode)condition) } },
            "status", cancel);
        await _context.Client.DeleteAsync(Resources.Pods, name, new DeleteQuery(Uid: pod.Metadata.Uid), cancel);
        ControllersLog.PodEvicted(_context.Log, name, pod.Spec.NodeName, string.Join(", ", taints.Select(t => t.Key)));
        return Requeue.Never;
    }

    private void NodeChanged(ObjectChange<V1Node> change)
    {
        var name = change.Name.Name;
        if (change.New is null || NoExecute(change.New).Count == 0)
        {
            _taintedSince.TryRemove(name, out _);
            return;
        }
        var before = change.Old is null ? [] : NoExecute(change.Old).Select(t => (t.Key, t.Value)).ToList();
        if (before.SequenceEqual(NoExecute(change.New).Select(t => (t.Key, t.Value)))) return;
        _taintedSince.TryAdd(name, _context.Time.GetTimestamp());
        foreach (var pod in _pods.ByIndex(NodePods.ByNode, name)) _context.Queue.Add(pod.NamespacedName());
    }

    private static List<V1Taint> NoExecute(V1Node node) => [.. (node.Spec?.Taints ?? []).Where(t => t.Effect == "NoExecute")];
}
