namespace Bramble.Scheduler.State;

/// <summary>Pods for which a node is being emptied: others of lower or the same priority must not take the room. Not thread-safe: part of <see cref="ClusterState"/>.</summary>
internal sealed class Nominations
{
    private readonly Dictionary<string, string> _nodeOf = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<PodInfo>> _ofNode = new(StringComparer.Ordinal);
    private readonly List<PodInfo> _givenUp = [];

    public IReadOnlyList<PodInfo> On(string node) => _ofNode.Count > 0 && _ofNode.TryGetValue(node, out var pods) ? pods : [];

    public string? NodeOf(string uid) => _nodeOf.GetValueOrDefault(uid);

    /// <param name="node">Empty: none any more.</param>
    public void Set(PodInfo pod, string node)
    {
        Remove(pod.Uid, node);
        if (node.Length == 0) return;
        _nodeOf.Add(pod.Uid, node);
        if (!_ofNode.TryGetValue(node, out var pods)) _ofNode.Add(node, pods = []);
        pods.Add(pod);
    }

    /// <param name="stays">The node on which the Pod takes its room all the same; empty: none.</param>
    public void Remove(string uid, string stays = "")
    {
        if (!_nodeOf.Remove(uid, out var node)) return;
        var pods = _ofNode[node];
        if (node != stays) _givenUp.Add(pods.Find(p => p.Uid == uid)!);
        pods.RemoveAll(p => p.Uid == uid);
        if (pods.Count == 0) _ofNode.Remove(node);
    }

    /// <summary>Pods whose room others may have now, since the last time this was asked.</summary>
    public IReadOnlyList<PodInfo> TakeGivenUp()
    {
        if (_givenUp.Count == 0) return [];
        PodInfo[] pods = [.. _givenUp];
        _givenUp.Clear();
        return pods;
    }
}
