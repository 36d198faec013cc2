using Bramble.Api.Naming;
using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>Nodes and their Pods as the scheduler sees them: what the informers say, and Pods that it has just placed and that the informers do not show
/// yet (assumed). Not thread-safe: guarded by its loop.</summary>
internal sealed class ClusterState
{
    private readonly Dictionary<string, NodeInfo> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<NamespacedName, Placement> _placed = [];
    private readonly Dictionary<string, Dictionary<string, PodInfo>> _withoutNode = new(StringComparer.Ordinal);
    private readonly Dictionary<NamespacedName, int> _claimUsers = [];
    private NodeInfo[]? _inTurn;

    public ImageSpread Images { get; } = new();
    public Nominations Nominations { get; } = new();
    public int NodeCount => _nodes.Count;
    public int PodCount => _placed.Count;

    /// <summary>One node of each zone in turn, so that a search that ends early has seen all zones.</summary>
    public NodeInfo[] Nodes => _inTurn ??= InTurn();

    public NodeInfo? Find(string node) => _nodes.GetValueOrDefault(node);

    public void SetNode(V1Node node)
    {
        var name = node.Metadata.Name;
        Images.Set(name, node.Status?.Images);
        if (_nodes.TryGetValue(name, out var known))
        {
            var zone = known.Zone;
            known.Update(node);
            if (zone != known.Zone) _inTurn = null;
            return;
        }
        var added = new NodeInfo(node);
        // Pods may be heard of before their node.
        if (_withoutNode.Remove(name, out var waiting))
            foreach (var pod in waiting.Values) added.Add(pod);
        _nodes.Add(name, added);
        _inTurn = null;
    }

    public void RemoveNode(string name)
    {
        if (!_nodes.Remove(name, out var gone)) return;
        _inTurn = null;
        Images.Set(name, null);
        if (gone.Pods.Count > 0) _withoutNode[name] = gone.Pods.ToDictionary(p => p.Uid, StringComparer.Ordinal);
    }

    /// <summary>The Pod uses its node from now on.</summary>
    public void Place(PodInfo pod, string node, bool isAssumed)
    {
        Remove(pod.Name);
        _placed[pod.Name] = new(pod, node, isAssumed);
        foreach (var (claim, _) in pod.Claims()) CountUser(new(pod.Name.Namespace, claim), 1);
        if (_nodes.TryGetValue(node, out var known)) known.Add(pod);
        else if (_withoutNode.TryGetValue(node, out var waiting)) waiting[pod.Uid] = pod;
        else _withoutNode[node] = new(StringComparer.Ordinal) { [pod.Uid] = pod };
    }

    public bool IsPlaced(NamespacedName name, string uid) => _placed.TryGetValue(name, out var known) && known.Pod.Uid == uid;

    public bool IsAssumed(NamespacedName name, string uid) => _placed.TryGetValue(name, out var known) && known.IsAssumed && known.Pod.Uid == uid;

    /// <returns>The Pod that used a node, or null.</returns>
    public PodInfo? Remove(NamespacedName name)
    {
        if (!_placed.Remove(name, out var known)) return null;
        foreach (var (claim, _) in known.Pod.Claims()) CountUser(new(name.Namespace, claim), -1);
        if (_nodes.TryGetValue(known.Node, out var node)) node.Remove(known.Pod.Uid);
        else if (_withoutNode.TryGetValue(known.Node, out var waiting) && waiting.Remove(known.Pod.Uid) && waiting.Count == 0) _withoutNode.Remove(known.Node);
        return known.Pod;
    }

    /// <summary>A Pod that has a node uses the claim.</summary>
    public bool IsClaimUsed(NamespacedName claim) => _claimUsers.ContainsKey(claim);

    private void CountUser(NamespacedName claim, int by)
    {
        var count = _claimUsers.GetValueOrDefault(claim) + by;
        if (count == 0) _claimUsers.Remove(claim);
        else _claimUsers[claim] = count;
    }

    private NodeInfo[] InTurn()
    {
        var zones = _nodes.Values.GroupBy(n => n.Zone, StringComparer.Ordinal).Select(z => z.ToList()).ToList();
        var order = new List<NodeInfo>(_nodes.Count);
        for (var i = 0; order.Count < _nodes.Count; i++)
            foreach (var zone in zones)
                if (i < zone.Count) order.Add(zone[i]);
        return [.. order];
    }

    private sealed record Placement(PodInfo Pod, string Node, bool IsAssumed);
}
