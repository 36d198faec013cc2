using System.Globalization;
using System.Text;

namespace Bramble.Controllers.Jobs;

/// <summary>Completion indexes as the API writes them: <c>1,3-5,7</c>. Sorted, never overlapping. Immutable.</summary>
internal sealed class IndexSet
{
    public static readonly IndexSet Empty = new([]);

    private readonly List<(int First, int Last)> _ranges;

    private IndexSet(List<(int First, int Last)> ranges) => _ranges = ranges;

    public int Count => _ranges.Sum(r => r.Last - r.First + 1);

    /// <param name="completions">Indexes from here on are none of the Job's (any longer).</param>
    public static IndexSet Parse(string? text, int completions)
    {
        var ranges = new List<(int First, int Last)>();
        foreach (var part in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var dash = part.IndexOf('-');
            if (!int.TryParse(dash < 0 ? part : part[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out var first)) continue;
            var last = first;
            if (dash >= 0 && !int.TryParse(part.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out last)) continue;
            if (first < completions && last >= first) ranges.Add((first, Math.Min(last, completions - 1)));
        }
        return Merged(ranges);
    }

    public bool Contains(int index) => _ranges.Exists(r => r.First <= index && index <= r.Last);

    public IndexSet With(IEnumerable<int> indexes) => Merged([.. _ranges, .. indexes.Select(i => (i, i))]);

    public IndexSet With(IndexSet other) => Merged([.. _ranges, .. other._ranges]);

    public int CountOfBoth(IndexSet other) =>
        _ranges.Sum(a => other._ranges.Sum(b => Math.Max(0, Math.Min(a.Last, b.Last) - Math.Max(a.First, b.First) + 1)));

    /// <summary>The first <paramref name="count"/> indexes below <paramref name="completions"/> that are not in the set.</summary>
    public List<int> FirstMissing(int count, int completions)
    {
        var missing = new List<int>(count);
        var candidate = 0;
        foreach (var (first, last) in _ranges)
        {
            for (; candidate < Math.Min(first, completions) && missing.Count < count; candidate++) missing.Add(candidate);
            candidate = Math.Max(candidate, last + 1);
        }
        for (; candidate < completions && missing.Count < count; candidate++) missing.Add(candidate);
        return missing;
    }

    /// <summary>Two neighbours are written <c>3,4</c>, three <c>3-5</c>.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var (first, last) in _ranges)
        {
            if (text.Length > 0) text.Append(',');
            text.Append(first);
            if (last > first) text.Append(last == first + 1 ? ',' : '-').Append(last);
        }
        return text.ToString();
    }

    private static IndexSet Merged(List<(int First, int Last)> ranges)
    {
        ranges.Sort();
        var merged = new List<(int First, int Last)>();
        foreach (var range in ranges)
        {
            if (merged.Count > 0 && range.First <= merged[^1].Last + 1) merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, range.Last));
            else merged.Add(range);
        }
        return new IndexSet(merged);
    }
}
