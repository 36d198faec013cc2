using System.Text.Json.Nodes;
using Bramble.Controllers.Disruption;
using Bramble.Controllers.Workloads;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Disruption;

public sealed class BudgetStatusTests
{
    private const string Said = "\"currentHealthy\":2,\"desiredHealthy\":2,\"disruptionsAllowed\":0,\"expectedPods\":2,\"observedGeneration\":3";

    [Theory]
    [InlineData("nothing was said yet", "", 2, "False InsufficientPods")]
    [InlineData("the same again after a sync that failed: its reason stays", $"{Said},\"conditions\":[{{\"type\":\"DisruptionAllowed\",\"status\":\"False\",\"reason\":\"SyncFailed\"}}]", 2, "False SyncFailed")]
    [InlineData("other numbers after a sync that failed", $"{Said},\"conditions\":[{{\"type\":\"DisruptionAllowed\",\"status\":\"False\",\"reason\":\"SyncFailed\"}}]", 1, "True SufficientPods")]
    [InlineData("a condition that does not fit the numbers", $"{Said},\"conditions\":[{{\"type\":\"DisruptionAllowed\",\"status\":\"True\",\"reason\":\"SufficientPods\"}}]", 2, "False InsufficientPods")]
    [InlineData("the numbers of an older budget", "\"currentHealthy\":2,\"desiredHealthy\":2,\"disruptionsAllowed\":0,\"expectedPods\":2,\"observedGeneration\":2,\"conditions\":[{\"type\":\"DisruptionAllowed\",\"status\":\"False\",\"reason\":\"SyncFailed\"}]", 2, "False InsufficientPods")]
    [InlineData("a disruption is not announced any longer", $"{Said},\"disruptedPods\":{{\"gone\":\"2024-01-01T12:00:00Z\"}},\"conditions\":[{{\"type\":\"DisruptionAllowed\",\"status\":\"False\",\"reason\":\"SyncFailed\"}}]", 2, "False InsufficientPods")]
    public void The_condition_says(string because, string status, int desired, string condition)
    {
        Assert.NotEmpty(because);
        var budget = Tree($$$"""{"metadata":{"name":"b","generation":3},"status":{ {{{status}}} } }""");
        var (now, recheck) = BudgetStatus.Compute(budget, Ready(2), expected: 2, desired, Noon, _ => Assert.Fail("nothing was announced"));
        var found = now["conditions"]![0]!;
        Assert.Equal((condition, 3L, null), ($"{found["status"]} {found["reason"]}", now.Number("observedGeneration"), recheck));
        Assert.Null(now["disruptedPods"]);
    }

    [Theory]
    [InlineData("half a minute ago: it counts as done, and is looked at again", 30, 1, true, 0)]
    [InlineData("three minutes ago: it did not come", 180, 2, false, 1)]
    public void An_announced_disruption(string because, int secondsAgo, int healthy, bool isKept, int toldCount)
    {
        Assert.NotEmpty(because);
        var announced = new JsonObject { ["p0"] = Client.KubeTime.Seconds(Noon.AddSeconds(-secondsAgo)), ["gone"] = Client.KubeTime.Seconds(Noon) };
        var budget = new JsonObject { ["metadata"] = new JsonObject(), ["status"] = new JsonObject { ["disruptedPods"] = announced } };
        var told = new List<V1Pod>();
        var (status, recheck) = BudgetStatus.Compute(budget, Ready(2), expected: 2, desired: 1, Noon, told.Add);
        Assert.Equal((healthy, isKept ? 1 : null, toldCount), ((int?)status["currentHealthy"], (status["disruptedPods"] as JsonObject)?.Count, told.Count));
        Assert.Equal(isKept ? TimeSpan.FromSeconds(120 - secondsAgo) : null, recheck);
    }

    [Fact]
    public void When_nobody_knows_how_many_there_should_be_nothing_is_allowed()
    {
        var status = BudgetStatus.Failed(Tree("""{"metadata":{"name":"b","generation":3},"status":{"currentHealthy":2,"disruptionsAllowed":1,"observedGeneration":2} }"""), "why", Noon);
        Assert.Equal(
            """{"currentHealthy":2,"disruptionsAllowed":0,"observedGeneration":2,"desiredHealthy":0,"expectedPods":0,"conditions":[{"type":"DisruptionAllowed","lastTransitionTime":"2024-01-01T12:00:00Z","status":"False","reason":"SyncFailed","message":"why","observedGeneration":2}]}""",
            status.ToJsonString());
    }

    private static List<V1Pod> Ready(int count) => [.. Enumerable.Range(0, count).Select(i => Pod($"p{i}", ready: Noon.AddHours(-1)))];
}
