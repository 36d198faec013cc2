using System.Text.Json.Nodes;
using Bramble.Controllers.PodAutoscaling;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Controllers.Tests.PodAutoscaling;

public sealed class ScalingRulesTests
{
    private static readonly TimeSpan FiveMinutes = TimeSpan.FromMinutes(5);
    private readonly FakeTimeProvider _time = new(Some.Noon);
    private readonly ScaleHistory _history;

    public ScalingRulesTests() => _history = new ScaleHistory(_time);

    /// <param name="metrics">What each proposes; "!": it is not known.</param>
    /// <param name="expected">The one that counts, or the error.</param>
    [Theory]
    [InlineData("the only one", 2, "3", "m0 3")]
    [InlineData("the one that asks for most", 2, "3 5 4", "m1 5")]
    [InlineData("of equal ones the first", 2, "3 3", "m0 3")]
    [InlineData("all ask for fewer: the one that asks for most", 6, "3 5 4", "m1 5")]
    [InlineData("none at all is less than any", 2, "0 1", "m1 1")]
    [InlineData("all ask for none", 2, "0 0", "m1 0")]
    [InlineData("none is known", 2, "! !", "invalid metrics (2 invalid out of 2), first error is: e0")]
    [InlineData("one is not known, another asks for more", 2, "! 3", "m1 3")]
    [InlineData("one is not known, another asks for as many", 2, "! 2", "m1 2")]
    [InlineData("one is not known: nobody may ask for fewer", 2, "1 !", "invalid metrics (1 invalid out of 2), first error is: e1")]
    [InlineData("there are no metrics", 2, "", "invalid metrics (0 invalid out of 0), first error is: ")]
    public void Which_metric_counts(string because, int current, string metrics, string expected)
    {
        Assert.NotEmpty(because);
        var words = metrics.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var choice = MetricChoice.Decide(
            [.. words.Select((w, i) => w == "!" ? null : new MetricLook(int.Parse(w), $"m{i}", []))], [.. words.Select((w, i) => w == "!" ? new MetricFailure("r", "c", $"e{i}") : null)], current);
        Assert.Equal(expected, choice.Best is { } best ? $"{best.Description} {best.Replicas}" : choice.Error);
        Assert.Equal(words.Contains("!"), choice.First is not null);
    }

    [Theory]
    [InlineData(0, 1, 5, "0 ")]
    [InlineData(6, 1, 5, "5 Current number of replicas above Spec.MaxReplicas")]
    [InlineData(1, 2, 5, "2 Current number of replicas below Spec.MinReplicas")]
    [InlineData(2, 2, 5, null)]
    [InlineData(5, 2, 5, null)]
    public void Whatever_the_metrics_say(int current, int least, int most, string? expected) =>
        Assert.Equal(expected, ScaleBounds.Decide(current, least, most) is { } bound ? $"{bound.Desired} {bound.Why}" : null);

    [Theory]
    [InlineData(2, 3, "cpu above target")]
    [InlineData(2, 1, "All metrics below target")]
    [InlineData(2, 2, "")]
    public void The_reason_is(int current, int asked, string expected) => Assert.Equal(expected, ScaleBounds.Why(current, asked, "cpu"));

    [Theory]
    [InlineData(3, 4, 1, 10, 4, "DesiredWithinRange")]
    [InlineData(3, 9, 1, 10, 6, "ScaleUpLimit")]
    [InlineData(1, 9, 1, 10, 4, "ScaleUpLimit")]
    [InlineData(8, 12, 1, 10, 10, "TooManyReplicas")]
    [InlineData(3, 0, 2, 10, 2, "TooFewReplicas")]
    public void Without_behavior_at_most_twice_as_many_at_a_time(int current, int desired, int least, int most, int expected, string reason)
    {
        var bounded = ScalingRules.Plain(_history, current, desired, least, most, FiveMinutes);
        Assert.Equal((expected, reason, expected != desired), (bounded.Replicas, bounded.Limited.Reason, bounded.Limited.IsTrue));
    }

    [Fact]
    public void Fewer_only_when_it_was_so_for_the_whole_window()
    {
        Assert.Equal(6, ScalingRules.Plain(_history, 6, 6, 1, 10, FiveMinutes).Replicas);
        _time.Advance(TimeSpan.FromMinutes(4));
        var held = ScalingRules.Plain(_history, 6, 2, 1, 10, FiveMinutes);
        Assert.Equal((6, "ScaleDownStabilized", "recent recommendations were higher than current one, applying the highest recent recommendation"), (held.Replicas, held.Able.Reason, held.Able.Message));
        _time.Advance(TimeSpan.FromMinutes(2));
        var free = ScalingRules.Plain(_history, 6, 2, 1, 10, FiveMinutes);
        Assert.Equal((2, "ReadyForNewScale"), (free.Replicas, free.Able.Reason));
    }

    [Theory]
    [InlineData("no rules: 4 Pods or twice as many in 15 s", "{}", 10, 100, 20, "ScaleUpLimit")]
    [InlineData("a number of Pods", """{"scaleUp":{"policies":[{"type":"Pods","value":3,"periodSeconds":60}]}}""", 10, 100, 13, "ScaleUpLimit")]
    [InlineData("a share, rounded up", """{"scaleUp":{"policies":[{"type":"Percent","value":5,"periodSeconds":60}]}}""", 10, 100, 11, "ScaleUpLimit")]
    [InlineData("the smaller of two", """{"scaleUp":{"selectPolicy":"Min","policies":[{"type":"Pods","value":3,"periodSeconds":60},{"type":"Percent","value":50,"periodSeconds":60}]}}""", 10, 100, 13, "ScaleUpLimit")]
    [InlineData("switched off", """{"scaleUp":{"selectPolicy":"Disabled"}}""", 10, 100, 10, "ScaleUpLimit")]
    [InlineData("down: all at once without rules", """{"scaleDown":{"stabilizationWindowSeconds":0}}""", 10, 2, 2, "DesiredWithinRange")]
    [InlineData("down: a number of Pods", """{"scaleDown":{"stabilizationWindowSeconds":0,"policies":[{"type":"Pods","value":3,"periodSeconds":60}]}}""", 10, 2, 7, "ScaleDownLimit")]
    [InlineData("down: the larger change of two", """{"scaleDown":{"stabilizationWindowSeconds":0,"policies":[{"type":"Pods","value":3,"periodSeconds":60},{"type":"Percent","value":50,"periodSeconds":60}]}}""", 10, 2, 5, "ScaleDownLimit")]
    [InlineData("down: the smaller change of two", """{"scaleDown":{"stabilizationWindowSeconds":0,"selectPolicy":"Min","policies":[{"type":"Pods","value":3,"periodSeconds":60},{"type":"Percent","value":50,"periodSeconds":60}]}}""", 10, 2, 7, "ScaleDownLimit")]
    [InlineData("down: switched off", """{"scaleDown":{"stabilizationWindowSeconds":0,"selectPolicy":"Disabled"}}""", 10, 2, 10, "ScaleDownLimit")]
    public void Behaviour_sets_the_pace(string because, string behavior, int current, int desired, int expected, string reason)
    {
        Assert.NotEmpty(because);
        var bounded = ScalingRules.WithBehavior(_history, JsonNode.Parse(behavior)!.AsObject(), current, desired, 1, 100, FiveMinutes);
        Assert.Equal((expected, reason), (bounded.Replicas, bounded.Limited.Reason));
    }

    [Fact]
    public void What_was_added_in_the_period_counts_against_it()
    {
        var behavior = JsonNode.Parse("""{"scaleUp":{"policies":[{"type":"Pods","value":4,"periodSeconds":60}]}}""")!.AsObject();
        Assert.Equal(14, ScalingRules.WithBehavior(_history, behavior, 10, 50, 1, 100, FiveMinutes).Replicas);
        _history.Scaled(10, 14, ScalingRules.LongestPeriod(behavior, isUp: true));
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(14, ScalingRules.WithBehavior(_history, behavior, 14, 50, 1, 100, FiveMinutes).Replicas);
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(18, ScalingRules.WithBehavior(_history, behavior, 14, 50, 1, 100, FiveMinutes).Replicas);
    }

    /// <param name="changes">Of scale, half a minute ago.</param>
    [Theory]
    [InlineData("what was added leaves no room", "scaleUp", 50, "+100", 200, 500, 200, "ScaleUpLimit")]
    [InlineData("what went makes room", "scaleUp", 10, "+3 -2", 20, 500, 29, "ScaleUpLimit")]
    [InlineData("down: what went leaves no room", "scaleDown", 4, "-10", 6, 1, 6, "ScaleDownLimit")]
    [InlineData("down: what was added may go besides", "scaleDown", 4, "+5 -2", 20, 1, 13, "ScaleDownLimit")]
    public void Changes_both_ways_count(string because, string direction, int pods, string changes, int current, int desired, int expected, string reason)
    {
        Assert.NotEmpty(because);
        var behavior = JsonNode.Parse("""{"scaleDown":{"stabilizationWindowSeconds":0}}""")!.AsObject();
        behavior[direction] = JsonNode.Parse($$$"""{"stabilizationWindowSeconds":0,"policies":[{"type":"Pods","value":{{{pods}}},"periodSeconds":60}]}""");
        foreach (var change in changes.Split(' ').Select(int.Parse)) _history.Scaled(0, change, TimeSpan.FromMinutes(1));
        _time.Advance(TimeSpan.FromSeconds(30));
        var bounded = ScalingRules.WithBehavior(_history, behavior, current, desired, 1, 1000, FiveMinutes);
        Assert.Equal((expected, reason), (bounded.Replicas, bounded.Limited.Reason));
    }

    [Fact]
    public void A_window_for_growing_takes_the_lowest_recent_recommendation()
    {
        var behavior = JsonNode.Parse("""{"scaleUp":{"stabilizationWindowSeconds":60},"scaleDown":{"stabilizationWindowSeconds":0}}""")!.AsObject();
        _history.Recommend(4, FiveMinutes);
        _time.Advance(TimeSpan.FromSeconds(30));
        var held = ScalingRules.WithBehavior(_history, behavior, 4, 8, 1, 100, FiveMinutes);
        Assert.Equal((4, "ScaleUpStabilized"), (held.Replicas, held.Able.Reason));
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(8, ScalingRules.WithBehavior(_history, behavior, 4, 8, 1, 100, FiveMinutes).Replicas);
    }
}
