using System.Collections.Concurrent;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Client.Placement;
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
            // Of several that match the first counts.
            if ((tolerations ?? []).FirstOrDefault(t => Tolerations.Tolerates(t, taint)) is not { } toleration) return TimeSpan.Zero;
            if (toleration.TolerationSeconds is not { } seconds) continue;
            var span = TimeSpan.FromSeconds(Math.Max(0, seconds));
            if (least is null || span < least) least = span;
        }
        return least;
    }
}

/// <summary>Removes Pods from nodes whose NoExecute taints they do not tolerate (any longer).</summary>
/// <remarks>Waiting counts on the monotonic clock from when the Pod was seen on its tainted node, so a clock that jumps evicts nobody. A wait that has begun stays
/// as it is until nothing is to be waited for any more; it outlives the node.</remarks>
internal sealed class TaintEvictionController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Node> _nodes;
    private readonly IInformer<V1Pod> _pods;
    private readonly ConcurrentDictionary<NamespacedName, Waiting> _waiting = new();

    public TaintEvictionController(ControllerContext context)
    {
        _context = context;
        _nodes = context.Watches(Resources.Nodes, NodeChanged);
        _pods = context.Watches(Resources.Pods, change =>
        {
            // What a Pod's status says is of no interest: who is evicted is evicted once, even if it takes its time to go.
            if (change is { Old: { } old, New: { } now } && old.Metadata.Uid == now.Metadata.Uid && old.Spec.NodeName == now.Spec.NodeName && HasSame(old.Spec.Tolerations, now.Spec.Tolerations)) return;
            // Only a Pod on a node with such taints is of interest: all others cost one look-up.
            if (_waiting.ContainsKey(change.Name) || (change.New is { } pod && TaintsOf(pod) is { Count: > 0 })) context.Queue.Add(change.Name);
        });
        _pods.AddIndex(NodePods.ByNode, NodePods.Node);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        var pod = _pods.Find(name);
        if (_waiting.TryGetValue(name, out var waiting) && waiting.Uid != pod?.Metadata.Uid)
        {
            Cancel(name);
            waiting = null;
        }
        if (pod is null) return Requeue.Never;
        var taints = TaintsOf(pod);
        // A node that is gone takes back nothing.
        if ((taints is null ? waiting?.Span : TaintEviction.Decide(taints, pod.Spec.Tolerations)) is not { } stay)
        {
            Cancel(name);
            return Requeue.Never;
        }
        if (stay > TimeSpan.Zero)
        {
            waiting ??= _waiting[name] = new Waiting(pod.Metadata.Uid, _context.Time.GetTimestamp(), stay);
            var left = waiting.Span - _context.Time.GetElapsedTime(waiting.Since);
            if (left > TimeSpan.Zero) return Requeue.After(left);
        }
        else
        {
            Cancel(name);
        }
        await EvictAsync(pod, name, taints ?? [], cancel);
        _waiting.TryRemove(name, out _);
        return Requeue.Never;
    }

    private async Task EvictAsync(V1Pod pod, NamespacedName name, List<V1Taint> taints, CancellationToken cancel)
    {
        _context.Events.Normal(About(name), "TaintManagerEviction", $"Marking for deletion Pod {name}");
        if (await PodEviction.RunAsync(_context, pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint", cancel))
            ControllersLog.PodEvicted(_context.Log, name, pod.Spec.NodeName, string.Join(", ", taints.Select(t => t.Key)));
    }

    private void Cancel(NamespacedName name)
    {
        if (_waiting.TryRemove(name, out _)) _context.Events.Normal(About(name), "TaintManagerEviction", $"Cancelling deletion of Pod {name}");
    }

    private void NodeChanged(ObjectChange<V1Node> change)
    {
        var before = change.Old is null ? [] : NoExecute(change.Old).Select(t => (t.Key, t.Value)).ToList();
        var now = change.New is null ? [] : NoExecute(change.New).Select(t => (t.Key, t.Value)).ToList();
        if (change.New is null || before.SequenceEqual(now)) return;
        foreach (var pod in _pods.ByIndex(NodePods.ByNode, change.Name.Name)) _context.Queue.Add(pod.NamespacedName());
    }

    /// <returns>Null: its node is gone.</returns>
    private List<V1Taint>? TaintsOf(V1Pod pod) =>
        string.IsNullOrEmpty(pod.Spec.NodeName) ? [] : _nodes.Find(new NamespacedName("", pod.Spec.NodeName)) is { } node ? NoExecute(node) : null;

    private static bool HasSame(IList<V1Toleration>? left, IList<V1Toleration>? right)
    {
        if ((left?.Count ?? 0) != (right?.Count ?? 0)) return false;
        for (var i = 0; i < (left?.Count ?? 0); i++)
        {
            var (one, other) = (left![i], right![i]);
            if (one.Key != other.Key || one.OperatorProperty != other.OperatorProperty || one.Value != other.Value || one.Effect != other.Effect || one.TolerationSeconds != other.TolerationSeconds) return false;
        }
        return true;
    }

    private static List<V1Taint> NoExecute(V1Node node) => [.. (node.Spec?.Taints ?? []).Where(t => t.Effect == "NoExecute")];

    /// <summary>Upstream names the Pod only.</summary>
    private static EventSubject About(NamespacedName name) => new("v1", "Pod", name, "", "");

    private sealed record Waiting(string Uid, long Since, TimeSpan Span);
}
