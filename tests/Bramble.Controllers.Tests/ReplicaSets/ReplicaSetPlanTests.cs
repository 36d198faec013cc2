using Bramble.Controllers.ReplicaSets;

namespace Bramble.Controllers.Tests.ReplicaSets;

public sealed class ReplicaSetPlanTests
{
    /// <param name="set">The rest of its spec.</param>
    /// <param name="pods">Name and, after a colon, since how many seconds it is ready; "!": never.</param>
    /// <param name="expected">How many are made, and who goes.</param>
    [Theory]
    [InlineData("as many as wanted", "\"replicas\":2", "a:60 b:60", false, "0 ")]
    [InlineData("too few", "\"replicas\":3", "a:60", false, "2 ")]
    [InlineData("nobody said how many: one", "\"minReadySeconds\":0", "", false, "1 ")]
    [InlineData("none", "\"replicas\":0", "a:60 b:60", false, "0 a b")]
    [InlineData("one too many: the one that serves nobody", "\"replicas\":1", "a:60 b:!", false, "0 b")]
    [InlineData("one that does not count yet goes before one that does", "\"replicas\":1,\"minReadySeconds\":30", "a:60 b:10", false, "0 b")]
    [InlineData("a set that goes makes none", "\"replicas\":3", "a:60", true, "0 ")]
    [InlineData("a set that goes removes none", "\"replicas\":0", "a:60", true, "0 ")]
    public void Decide(string because, string set, string pods, bool isGoing, string expected)
    {
        Assert.NotEmpty(because);
        var active = pods.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(p => p.Split(':'))
            .Select(p => Some.Pod(p[0], ready: p[1] == "!" ? null : Some.Noon.AddSeconds(-int.Parse(p[1])), node: "n")).ToList();
        var tree = Some.Tree("{\"metadata\":{" + (isGoing ? "\"deletionTimestamp\":\"2024-01-01T12:00:00Z\"" : "") + "},\"spec\":{" + set + "}}");
        var plan = ReplicaSetPlan.Decide(tree, active, () => active, Some.Noon);
        Assert.Equal(expected, $"{plan.Creates} {string.Join(' ', plan.Deletes.Select(p => p.Metadata.Name))}");
    }

    [Theory]
    [InlineData(2000, 0, 500, 0)]
    [InlineData(700, 300, 400, 0)]
    [InlineData(0, 700, 0, 500)]
    public void Five_hundred_at_a_time(int wanted, int have, int made, int removed)
    {
        var plan = ReplicaSetPlan.Decide(Some.Tree("{\"metadata\":{},\"spec\":{\"replicas\":" + wanted + "}}"), [.. Enumerable.Range(0, have).Select(i => Some.Pod($"p{i}"))], () => [], Some.Noon);
        Assert.Equal((made, removed), (plan.Creates, plan.Deletes.Count));
    }
}
