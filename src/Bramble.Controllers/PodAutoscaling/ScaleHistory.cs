using System.Text.Json.Nodes;

namespace Bramble.Controllers.PodAutoscaling;

/// <summary>What happened to one autoscaler lately: its recommendations, and its changes of scale. Times are of the monotonic clock, so that a jump of the wall
/// clock frees nothing. Used by one look at a time.</summary>
internal sealed class ScaleHistory(TimeProvider time)
{
    private readonly List<(int Replicas, long At)> _recommendations = [];
    private readonly List<(int Change, long At)> _ups = [];
    private readonly List<(int Change, long At)> _downs = [];

    /// <summary>The first look: what there is, is recommended.</summary>
    public void Begin(int replicas)
    {
        if (_recommendations.Count == 0) _recommendations.Add((replicas, time.GetTimestamp()));
    }

    /// <summary>Notes a recommendation; those older than <paramref name="window"/> are forgotten.</summary>
    public void Recommend(int replicas, TimeSpan window)
    {
        _recommendations.RemoveAll(r => time.GetElapsedTime(r.At) > window);
        _recommendations.Add((replicas, time.GetTimestamp()));
    }

    /// <summary>The highest recommendation of the last <paramref name="window"/>, and <paramref name="newest"/>.</summary>
    public int Highest(int newest, TimeSpan window) => Recent(window).Append(newest).Max();

    public int Lowest(int newest, TimeSpan window) => Recent(window).Append(newest).Min();

    /// <summary>Notes a change of scale; those before the longest period of its rules are forgotten.</summary>
    public void Scaled(int from, int to, TimeSpan longest)
    {
        var changes = to > from ? _ups : _downs;
        changes.RemoveAll(c => time.GetElapsedTime(c.At) > longest);
        changes.Add((Math.Abs(to - from), time.GetTimestamp()));
    }

    /// <summary>How many there were <paramref name="period"/> ago.</summary>
    public int ReplicasBefore(int current, TimeSpan period) => current - Sum(_ups, period) + Sum(_downs, period);

    private IEnumerable<int> Recent(TimeSpan window) => _recommendations.Where(r => time.GetElapsedTime(r.At) < window).Select(r => r.Replicas);

    private int Sum(List<(int Change, long At)> changes, TimeSpan period) => changes.Where(c => time.GetElapsedTime(c.At) < period).Sum(c => c.Change);
}

/// <summary>What bounds the number of replicas that the metrics ask for.</summary>
/// <param name="Able">The condition AbleToScale, always true here.</param>
/// <param name="Limited">The condition ScalingLimited.</param>
internal readonly record struct Bounded(int Replicas, (string Reason, string Message) Able, (bool IsTrue, string Reason, string Message) Limited);

/// <summary>From what the metrics ask for to what is set: stabilisation, then the rates of <c>spec.behavior</c> or the built-in ones, then the least and the most.</summary>
internal static class ScalingRules
{
    private static readonly (string, string) Ready = ("ReadyForNewScale", "recommended size matches current size");
    private static readonly (string, string) HeldHigh = ("ScaleDownStabilized", "recent recommendations were higher than current one, applying the highest recent recommendation");
    private static readonly (string, string) HeldLow = ("ScaleUpStabilized", "recent recommendations were lower than current one, applying the lowest recent recommendation");
    private static readonly (string, string) TooMany = ("TooManyReplicas", "the desired replica count is more than the maximum replica count");
    private static readonly (string, string) TooFew = ("TooFewReplicas", "the desired replica count is less than the minimum replica count");
    private static readonly (string, string) TooFastUp = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate");
    private static readonly (string, string) TooFastDown = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate");
    private static readonly (string, string) WithinRange = ("DesiredWithinRange", "the desired count is within the acceptable range");

    /// <summary>Without <c>spec.behavior</c>: at most twice as many (at least four) at a time, and fewer only when it has been so for the whole window.</summary>
    public static Bounded Plain(ScaleHistory history, int current, int desired, int least, int most, TimeSpan downWindow)
    {
        var stable = history.Highest(desired, downWindow);
        history.Recommend(desired, downWindow);
        var able = stable != desired ? HeldHigh : Ready;
        var upLimit = Math.Max(2 * current, 4);
        var (ceiling, why) = most > upLimit ? (upLimit, TooFastUp) : (most, TooMany);
        if (stable < least) return Limit(least, able, TooFew, stable);
        return stable > ceiling ? Limit(ceiling, able, why, stable) : Limit(stable, able, WithinRange, stable);
    }

    public static Bounded WithBehavior(ScaleHistory history, JsonObject behavior, int current, int desired, int least, int most, TimeSpan downWindow)
    {
        var up = behavior["scaleUp"] as JsonObject;
        var down = behavior["scaleDown"] as JsonObject;
        var upDelay = Seconds(up, TimeSpan.Zero);
        var downDelay = Seconds(down, downWindow);
        var (low, high) = (history.Lowest(desired, upDelay), history.Highest(desired, downDelay));
        history.Recommend(desired, upDelay > downDelay ? upDelay : downDelay);
        var stable = Math.Min(Math.Max(current, low), high);
        var able = stable == desired ? Ready : desired >= current ? HeldLow : HeldHigh;

        if (stable > current)
        {
            var rate = Math.Max(UpLimit(history, current, up), current);
            var (ceiling, why) = most > rate ? (rate, TooFastUp) : (most, TooMany);
            if (stable > ceiling) return Limit(ceiling, able, why, stable);
        }
        else if (stable < current)
        {
            var rate = Math.Min(DownLimit(history, current, down), current);
            var (floor, why) = least < rate ? (rate, TooFastDown) : (least, TooFew);
            if (stable < floor) return Limit(floor, able, why, stable);
        }
        return Limit(stable, able, WithinRange, stable);
    }

    /// <summary>The longest period of the rules for a change in this direction.</summary>
    public static TimeSpan LongestPeriod(JsonObject? behavior, bool isUp) =>
        TimeSpan.FromSeconds(Policies(behavior?[isUp ? "scaleUp" : "scaleDown"] as JsonObject, isUp).Select(p => p.PeriodSeconds).DefaultIfEmpty().Max());

    private static Bounded Limit(int replicas, (string, string) able, (string Reason, string Message) why, int stable) =>
        new(replicas, able, (replicas != stable, why.Reason, why.Message));

    private static int UpLimit(ScaleHistory history, int current, JsonObject? rules)
    {
        var select = (string?)rules?["selectPolicy"] ?? "Max";
        if (select == "Disabled") return current;
        var proposals = Policies(rules, isUp: true).Select(policy =>
        {
            var before = history.ReplicasBefore(current, TimeSpan.FromSeconds(policy.PeriodSeconds));
            // Rounded up: 1 replica + 10 % must be 2, or it would never grow.
            return policy.Type == "Pods" ? before + policy.Value : (int)Math.Ceiling(before * (1 + ((double)policy.Value / 100)));
        }).ToList();
        return select == "Min" ? proposals.DefaultIfEmpty(int.MaxValue).Min() : proposals.DefaultIfEmpty(int.MinValue).Max();
    }

    private static int DownLimit(ScaleHistory history, int current, JsonObject? rules)
    {
        var select = (string?)rules?["selectPolicy"] ?? "Max";
        if (select == "Disabled") return current;
        var proposals = Policies(rules, isUp: false).Select(policy =>
        {
            var before = history.ReplicasBefore(current, TimeSpan.FromSeconds(policy.PeriodSeconds));
            return policy.Type == "Pods" ? before - policy.Value : (int)(before * (1 - ((double)policy.Value / 100)));
        }).ToList();
        // "Min" is the least change: the highest floor.
        return select == "Min" ? proposals.DefaultIfEmpty(int.MinValue).Max() : proposals.DefaultIfEmpty(int.MaxValue).Min();
    }

    /// <summary>The rules' policies; where there are none, the API's defaults.</summary>
    private static IEnumerable<(string Type, int Value, int PeriodSeconds)> Policies(JsonObject? rules, bool isUp)
    {
        if (rules?["policies"] is JsonArray { Count: > 0 } policies)
            return policies.OfType<JsonObject>().Select(p => ((string?)p["type"] ?? "", (int?)p["value"] ?? 0, (int?)p["periodSeconds"] ?? 0));
        return isUp ? [("Pods", 4, 15), ("Percent", 100, 15)] : [("Percent", 100, 15)];
    }

    private static TimeSpan Seconds(JsonObject? rules, TimeSpan otherwise) => (int?)rules?["stabilizationWindowSeconds"] is { } seconds ? TimeSpan.FromSeconds(seconds) : otherwise;
}
