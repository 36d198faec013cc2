using System.Net;
using Bramble.Kubelet.Pods;
using k8s.Models;
using static Bramble.Kubelet.Tests.Pods.Make;

namespace Bramble.Kubelet.Tests.Pods;

public sealed class AllContainersRestartTests
{
    // An init container, a plain one, and one whose exit with 42 restarts all.
    private static readonly V1Pod Ruled = Pod("Never", [Container("i")], Container("c"), Rule(Container("r", "Never")));

    private static V1Container Rule(V1Container container)
    {
        container.RestartPolicyRules = [new() { Action = "RestartAllContainers", ExitCodes = new() { OperatorProperty = "In", Values = [42] } }];
        return container;
    }

    public static TheoryData<string> Names => [.. Cases.Keys];

    private static readonly Dictionary<string, (V1Pod Pod, ObservedPod Observed, V1PodStatus? Old, string Expected)> Cases = new()
    {
        ["no rule: no condition"] = (Pod(), Observed(Exited("c", 42)), null, "not due"),
        ["all run"] = (Ruled, Observed(Running("c"), Running("r"), Exited("i")), null, "not due, False"),
        ["the code is another"] = (Ruled, Observed(Running("c"), Exited("r", 1), Exited("i")), null, "not due, False"),
        ["the code of another container"] = (Ruled, Observed(Exited("c", 42), Running("r"), Exited("i")), null, "not due, False"),
        ["the code is the rule's"] = (Ruled, Observed(Running("c"), Exited("r", 42), Exited("i")), null, "due, True"),
        ["under way, as last written"] = (Ruled, Observed(Running("c")), Old(isRestarting: true), "due, True"),
        ["everything is removed"] = (Ruled, Observed(), Old(isRestarting: true), "due, False"),
        ["removed after it was told that it ended, before the condition was"] = (Ruled, Observed(), Old(isRestarting: false, rCode: 42), "due, False"),
        ["it started again after that"] = (Ruled, Observed(Running("r")), Old(isRestarting: false, rCode: 42), "not due, False"),
    };

    private static V1PodStatus Old(bool isRestarting, int? rCode = null) => new()
    {
        Conditions = [new() { Type = "AllContainersRestarting", Status = isRestarting ? "True" : "False" }, new() { Type = "Initialized", Status = "True" }],
        InitContainerStatuses = [new() { Name = "i", State = new() { Terminated = new() { ExitCode = 0 } }, RestartCount = 0 }],
        ContainerStatuses =
        [
            new() { Name = "c", ContainerID = "containerd://id-c", State = new() { Running = new() }, RestartCount = 2 },
            new() { Name = "r", State = rCode is { } code ? new() { Terminated = new() { ExitCode = code } } : new() { Running = new() } },
        ],
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void Is_due(string name)
    {
        var (pod, observed, old, expected) = Cases[name];
        var condition = AllContainersRestart.Condition(pod, observed, old, "Running");
        Assert.Equal(expected, (AllContainersRestart.IsDue(pod, observed, old) ? "due" : "not due") + (condition is null ? "" : $", {condition.Status}"));
        if (condition?.Status == "True") Assert.Equal("RestartAllContainersStarted container exited with restart policy rule", $"{condition.Reason} {condition.Message}");
    }

    [Fact]
    public void A_pod_that_is_over_restarts_nothing()
    {
        var observed = Observed(Exited("r", 42));
        Assert.Equal("False PodFailed", Shown(AllContainersRestart.Condition(Ruled, observed, null, "Failed")));
        Assert.Equal("False PodCompleted", Shown(AllContainersRestart.Condition(Ruled, observed, null, "Succeeded")));

        static string Shown(V1PodCondition? c) => $"{c?.Status} {c?.Reason}";
    }

    [Fact]
    public void What_asked_for_it_is_removed_last() => Assert.Equal(
        ["id-c", "id-i", "id-r"],
        AllContainersRestart.Removals(Ruled, Observed(Exited("r", 42), Exited("i"), Running("c"))).Select(c => c.Id));

    [Fact]
    public void Removed_containers_wait_and_the_pod_goes_on()
    {
        var status = PodStatuses.Decide(new StatusInput
        {
            Pod = Ruled,
            Observed = Observed(),
            Old = Old(isRestarting: true),
            Probes = _ => default,
            Failures = _ => null,
            TerminationMessage = _ => null,
            RuntimeName = "containerd",
            NodeIps = [IPAddress.Parse("192.168.1.5")],
        });
        var c = status.ContainerStatuses.Single(s => s.Name == "c");
        Assert.Equal("RestartingAllContainers RestartingAllContainers 137 3", $"{c.State.Waiting.Reason} {c.LastState.Terminated.Reason} {c.LastState.Terminated.ExitCode} {c.RestartCount}");
        Assert.Null(c.ContainerID);
        Assert.Equal(1, status.InitContainerStatuses[0].RestartCount);
        // 137 of an init container that is never restarted would else be the end of the pod.
        Assert.Equal("Running", status.Phase);
        Assert.Equal("True", status.Conditions.Single(x => x.Type == "Initialized").Status);
        Assert.Equal("False", status.Conditions.Single(x => x.Type == "AllContainersRestarting").Status);
    }
}
