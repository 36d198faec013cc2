using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>What a Pod asks of the kubelet itself must be among what the node declares that its kubelet can do. KEP-5328.</summary>
internal sealed class NodeDeclaredFeatures : IFilterPlugin
{
    private static readonly FilterResult Undeclared = FilterResult.Unresolvable("node(s) didn't match Pod's required features");

    public string Name => "NodeDeclaredFeatures";
    public ChangeKinds MayHelp => ChangeKinds.NodeAdded | ChangeKinds.NodeDeclaredFeatures;

    public Preparation Prepare(PodInfo pod, ClusterState cluster) => Needed(pod.Pod.Spec) is { Length: > 0 } needed ? new(new ForPod(needed)) : Preparation.Skip;

    private static string[] Needed(V1PodSpec spec)
    {
        List<string>? needed = null;
        if (RestartsAll(spec.Containers) || RestartsAll(spec.InitContainers)) (needed ??= []).Add("RestartAllContainersOnContainerExits");
        if (spec is { HostNetwork: true, HostUsers: false }) (needed ??= []).Add("UserNamespacesHostNetworkSupport");
        return needed?.ToArray() ?? [];
    }

    private static bool RestartsAll(IList<V1Container>? containers)
    {
        foreach (var container in containers ?? [])
            foreach (var rule in container.RestartPolicyRules ?? [])
                if (rule.Action == "RestartAllContainers") return true;
        return false;
    }

    private sealed class ForPod(string[] needed) : INodeFilter
    {
        public FilterResult Filter(NodeInfo node)
        {
            foreach (var feature in needed)
                if (node.Node.Status?.DeclaredFeatures?.Contains(feature) != true) return Undeclared;
            return FilterResult.Fits;
        }
    }
}
