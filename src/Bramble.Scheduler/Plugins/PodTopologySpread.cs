using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>topologySpreadConstraints: with DoNotSchedule no place may be more than maxSkew ahead of the emptiest, with ScheduleAnyway emptier places are better.</summary>
internal sealed class PodTopologySpread(SpreadDefaults defaults) : IFilterPlugin, IScorePlugin
{
    private const string Hard = "DoNotSchedule", Soft = "ScheduleAnyway", HostName = "kubernetes.io/hostname";
    private static readonly FilterResult Uneven = FilterResult.Unschedulable("node(s) didn't match pod topology spread constraints");
    private static readonly FilterResult NoLabel = FilterResult.Unresolvable("node(s) didn't match pod topology spread constraints (missing required label)");

    public string Name => "PodTopologySpread";

    public ChangeKinds MayHelp => ChangeKinds.PodAdded | ChangeKinds.PodLabels | ChangeKinds.PodTolerations | ChangeKinds.PodRemoved
        | ChangeKinds.NodeAdded | ChangeKinds.NodeRemoved | ChangeKinds.NodeLabels | ChangeKinds.NodeTaints;

    public Preparation Prepare(PodInfo pod, ClusterState cluster)
    {
        var constraints = ConstraintsOf(pod, Hard);
        return constraints.Length == 0 ? Preparation.Skip : new(ForPod.Count(pod, constraints, cluster));
    }

    public INodeScore? Prepare(PodInfo pod, IReadOnlyList<NodeInfo> nodes, ClusterState cluster)
    {
        var constraints = ConstraintsOf(pod, Soft);
        return constraints.Length == 0 ? null : new Preference(pod, constraints, nodes, cluster, needsAllKeys: HasOwn(pod) || !defaults.IsOfSystem);
    }

    public bool Helps(PodInfo pod, in ClusterChange change)
    {
        if (change.Old is V1Node or null && change.New is V1Node or null) return HelpsNode(ConstraintsOf(pod, Hard), change.Old as V1Node, change.New as V1Node);
        var (old, now) = (change.Old as PodInfo, change.New as PodInfo);
        if (!Concerns(old) || !Concerns(now)) return false;
        var constraints = ConstraintsOf(pod, Hard);
        if (old is not null && now is not null)
        {
            if (now.Uid == pod.Uid && change.Kind == ChangeKinds.PodTolerations && constraints.Any(c => c.HonorsTaints)) return true;
            return constraints.Any(c => c.Selector.Matches(old.Labels.Labels) != c.Selector.Matches(now.Labels.Labels));
        }
        return constraints.Any(c => c.Selector.Matches((now ?? old)!.Labels.Labels));

        bool Concerns(PodInfo? other) => other is null || other.Name.Namespace == pod.Name.Namespace;
    }

    private static bool HelpsNode(SpreadConstraint[] constraints, V1Node? old, V1Node? now)
    {
        var (was, isNow) = (old is not null && SpreadConstraint.HasAllKeys(constraints, old), now is not null && SpreadConstraint.HasAllKeys(constraints, now));
        if (old is null || now is null || was != isNow) return was || isNow;
        return isNow && (constraints.Any(c => old.Metadata.Labels[c.TopologyKey] != now.Metadata.Labels[c.TopologyKey] || c.Counts(old) != c.Counts(now))
            || (NodeChanges.Between(old, now) & ChangeKinds.NodeTaints) != 0);
    }

    private static bool HasOwn(PodInfo pod) => pod.Pod.Spec.TopologySpreadConstraints is { Count: > 0 };

    private SpreadConstraint[] ConstraintsOf(PodInfo pod, string whenUnsatisfiable) => HasOwn(pod)
        ? [.. pod.Pod.Spec.TopologySpreadConstraints.Where(c => c.WhenUnsatisfiable == whenUnsatisfiable).Select(c => new SpreadConstraint(c, pod))]
        : defaults.For(pod, whenUnsatisfiable);

    private sealed class ForPod : INodeFilter
    {
        private readonly PodInfo _pod;
        private readonly SpreadConstraint[] _constraints;
        private readonly Dictionary<string, int>[] _counts;
        private readonly int?[] _least;

        private ForPod(PodInfo pod, SpreadConstraint[] constraints, Dictionary<string, int>[] counts)
        {
            (_pod, _constraints, _counts) = (pod, constraints, counts);
            _least = new int?[constraints.Length];
        }

        /// <summary>Matching Pods in each place that the Pod could go to; only nodes with all the keys count.</summary>
        public static ForPod Count(PodInfo pod, SpreadConstraint[] constraints, ClusterState cluster)
        {
            Dictionary<string, int>[] counts = [.. constraints.Select(_ => new Dictionary<string, int>(StringComparer.Ordinal))];
            foreach (var node in cluster.Nodes)
            {
                if (!SpreadConstraint.HasAllKeys(constraints, node.Node)) continue;
                for (var i = 0; i < constraints.Length; i++)
                {
                    if (!constraints[i].Counts(node.Node)) continue;
                    var place = node.Label(constraints[i].TopologyKey)!;
                    counts[i][place] = counts[i].GetValueOrDefault(place) + constraints[i].CountOn(node, pod.Name.Namespace);
                }
            }
            return new(pod, constraints, counts);
        }

        public FilterResult Filter(NodeInfo node)
        {
            for (var i = 0; i < _constraints.Length; i++)
            {
                var constraint = _constraints[i];
                if (node.Label(constraint.TopologyKey) is not { } place) return NoLabel;
                var isOwn = constraint.Selector.Matches(_pod.Labels.Labels) ? 1 : 0;
                // maxSkew 1, zones with 2 and 1 Pods: the third may go where 1 is (1 + 1 - 1 = 1), not where 2 are (2 + 1 - 1 = 2).
                if (_counts[i].GetValueOrDefault(place) + isOwn - Least(i) > constraint.MaxSkew) return Uneven;
            }
            return FilterResult.Fits;
        }

        public void Add(PodInfo other, NodeInfo node) => Change(other, node, 1);

        public void Remove(PodInfo other, NodeInfo node) => Change(other, node, -1);

        public INodeFilter Copy() => new ForPod(_pod, _constraints, [.. _counts.Select(c => new Dictionary<string, int>(c, StringComparer.Ordinal))]);

        private void Change(PodInfo other, NodeInfo node, int by)
        {
            // One that is leaving was not counted, so its going changes nothing.
            if (other.IsLeaving || other.Name.Namespace != _pod.Name.Namespace || !SpreadConstraint.HasAllKeys(_constraints, node.Node)) return;
            for (var i = 0; i < _constraints.Length; i++)
            {
                if (!_constraints[i].Selector.Matches(other.Labels.Labels) || !_constraints[i].Counts(node.Node)) continue;
                var place = node.Label(_constraints[i].TopologyKey)!;
                _counts[i][place] = _counts[i].GetValueOrDefault(place) + by;
                _least[i] = null;
            }
        }

        /// <summary>With fewer places than minDomains the emptiest is one that is not there yet.</summary>
        private int Least(int constraint)
        {
            if (_least[constraint] is { } known) return known;
            var counts = _counts[constraint];
            var least = counts.Count < _constraints[constraint].MinDomains ? 0 : int.MaxValue;
            foreach (var count in counts.Values) least = Math.Min(least, count);
            _least[constraint] = least;
            return least;
        }
    }

    private sealed class Preference : INodeScore
    {
        private const long Ignored = -1;

        private readonly PodInfo _pod;
        private readonly SpreadConstraint[] _constraints;
        private readonly Dictionary<string, int>[] _counts;
        private readonly double[] _weights;
        private readonly bool _needsAllKeys;

        public Preference(PodInfo pod, SpreadConstraint[] constraints, IReadOnlyList<NodeInfo> nodes, ClusterState cluster, bool needsAllKeys)
        {
            (_pod, _constraints, _needsAllKeys) = (pod, constraints, needsAllKeys);
            _counts = [.. constraints.Select(_ => new Dictionary<string, int>(StringComparer.Ordinal))];
            var scored = 0;
            foreach (var node in nodes)
            {
                if (IsIgnored(node)) continue;
                scored++;
                // Counts by node are taken when the node is scored. A missing label is a place too: it makes the places more, nobody is scored by it.
                for (var i = 0; i < constraints.Length; i++)
                    if (constraints[i].TopologyKey != HostName) _counts[i].TryAdd(node.Label(constraints[i].TopologyKey) ?? "", 0);
            }
            // More places mean fewer Pods in each: the weight keeps a key with few places from drowning in one with many.
            _weights = [.. constraints.Select((c, i) => Math.Log((c.TopologyKey == HostName ? scored : _counts[i].Count) + 2))];
            if (constraints.All(c => c.TopologyKey == HostName)) return;
            foreach (var node in cluster.Nodes)
            {
                if (IsIgnored(node)) continue;
                for (var i = 0; i < constraints.Length; i++)
                {
                    if (constraints[i].TopologyKey == HostName || node.Label(constraints[i].TopologyKey) is not { } place || !_counts[i].TryGetValue(place, out var count)) continue;
                    if (constraints[i].Counts(node.Node)) _counts[i][place] = count + constraints[i].CountOn(node, pod.Name.Namespace);
                }
            }
        }

        public long Score(NodeInfo node)
        {
            if (IsIgnored(node)) return Ignored;
            double score = 0;
            for (var i = 0; i < _constraints.Length; i++)
            {
                var constraint = _constraints[i];
                if (node.Label(constraint.TopologyKey) is not { } place) continue;
                var count = constraint.TopologyKey == HostName ? constraint.CountOn(node, _pod.Name.Namespace) : _counts[i][place];
                // A larger maxSkew waters the differences down.
                score += (count * _weights[i]) + (constraint.MaxSkew - 1);
            }
            return (long)Math.Round(score, MidpointRounding.AwayFromZero);
        }

        public void Normalize(Span<long> scores)
        {
            long least = long.MaxValue, most = 0;
            foreach (var score in scores)
            {
                if (score == Ignored) continue;
                least = Math.Min(least, score);
                most = Math.Max(most, score);
            }
            for (var i = 0; i < scores.Length; i++)
                scores[i] = scores[i] == Ignored ? 0 : most == 0 ? INodeScore.Max : INodeScore.Max * (most + least - scores[i]) / most;
        }

        private bool IsIgnored(NodeInfo node) => _needsAllKeys && !SpreadConstraint.HasAllKeys(_constraints, node.Node);
    }
}
