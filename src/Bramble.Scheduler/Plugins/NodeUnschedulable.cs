using Bramble.Client.Placement;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>Keeps Pods off cordoned nodes unless they tolerate node.kubernetes.io/unschedulable.</summary>
internal sealed class NodeUnschedulable : IFilterPlugin
{
    private static readonly V1Taint Cordoned = new() { Key = "node.kubernetes.io/unschedulable", Effect = "NoSchedule" };
    private static readonly FilterResult IsCordoned = FilterResult.Unresolvable("node(s) were unschedulable");

    public string Name => "NodeUnschedulable";
    public ChangeKinds MayHelp => ChangeKinds.NodeAdded | ChangeKinds.NodeTaints | ChangeKinds.PodTolerations;

    public Preparation Prepare(PodInfo pod, ClusterState cluster) => Tolerates(pod) ? Preparation.Skip : new(ForPod.Instance);

    public bool Helps(PodInfo pod, in ClusterChange change) => change.New switch
    {
        PodInfo changed => changed.Uid == pod.Uid && Tolerates(changed),
        V1Node node => node.Spec?.Unschedulable != true && (change.Old is not V1Node old || old.Spec?.Unschedulable == true),
        _ => false,
    };

    private static bool Tolerates(PodInfo pod) => Tolerations.Tolerates(pod.Pod.Spec.Tolerations, Cordoned);

    private sealed class ForPod : INodeFilter
    {
        public static readonly ForPod Instance = new();

        public FilterResult Filter(NodeInfo node) => node.Node.Spec?.Unschedulable == true ? IsCordoned : FilterResult.Fits;
    }
}
