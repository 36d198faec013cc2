using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>Affinity and anti-affinity between Pods, both ways: what the Pod wishes of those that are there, and what they wish of it.</summary>
/// <param name="requiredWeight">What a required affinity of others counts when nodes are scored (hardPodAffinityWeight, 0..100).</param>
/// <param name="ignoresPreferencesOfOthers">A Pod without preferences of its own is not scored by those of others.</param>
internal sealed class InterPodAffinity(INamespaceLabels namespaces, int requiredWeight = 1, bool ignoresPreferencesOfOthers = false) : IFilterPlugin, IScorePlugin
{
    private static readonly FilterResult NotNear = FilterResult.Unresolvable("node(s) didn't match pod affinity rules");
    private static readonly FilterResult NotFar = FilterResult.Unschedulable("node(s) didn't match pod anti-affinity rules");
    private static readonly FilterResult Unwelcome = FilterResult.Unschedulable("node(s) didn't satisfy existing pods anti-affinity rules");

    public string Name => "InterPodAffinity";
    public ChangeKinds MayHelp => ChangeKinds.PodAdded | ChangeKinds.PodLabels | ChangeKinds.PodRemoved | ChangeKinds.NodeAdded | ChangeKinds.NodeLabels;

    public Preparation Prepare(PodInfo pod, ClusterState cluster)
    {
        var filter = new ForPod(pod, namespaces);
        foreach (var node in cluster.Nodes) filter.CountIn(node);
        return filter.SaysNothing ? Preparation.Skip : new(filter);
    }

    public INodeScore? Prepare(PodInfo pod, IReadOnlyList<NodeInfo> nodes, ClusterState cluster)
    {
        var hasOwn = pod.PreferredAffinity.Length + pod.PreferredAntiAffinity.Length > 0;
        if (ignoresPreferencesOfOthers && !hasOwn) return null;
        var preference = new Preference();
        foreach (var node in cluster.Nodes)
        {
            if (node.Node.Metadata.Labels is not { Count: > 0 }) continue;
            if (hasOwn)
                foreach (var (labels, tally) in node.Tallies)
                {
                    foreach (var term in pod.PreferredAffinity) preference.Count(term, term.Weight * tally.All, labels, node, namespaces);
                    foreach (var term in pod.PreferredAntiAffinity) preference.Count(term, -term.Weight * tally.All, labels, node, namespaces);
                }
            foreach (var other in node.PodsWithAffinity)
            {
                if (requiredWeight > 0)
                    foreach (var term in other.RequiredAffinity) preference.Count(term, requiredWeight, pod.Labels, node, namespaces);
                foreach (var term in other.PreferredAffinity) preference.Count(term, term.Weight, pod.Labels, node, namespaces);
                foreach (var term in other.PreferredAntiAffinity) preference.Count(term, -term.Weight, pod.Labels, node, namespaces);
            }
        }
        return preference.IsEmpty ? null : preference;
    }

    public bool Helps(PodInfo pod, in ClusterChange change)
    {
        if (change.New is V1Node node) return HelpsNode(pod, change.Old as V1Node, node);
        var (old, now) = (change.Old as PodInfo, change.New as PodInfo);
        if (old is not null && now is not null && now.Uid == pod.Uid) return true;
        var (was, isNow) = (AffinityTerm.AllMatch(pod.RequiredAffinity, old?.Labels, namespaces), AffinityTerm.AllMatch(pod.RequiredAffinity, now?.Labels, namespaces));
        // One more to be near; or, for a Pod that wants to be near its like, the last of them is gone: it may be the first again.
        if (was != isNow && (isNow || AffinityTerm.AllMatch(pod.RequiredAffinity, pod.Labels, namespaces))) return true;
        if (old is null) return false;
        foreach (var term in pod.RequiredAntiAffinity)
            if (term.Matches(old.Labels, namespaces) && (now is null || !term.Matches(now.Labels, namespaces))) return true;
        if (now is not null) return false;
        foreach (var term in old.RequiredAntiAffinity)
            if (term.Matches(pod.Labels, namespaces)) return true;
        return false;
    }

    private static bool HelpsNode(PodInfo pod, V1Node? old, V1Node now)
    {
        // It has no wishes, so those of others were in its way: perhaps not in the node's place.
        if (pod.RequiredAffinity.Length + pod.RequiredAntiAffinity.Length == 0) return true;
        foreach (var term in pod.RequiredAffinity)
            if (Label(now, term.TopologyKey) is { } place && (old is null || Label(old, term.TopologyKey) != place)) return true;
        foreach (var term in pod.RequiredAntiAffinity)
            // A node without the key is open to everybody.
            if (old is null || (Label(old, term.TopologyKey) is { } place && Label(now, term.TopologyKey) != place)) return true;
        return false;
    }

    private static string? Label(V1Node node, string key) => node.Metadata.Labels is { } labels && labels.TryGetValue(key, out var value) ? value : null;

    /// <summary>A place: all nodes with this value of this label.</summary>
    private readonly record struct Place(string Key, string Value);

    private sealed class ForPod(PodInfo pod, INamespaceLabels namespaces) : INodeFilter
    {
        private readonly Dictionary<Place, int> _near = [];         // Pods that match all affinity terms of the Pod
        private readonly Dictionary<Place, int> _far = [];          // Pods that match an anti-affinity term of the Pod
        private readonly Dictionary<Place, int> _unwelcome = [];    // anti-affinity terms of others that mean the Pod
        private readonly List<string> _unwelcomeKeys = [];          // its keys, each once: there may be a place for each node, but few keys

        public bool SaysNothing => _unwelcome.Count == 0 && pod.RequiredAffinity.Length == 0 && pod.RequiredAntiAffinity.Length == 0;

        public void CountIn(NodeInfo node)
        {
            foreach (var other in node.PodsWithAntiAffinity) CountUnwelcome(other, node, 1);
            if (pod.RequiredAffinity.Length + pod.RequiredAntiAffinity.Length == 0) return;
            foreach (var (labels, tally) in node.Tallies) CountOwn(labels, node, tally.All);
        }

        public FilterResult Filter(NodeInfo node)
        {
            if (!IsNear(node)) return NotNear;
            if (_far.Count > 0)
                foreach (var term in pod.RequiredAntiAffinity)
                    if (node.Label(term.TopologyKey) is { } place && _far.GetValueOrDefault(new(term.TopologyKey, place)) > 0) return NotFar;
            for (var i = 0; i < _unwelcomeKeys.Count; i++)
                if (node.Label(_unwelcomeKeys[i]) is { } place && _unwelcome.GetValueOrDefault(new(_unwelcomeKeys[i], place)) > 0) return Unwelcome;
            return FilterResult.Fits;
        }

        public void Add(PodInfo other, NodeInfo node) => Change(other, node, 1);

        public void Remove(PodInfo other, NodeInfo node) => Change(other, node, -1);

        public INodeFilter Copy()
        {
            var copy = new ForPod(pod, namespaces);
            foreach (var (place, count) in _near) copy._near.Add(place, count);
            foreach (var (place, count) in _far) copy._far.Add(place, count);
            foreach (var (place, count) in _unwelcome) copy._unwelcome.Add(place, count);
            copy._unwelcomeKeys.AddRange(_unwelcomeKeys);
            return copy;
        }

        private void Change(PodInfo other, NodeInfo node, int by)
        {
            CountUnwelcome(other, node, by);
            CountOwn(other.Labels, node, by);
        }

        private bool IsNear(NodeInfo node)
        {
            var isThere = true;
            foreach (var term in pod.RequiredAffinity)
            {
                if (node.Label(term.TopologyKey) is not { } place) return false;
                isThere &= _near.GetValueOrDefault(new(term.TopologyKey, place)) > 0;
            }
            // The first Pod of a group that wants to be near itself: nobody is there yet, so anywhere will do.
            return isThere || (_near.Count == 0 && AffinityTerm.AllMatch(pod.RequiredAffinity, pod.Labels, namespaces));
        }

        private void CountOwn(PodLabels labels, NodeInfo node, int by)
        {
            if (AffinityTerm.AllMatch(pod.RequiredAffinity, labels, namespaces))
                foreach (var term in pod.RequiredAffinity) Count(_near, term.TopologyKey, node, by);
            foreach (var term in pod.RequiredAntiAffinity)
                if (term.Matches(labels, namespaces)) Count(_far, term.TopologyKey, node, by);
        }

        private void CountUnwelcome(PodInfo other, NodeInfo node, int by)
        {
            foreach (var term in other.RequiredAntiAffinity)
            {
                if (!term.Matches(pod.Labels, namespaces)) continue;
                Count(_unwelcome, term.TopologyKey, node, by);
                if (!_unwelcomeKeys.Contains(term.TopologyKey)) _unwelcomeKeys.Add(term.TopologyKey);
            }
        }

        private static void Count(Dictionary<Place, int> counts, string key, NodeInfo node, int by)
        {
            if (node.Label(key) is not { } value) return;
            var place = new Place(key, value);
            var count = counts.GetValueOrDefault(place) + by;
            if (count == 0) counts.Remove(place);
            else counts[place] = count;
        }
    }

    private sealed class Preference : INodeScore
    {
        private readonly Dictionary<string, Dictionary<string, long>> _sums = new(StringComparer.Ordinal);

        public bool IsEmpty => _sums.Count == 0;

        public void Count(AffinityTerm term, long weight, PodLabels labels, NodeInfo node, INamespaceLabels namespaces)
        {
            if (node.Label(term.TopologyKey) is not { } place || !term.Matches(labels, namespaces)) return;
            if (!_sums.TryGetValue(term.TopologyKey, out var places)) _sums.Add(term.TopologyKey, places = new(StringComparer.Ordinal));
            places[place] = places.GetValueOrDefault(place) + weight;
        }

        public long Score(NodeInfo node)
        {
            long sum = 0;
            foreach (var (key, places) in _sums)
                if (node.Label(key) is { } place) sum += places.GetValueOrDefault(place);
            return sum;
        }

        public void Normalize(Span<long> scores)
        {
            long least = long.MaxValue, most = long.MinValue;
            foreach (var score in scores)
            {
                least = Math.Min(least, score);
                most = Math.Max(most, score);
            }
            for (var i = 0; i < scores.Length; i++) scores[i] = most > least ? (long)(INodeScore.Max * ((double)(scores[i] - least) / (most - least))) : 0;
        }
    }
}
