using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class TaintTolerationTests
{
    public static TheoryData<string, string, V1Taint, V1Toleration?, string> Cases => new()
    {
        { "no toleration", "NoSchedule", Some.Taint("k"), null, "node(s) had untolerated taint(s)!" },
        { "NoExecute keeps away too", "NoExecute", Some.Taint("k", "NoExecute"), null, "node(s) had untolerated taint(s)!" },
        { "PreferNoSchedule does not", "PreferNoSchedule", Some.Taint("k", "PreferNoSchedule"), null, "fits" },
        { "the same value", "", Some.Taint("k", value: "v"), new() { Key = "k", Value = "v", OperatorProperty = "Equal" }, "fits" },
        { "another value", "", Some.Taint("k", value: "v"), new() { Key = "k", Value = "w", OperatorProperty = "Equal" }, "node(s) had untolerated taint(s)!" },
        { "Exists asks for no value", "", Some.Taint("k", value: "v"), new() { Key = "k", OperatorProperty = "Exists" }, "fits" },
        { "no key and Exists tolerates everything", "", Some.Taint("k", value: "v"), new() { OperatorProperty = "Exists" }, "fits" },
        { "every taint must be tolerated", "", Some.Taint("k", value: "v"), new() { Key = "other", OperatorProperty = "Exists" }, "node(s) had untolerated taint(s)!" },
        { "numbers are not compared: the gate is off", "", Some.Taint("k", value: "5"), new() { Key = "k", OperatorProperty = "Gt", Value = "3" }, "node(s) had untolerated taint(s)!" },
        { "no effect means every effect", "", Some.Taint("k", "NoExecute", "v"), new() { Key = "k", Value = "v" }, "fits" },
        { "another effect", "", Some.Taint("k"), new() { Key = "k", OperatorProperty = "Exists", Effect = "NoExecute" }, "node(s) had untolerated taint(s)!" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_taint_keeps_Pods_away_that_do_not_tolerate_it(string name, string effect, V1Taint taint, V1Toleration? toleration, string expected)
    {
        _ = (name, effect);
        var pod = Some.Pod("p", with: p => p.Spec.Tolerations = toleration is null ? null : [toleration]);
        Assert.Equal(expected, new TaintToleration().Says(pod, Some.Cluster(Some.Node("a", taints: [taint])), "a"));
    }

    [Fact]
    public void Nodes_with_fewer_soft_taints_are_better()
    {
        var soft = Some.Taint("x", "PreferNoSchedule");
        var cluster = Some.Cluster(Some.Node("a", taints: [soft, Some.Taint("y", "PreferNoSchedule")]), Some.Node("b", taints: [soft]), Some.Node("c", labels: []));
        Assert.Equal([0, 50, 100], new TaintToleration().Scores(Some.Pod("p"), cluster)!);
        // Tolerated ones and those with other effects do not count: alike nodes get 100.
        PodInfo Tolerates(string effect) => Some.Pod("p", with: p => p.Spec.Tolerations = [new V1Toleration { OperatorProperty = "Exists", Effect = effect }]);
        Assert.Equal([100, 100, 100], new TaintToleration().Scores(Tolerates("PreferNoSchedule"), cluster)!);
        Assert.Equal([0, 50, 100], new TaintToleration().Scores(Tolerates("NoSchedule"), cluster)!);
        Assert.Equal([100], new TaintToleration().Scores(Some.Pod("p"), Some.Cluster(Some.Node("a", taints: [Some.Taint("k"), Some.Taint("k", "NoExecute")])))!);
    }

    [Fact]
    public void Only_a_taint_that_went_helps()
    {
        var (tainted, free) = (Some.Node("a", taints: [Some.Taint("k")]), Some.Node("a", labels: []));
        var rule = new TaintToleration();
        Assert.True(rule.Helps(Some.Pod("p"), new(ChangeKinds.NodeTaints, tainted, free)));
        Assert.False(rule.Helps(Some.Pod("p"), new(ChangeKinds.NodeTaints, free, tainted)));
        Assert.False(rule.Helps(Some.Pod("p"), new(ChangeKinds.NodeAdded, null, tainted)));
        Assert.True(rule.Helps(Some.Pod("p"), new(ChangeKinds.NodeAdded, null, free)));
        Assert.False(rule.Helps(Some.Pod("p"), new(ChangeKinds.NodeTaints, tainted, Some.Node("a", taints: [Some.Taint("other")]))));
        Assert.True(rule.Helps(Some.Pod("p"), new(ChangeKinds.NodeTaints, tainted, Some.Node("a", taints: [Some.Taint("k", "PreferNoSchedule")]))));
        Assert.True(rule.Helps(Some.Pod("p"), new(ChangeKinds.PodTolerations, Some.Pod("p"), Some.Pod("p"))));
        Assert.False(rule.Helps(Some.Pod("p"), new(ChangeKinds.PodTolerations, Some.Pod("q"), Some.Pod("q"))));
    }
}
