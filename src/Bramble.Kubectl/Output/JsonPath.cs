using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;

namespace Bramble.Kubectl.Output;

/// <summary>kubectl's JSONPath templates: text with <c>{.paths[*]}</c>, <c>{range}…{end}</c>, filters <c>[?(@.a=="b")]</c>, slices, <c>..</c> and <c>{"\n"}</c>.</summary>
internal sealed class JsonPath
{
    private abstract record Part;
    private sealed record Literal(string Text) : Part;
    private sealed record Query(IReadOnlyList<Step> Steps) : Part;
    private sealed record Range(Query Over, IReadOnlyList<Part> Body) : Part;

    private abstract record Step;
    private sealed record FieldStep(string Name) : Step;
    private sealed record AnyStep : Step;
    private sealed record RecursiveStep : Step;
    private sealed record SliceStep(int? From, int? To, int Every) : Step;
    private sealed record IndexStep(int Index) : Step;
    private sealed record UnionStep(IReadOnlyList<Step> Choices) : Step;
    private sealed record FilterStep(string Left, string Operator, string Right) : Step;

    private readonly IReadOnlyList<Part> _parts;

    private JsonPath(IReadOnlyList<Part> parts) => _parts = parts;

    /// <exception cref="CommandFailure">Not a template.</exception>
    public static JsonPath Parse(string template)
    {
        var at = 0;
        var parts = ParseParts(template, ref at, isInRange: false);
        return new JsonPath(parts);
    }

    /// <summary>A path as custom columns and --sort-by take it: braces and the leading dot may be missing.</summary>
    public static JsonPath ParseRelaxed(string path)
    {
        var inner = path.StartsWith('{') && path.EndsWith('}') ? path[1..^1] : path;
        return Parse("{" + (inner.StartsWith('.') || inner.StartsWith('[') ? inner : "." + inner) + "}");
    }

    public string Format(JsonNode? root)
    {
        var text = new StringBuilder();
        Write(text, _parts, root, root);
        return text.ToString();
    }

    /// <summary>What the paths of the template find.</summary>
    public IReadOnlyList<JsonNode?> Find(JsonNode? root) => _parts.OfType<Query>().SelectMany(q => Evaluate(q.Steps, root, root)).ToList();

    public static string Show(JsonNode? value) => value switch
    {
        null => "",
        JsonValue scalar when scalar.GetValueKind() == JsonValueKind.String => scalar.GetValue<string>(),
        _ => Encoding.UTF8.GetString(TreeText.Write(value).Span),
    };

    private static void Write(StringBuilder text, IReadOnlyList<Part> parts, JsonNode? root, JsonNode? current)
    {
        foreach (var part in parts)
            switch (part)
            {
                case Literal literal:
                    text.Append(literal.Text);
                    break;
                case Query query:
                    text.AppendJoin(' ', Evaluate(query.Steps, root, current).Select(Show));
                    break;
                case Range range:
                    foreach (var item in Evaluate(range.Over.Steps, root, current)) Write(text, range.Body, root, item);
                    break;
            }
    }

    private static List<JsonNode?> Evaluate(IReadOnlyList<Step> steps, JsonNode? root, JsonNode? current)
    {
        List<JsonNode?> values = [current];
        foreach (var step in steps) values = values.SelectMany(v => Take(step, v)).ToList();
        return values;
    }

    private static IEnumerable<JsonNode?> Take(Step step, JsonNode? value)
    {
        switch (step)
        {
            case FieldStep field:
                return value is JsonObject map && map.TryGetPropertyValue(field.Name, out var member) ? [member] : [];
            case AnyStep:
                return value switch { JsonArray list => list, JsonObject members => members.Select(p => p.Value), _ => [] };
            case RecursiveStep:
                return Descendants(value);
            case IndexStep index:
                var items = value as JsonArray ?? [];
                var at = index.Index < 0 ? items.Count + index.Index : index.Index;
                if (value is JsonArray && (at < 0 || at >= items.Count)) throw new CommandFailure($"error: error executing jsonpath: array index out of bounds: index {index.Index}, length {items.Count}");
                return value is JsonArray ? [items[at]] : [];
            case SliceStep slice:
                if (value is not JsonArray all) return [];
                var from = slice.From ?? 0;
                if (from < 0) from = Math.Max(0, all.Count + from);
                var to = Math.Min(slice.To is { } end ? end < 0 ? all.Count + end : end : all.Count, all.Count);
                var taken = new List<JsonNode?>();
                for (var i = from; i < to; i += slice.Every) taken.Add(all[i]);
                return taken;
            case UnionStep union:
                return union.Choices.SelectMany(choice => Take(choice, value)).ToList();
            case FilterStep filter:
                return value is JsonArray candidates ? candidates.Where(c => Matches(filter, c)).ToList() : [];
            default:
                return [];
        }
    }

    private static IEnumerable<JsonNode?> Descendants(JsonNode? value)
    {
        yield return value;
        var children = value switch { JsonArray list => list, JsonObject map => map.Select(p => p.Value), _ => Enumerable.Empty<JsonNode?>() };
        foreach (var child in children)
            foreach (var descendant in Descendants(child)) yield return descendant;
    }

    private static bool Matches(FilterStep filter, JsonNode? item)
    {
        var left = Operand(filter.Left, item);
        if (filter.Operator.Length == 0) return left.Exists;
        var right = Operand(filter.Right, item);
        if (!left.Exists || !right.Exists) return false;
        var (l, r) = (Show(left.Value), Show(right.Value));
        var compared = double.TryParse(l, NumberStyles.Float, CultureInfo.InvariantCulture, out var a) && double.TryParse(r, NumberStyles.Float, CultureInfo.InvariantCulture, out var b)
            ? a.CompareTo(b)
            : string.CompareOrdinal(l, r);
        return filter.Operator switch
        {
            "==" => compared == 0,
            "!=" => compared != 0,
            "<" => compared < 0,
            "<=" => compared <= 0,
            ">" => compared > 0,
            ">=" => compared >= 0,
            _ => false,
        };
    }

    private static (bool Exists, JsonNode? Value) Operand(string text, JsonNode? item)
    {
        if (text.StartsWith('@'))
        {
            var found = text.Length == 1 ? [item] : Parse("{" + text[1..] + "}").Find(item);
            return (found.Count > 0, found.Count > 0 ? found[0] : null);
        }
        if (text.Length >= 2 && text[0] is '"' or '\'') return (true, JsonValue.Create(Unquote(text)));
        return (true, JsonValue.Create(text));
    }

    private static List<Part> ParseParts(string template, ref int at, bool isInRange)
    {
        var parts = new List<Part>();
        while (at < template.Length)
        {
            var open = template.IndexOf('{', at);
            if (open < 0) open = template.Length;
            if (open > at) parts.Add(new Literal(template[at..open]));
            if (open == template.Length)
            {
                at = open;
                break;
            }
            var close = ClosingBrace(template, open);
            var action = template[(open + 1)..close].Trim();
            at = close + 1;
            if (action == "end")
            {
                if (isInRange) return parts;
                throw Bad(template, "not in range, nothing to end");
            }
            if (action.StartsWith("range", StringComparison.Ordinal))
            {
                var over = new Query(ParseSteps(action[5..].Trim()));
                parts.Add(new Range(over, ParseParts(template, ref at, isInRange: true)));
                continue;
            }
            // {"\n"} and {.a}{'x'} may stand together in one action.
            foreach (var piece in Pieces(action)) parts.Add(piece[0] is '"' or '\'' ? new Literal(Unquote(piece)) : new Query(ParseSteps(piece)));
        }
        return isInRange ? throw Bad(template, "unterminated range") : parts;
    }

    private static IEnumerable<string> Pieces(string action)
    {
        var start = 0;
        var quote = '\0';
        var depth = 0;
        for (var i = 0; i <= action.Length; i++)
        {
            var isEnd = i == action.Length || (quote == '\0' && depth == 0 && action[i] == ' ');
            if (isEnd)
            {
                if (i > start) yield return action[start..i];
                start = i + 1;
                continue;
            }
            if (quote != '\0')
            {
                if (action[i] == '\\') i++;
                else if (action[i] == quote) quote = '\0';
            }
            else if (action[i] is '"' or '\'') quote = action[i];
            else if (action[i] is '[' or '(') depth++;
            else if (action[i] is ']' or ')') depth--;
        }
    }

    private static int ClosingBrace(string template, int open)
    {
        var quote = '\0';
        for (var i = open + 1; i < template.Length; i++)
        {
            var c = template[i];
            if (quote != '\0')
            {
                if (c == '\\') i++;
                else if (c == quote) quote = '\0';
            }
            else if (c is '"' or '\'') quote = c;
            else if (c == '}') return i;
        }
        throw Bad(template, "unclosed action");
    }

    private static List<Step> ParseSteps(string path)
    {
        var steps = new List<Step>();
        var i = path.StartsWith('$') || path.StartsWith('@') ? 1 : 0;
        while (i < path.Length)
        {
            if (path[i] == '.')
            {
                i++;
                if (i < path.Length && path[i] == '.')
                {
                    steps.Add(new RecursiveStep());
                    i++;
                    if (i >= path.Length) break;
                }
                if (i < path.Length && path[i] == '[') continue;
                var name = new StringBuilder();
                while (i < path.Length && path[i] is not ('.' or '['))
                {
                    if (path[i] == '\\' && i + 1 < path.Length) i++;
                    name.Append(path[i++]);
                }
                if (name.Length > 0) steps.Add(name.ToString() == "*" ? new AnyStep() : new FieldStep(name.ToString()));
            }
            else if (path[i] == '[')
            {
                var close = ClosingBracket(path, i);
                steps.Add(ParseBracket(path[(i + 1)..close].Trim()));
                i = close + 1;
            }
            else
            {
                throw Bad(path, $"unrecognized character in action: U+{(int)path[i]:X4} '{path[i]}'");
            }
        }
        return steps;
    }

    private static int ClosingBracket(string path, int open)
    {
        var quote = '\0';
        var depth = 0;
        for (var i = open; i < path.Length; i++)
        {
            if (quote != '\0')
            {
                if (path[i] == quote) quote = '\0';
            }
            else if (path[i] is '"' or '\'') quote = path[i];
            else if (path[i] == '[') depth++;
            else if (path[i] == ']' && --depth == 0) return i;
        }
        throw Bad(path, "unterminated array");
    }

    private static Step ParseBracket(string inner)
    {
        if (inner == "*") return new AnyStep();
        if (inner.StartsWith("?(", StringComparison.Ordinal) && inner.EndsWith(')')) return ParseFilter(inner[2..^1].Trim());
        if (inner.StartsWith('\'') || inner.StartsWith('"'))
        {
            var names = inner.Split(',').Select(n => (Step)new FieldStep(Unquote(n.Trim()))).ToList();
            return names.Count == 1 ? names[0] : new UnionStep(names);
        }
        if (inner.Contains(',')) return new UnionStep(inner.Split(',').Select(ParseBracket).ToList());
        if (inner.Contains(':'))
        {
            var bounds = inner.Split(':').Select(b => b.Trim().Length == 0 ? (int?)null : Number(b)).ToArray();
            return new SliceStep(bounds[0], bounds[1], bounds.Length > 2 ? Math.Max(1, bounds[2] ?? 1) : 1);
        }
        return new IndexStep(Number(inner));
    }

    private static FilterStep ParseFilter(string text)
    {
        foreach (var comparison in (string[])["==", "!=", "<=", ">=", "<", ">"])
        {
            var at = text.IndexOf(comparison, StringComparison.Ordinal);
            if (at > 0) return new FilterStep(text[..at].Trim(), comparison, text[(at + comparison.Length)..].Trim());
        }
        return new FilterStep(text, "", "");
    }

    private static int Number(string text) =>
        int.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Bad(text, $"invalid array index {text}");

    private static string Unquote(string text)
    {
        var inner = text.Length >= 2 ? text[1..^1] : "";
        var result = new StringBuilder(inner.Length);
        for (var i = 0; i < inner.Length; i++)
        {
            if (inner[i] != '\\' || i + 1 >= inner.Length)
            {
                result.Append(inner[i]);
                continue;
            }
            i++;
            result.Append(inner[i] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', var c => c });
        }
        return result.ToString();
    }

    private static CommandFailure Bad(string template, string why) => new($"error: error parsing jsonpath {template}, {why}");
}
