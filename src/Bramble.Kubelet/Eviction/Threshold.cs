using System.Globalization;
using k8s.Models;

namespace Bramble.Kubelet.Eviction;

/// <summary>One eviction threshold: <c>memory.available&lt;100Mi</c>, <c>nodefs.available&lt;5%</c>.</summary>
/// <param name="Amount">Bytes or count; with <paramref name="Percent"/> not null a share of the capacity.</param>
internal readonly record struct Threshold(string Signal, decimal Amount, decimal? Percent)
{
    /// <summary>Null: hard, pods are evicted at once and without grace. Else soft: how long it must have been crossed.</summary>
    public TimeSpan? Grace { get; init; }

    /// <summary>How much more than the threshold must be there before it counts as over (eviction-minimum-reclaim).</summary>
    public decimal ReclaimMin { get; init; }
    public decimal? ReclaimMinPercent { get; init; }

    public decimal Of(decimal capacity) => Percent is { } percent ? capacity * percent / 100 : Amount;

    public decimal ResolvedAt(decimal capacity) => Of(capacity) + (ReclaimMinPercent is { } percent ? capacity * percent / 100 : ReclaimMin);
}

/// <summary>When pods are evicted, from the kubelet's flags.</summary>
internal sealed record EvictionConfig(IReadOnlyList<Threshold> Thresholds)
{
    /// <summary>How long a condition stays after the last crossing (eviction-pressure-transition-period).</summary>
    public TimeSpan TransitionPeriod { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The longest grace of a pod that a soft threshold evicts.</summary>
    public long PodGraceMaxSeconds { get; init; }

    /// <summary>K3s' defaults where nothing is said: disk only, so that a small board's page cache evicts nobody.</summary>
    private static readonly IReadOnlyList<Threshold> Default = [new("imagefs.available", 0, 5), new("nodefs.available", 0, 5)];

    /// <param name="flag">Value of one of the kubelet's flags, without dashes; null: not given.</param>
    /// <exception cref="FormatException">With the text that is wrong.</exception>
    public static EvictionConfig Parse(Func<string, string?> flag)
    {
        var reclaim = Pairs(flag("eviction-minimum-reclaim"), '=', "eviction-minimum-reclaim").ToDictionary(p => p.Name, p => Quantity(p.Value));
        var graces = Pairs(flag("eviction-soft-grace-period"), '=', "eviction-soft-grace-period").ToDictionary(p => p.Name, p => Duration(p.Value));
        var thresholds = new List<Threshold>();
        if (flag("eviction-hard") is { } hard) thresholds.AddRange(Pairs(hard, '<', "eviction threshold").Select(p => One(p, null)).Where(IsAny));
        else thresholds.AddRange(Default.Select(t => t with { ReclaimMin = reclaim.GetValueOrDefault(t.Signal).Amount, ReclaimMinPercent = reclaim.GetValueOrDefault(t.Signal).Percent }));
        foreach (var pair in Pairs(flag("eviction-soft"), '<', "eviction threshold"))
        {
            if (!graces.TryGetValue(pair.Name, out var grace)) throw new FormatException($"grace period must be specified for the soft eviction threshold {pair.Name}");
            thresholds.Add(One(pair, grace));
        }
        return new EvictionConfig(thresholds)
        {
            TransitionPeriod = flag("eviction-pressure-transition-period") is { } period ? Duration(period) : TimeSpan.FromMinutes(5),
            PodGraceMaxSeconds = long.TryParse(flag("eviction-max-pod-grace-period"), out var seconds) ? seconds : 0,
        };

        Threshold One((string Name, string Value) pair, TimeSpan? grace)
        {
            var (amount, percent) = Quantity(pair.Value);
            var (more, morePercent) = reclaim.GetValueOrDefault(pair.Name);
            return new(pair.Name, amount, percent) { Grace = grace, ReclaimMin = more, ReclaimMinPercent = morePercent };
        }

        // 0 % switches a hard threshold off.
        static bool IsAny(Threshold t) => t.Percent is null or > 0;
    }

    private static IEnumerable<(string Name, string Value)> Pairs(string? text, char between, string what)
    {
        foreach (var part in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            yield return part.Split(between, 2) is [var name, var value] ? (name, value) : throw new FormatException($"invalid {what} {part}: want signal{between}value");
    }

    private static (decimal Amount, decimal? Percent) Quantity(string text)
    {
        if (!text.EndsWith('%')) return (((ResourceQuantity)text).ToDecimal(), null);
        return decimal.TryParse(text[..^1], NumberStyles.Number, CultureInfo.InvariantCulture, out var percent)
            ? (0, percent)
            : throw new FormatException($"{text} is not a percentage");
    }

    /// <summary>Go's notation: 1m30s, 500ms.</summary>
    internal static TimeSpan Duration(string text)
    {
        var total = TimeSpan.Zero;
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            var digits = rest.IndexOfAnyExceptInRange('0', '9') is var end and > 0 ? end : throw new FormatException($"invalid duration {text}");
            if (digits < rest.Length && rest[digits] == '.') digits += 1 + rest[(digits + 1)..].IndexOfAnyExceptInRange('0', '9');
            var number = double.Parse(rest[..digits], CultureInfo.InvariantCulture);
            rest = rest[digits..];
            var (unit, length) = rest switch
            {
                ['m', 's', ..] => (TimeSpan.FromMilliseconds(1), 2),
                ['h', ..] => (TimeSpan.FromHours(1), 1),
                ['m', ..] => (TimeSpan.FromMinutes(1), 1),
                ['s', ..] => (TimeSpan.FromSeconds(1), 1),
                _ => throw new FormatException($"invalid duration {text}"),
            };
            total += unit * number;
            rest = rest[length..];
        }
        return total;
    }
}
