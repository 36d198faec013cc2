using Bramble.Client;
using Bramble.Client.Placement;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Filters;

/// <summary>topologySpreadConstraints with DoNotSchedule.</summary>
internal sealed class PodTopologySpread : IFilterPlugin
{
    public ClusterEvents MayHelp => ClusterEvents.All & ~ClusterEvents.VolumeChanged;

    public FilterResult Filter(PodInfo pod, NodeInfo node, ClusterState cluster)
    {
        foreach (var constraint in pod.Pod.Spec.TopologySpreadConstraints ?? [])
        {
            if (constraint.WhenUnsatisfiable != "DoNotSchedule") continue;
            if (node.Label(constraint.TopologyKey) is not { } place)
                return FilterResult.UnschedulableAndUnresolvable("node(s) didn't match pod topology spread constraints (missing required label)");
            var counts = Count(constraint, pod, node, cluster);
            var least = counts.Count < (constraint.MinDomains ?? 1) ? 0 : counts.Values.DefaultIfEmpty().Min();
            var isOwn = PodSelectors.Matches(SelectorOf(constraint, pod.Pod), pod.Pod.Metadata.Labels) ? 1 : 0;
            if (counts.GetValueOrDefault(place) + isOwn - least > constraint.MaxSkew)
                return FilterResult.Unschedulable("node(s) didn't match pod topology spread constraints");
        }
        return FilterResult.Fits;
    }

    /// <summary>Matching Pods in each place that the Pod could go to.</summary>
    public static Dictionary<string, int> Count(V1TopologySpreadConstraint constraint, PodInfo pod, NodeInfo node, ClusterState cluster)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        var selector = SelectorOf(constraint, pod.Pod);
        foreach (var known in cluster.Nodes)
        {
            var other = known.Name == node.Name ? node : known;
            if (other.Label(constraint.TopologyKey) is not { } place || !Counts(constraint, pod.Pod, other.Node)) continue;
            counts[place] = counts.GetValueOrDefault(place) + other.Pods.Count(p => !p.Pod.IsBeingDeleted()
                && p.Pod.Metadata.NamespaceProperty == pod.Pod.Metadata.NamespaceProperty && PodSelectors.Matches(selector, p.Pod.Metadata.Labels));
        }
        return counts;
    }

    private static bool Counts(V1TopologySpreadConstraint constraint, V1Pod pod, V1Node node)
    {
        if (constraint.NodeAffinityPolicy != "Ignore" && !NodeSelection.Matches(pod.Spec, node)) return false;
        return constraint.NodeTaintsPolicy != "Honor"
            || (node.Spec?.Taints ?? []).All(t => t.Effect == "PreferNoSchedule" || Tolerations.Tolerates(pod.Spec.Tolerations, t));
    }

    /// <summary>The constraint's selector and the Pod's own values of matchLabelKeys.</summary>
    private static V1LabelSelector? SelectorOf(V1TopologySpreadConstraint constraint, V1Pod pod)
    {
        if (constraint.MatchLabelKeys is not { Count: > 0 } keys) return constraint.LabelSelector;
        var labels = new Dictionary<string, string>(constraint.LabelSelector?.MatchLabels ?? new Dictionary<string, string>());
        foreach (var key in keys)
            if (pod.Metadata.Labels is { } has && has.TryGetValue(key, out var value)) labels[key] = value;
        return new V1LabelSelector { MatchLabels = labels, MatchExpressions = constraint.LabelSelector?.MatchExpressions };
    }
}
