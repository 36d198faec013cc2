using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>A node with its Pods (assumed ones too) and what they use together.</summary>
internal sealed class NodeInfo(V1Node node)
{
    private readonly Dictionary<string, PodInfo> _pods = new(StringComparer.Ordinal);

    public V1Node Node { get; private set; } = node;
    public string Name => Node.Metadata.Name;
    public ResourceAmounts Allocatable { get; private set; } = ResourceAmounts.Of(node.Status?.Allocatable);
    public ResourceAmounts Requested { get; } = new();
    public ResourceAmounts ScoreRequested { get; } = new();
    public IReadOnlyCollection<PodInfo> Pods => _pods.Values;

    public string? Label(string key) => Node.Metadata.Labels is { } labels && labels.TryGetValue(key, out var value) ? value : null;

    public void Update(V1Node now)
    {
        Node = now;
        Allocatable = ResourceAmounts.Of(now.Status?.Allocatable);
    }

    public void Add(PodInfo pod)
    {
        Remove(pod.Uid);
        _pods.Add(pod.Uid, pod);
        Requested.Add(pod.Requests);
        ScoreRequested.Add(pod.ScoreRequests);
    }

    public bool Remove(string uid)
    {
        if (!_pods.Remove(uid, out var known)) return false;
        Requested.Add(known.Requests, -1);
        ScoreRequested.Add(known.ScoreRequests, -1);
        return true;
    }

    /// <summary>A copy without some Pods: what preemption would leave.</summary>
    public NodeInfo Without(IEnumerable<PodInfo> gone)
    {
        var copy = new NodeInfo(Node);
        var uids = gone.Select(p => p.Uid).ToHashSet();
        foreach (var pod in _pods.Values)
            if (!uids.Contains(pod.Uid)) copy.Add(pod);
        return copy;
    }
}
