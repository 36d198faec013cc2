using Bramble.Controllers.ReplicaSets;
using Bramble.Controllers.Workloads;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.ReplicaSets;

public sealed class ReplicaSetStatusTests
{
    /// <param name="pods">What each is: "full" has all labels of the template, "part" not; and since how many seconds it is ready.</param>
    /// <param name="expected">replicas, fullyLabeled, ready, available, terminating; and the seconds until that changes.</param>
    [Theory]
    [InlineData("one with all labels", 0, "full:0", 0, "1 1 1 1 0", null)]
    [InlineData("one without", 0, "part:0", 0, "1 0 1 1 0", null)]
    [InlineData("one of each", 0, "part:0 full:0", 0, "2 1 2 2 0", null)]
    [InlineData("not ready", 0, "full", 0, "1 1 0 0 0", null)]
    [InlineData("ready this moment, but not long enough", 3600, "full:0", 0, "1 1 1 0 0", 3600)]
    [InlineData("ready just long enough", 3600, "full:3600", 0, "1 1 1 1 0", null)]
    [InlineData("the next that becomes available counts", 5, "full full:0 full:2 full:4 full:9", 0, "5 5 4 1 0", 1)]
    [InlineData("some are going", 0, "full:0", 2, "1 1 1 1 2", null)]
    public void Counts(string because, int minReadySeconds, string pods, int terminating, string expected, int? waitSeconds)
    {
        Assert.NotEmpty(because);
        var active = pods.Split(' ').Select(p => p.Split(':')).Select((p, i) => Pod(
            $"p{i}", ready: p.Length > 1 ? Noon.AddSeconds(-int.Parse(p[1])) : null, labels: p[0] == "full" ? "\"app\":\"web\",\"tier\":\"front\"" : "\"app\":\"web\"")).ToList();
        var set = Tree($$$"""{"metadata":{"generation":3},"spec":{"replicas":2,"minReadySeconds":{{{minReadySeconds}}},"template":{"metadata":{"labels":{"app":"web","tier":"front"} } } } }""");
        var (status, wait) = ReplicaSetStatus.Compute(set, active, terminating, true, null, Noon);
        Assert.Equal(expected, string.Join(' ', ((string[])["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "terminatingReplicas"]).Select(status.Number)));
        Assert.Equal((3, waitSeconds), (status.Number("observedGeneration"), (int?)wait?.TotalSeconds));
        Assert.False(ReplicaSetStatus.Compute(set, active, terminating, false, null, Noon).Status.ContainsKey("terminatingReplicas"));
    }

    /// <param name="before">Reason of the condition; null: there is none.</param>
    [Theory]
    [InlineData("too few, and one more could not be made", 1, null, true, "FailedCreate: no")]
    [InlineData("too many, and one of them could not go", 3, null, true, "FailedDelete: no")]
    [InlineData("what failed before is told on", 1, "Before", true, "Before: earlier")]
    [InlineData("it works again", 1, "Before", false, null)]
    [InlineData("it works", 1, null, false, null)]
    public void A_failure_is_told_as_long_as_it_lasts(string because, int pods, string? before, bool fails, string? expected)
    {
        Assert.NotEmpty(because);
        var set = Tree("""{"metadata":{"generation":1},"spec":{"replicas":2},"status":{"conditions":[{"type":"Other","status":"True"}]} }""");
        if (before is not null) set["status"]!["conditions"]!.AsArray().Add(Tree($$"""{"type":"ReplicaFailure","status":"True","reason":"{{before}}","message":"earlier"}"""));
        var active = Enumerable.Range(0, pods).Select(i => Pod($"p{i}")).ToList();
        var (status, _) = ReplicaSetStatus.Compute(set, active, 0, true, fails ? new IOException("no") : null, Noon);
        Assert.Equal(expected, status.Condition("ReplicaFailure") is { } c ? $"{c["reason"]}: {c["message"]}" : null);
        Assert.NotNull(status.Condition("Other"));
    }
}
