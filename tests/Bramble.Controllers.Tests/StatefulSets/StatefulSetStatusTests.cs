using System.Text.Json.Nodes;
using Bramble.Controllers.StatefulSets;
using Bramble.Controllers.Workloads;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.StatefulSets;

public sealed class StatefulSetStatusTests
{
    /// <param name="pods">ordinal and state: r ready for 10 s, n not ready, p pending, d ready and going; a "2" after it: of the new revision.</param>
    /// <param name="expected">replicas, ready, available, current, updated, and the current revision.</param>
    [Theory]
    [InlineData("one that waits for a node is there", "replicas: 2", "0p", "1 0 0 1 0 db-1")]
    [InlineData("one that goes is there and serves, and is of no revision", "replicas: 2", "0r 1d", "2 2 2 1 0 db-1")]
    [InlineData("ready, but not for long enough", "replicas: 2, minReadySeconds: 30", "0r 1n", "2 1 0 2 0 db-1")]
    [InlineData("a rollout goes on", "replicas: 3", "0r 1r 2r2", "3 3 3 2 1 db-1")]
    [InlineData("those just deleted for it count no longer", "replicas: 3, removed: 1", "0r 1r 2r2", "3 3 3 1 1 db-1")]
    [InlineData("no count is below 0", "replicas: 1, removed: 1", "0r2", "1 1 1 1 1 db-2")]
    [InlineData("all are new: it is complete", "replicas: 2", "0r2 1r2", "2 2 2 2 2 db-2")]
    [InlineData("complete when all are ready, also before they are available", "replicas: 2, minReadySeconds: 30", "0r2 1r2", "2 2 0 2 2 db-2")]
    [InlineData("not while one is not ready", "replicas: 2", "0r2 1n2", "2 1 1 0 2 db-1")]
    [InlineData("not while one is too many", "replicas: 1", "0r2 1d", "2 2 2 0 1 db-1")]
    [InlineData("not while the partition keeps old ones", "replicas: 2, partition: 1", "0r 1r2", "2 2 2 1 1 db-1")]
    [InlineData("OnDelete never is", "replicas: 2, OnDelete", "0r2 1r2", "2 2 2 0 2 db-1")]
    public void Counts(string because, string set, string pods, string expected)
    {
        Assert.NotEmpty(because);
        var (status, _) = Compute(set, pods);
        Assert.Equal(expected, string.Join(' ', new[] { "replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas" }.Select(status.Number)) + $" {status["currentRevision"]}");
        Assert.Equal("db-2", (string?)status["updateRevision"]);
    }

    [Theory]
    [InlineData("the first that becomes available", "0r 1n", 20)]
    [InlineData("none will by itself", "0n 1p", null)]
    public void Looks_again_for(string because, string pods, int? seconds)
    {
        Assert.NotEmpty(because);
        Assert.Equal(seconds, (int?)Compute("replicas: 2, minReadySeconds: 30", pods).Wait?.TotalSeconds);
    }

    [Theory]
    [InlineData("nothing new", "", false)]
    [InlineData("a count", "\"replicas\":1", true)]
    [InlineData("somebody's condition stays until there is something to write", "\"conditions\":[{\"type\":\"T\",\"status\":\"True\"}]", false)]
    [InlineData("a collision alone is written with the next change", "\"collisionCount\":5", false)]
    [InlineData("an older generation", "\"observedGeneration\":2", true)]
    [InlineData("a newer generation than the copy's", "\"observedGeneration\":9", false)]
    public void Is_written_for(string because, string known, bool expected)
    {
        Assert.NotEmpty(because);
        var (status, _) = Compute("replicas: 2", "0r 1r");
        var before = status.DeepClone().AsObject();
        foreach (var (field, value) in JsonNode.Parse($"{{{known}}}")!.AsObject()) before[field] = value?.DeepClone();
        Assert.Equal(expected, StatefulSetStatus.Differs(before, status));
    }

    private static (JsonObject Status, TimeSpan? Wait) Compute(string set, string pods)
    {
        var words = set.Split(", ").ToDictionary(w => w.Split(": ")[0], w => w.Contains(": ") ? w.Split(": ")[1] : "");
        var strategy = words.ContainsKey("OnDelete") ? "{\"type\":\"OnDelete\"}" : $$$"""{"type":"RollingUpdate","rollingUpdate":{"partition":{{{words.GetValueOrDefault("partition", "0")}}}}}""";
        var model = Model<V1StatefulSet>($$$"""
            {"metadata":{"name":"db","namespace":"d","generation":3},"spec":{"replicas":{{{words["replicas"]}}},"minReadySeconds":{{{words.GetValueOrDefault("minReadySeconds", "0")}}},"updateStrategy":{{{strategy}}} } }
            """);
        var list = pods.Split(' ').Select(text =>
        {
            var hash = text.Length > 2 ? "db-2" : "db-1";
            return text[1] switch
            {
                'p' => Pod($"db-{text[0]}", "Pending", hash: hash),
                'n' => Pod($"db-{text[0]}", hash: hash),
                _ => Pod($"db-{text[0]}", ready: Noon.AddSeconds(-10), isBeingDeleted: text[1] == 'd', hash: hash),
            };
        }).ToList();
        return StatefulSetStatus.Compute(model, list, "db-1", "db-2", 0, int.Parse(words.GetValueOrDefault("removed", "0"), System.Globalization.CultureInfo.InvariantCulture), Noon);
    }
}
