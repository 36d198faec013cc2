using System.Net;
using System.Text.Json.Nodes;
using Bramble.Kubelet.Pods;
using k8s.Models;
using static Bramble.Kubelet.Tests.Pods.Make;

namespace Bramble.Kubelet.Tests.Pods;

public sealed class PodStatusesTests
{
    public static TheoryData<string> Names => [.. Phases.Keys];

    private static readonly Dictionary<string, (V1Pod Pod, ObservedPod Observed, bool IsTerminal, string Phase)> Phases = new()
    {
        ["nothing seen yet"] = (Pod(), ObservedPod.Nothing, false, "Pending"),
        ["running"] = (Pod(), Observed(Running("c")), false, "Running"),
        ["one of two not started"] = (Pod("Always", null, Container("a"), Container("b")), Observed(Running("a")), false, "Pending"),
        ["init runs"] = (Pod(init: [Container("i")]), Observed(Running("i")), false, "Pending"),
        ["init failed for good"] = (Pod("Never", [Container("i")]), Observed(Exited("i", 1)), false, "Failed"),
        ["exited, restarts"] = (Pod(), Observed(Exited("c", 1)), false, "Running"),
        ["exited well, OnFailure"] = (Pod("OnFailure"), Observed(Exited("c")), false, "Succeeded"),
        ["exited badly, Never"] = (Pod("Never"), Observed(Exited("c", 1)), false, "Failed"),
        ["deleted pod that ended well"] = (Pod(), Observed(Exited("c")), true, "Succeeded"),
        ["deleted pod that was killed"] = (Pod(), Observed(Exited("c", 137)), true, "Failed"),
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void Phase(string name)
    {
        var (pod, observed, isTerminal, phase) = Phases[name];
        Assert.Equal(phase, Decide(pod, observed, isTerminal: isTerminal).Phase);
    }

    [Fact]
    public void A_running_pod_says_everything()
    {
        var status = PodStatusTree.Of(Decide(Pod(), Observed(Running("c"))));
        Assert.Equal("10.0.0.2", (string?)status["podIP"]);
        Assert.Equal("192.168.1.5", (string?)status["hostIP"]);
        Assert.Equal("BestEffort", (string?)status["qosClass"]);
        Assert.Equal(3, (long?)status["observedGeneration"]);
        Assert.Equal("containerd://id-c", (string?)status["containerStatuses"]![0]!["containerID"]);
        Assert.Equal(
            "PodReadyToStartContainers=True Initialized=True Ready=True ContainersReady=True PodScheduled=True",
            string.Join(' ', status["conditions"]!.AsArray().Select(c => $"{c!["type"]}={c["status"]}")));
    }

    [Fact]
    public void An_unready_container_is_named()
    {
        var pod = Pod();
        pod.Spec.Containers[0].ReadinessProbe = new V1Probe();
        var ready = Decide(pod, Observed(Running("c")), new(null, null, false)).Conditions.Single(c => c.Type == "Ready");
        Assert.Equal("False ContainersNotReady containers with unready status: [c]", $"{ready.Status} {ready.Reason} {ready.Message}");
    }

    [Fact]
    public void A_container_in_back_off_shows_why_and_what_was_before()
    {
        var status = Decide(Pod(), Observed(Exited("c", 3)), failures: n => new StartFailure("CrashLoopBackOff", "back-off 10s")).ContainerStatuses[0];
        Assert.Equal("CrashLoopBackOff", status.State.Waiting.Reason);
        Assert.Equal(3, status.LastState.Terminated.ExitCode);
    }

    [Fact]
    public void A_failed_pod_shows_the_reason()
    {
        var status = PodStatuses.Decide(Input(Pod(), Observed(Exited("c", 137)), default, null, true) with { Failed = ("Evicted", "low on memory") });
        Assert.Equal("Failed Evicted low on memory", $"{status.Phase} {status.Reason} {status.Message}");
        Assert.DoesNotContain(status.Conditions, c => c.Type == "DisruptionTarget");
    }

    [Fact]
    public void A_pod_that_ends_for_the_sake_of_others_is_a_disruption()
    {
        var status = PodStatuses.Decide(Input(Pod(), Observed(Exited("c", 137)), default, null, true) with { Failed = ("Evicted", "low on memory"), Disruption = "low on memory" });
        var condition = Assert.Single(status.Conditions, c => c.Type == "DisruptionTarget");
        Assert.Equal("True TerminationByKubelet low on memory", $"{condition.Status} {condition.Reason} {condition.Message}");
        // What others say of a disruption is theirs.
        Assert.True(PodConditions.IsOwned(condition));
        condition.Reason = "DeletionByTaintManager";
        Assert.False(PodConditions.IsOwned(condition));
    }

    [Fact]
    public void A_patch_holds_only_what_changed_and_leaves_conditions_of_others_alone()
    {
        var current = JsonNode.Parse("""{"phase":"Pending","podIPs":[{"ip":"10.0.0.1"}],"conditions":[{"type":"Ready","status":"False"},{"type":"Other","status":"True"}],"reason":"x"}""")!.AsObject();
        var wanted = JsonNode.Parse("""{"phase":"Pending","podIPs":[{"ip":"10.0.0.2"}],"conditions":[{"type":"Ready","status":"True"}]}""")!.AsObject();
        var patch = PodStatusPatch.Decide(current, wanted, "u")!;
        Assert.Equal(
            """{"metadata":{"uid":"u"},"status":{"podIPs":[{"ip":"10.0.0.2"},{"ip":"10.0.0.1","$patch":"delete"}],"conditions":[{"type":"Ready","status":"True"}],"reason":null}}""",
            patch.ToJsonString());
        Assert.Null(PodStatusPatch.Decide(wanted, wanted.DeepClone().AsObject(), "u"));
    }

    private static V1PodStatus Decide(
        V1Pod pod, ObservedPod observed, ProbeVerdicts probes = default, Func<string, StartFailure?>? failures = null, bool isTerminal = false) =>
        PodStatuses.Decide(Input(pod, observed, probes, failures, isTerminal));

    private static StatusInput Input(V1Pod pod, ObservedPod observed, ProbeVerdicts probes, Func<string, StartFailure?>? failures, bool isTerminal) => new()
    {
        Pod = pod,
        Observed = observed,
        Old = null,
        Probes = _ => probes,
        Failures = failures ?? (_ => null),
        TerminationMessage = _ => null,
        RuntimeName = "containerd",
        NodeIps = [IPAddress.Parse("192.168.1.5")],
        IsTerminal = isTerminal,
    };
}
