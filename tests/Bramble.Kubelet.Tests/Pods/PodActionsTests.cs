using Bramble.Kubelet.Pods;
using k8s.Models;
using static Bramble.Kubelet.Tests.Pods.Make;

namespace Bramble.Kubelet.Tests.Pods;

public sealed class PodActionsTests
{
    private static readonly V1Container Init1 = Container("i1");
    private static readonly V1Container Init2 = Container("i2");
    private static readonly V1Container Sidecar = Container("side", "Always");

    public static TheoryData<string> Names => [.. Cases.Keys];

    // What is shown: flags, then what is started and killed, in order.
    private static readonly Dictionary<string, (V1Pod Pod, ObservedPod Observed, Dictionary<string, ProbeVerdicts>? Probes, string Expected)> Cases = new()
    {
        ["a new pod gets a sandbox and its containers"] = (Pod(), ObservedPod.Nothing, null, "kill-pod sandbox#0 start c"),
        ["a new pod with init containers begins with the first"] = (Pod(init: [Init1, Init2]), ObservedPod.Nothing, null, "kill-pod sandbox#0 init i1"),
        ["a running pod needs nothing"] = (Pod(), Observed(Running("c")), null, ""),
        ["a dead sandbox is replaced with the next attempt"] = (Pod(), new([Sandbox(isReady: false)], [Exited("c")]), null, "kill-pod sandbox#1 start c"),
        ["a pod that never restarts gets no second sandbox"] = (Pod("Never"), new([Sandbox(isReady: false)], [Exited("c")]), null, "kill-pod"),
        ["on failure: what succeeded is not started in the new sandbox"] =
            (Pod("OnFailure", null, Container("a"), Container("b")), new([Sandbox(isReady: false)], [Exited("a"), Exited("b", 1)]), null, "kill-pod sandbox#1 start b"),
        ["a container that exited restarts under Always"] = (Pod(), Observed(Exited("c")), null, "start c"),
        ["a failed container restarts under OnFailure"] = (Pod("OnFailure"), Observed(Exited("c", 1)), null, "start c"),
        ["when nothing runs and nothing will, the sandbox goes"] = (Pod("OnFailure"), Observed(Exited("c")), null, "kill-pod"),
        ["a failed container of a Never pod ends it"] = (Pod("Never"), Observed(Exited("c", 1)), null, "kill-pod"),
        ["the second init container follows the first"] = (Pod(init: [Init1, Init2]), Observed(Exited("i1")), null, "init i2"),
        ["app containers follow the last init container"] = (Pod(init: [Init1]), Observed(Exited("i1")), null, "start c"),
        ["a running init container is waited for"] = (Pod(init: [Init1]), Observed(Running("i1")), null, ""),
        ["a failed init container runs again"] = (Pod(init: [Init1]), Observed(Exited("i1", 1)), null, "init i1"),
        ["a failed init container fails a Never pod"] = (Pod("Never", [Init1]), Observed(Exited("i1", 1)), null, "kill-pod"),
        ["a started sidecar lets the next go"] = (Pod(init: [Sidecar]), Observed(Running("side")), null, "start c"),
        ["a sidecar that died comes back beside running apps"] = (Pod(init: [Sidecar]), Observed(Exited("side"), Running("c")), null, "init side"),
        ["a failed liveness probe kills and restarts"] =
            (Pod(), Observed(Running("c")), new() { ["id-c"] = new(null, false, null) }, "start c kill id-c:Container c failed liveness probe, will be restarted"),
        ["a failed liveness probe of a Never pod only kills"] =
            (Pod("Never"), Observed(Running("c")), new() { ["id-c"] = new(null, false, null) }, "kill-pod kill id-c:Container c failed liveness probe"),
        ["a changed image restarts even a Never pod"] =
            (Pod("Never", null, new V1Container { Name = "c", Image = "busybox:2" }), Observed(Running("c")), null, "start c kill id-c:Container c definition changed, will be restarted"),
        ["a restart rule restarts a Never container"] = (Pod("Never", null, Rule("Restart", "In", 42)), Observed(Exited("c", 42)), null, "start c"),
        ["a restart rule for another code does not"] = (Pod("Never", null, Rule("Restart", "In", 42)), Observed(Exited("c", 7)), null, "kill-pod"),
    };

    private static V1Container Rule(string action, string op, int code)
    {
        var c = Container("c", "Never");
        c.RestartPolicyRules = [new() { Action = action, ExitCodes = new() { OperatorProperty = op, Values = [code] } }];
        return c;
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Decides(string name)
    {
        var (pod, observed, probes, expected) = Cases[name];
        var actions = PodActions.Decide(pod, observed, id => probes?.GetValueOrDefault(id) ?? default);
        Assert.Equal(expected, Show(actions));
    }

    [Fact]
    public void A_pod_that_is_deleted_starts_nothing()
    {
        var pod = Pod();
        pod.Metadata.DeletionTimestamp = DateTime.UtcNow;
        Assert.False(PodActions.IsToBeStarted(pod.Spec.Containers[0], pod, null));
    }

    private static string Show(PodActions a) => string.Join(' ', (string[])
    [
        .. a.KillPod ? (string[])["kill-pod"] : [],
        .. a.CreateSandbox ? (string[])[$"sandbox#{a.Attempt}"] : [],
        .. a.InitToStart.Select(n => $"init {n}"),
        .. a.ToStart.Select(n => $"start {n}"),
        .. a.ToKill.Select(k => $"kill {k.ContainerId}:{k.Message}"),
    ]);
}
