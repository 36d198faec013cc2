using Bramble.Client.Placement;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>One topologySpreadConstraint of a Pod, ready to count. KEP-895, KEP-3022 (minDomains), KEP-3094 (which nodes count), KEP-3243 (matchLabelKeys).</summary>
internal sealed class SpreadConstraint
{
    private readonly V1PodSpec _pod;
    private readonly bool _countsOnlyAffine;
    private readonly bool _countsOnlyTolerated;
    private readonly Dictionary<PodLabels, bool> _known = [];

    public SpreadConstraint(V1TopologySpreadConstraint constraint, PodInfo pod, PodSelector? selector = null)
    {
        _pod = pod.Pod.Spec;
        TopologyKey = constraint.TopologyKey;
        MaxSkew = constraint.MaxSkew;
        MinDomains = constraint.MinDomains ?? 1;
        _countsOnlyAffine = constraint.NodeAffinityPolicy != "Ignore";
        _countsOnlyTolerated = constraint.NodeTaintsPolicy == "Honor";
        Selector = selector ?? PodSelector.Of(constraint.LabelSelector);
        if (selector is null && constraint.MatchLabelKeys is { Count: > 0 } keys && pod.Labels.Labels is { } labels)
            Selector = Selector.And(PodSelector.OfLabels(keys.Where(labels.ContainsKey).Select(k => KeyValuePair.Create(k, labels[k]))));
    }

    public string TopologyKey { get; }
    public int MaxSkew { get; }
    public int MinDomains { get; }
    public PodSelector Selector { get; }
    public bool HonorsTaints => _countsOnlyTolerated;

    public static bool HasAllKeys(SpreadConstraint[] constraints, V1Node node)
    {
        foreach (var constraint in constraints)
            if (node.Metadata.Labels?.ContainsKey(constraint.TopologyKey) != true) return false;
        return true;
    }

    /// <summary>Nodes that the Pod could not go to do not count, as the constraint's policies say.</summary>
    public bool Counts(V1Node node) =>
        (!_countsOnlyAffine || NodeSelection.Matches(_pod, node)) && (!_countsOnlyTolerated || !TaintToleration.HasUntolerated(node.Spec?.Taints, _pod.Tolerations));

    /// <summary>Pods of the namespace on the node that the constraint selects; those on their way out are not there any more.</summary>
    public int CountOn(NodeInfo node, string ns)
    {
        if (Selector.IsEmpty) return 0;
        var count = 0;
        foreach (var (labels, tally) in node.Tallies)
            if (tally.Staying > 0 && labels.Namespace == ns && Selects(labels)) count += tally.Staying;
        return count;
    }

    /// <summary>Remembered, because Pods of one ReplicaSet are on many nodes.</summary>
    private bool Selects(PodLabels labels)
    {
        if (_known.TryGetValue(labels, out var known)) return known;
        var selects = Selector.Matches(labels.Labels);
        _known.Add(labels, selects);
        return selects;
    }
}
