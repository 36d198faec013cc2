using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Filters;

/// <summary>Required affinity and anti-affinity between Pods, both ways.</summary>
internal sealed class InterPodAffinity(Func<string, IDictionary<string, string>?> namespaceLabels) : IFilterPlugin
{
    public ClusterEvents MayHelp => ClusterEvents.All & ~ClusterEvents.VolumeChanged;

    public FilterResult Filter(PodInfo pod, NodeInfo node, ClusterState cluster)
    {
        var ns = pod.Pod.Metadata.NamespaceProperty;
        if (pod.Pod.Spec.Affinity?.PodAffinity?.RequiredDuringSchedulingIgnoredDuringExecution is { Count: > 0 } wanted && !IsNear(wanted, pod, node, cluster, ns))
            return FilterResult.UnschedulableAndUnresolvable("node(s) didn't match pod affinity rules");
        foreach (var term in pod.Pod.Spec.Affinity?.PodAntiAffinity?.RequiredDuringSchedulingIgnoredDuringExecution ?? [])
            if (InTopology(term, node, cluster).Any(p => PodSelectors.Matches(term, ns, p.Pod, namespaceLabels)))
                return FilterResult.Unschedulable("node(s) didn't match pod anti-affinity rules");
        foreach (var other in cluster.Nodes)
        {
            foreach (var existing in other.Pods)
            {
                if (!existing.HasAntiAffinity) continue;
                foreach (var term in existing.Pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
                    if (node.Label(term.TopologyKey) is { } place && PlaceOf(other, node, term.TopologyKey) == place
                        && IsStillThere(existing, other, node) && PodSelectors.Matches(term, existing.Pod.Metadata.NamespaceProperty, pod.Pod, namespaceLabels))
                        return FilterResult.Unschedulable("node(s) didn't satisfy existing pods anti-affinity rules");
            }
        }
        return FilterResult.Fits;
    }

    private bool IsNear(IList<V1PodAffinityTerm> terms, PodInfo pod, NodeInfo node, ClusterState cluster, string ns)
    {
        if (terms.Any(t => node.Label(t.TopologyKey) is null)) return false;
        if (terms.All(t => InTopology(t, node, cluster).Any(p => PodSelectors.Matches(t, ns, p.Pod, namespaceLabels)))) return true;
        // The first Pod of a group that wants to be near itself: nobody is there yet, so anywhere will do.
        return terms.All(t => PodSelectors.Matches(t, ns, pod.Pod, namespaceLabels))
            && !cluster.Nodes.Any(n => n.Pods.Any(p => terms.All(t => PodSelectors.Matches(t, ns, p.Pod, namespaceLabels))));
    }

    /// <summary>Pods of all nodes that are in one place with this one. The node itself may be a copy that preemption tries.</summary>
    private static IEnumerable<PodInfo> InTopology(V1PodAffinityTerm term, NodeInfo node, ClusterState cluster)
    {
        if (node.Label(term.TopologyKey) is not { } place) return [];
        return cluster.Nodes.Select(n => n.Name == node.Name ? node : n).Where(n => n.Label(term.TopologyKey) == place).SelectMany(n => n.Pods);
    }

    private static string? PlaceOf(NodeInfo other, NodeInfo node, string key) => (other.Name == node.Name ? node : other).Label(key);

    private static bool IsStillThere(PodInfo pod, NodeInfo other, NodeInfo node) => other.Name != node.Name || node.Pods.Any(p => p.Uid == pod.Uid);
}
