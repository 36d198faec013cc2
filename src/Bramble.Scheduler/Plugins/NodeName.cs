using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Plugins;

/// <summary>spec.nodeName of a Pod that asks for one node. Pods that have it never come here, so it decides only for a Pod that was changed meanwhile.</summary>
internal sealed class NodeName : IFilterPlugin
{
    private static readonly FilterResult OtherNode = FilterResult.Unresolvable("node(s) didn't match the requested node name");

    public string Name => "NodeName";
    public ChangeKinds MayHelp => ChangeKinds.NodeAdded;

    public Preparation Prepare(PodInfo pod, ClusterState cluster) => string.IsNullOrEmpty(pod.Pod.Spec.NodeName) ? Preparation.Skip : new(new ForPod(pod.Pod.Spec.NodeName));

    private sealed class ForPod(string wanted) : INodeFilter
    {
        public FilterResult Filter(NodeInfo node) => node.Name == wanted ? FilterResult.Fits : OtherNode;
    }
}
