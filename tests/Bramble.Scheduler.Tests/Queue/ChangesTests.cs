using Bramble.Scheduler.Queue;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Queue;

/// <summary>What of a new version of an object is worth telling the queue.</summary>
public sealed class ChangesTests
{
    public static TheoryData<string, Action<V1Node>, string> OfNodes => new()
    {
        { "nothing", _ => { }, "None" },
        { "a heartbeat", n => n.Status.Conditions = [new V1NodeCondition { Type = "Ready", Status = "True" }], "None" },
        { "an annotation", n => n.Metadata.Annotations = Some.Labels(("a", "b")), "None" },
        { "an image", n => n.Status.Images = [new V1ContainerImage { Names = ["i"] }], "None" },
        { "a label", n => n.Metadata.Labels["x"] = "2", "NodeLabels" },
        { "a label less", n => n.Metadata.Labels.Remove("x"), "NodeLabels" },
        { "more memory", n => n.Status.Allocatable["memory"] = new("9Gi"), "NodeAllocatable" },
        { "something new", n => n.Status.Allocatable["vendor.com/gpu"] = new("1"), "NodeAllocatable" },
        { "another value of a taint", n => n.Spec.Taints = [Some.Taint("k", value: "w")], "NodeTaints" },
        { "no taint any more", n => n.Spec.Taints = null, "NodeTaints" },
        { "open again", n => n.Spec.Unschedulable = null, "NodeTaints" },
        { "label and taint", n =>
        {
            n.Metadata.Labels["y"] = "1";
            n.Spec.Taints = null;
        }, "NodeLabels, NodeTaints" },
    };

    public static TheoryData<string, Action<V1Pod>, string> OfPods => new()
    {
        { "nothing", _ => { }, "None" },
        { "an annotation", p => p.Metadata.Annotations = Some.Labels(("a", "b")), "Other" },
        { "something else is wished", p => p.Metadata.Generation = 2, "Other" },
        { "what is said of it", p => p.Status.Message = "m", "None" },
        { "an annotation beside a label", p => (p.Metadata.Annotations, p.Metadata.Labels) = (Some.Labels(("a", "b")), Some.Labels(("x", "2"))), "PodLabels" },
        { "a label", p => p.Metadata.Labels = Some.Labels(("x", "2")), "PodLabels" },
        { "less is asked for", p => p.Spec.Containers[0].Resources.Requests["cpu"] = new("1"), "PodScaledDown" },
        { "nothing is asked for", p => p.Spec.Containers[0].Resources.Requests.Clear(), "PodScaledDown" },
        { "more is asked for", p => p.Spec.Containers[0].Resources.Requests["cpu"] = new("3"), "None" },
        { "the whole asks for less", p => p.Spec.Resources = new V1ResourceRequirements { Requests = Some.Amounts(("cpu", "1")) }, "PodScaledDown" },
        { "less is asked for, but it still has more", p =>
        {
            p.Spec.Containers[0].Resources.Requests["cpu"] = new("1");
            p.Status.ContainerStatuses = [new V1ContainerStatus { Name = "c", Resources = new V1ResourceRequirements { Requests = Some.Amounts(("cpu", "2")) } }];
        }, "None" },
        { "one gate of two", p => p.Spec.SchedulingGates = [new V1PodSchedulingGate { Name = "b" }], "None" },
        { "no gate any more", p => p.Spec.SchedulingGates = [], "PodGatesGone" },
        { "a toleration more", p => p.Spec.Tolerations = [new V1Toleration { Key = "k" }], "PodTolerations" },
        { "its claim is made", p => p.Status.ResourceClaimStatuses = [new V1PodResourceClaimStatus { Name = "c", ResourceClaimName = "p-c" }], "PodResourceClaims" },
        { "label and requests", p =>
        {
            p.Metadata.Labels = null;
            p.Spec.Containers[0].Resources.Requests["cpu"] = new("1");
        }, "PodLabels, PodScaledDown" },
    };

    [Theory]
    [MemberData(nameof(OfNodes))]
    public void Of_nodes(string name, Action<V1Node> change, string expected)
    {
        _ = name;
        V1Node Node() => Some.Node("a", labels: [("x", "1")], taints: [Some.Taint("k", value: "v")], isCordoned: true);
        var now = Node();
        change(now);
        Assert.Equal(expected, NodeChanges.Between(Node(), now).ToString());
    }

    [Theory]
    [MemberData(nameof(OfPods))]
    public void Of_Pods(string name, Action<V1Pod> change, string expected)
    {
        _ = name;
        static void Gated(V1Pod pod) => pod.Spec.SchedulingGates = [new V1PodSchedulingGate { Name = "a" }, new V1PodSchedulingGate { Name = "b" }];
        var (old, now) = (Some.Pod("p", "2", labels: [("x", "1")], with: Gated), Some.Pod("p", "2", labels: [("x", "1")], with: p =>
        {
            Gated(p);
            change(p);
        }));
        Assert.Equal(expected, PodChanges.Between(old, now).ToString());
    }
}
