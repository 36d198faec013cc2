using Bramble.Controllers.Workloads;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Workloads;

public sealed class DeletionOrderTests
{
    private const string Restarted = """, "containerStatuses":[{"name":"c","restartCount":2,"ready":true,"image":"","imageID":""}]""";
    private const string SidecarRestarted = """, "initContainerStatuses":[{"name":"s","restartCount":2,"ready":true,"image":"","imageID":""}]""";
    private const string HasSidecar = """ "containers":[], "initContainers":[{"name":"s","restartPolicy":"Always"}] """;

    /// <summary>Both Pods but for what is told of them are on a node of their own, running and ready for an hour.</summary>
    public static TheoryData<string, V1Pod, V1Pod> Pairs => new()
    {
        { "one without a node", Pod("first", ready: Hours(1)), On("n2", "second") },
        { "one that has not started", Pod("first", "Pending", node: "n1"), Pod("second", node: "n2") },
        { "one that is not ready", Pod("first", node: "n1"), On("n2", "second") },
        { "one that is ready for a shorter time", Pod("first", node: "n1", ready: Hours(1)), Pod("second", node: "n2", ready: Hours(9)) },
        { "one that restarted", Pod("first", node: "n1", ready: Hours(1), status: Restarted), On("n2", "second") },
        { "one whose sidecar restarted", Pod("first", node: "n1", ready: Hours(1), spec: HasSidecar, status: SidecarRestarted), Pod("second", node: "n2", ready: Hours(1), spec: HasSidecar) },
        { "one that was made later", Pod("first", node: "n1", ready: Hours(1), created: Hours(2)), Pod("second", node: "n2", ready: Hours(1), created: Hours(9)) },
    };

    [Theory]
    [MemberData(nameof(Pairs))]
    public void First_goes(string because, V1Pod first, V1Pod second)
    {
        Assert.NotEmpty(because);
        foreach (var pods in (V1Pod[][])[[first, second], [second, first]])
        {
            Assert.Equal("first", DeletionOrder.First(pods, [], 1, Noon)[0].Metadata.Name);
            Assert.Equal("first", DeletionOrder.YoungestFirst(pods, 1)[0].Metadata.Name);
        }
    }

    [Fact]
    public void Ages_of_one_magnitude_are_one_but_for_a_Job()
    {
        // 60 and 50 minutes: which of the two goes is not decided by age, restarts do it.
        V1Pod[] pods = [Pod("restarted", node: "n1", ready: Noon.AddMinutes(-60), status: Restarted), Pod("younger", node: "n2", ready: Noon.AddMinutes(-50))];
        Assert.Equal("restarted", DeletionOrder.First(pods, [], 1, Noon)[0].Metadata.Name);
        Assert.Equal("younger", DeletionOrder.YoungestFirst(pods, 1)[0].Metadata.Name);
    }

    [Fact]
    public void One_of_which_nobody_wrote_since_when_goes_before_one_of_this_moment()
    {
        V1Pod[] pods = [Pod("a", node: "n1", ready: Noon), Pod("z", node: "n2", ready: Noon)];
        pods[1].Condition("Ready")!.LastTransitionTime = null;
        Assert.Equal("z", DeletionOrder.First(pods, [], 1, Noon)[0].Metadata.Name);
        Assert.Equal("z", DeletionOrder.YoungestFirst(pods, 1)[0].Metadata.Name);
    }

    [Fact]
    public void Costs_and_shared_nodes_count_but_not_for_a_Job()
    {
        var cheap = Pod("cheap", node: "n1", ready: Hours(9));
        cheap.Metadata.Annotations = new Dictionary<string, string> { ["controller.kubernetes.io/pod-deletion-cost"] = "-5" };
        V1Pod[] pods = [cheap, On("n2", "young")];
        Assert.Equal("cheap", DeletionOrder.First(pods, [], 1, Noon)[0].Metadata.Name);
        Assert.Equal("young", DeletionOrder.YoungestFirst(pods, 1)[0].Metadata.Name);

        pods = [Pod("shares", node: "n1", ready: Hours(9)), On("n2", "young")];
        Assert.Equal("shares", DeletionOrder.First(pods, [.. pods, On("n1", "sibling")], 1, Noon)[0].Metadata.Name);
        Assert.Equal("young", DeletionOrder.First(pods, [], 1, Noon)[0].Metadata.Name);      // no siblings: nodes do not count
        Assert.Equal("young", DeletionOrder.First(pods, [.. pods, On("n1", "sibling")], 1, Noon, minReadySeconds: 2 * 3600)[0].Metadata.Name);      // not available yet
    }

    private static DateTimeOffset Hours(int ago) => Noon.AddHours(-ago);

    private static V1Pod On(string node, string name) => Pod(name, node: node, ready: Hours(1));
}
