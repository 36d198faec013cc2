using Bramble.Client.Placement;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Filters;

/// <summary>nodeSelector and the required node affinity.</summary>
internal sealed class NodeAffinity : IFilterPlugin
{
    public ClusterEvents MayHelp => ClusterEvents.NodeAdded | ClusterEvents.NodeChanged;

    public FilterResult Filter(PodInfo pod, NodeInfo node, ClusterState cluster) =>
        NodeSelection.Matches(pod.Pod.Spec, node.Node) ? FilterResult.Fits : FilterResult.UnschedulableAndUnresolvable("node(s) didn't match Pod's node affinity/selector");
}
