using Bramble.Client.Placement;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Filters;

/// <summary>Keeps Pods off cordoned nodes unless they tolerate node.kubernetes.io/unschedulable.</summary>
internal sealed class NodeUnschedulable : IFilterPlugin
{
    private static readonly V1Taint Taint = new() { Key = "node.kubernetes.io/unschedulable", Effect = "NoSchedule" };

    public ClusterEvents MayHelp => ClusterEvents.NodeAdded | ClusterEvents.NodeChanged;

    public FilterResult Filter(PodInfo pod, NodeInfo node, ClusterState cluster) =>
        node.Node.Spec?.Unschedulable != true || Tolerations.Tolerates(pod.Pod.Spec.Tolerations, Taint) ? FilterResult.Fits
        : FilterResult.UnschedulableAndUnresolvable("node(s) were unschedulable");
}

/// <summary>spec.nodeName of a Pod that asks for one node.</summary>
internal sealed class NodeName : IFilterPlugin
{
    public ClusterEvents MayHelp => ClusterEvents.NodeAdded;

    public FilterResult Filter(PodInfo pod, NodeInfo node, ClusterState cluster) =>
        string.IsNullOrEmpty(pod.Pod.Spec.NodeName) || pod.Pod.Spec.NodeName == node.Name ? FilterResult.Fits
        : FilterResult.UnschedulableAndUnresolvable("node(s) didn't match the requested node name");
}

/// <summary>Taints with NoSchedule or NoExecute that the Pod does not tolerate.</summary>
internal sealed class TaintToleration : IFilterPlugin
{
    public ClusterEvents MayHelp => ClusterEvents.NodeAdded | ClusterEvents.NodeChanged;

    public FilterResult Filter(PodInfo pod, NodeInfo node, ClusterState cluster)
    {
        foreach (var taint in node.Node.Spec?.Taints ?? [])
            if (taint.Effect is "NoSchedule" or "NoExecute" && !Tolerations.Tolerates(pod.Pod.Spec.Tolerations, taint))
                return FilterResult.UnschedulableAndUnresolvable("node(s) had untolerated taint(s)");
        return FilterResult.Fits;
    }
}

/// <summary>Host ports that another Pod of the node has.</summary>
internal sealed class NodePorts : IFilterPlugin
{
    public ClusterEvents MayHelp => ClusterEvents.NodeAdded | ClusterEvents.PodRemoved;

    public FilterResult Filter(PodInfo pod, NodeInfo node, ClusterState cluster)
    {
        if (pod.HostPorts.Count == 0) return FilterResult.Fits;
        foreach (var other in node.Pods)
            foreach (var taken in other.HostPorts)
                foreach (var wanted in pod.HostPorts)
                    if (wanted.ConflictsWith(taken)) return FilterResult.Unschedulable("node(s) didn't have free ports for the requested pod ports");
        return FilterResult.Fits;
    }
}

/// <summary>CPU, memory, disk, devices and the number of Pods.</summary>
internal sealed class NodeResourcesFit : IFilterPlugin
{
    public ClusterEvents MayHelp => ClusterEvents.NodeAdded | ClusterEvents.NodeChanged | ClusterEvents.PodRemoved;

    public FilterResult Filter(PodInfo pod, NodeInfo node, ClusterState cluster)
    {
        List<string>? reasons = null;
        var isUnresolvable = false;
        if (node.Pods.Count + 1 > node.Allocatable["pods"]) (reasons ??= []).Add("Too many pods");
        foreach (var (name, wanted) in pod.Requests.All)
        {
            if (wanted == 0 || wanted <= node.Allocatable[name] - node.Requested[name]) continue;
            (reasons ??= []).Add($"Insufficient {name}");
            // More than the whole node has: no eviction helps.
            isUnresolvable |= wanted > node.Allocatable[name];
        }
        return reasons is null ? FilterResult.Fits : new FilterResult(reasons, isUnresolvable);
    }
}
