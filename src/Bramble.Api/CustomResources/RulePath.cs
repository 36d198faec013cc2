using System.Text;
using System.Text.Json.Nodes;

namespace Bramble.Api.CustomResources;

/// <summary>The fieldPath of a rule and the jsonPath of a selectable field: <c>.spec.a['b.c']</c>, which must lead to a field of the schema. Behaviour of apiextensions' ValidFieldPath.</summary>
public static class RulePath
{
    /// <param name="error">Why it leads nowhere.</param>
    /// <returns>The path as errors show it, and the schema at its end; null: it leads nowhere.</returns>
    public static (string Path, JsonObject Schema)? Find(string path, JsonObject schema, out string error, bool allowsBrackets = true)
    {
        error = "";
        var shown = new StringBuilder();
        var tokens = Cut(path);
        for (var i = 0; i < tokens.Count;)
        {
            string name;
            var opener = tokens[i++];
            if (opener is not ("[" or ".")) return Wrong($"expected [ or . but got: {opener}", out error);
            if (opener == "[" && !allowsBrackets) return Wrong("array notation is not allowed", out error);
            if (i >= tokens.Count) return Wrong("unexpected end of JSON path", out error);
            var token = tokens[i++];
            if (opener == ".") name = token;
            else
            {
                if (token.Length < 2 || token[0] != '\'' || token[^1] != '\'') return Wrong($"expected single quoted string but got {token}", out error);
                if (Unescape(token[1..^1], out var badEscape) is not { } unescaped) return Wrong($"invalid string literal: invalid escape char {badEscape}", out error);
                name = unescaped;
            }
            if (schema["properties"] is JsonObject properties)
            {
                if (properties[name] is not JsonObject property) return Wrong("does not refer to a valid field", out error);
                shown.Append(shown.Length > 0 ? "." : "").Append(name);
                schema = property;
            }
            else if (schema["additionalProperties"] is JsonObject values)
            {
                shown.Append('[').Append(name).Append(']');
                schema = values;
            }
            else return Wrong("does not refer to a valid field", out error);
            if (opener != "[") continue;
            if (i >= tokens.Count) return Wrong("unexpected end of JSON path", out error);
            if (tokens[i++] is var closer && closer != "]") return Wrong($"expected ] but got {closer}", out error);
        }
        return (shown.ToString(), schema);
    }

    private static (string, JsonObject)? Wrong(string why, out string error)
    {
        error = why;
        return null;
    }

    private static List<string> Cut(string path)
    {
        List<string> tokens = [];
        for (var at = 0; at < path.Length;)
        {
            var end = at + 1;
            if (path[at] == '\'')
            {
                while (end < path.Length && !(path[end] == '\'' && path[end - 1] != '\\')) end++;
                end = Math.Min(end + 1, path.Length);
            }
            else if (path[at] is not ('.' or '[' or ']'))
                while (end < path.Length && path[end] is not ('.' or '[' or ']')) end++;
            tokens.Add(path[at..end]);
            at = end;
        }
        return tokens;
    }

    private static string? Unescape(string text, out string bad)
    {
        bad = "";
        var result = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 >= text.Length)
            {
                result.Append(text[i]);
                continue;
            }
            var at = "abfnrtv'\\".IndexOf(text[++i], StringComparison.Ordinal);
            if (at < 0)
            {
                bad = $"\\{text[i]}";
                return null;
            }
            result.Append("\a\b\f\n\r\t\v'\\"[at]);
        }
        return result.ToString();
    }
}
