using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What changed between two structures, as upstream appends it to "may not be changed" (apimachinery util/diff): both printed as JSON, one field a line,
/// compared line by line as Python's difflib does, with three lines around each change. The printed structures are small: cost does not matter.</summary>
internal static class UnifiedDiff
{
    private const int ContextLines = 3;

    private static readonly JsonSerializerOptions Pretty = new() { WriteIndented = true, IndentSize = 1, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    private enum Edit { Equal, Replace, Delete, Insert }

    private readonly record struct Match(int Old, int New, int Length);

    private readonly record struct Step(Edit Edit, int OldStart, int OldEnd, int NewStart, int NewEnd);

    public static string Of(JsonObject before, JsonObject after)
    {
        var (a, b) = (Lines(before), Lines(after));
        var diff = new StringBuilder();
        foreach (var group in Groups(Steps(a, b)))
        {
            diff.Append("@@ -").Append(Range(group[0].OldStart, group[^1].OldEnd)).Append(" +").Append(Range(group[0].NewStart, group[^1].NewEnd)).Append(" @@\n");
            foreach (var step in group)
            {
                if (step.Edit != Edit.Insert) Write(diff, step.Edit == Edit.Equal ? ' ' : '-', a[step.OldStart..step.OldEnd]);
                if (step.Edit is Edit.Insert or Edit.Replace) Write(diff, '+', b[step.NewStart..step.NewEnd]);
            }
        }

        return diff.ToString();
    }

    private static string[] Lines(JsonObject tree) => tree.ToJsonString(Pretty)
        .Replace("<", "\\u003c", StringComparison.Ordinal).Replace(">", "\\u003e", StringComparison.Ordinal).Replace("&", "\\u0026", StringComparison.Ordinal)
        .Split('\n');

    private static void Write(StringBuilder diff, char mark, ReadOnlySpan<string> lines)
    {
        foreach (var line in lines) diff.Append(mark).Append(line).Append('\n');
    }

    private static string Range(int start, int end) => (end - start) switch { 1 => $"{start + 1}", 0 => $"{start},0", var length => $"{start + 1},{length}" };

    /// <summary>Steps with long equal stretches cut to the context, one group a hunk.</summary>
    private static List<List<Step>> Groups(List<Step> steps)
    {
        var (groups, group) = (new List<List<Step>>(), new List<Step>());
        for (var i = 0; i < steps.Count; i++)
        {
            var step = steps[i];
            if (step.Edit == Edit.Equal && i == 0)
                step = step with { OldStart = Math.Max(step.OldStart, step.OldEnd - ContextLines), NewStart = Math.Max(step.NewStart, step.NewEnd - ContextLines) };
            if (step.Edit == Edit.Equal && i == steps.Count - 1)
                step = step with { OldEnd = Math.Min(step.OldEnd, step.OldStart + ContextLines), NewEnd = Math.Min(step.NewEnd, step.NewStart + ContextLines) };
            if (step.Edit == Edit.Equal && step.OldEnd - step.OldStart > 2 * ContextLines)
            {
                group.Add(step with { OldEnd = step.OldStart + ContextLines, NewEnd = step.NewStart + ContextLines });
                groups.Add(group);
                group = [];
                step = step with { OldStart = step.OldEnd - ContextLines, NewStart = step.NewEnd - ContextLines };
            }

            group.Add(step);
        }

        if (group.Any(step => step.Edit != Edit.Equal)) groups.Add(group);
        return groups;
    }

    private static List<Step> Steps(string[] a, string[] b)
    {
        var (steps, i, j) = (new List<Step>(), 0, 0);
        foreach (var match in Matches(a, b).Append(new(a.Length, b.Length, 0)))
        {
            Edit? edit = (i < match.Old, j < match.New) switch { (true, true) => Edit.Replace, (true, false) => Edit.Delete, (false, true) => Edit.Insert, _ => null };
            if (edit is { } between) steps.Add(new(between, i, match.Old, j, match.New));
            (i, j) = (match.Old + match.Length, match.New + match.Length);
            if (match.Length > 0) steps.Add(new(Edit.Equal, match.Old, i, match.New, j));
        }

        return steps;
    }

    /// <summary>The longest common stretch first, then the longest before and after it, and so on; adjacent ones joined.</summary>
    private static List<Match> Matches(string[] a, string[] b)
    {
        var places = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        for (var j = 0; j < b.Length; j++)
        {
            if (!places.TryGetValue(b[j], out var list)) places[b[j]] = list = [];
            list.Add(j);
        }

        var found = new List<Match>();
        Search(0, a.Length, 0, b.Length);
        var joined = new List<Match>();
        foreach (var match in found)
        {
            if (joined.Count > 0 && joined[^1] is var last && last.Old + last.Length == match.Old && last.New + last.Length == match.New)
                joined[^1] = last with { Length = last.Length + match.Length };
            else joined.Add(match);
        }

        return joined;

        void Search(int oldStart, int oldEnd, int newStart, int newEnd)
        {
            var match = Longest(a, b, places, oldStart, oldEnd, newStart, newEnd);
            if (match.Length == 0) return;
            if (oldStart < match.Old && newStart < match.New) Search(oldStart, match.Old, newStart, match.New);
            found.Add(match);
            if (match.Old + match.Length < oldEnd && match.New + match.Length < newEnd) Search(match.Old + match.Length, oldEnd, match.New + match.Length, newEnd);
        }
    }

    private static Match Longest(string[] a, string[] b, Dictionary<string, List<int>> places, int oldStart, int oldEnd, int newStart, int newEnd)
    {
        var best = new Match(oldStart, newStart, 0);
        var lengths = new Dictionary<int, int>();
        for (var i = oldStart; i < oldEnd; i++)
        {
            var next = new Dictionary<int, int>();
            foreach (var j in places.GetValueOrDefault(a[i]) ?? [])
            {
                if (j < newStart) continue;
                if (j >= newEnd) break;
                var length = next[j] = lengths.GetValueOrDefault(j - 1) + 1;
                if (length > best.Length) best = new(i - length + 1, j - length + 1, length);
            }

            lengths = next;
        }

        return best;
    }
}
