using System.Globalization;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.TtlAfterFinished;

public sealed class TtlAfterFinishedTests
{
    /// <param name="end">The condition that ends it, and when at noon; null: it runs.</param>
    /// <param name="left">Seconds; null: it stays.</param>
    [Theory]
    [InlineData("it runs", 10, null, "12:00:00", null)]
    [InlineData("it has no time", null, "Complete", "12:00:00", null)]
    [InlineData("its time runs", 10, "Complete", "12:00:04", 6)]
    [InlineData("failed ones go too", 10, "Failed", "12:00:04", 6)]
    [InlineData("its time is over", 10, "Complete", "12:00:10", 0)]
    [InlineData("at once", 0, "Complete", "12:00:00", 0)]
    [InlineData("long ago", 10, "Complete", "13:00:00", -3590)]
    [InlineData("about to fail is not failed", 0, "FailureTarget", "12:00:00", null)]
    [InlineData("it goes already", 10, "Complete", "13:00:00", null, true)]
    public void How_long_a_Job_stays(string because, int? ttl, string? end, string now, int? left, bool isGoing = false)
    {
        Assert.NotEmpty(because);
        var job = Model<V1Job>($$$"""
            {"metadata":{"name":"j"{{{(isGoing ? ",\"deletionTimestamp\":\"2026-07-01T12:30:00Z\"" : "")}}}},"spec":{ {{{(ttl is { } t ? $"\"ttlSecondsAfterFinished\":{t}" : "")}}} },
             "status":{"conditions":[ {{{(end is null ? "" : $"{{\"type\":\"{end}\",\"status\":\"True\",\"lastTransitionTime\":\"2026-07-01T12:00:00Z\"}}")}}} ]}}
            """);
        var decided = Controllers.TtlAfterFinished.TtlAfterFinished.Decide(job, DateTimeOffset.Parse($"2026-07-01T{now}Z", CultureInfo.InvariantCulture));
        Assert.Equal(left is { } seconds ? TimeSpan.FromSeconds(seconds) : null, decided);
    }
}
