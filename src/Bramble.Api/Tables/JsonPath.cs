using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Api.Tables;

/// <summary>The JSONPath of column definitions: fields, indexes, slices, wildcards, <c>..</c> and filters (<c>.status.conditions[?(@.type=="Ready")].status</c>).
/// A path that cannot be read finds nothing. Immutable.</summary>
public sealed class JsonPath
{
    private abstract record Step
    {
        public sealed record Field(string Name) : Step;
        public sealed record Index(int At) : Step;
        public sealed record Slice(int? From, int? To) : Step;
        public sealed record Wildcard : Step;
        public sealed record Descend : Step;
        public sealed record Filter(JsonPath Left, string Operator, JsonNode? Right) : Step;
    }

    private readonly IReadOnlyList<Step> _steps;

    private JsonPath(IReadOnlyList<Step> steps) => _steps = steps;

    /// <summary>False: the text is no path that is understood here; upstream refuses a definition with such a column.</summary>
    public bool IsValid { get; private init; } = true;

    public static JsonPath Parse(string text)
    {
        var steps = new List<Step>();
        var at = text.StartsWith('$') || text.StartsWith('@') ? 1 : 0;
        while (at < text.Length)
        {
            if (text[at] == '.' && at + 1 < text.Length && text[at + 1] == '.')
            {
                steps.Add(new Step.Descend());
                at++;
                if (at + 1 < text.Length && text[at + 1] == '[') at++;
            }
            else if (text[at] == '[')
            {
                var end = Closing(text, at);
                if (end < 0 || Bracket(text[(at + 1)..end].Trim()) is not { } step) return new([]) { IsValid = false };
                steps.Add(step);
                at = end + 1;
            }
            else
            {
                if (text[at] == '.') at++;
                var name = new System.Text.StringBuilder();
                while (at < text.Length && text[at] is not ('.' or '['))
                {
                    if (text[at] == '\\' && at + 1 < text.Length) at++;
                    name.Append(text[at++]);
                }
                if (name.Length == 0) continue;
                steps.Add(name.ToString() == "*" ? new Step.Wildcard() : new Step.Field(name.ToString()));
            }
        }
        return new(steps);
    }

    /// <summary>The values found, in order; a value may be null.</summary>
    public IReadOnlyList<JsonNode?> Find(JsonNode? root)
    {
        if (!IsValid) return [];
        List<JsonNode?> found = [root];
        foreach (var step in _steps) found = [.. found.SelectMany(node => Apply(step, node))];
        return found;
    }

    private static IEnumerable<JsonNode?> Apply(Step step, JsonNode? node)
    {
        switch (step)
        {
            case Step.Field(var name):
                return node is JsonObject obj && obj.TryGetPropertyValue(name, out var value) ? [value] : [];
            case Step.Index(var at) when node is JsonArray list:
                if (at < 0) at += list.Count;
                return at >= 0 && at < list.Count ? [list[at]] : [];
            case Step.Slice(var from, var to) when node is JsonArray list:
                var start = Bound(from ?? 0, list.Count);
                var end = Bound(to ?? list.Count, list.Count);
                return list.Skip(start).Take(Math.Max(0, end - start));
            case Step.Wildcard:
                return Children(node);
            case Step.Descend:
                return Descendants(node);
            case Step.Filter filter when node is JsonArray list:
                return list.Where(item => Holds(filter, item));
            default:
                return [];
        }
    }

    private static int Bound(int at, int count) => Math.Clamp(at < 0 ? at + count : at, 0, count);

    private static IEnumerable<JsonNode?> Children(JsonNode? node) => node switch
    {
        JsonArray list => list,
        JsonObject obj => obj.Select(member => member.Value),
        _ => [],
    };

    private static IEnumerable<JsonNode?> Descendants(JsonNode? node) => [node, .. Children(node).SelectMany(Descendants)];

    private static bool Holds(Step.Filter filter, JsonNode? item)
    {
        var found = filter.Left.Find(item);
        if (filter.Operator.Length == 0) return found.Count > 0;
        if (found.Count == 0) return false;
        var order = Compare(found[0], filter.Right);
        return filter.Operator switch
        {
            "==" => order == 0,
            "!=" => order != 0,
            "<" => order < 0,
            "<=" => order <= 0,
            ">" => order > 0 && order != int.MaxValue,
            _ => order >= 0 && order != int.MaxValue,
        };
    }

    /// <summary>Order of two scalars; int.MaxValue for what cannot be compared.</summary>
    private static int Compare(JsonNode? left, JsonNode? right)
    {
        var kind = left?.GetValueKind();
        if (kind is null || kind != right?.GetValueKind()) return left is null && right is null ? 0 : int.MaxValue;
        return kind switch
        {
            JsonValueKind.String => string.CompareOrdinal((string?)left, (string?)right),
            JsonValueKind.Number => Number(left!).CompareTo(Number(right!)),
            JsonValueKind.True or JsonValueKind.False => 0,
            _ => int.MaxValue,
        };
    }

    private static double Number(JsonNode node) => double.Parse(node.ToJsonString(), CultureInfo.InvariantCulture);

    private static Step? Bracket(string inside)
    {
        if (inside == "*") return new Step.Wildcard();
        if (inside.Length >= 2 && inside[0] is '\'' or '"' && inside[^1] == inside[0]) return new Step.Field(inside[1..^1]);
        if (inside.StartsWith("?(", StringComparison.Ordinal) && inside[^1] == ')') return Filter(inside[2..^1].Trim());
        if (inside.Split(':') is [var from, var to])
            return TryBound(from, out var start) && TryBound(to, out var end) ? new Step.Slice(start, end) : null;
        return int.TryParse(inside, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var at) ? new Step.Index(at) : null;
    }

    private static bool TryBound(string text, out int? bound)
    {
        bound = null;
        if (text.Trim().Length == 0) return true;
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)) return false;
        bound = number;
        return true;
    }

    private static Step? Filter(string text)
    {
        foreach (var op in (ReadOnlySpan<string>)["==", "!=", "<=", ">=", "<", ">"])
        {
            var at = text.IndexOf(op, StringComparison.Ordinal);
            if (at < 0) continue;
            var left = Parse(text[..at].Trim());
            return left.IsValid && TryLiteral(text[(at + op.Length)..].Trim(), out var right) ? new Step.Filter(left, op, right) : null;
        }
        var exists = Parse(text);
        return exists.IsValid ? new Step.Filter(exists, "", null) : null;
    }

    private static bool TryLiteral(string text, out JsonNode? literal)
    {
        literal = null;
        if (text.Length >= 2 && text[0] is '\'' or '"' && text[^1] == text[0])
        {
            literal = JsonValue.Create(text[1..^1]);
            return true;
        }
        if (text is "true" or "false")
        {
            literal = JsonValue.Create(text == "true");
            return true;
        }
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)) return false;
        literal = JsonValue.Create(number);
        return true;
    }

    /// <summary>The bracket that closes the one at <paramref name="open"/>; quotes hide brackets. -1: none.</summary>
    private static int Closing(string text, int open)
    {
        var depth = 0;
        var quote = '\0';
        for (var at = open; at < text.Length; at++)
        {
            var c = text[at];
            if (quote != '\0') quote = c == quote ? '\0' : quote;
            else if (c is '\'' or '"') quote = c;
            else if (c == '[') depth++;
            else if (c == ']' && --depth == 0) return at;
        }
        return -1;
    }
}
