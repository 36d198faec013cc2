namespace Bramble.Scheduler.State;

/// <summary>Pods for which a node is being emptied: others of lower or the same priority must not take the room. Not thread-safe: part of <see cref="ClusterState"/>.</summary>
internal sealed class Nominations
{
    private readonly Dictionary<string, string> _nodeOf = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<PodInfo>> _ofNode = new(StringComparer.Ordinal);

    public IReadOnlyList<PodInfo> On(string node) => _ofNode.Count > 0 && _ofNode.TryGetValue(node, out var pods) ? pods : [];

    public string? NodeOf(string uid) => _nodeOf.GetValueOrDefault(uid);

    /// <param name="node">Empty: none any more.</param>
    public void Set(PodInfo pod, string node)
    {
        Remove(pod.Uid);
        if (node.Length == 0) return;
        _nodeOf.Add(pod.Uid, node);
        if (!_ofNode.TryGetValue(node, out var pods)) _ofNode.Add(node, pods = []);
        pods.Add(pod);
    }

    public void Remove(string uid)
    {
        if (!_nodeOf.Remove(uid, out var node)) return;
        var pods = _ofNode[node];
        pods.RemoveAll(p => p.Uid == uid);
        if (pods.Count == 0) _ofNode.Remove(node);
    }
}
