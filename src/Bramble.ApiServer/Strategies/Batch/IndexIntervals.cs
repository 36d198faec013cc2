using System.Globalization;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Sets of completion indexes as Jobs write them: <c>1,3-5,7</c>.</summary>
internal static class IndexIntervals
{
    /// <summary>How many indexes; an error text when the set is malformed.</summary>
    public static (long Count, string? Error) Read(string text, long completions)
    {
        if (text.Length == 0) return (0, null);
        long count = 0;
        long? last = null;
        foreach (var interval in text.Split(','))
        {
            var (from, to, error) = Interval(interval, completions);
            if (error is not null) return (0, error);
            if (last >= from) return (0, $"non-increasing order, previous: {last}, current: {from}");
            count += to - from + 1;
            last = to;
        }

        return (count, null);
    }

    private static (long From, long To, string? Error) Interval(string interval, long completions)
    {
        var parts = interval.Split('-');
        if (parts.Length > 2) return (0, 0, $"the fragment {FieldError.Quote(interval)} violates the requirement that an index interval can have at most two parts separated by '-'");
        if (!TryIndex(parts[0], out var from)) return (0, 0, $"cannot convert string to integer for index: {FieldError.Quote(parts[0])}");
        if (from >= completions) return (0, 0, $"too large index: {FieldError.Quote(parts[0])}");
        if (parts.Length == 1) return (from, from, null);
        if (!TryIndex(parts[1], out var to)) return (0, 0, $"cannot convert string to integer for index: {FieldError.Quote(parts[1])}");
        if (to >= completions) return (0, 0, $"too large index: {FieldError.Quote(parts[1])}");
        return from >= to ? (0, 0, $"non-increasing order, previous: {from}, current: {to}") : (from, to, null);
    }

    private static bool TryIndex(string text, out long index) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out index);

    /// <summary>The first index that is in both; null when there is none.</summary>
    public static long? Overlap(string a, string b, long completions)
    {
        foreach (var left in a.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var (from, to, error) = Interval(left, completions);
            if (error is not null) continue;
            foreach (var right in b.Split(',', StringSplitOptions.RemoveEmptyEntries))
            {
                var (start, end, wrong) = Interval(right, completions);
                if (wrong is null && from <= end && start <= to) return Math.Max(from, start);
            }
        }

        return null;
    }
}
