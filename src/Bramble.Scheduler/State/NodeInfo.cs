using Bramble.Client.Placement;
using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>A node with its Pods (assumed ones too) and what they use together.</summary>
internal sealed class NodeInfo
{
    private const string ZoneLabel = "topology.kubernetes.io/zone", RegionLabel = "topology.kubernetes.io/region";

    private readonly List<PodInfo> _pods = [];
    private readonly List<PodInfo> _podsWithAffinity = [];
    private readonly List<PodInfo> _podsWithAntiAffinity = [];
    private readonly List<HostPort> _usedPorts = [];
    private readonly Dictionary<PodLabels, PodTally> _tallies = [];

    public NodeInfo(V1Node node)
    {
        Node = node;
        Allocatable = ResourceAmounts.Of(node.Status?.Allocatable);
    }

    public V1Node Node { get; private set; }
    public string Name => Node.Metadata.Name;
    public ResourceAmounts Allocatable { get; private set; }
    public ResourceAmounts Requested { get; private set; } = new();
    public ResourceAmounts AssumedRequested { get; private set; } = new();
    public List<PodInfo> Pods => _pods;
    public List<PodInfo> PodsWithAffinity => _podsWithAffinity;

    /// <summary>Those that keep others away (required, not preferred).</summary>
    public List<PodInfo> PodsWithAntiAffinity => _podsWithAntiAffinity;
    public List<HostPort> UsedPorts => _usedPorts;
    public Dictionary<PodLabels, PodTally> Tallies => _tallies;
    public IList<V1Taint>? Taints => Node.Spec?.Taints;

    /// <summary>Region and zone together: nodes are looked at zone by zone in turn.</summary>
    public string Zone => $"{Label(RegionLabel)}:\0:{Label(ZoneLabel)}";

    public string? Label(string key) => Node.Metadata.Labels is { } labels && labels.TryGetValue(key, out var value) ? value : null;

    public void Update(V1Node now)
    {
        Node = now;
        Allocatable = ResourceAmounts.Of(now.Status?.Allocatable);
    }

    public void Add(PodInfo pod)
    {
        _pods.Add(pod);
        if (pod.HasAffinity) _podsWithAffinity.Add(pod);
        if (pod.RequiredAntiAffinity.Length > 0) _podsWithAntiAffinity.Add(pod);
        _usedPorts.AddRange(pod.HostPorts);
        Requested.Add(pod.Requests);
        AssumedRequested.Add(pod.AssumedRequests);
        Count(pod, 1);
    }

    public bool Remove(string uid)
    {
        var index = IndexOf(_pods, uid);
        if (index < 0) return false;
        var known = _pods[index];
        _pods.RemoveAt(index);
        if (known.HasAffinity) _podsWithAffinity.RemoveAt(IndexOf(_podsWithAffinity, uid));
        if (known.RequiredAntiAffinity.Length > 0) _podsWithAntiAffinity.RemoveAt(IndexOf(_podsWithAntiAffinity, uid));
        foreach (var port in known.HostPorts) _usedPorts.Remove(port);
        Requested.Add(known.Requests, -1);
        AssumedRequested.Add(known.AssumedRequests, -1);
        Count(known, -1);
        return true;
    }

    /// <summary>A copy to try something on.</summary>
    public NodeInfo Copy()
    {
        var copy = new NodeInfo(Node) { Requested = Requested.Copy(), AssumedRequested = AssumedRequested.Copy() };
        copy._pods.AddRange(_pods);
        copy._podsWithAffinity.AddRange(_podsWithAffinity);
        copy._podsWithAntiAffinity.AddRange(_podsWithAntiAffinity);
        copy._usedPorts.AddRange(_usedPorts);
        foreach (var (labels, tally) in _tallies) copy._tallies.Add(labels, tally);
        return copy;
    }

    private void Count(PodInfo pod, int by)
    {
        _tallies.TryGetValue(pod.Labels, out var tally);
        tally = pod.IsLeaving ? tally with { Leaving = tally.Leaving + by } : tally with { Staying = tally.Staying + by };
        if (tally.All == 0) _tallies.Remove(pod.Labels);
        else _tallies[pod.Labels] = tally;
    }

    private static int IndexOf(List<PodInfo> pods, string uid)
    {
        for (var i = 0; i < pods.Count; i++)
            if (pods[i].Uid == uid) return i;
        return -1;
    }
}
