using Bramble.Api.Naming;
using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>Nodes and their Pods as the scheduler sees them: what the informers say, and Pods that it has just placed and that the informers do not show
/// yet. Not thread-safe: guarded by its loop.</summary>
internal sealed class ClusterState
{
    private readonly Dictionary<string, NodeInfo> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<NamespacedName, (string Uid, string Node)> _placed = [];
    private readonly Dictionary<string, Dictionary<string, PodInfo>> _withoutNode = new(StringComparer.Ordinal);

    public IReadOnlyCollection<NodeInfo> Nodes => _nodes.Values;

    public NodeInfo? Find(string node) => _nodes.GetValueOrDefault(node);

    public void SetNode(V1Node node)
    {
        if (_nodes.TryGetValue(node.Metadata.Name, out var known))
        {
            known.Update(node);
            return;
        }
        var added = new NodeInfo(node);
        // Pods may be heard of before their node.
        if (_withoutNode.Remove(node.Metadata.Name, out var waiting))
            foreach (var pod in waiting.Values) added.Add(pod);
        _nodes.Add(node.Metadata.Name, added);
    }

    public void RemoveNode(string name)
    {
        if (!_nodes.Remove(name, out var gone) || gone.Pods.Count == 0) return;
        _withoutNode[name] = gone.Pods.ToDictionary(p => p.Uid, StringComparer.Ordinal);
    }

    /// <summary>The Pod uses its node from now on.</summary>
    public void Place(PodInfo pod, string node)
    {
        Remove(pod.Name);
        _placed[pod.Name] = (pod.Uid, node);
        if (_nodes.TryGetValue(node, out var known)) known.Add(pod);
        else if (_withoutNode.TryGetValue(node, out var waiting)) waiting[pod.Uid] = pod;
        else _withoutNode[node] = new(StringComparer.Ordinal) { [pod.Uid] = pod };
    }

    public bool IsPlaced(NamespacedName name, string uid) => _placed.TryGetValue(name, out var known) && known.Uid == uid;

    /// <returns>True: it used a node.</returns>
    public bool Remove(NamespacedName name)
    {
        if (!_placed.Remove(name, out var known)) return false;
        if (_nodes.TryGetValue(known.Node, out var node)) node.Remove(known.Uid);
        else if (_withoutNode.TryGetValue(known.Node, out var waiting)) waiting.Remove(known.Uid);
        return true;
    }
}
