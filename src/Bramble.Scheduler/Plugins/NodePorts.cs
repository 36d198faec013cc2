using Bramble.Client.Placement;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Plugins;

/// <summary>Host ports that another Pod of the node has.</summary>
internal sealed class NodePorts : IFilterPlugin
{
    private static readonly FilterResult PortTaken = FilterResult.Unschedulable("node(s) didn't have free ports for the requested pod ports");

    public string Name => "NodePorts";
    public ChangeKinds MayHelp => ChangeKinds.NodeAdded | ChangeKinds.PodRemoved;

    public Preparation Prepare(PodInfo pod, ClusterState cluster) => pod.HostPorts.Length == 0 ? Preparation.Skip : new(new ForPod(pod.HostPorts));

    public bool Helps(PodInfo pod, in ClusterChange change) => change.Old is not PodInfo gone || HostPort.AnyConflict(pod.HostPorts, gone.HostPorts);

    private sealed class ForPod(HostPort[] wanted) : INodeFilter
    {
        public FilterResult Filter(NodeInfo node) => HostPort.AnyConflict(wanted, node.UsedPorts) ? PortTaken : FilterResult.Fits;
    }
}
