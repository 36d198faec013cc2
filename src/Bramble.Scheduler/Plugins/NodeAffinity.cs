using Bramble.Client.Placement;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>nodeSelector, required and preferred node affinity, and what the profile adds to every Pod's (addedAffinity).</summary>
internal sealed class NodeAffinity(V1NodeAffinity? added = null) : IFilterPlugin, IScorePlugin
{
    private static readonly FilterResult NotMatched = FilterResult.Unresolvable("node(s) didn't match Pod's node affinity/selector");
    private static readonly FilterResult NotEnforced = FilterResult.Unresolvable("node(s) didn't match scheduler-enforced node affinity");

    private V1NodeSelector? AddedRequired => added?.RequiredDuringSchedulingIgnoredDuringExecution;

    public string Name => "NodeAffinity";
    public ChangeKinds MayHelp => ChangeKinds.NodeAdded | ChangeKinds.NodeLabels;

    public Preparation Prepare(PodInfo pod, ClusterState cluster)
    {
        var spec = pod.Pod.Spec;
        var required = spec.Affinity?.NodeAffinity?.RequiredDuringSchedulingIgnoredDuringExecution;
        if (required is null && AddedRequired is null && spec.NodeSelector is null) return Preparation.Skip;
        var names = required?.NodeSelectorTerms is { Count: > 0 } terms ? NamedNodes(terms) : null;
        if (names?.Count == 0) return Preparation.Refuse("pod affinity terms conflict");
        return new(new ForPod(spec, AddedRequired), OnlyNodes: names);
    }

    public INodeScore? Prepare(PodInfo pod, IReadOnlyList<NodeInfo> nodes, ClusterState cluster)
    {
        var own = pod.Pod.Spec.Affinity?.NodeAffinity?.PreferredDuringSchedulingIgnoredDuringExecution;
        var ofProfile = added?.PreferredDuringSchedulingIgnoredDuringExecution;
        return own is null && ofProfile is not { Count: > 0 } ? null : new Preference(own ?? [], ofProfile ?? []);
    }

    public bool Helps(PodInfo pod, in ClusterChange change) => change.New is V1Node now && Allows(pod, now) && (change.Old is not V1Node old || !Allows(pod, old));

    private bool Allows(PodInfo pod, V1Node node) => (AddedRequired is not { } required || NodeSelection.Matches(required, node)) && NodeSelection.Matches(pod.Pod.Spec, node);

    /// <summary>The nodes that the terms name (as a DaemonSet's Pods do), so that the others need no look. Null: some term names none.</summary>
    private static HashSet<string>? NamedNodes(IList<V1NodeSelectorTerm> terms)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var term in terms)
        {
            HashSet<string>? ofTerm = null;
            foreach (var field in term.MatchFields ?? [])
            {
                if (field.Key != "metadata.name" || field.OperatorProperty != "In") continue;
                if (ofTerm is null) ofTerm = new(field.Values, StringComparer.Ordinal);
                else ofTerm.IntersectWith(field.Values);
            }
            if (ofTerm is null) return null;
            names.UnionWith(ofTerm);
        }
        return names;
    }

    private sealed class ForPod(V1PodSpec spec, V1NodeSelector? enforced) : INodeFilter
    {
        public FilterResult Filter(NodeInfo node)
        {
            if (enforced is not null && !NodeSelection.Matches(enforced, node.Node)) return NotEnforced;
            return NodeSelection.Matches(spec, node.Node) ? FilterResult.Fits : NotMatched;
        }
    }

    private sealed class Preference(IList<V1PreferredSchedulingTerm> own, IList<V1PreferredSchedulingTerm> ofProfile) : INodeScore
    {
        public long Score(NodeInfo node) => Sum(own, node) + Sum(ofProfile, node);

        public void Normalize(Span<long> scores) => INodeScore.ByHighest(scores, isReverse: false);

        private static long Sum(IList<V1PreferredSchedulingTerm> terms, NodeInfo node)
        {
            long sum = 0;
            for (var i = 0; i < terms.Count; i++)
                if (NodeSelection.Matches(terms[i].Preference, node.Node)) sum += terms[i].Weight;
            return sum;
        }
    }
}
