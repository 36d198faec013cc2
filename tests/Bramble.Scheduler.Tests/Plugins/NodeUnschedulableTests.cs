using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class NodeUnschedulableTests
{
    private static readonly PodInfo Tolerant = Some.Pod("p", with: p => p.Spec.Tolerations = [new V1Toleration { Key = "node.kubernetes.io/unschedulable", OperatorProperty = "Exists", Effect = "NoSchedule" }]);

    [Fact]
    public void A_cordoned_node_takes_only_Pods_that_tolerate_it()
    {
        var cluster = Some.Cluster(Some.Node("a", isCordoned: true), Some.Node("b", labels: []));
        Assert.Equal("node(s) were unschedulable!", new NodeUnschedulable().Says(Some.Pod("p"), cluster, "a"));
        Assert.Equal("fits", new NodeUnschedulable().Says(Some.Pod("p"), cluster, "b"));
        Assert.Equal("fits", new NodeUnschedulable().Says(Tolerant, cluster, "a"));
    }

    [Fact]
    public void Only_a_node_that_is_open_now_and_was_not_before_helps()
    {
        var (open, cordoned) = (Some.Node("a", labels: []), Some.Node("a", isCordoned: true));
        var (rule, pod) = (new NodeUnschedulable(), Some.Pod("p"));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeTaints, cordoned, open)));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeAdded, null, open)));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeAdded, null, cordoned)));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeTaints, open, open)));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeTaints, cordoned, cordoned)));
        Assert.True(rule.Helps(pod, new(ChangeKinds.PodTolerations, pod, Tolerant)));
        Assert.False(rule.Helps(Some.Pod("q"), new(ChangeKinds.PodTolerations, pod, Tolerant)));
        Assert.False(rule.Helps(pod, new(ChangeKinds.PodTolerations, pod, Some.Pod("p", with: p => p.Spec.Tolerations = [new V1Toleration { Key = "k", OperatorProperty = "Exists" }]))));
    }
}
