using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Bramble.Api.Decoding;

/// <summary>JSON as YAML in the form of sigs.k8s.io/yaml: keys sorted, two spaces, lists not indented below their key, strings quoted only where they must be.</summary>
public static partial class YamlText
{
    // What YAML 1.1 would not read back as the same string.
    [GeneratedRegex(@"^(~|null|Null|NULL|true|True|TRUE|false|False|FALSE|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|y|Y|n|N|\.nan|\.NaN|\.NAN|[-+]?\.(inf|Inf|INF)|<<|=)?\z")]
    private static partial Regex Word();

    [GeneratedRegex(@"^[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(:[0-5]?[0-9])*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|\.[0-9_]+([eE][-+]?[0-9]+)?)\z")]
    private static partial Regex NumberLike();

    [GeneratedRegex(@"^\d{4}-\d{1,2}-\d{1,2}([Tt ].*)?\z")]
    private static partial Regex TimeLike();

    public static byte[] From(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        var text = new StringBuilder();
        Write(text, document.RootElement, 0, atLineStart: true);
        if (text.Length == 0 || text[^1] != '\n') text.Append('\n');
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static void Write(StringBuilder text, JsonElement value, int indent, bool atLineStart)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteMap(text, value, indent, atLineStart);
                break;
            case JsonValueKind.Array:
                WriteList(text, value, indent, atLineStart);
                break;
            case JsonValueKind.String:
                WriteString(text, value.GetString()!, indent);
                break;
            case JsonValueKind.Null:
                text.Append("null\n");
                break;
            default:
                text.Append(value.GetRawText()).Append('\n');
                break;
        }
    }

    private static void WriteMap(StringBuilder text, JsonElement map, int indent, bool atLineStart)
    {
        var isFirst = true;
        foreach (var member in map.EnumerateObject().OrderBy(m => m.Name, KeyOrder.Instance))
        {
            if (!isFirst || !atLineStart) text.Append(' ', indent);
            isFirst = false;
            text.Append(Key(member.Name)).Append(':');
            WriteMember(text, member.Value, indent);
        }
        if (isFirst) text.Append("{}\n");
    }

    private static void WriteMember(StringBuilder text, JsonElement value, int indent)
    {
        if (value.ValueKind == JsonValueKind.Object && value.EnumerateObject().Any())
        {
            text.Append('\n');
            WriteMap(text, value, indent + 2, atLineStart: false);
        }
        else if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0)
        {
            text.Append('\n');
            WriteList(text, value, indent, atLineStart: false);
        }
        else
        {
            text.Append(' ');
            Write(text, value, indent + 2, atLineStart: true);
        }
    }

    private static void WriteList(StringBuilder text, JsonElement list, int indent, bool atLineStart)
    {
        var isFirst = true;
        foreach (var item in list.EnumerateArray())
        {
            if (!isFirst || !atLineStart) text.Append(' ', indent);
            isFirst = false;
            text.Append("- ");
            Write(text, item, indent + 2, atLineStart: true);
        }
        if (isFirst) text.Append("[]\n");
    }

    private static string Key(string key) => IsPlain(key) ? key : Quoted(key);

    private static void WriteString(StringBuilder text, string value, int indent)
    {
        if (value.Contains('\n') && IsBlockable(value))
        {
            text.Append('|');
            if (value[0] is ' ' or '\n') text.Append('2');
            if (!value.EndsWith('\n')) text.Append('-');
            else if (value.EndsWith("\n\n", StringComparison.Ordinal) || value == "\n") text.Append('+');
            text.Append('\n');
            var lines = value.Split('\n');
            var count = value.EndsWith('\n') ? lines.Length - 1 : lines.Length;
            for (var i = 0; i < count; i++)
            {
                if (lines[i].Length > 0) text.Append(' ', indent).Append(lines[i]);
                text.Append('\n');
            }
            return;
        }
        Fold(text, IsPlain(value) ? value : Quoted(value), indent);
        text.Append('\n');
    }

    /// <summary>Go's emitter breaks a line at the first single space beyond column 80; a double-quoted one says so with a backslash where more space follows.</summary>
    private static void Fold(StringBuilder text, string scalar, int indent)
    {
        const int widthMax = 80;
        var column = 0;
        for (var i = text.Length - 1; i >= 0 && text[i] != '\n'; i--) column++;
        if (column + scalar.Length <= widthMax)
        {
            text.Append(scalar);
            return;
        }
        var quote = scalar[0] is '"' or '\'' ? scalar[0] : ' ';
        var wasSpace = false;
        for (var i = 0; i < scalar.Length; i++)
        {
            var c = scalar[i];
            // A quoted text is not broken before its first character or its last one; the quotes are part of the scalar here.
            var isInside = quote == ' ' || i > 1 && i < scalar.Length - 2;
            var isBeforeSpace = i + 1 < scalar.Length && scalar[i + 1] == ' ';
            if (c == ' ' && !wasSpace && column > widthMax && isInside && (quote == '"' || !isBeforeSpace))
            {
                text.Append('\n').Append(' ', indent);
                column = indent;
                if (quote == '"' && isBeforeSpace)
                {
                    text.Append('\\');
                    column++;
                }
            }
            else
            {
                text.Append(c);
                column++;
            }
            wasSpace = c == ' ';
        }
    }

    private static bool IsBlockable(string value)
    {
        foreach (var c in value)
            if (c < ' ' && c is not ('\n' or '\t') || c is '\x7f' or '\x85' or '\u2028' or '\u2029' or '\ufeff') return false;
        return !value.Contains(" \n", StringComparison.Ordinal) && !value.EndsWith(' ');
    }

    private static bool IsPlain(string value)
    {
        if (Word().IsMatch(value) || NumberLike().IsMatch(value) || TimeLike().IsMatch(value)) return false;
        if (value[0] is ' ' or '#' or ',' or '[' or ']' or '{' or '}' or '&' or '*' or '!' or '|' or '>' or '\'' or '"' or '%' or '@' or '`') return false;
        if (value[0] is '-' or '?' or ':' && (value.Length == 1 || value[1] == ' ')) return false;
        if (value.StartsWith("---", StringComparison.Ordinal) || value.StartsWith("...", StringComparison.Ordinal)) return false;
        if (value[^1] is ' ' or ':') return false;
        for (var i = 0; i < value.Length; i++)
        {
            var c = value[i];
            if (c < ' ' || c is '\x7f' or '\x85' or '\u2028' or '\u2029' or '\ufeff') return false;
            if (c == ':' && i + 1 < value.Length && value[i + 1] == ' ') return false;
            if (c == '#' && i > 0 && value[i - 1] == ' ') return false;
        }
        return true;
    }

    /// <summary>Double quotes where the text reads as another type or holds what single quotes cannot; single quotes else.</summary>
    private static string Quoted(string value)
    {
        var isAmbiguous = Word().IsMatch(value) || NumberLike().IsMatch(value) || TimeLike().IsMatch(value);
        var needsEscapes = value.Any(c => c < ' ' || c is '\x7f' or '\x85' or '\u2028' or '\u2029' or '\ufeff');
        if (!isAmbiguous && !needsEscapes) return $"'{value.Replace("'", "''")}'";
        var text = new StringBuilder("\"");
        foreach (var c in value)
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                < ' ' or '\x7f' => text.Append("\\x").Append(((int)c).ToString("X2", CultureInfo.InvariantCulture)),
                _ => text.Append(c),
            };
        return text.Append('"').ToString();
    }

    /// <summary>yaml.v2's order of keys: letters before what is none, numbers inside by value.</summary>
    private sealed class KeyOrder : IComparer<string>
    {
        public static readonly KeyOrder Instance = new();

        public int Compare(string? a, string? b)
        {
            var (left, right) = (a!, b!);
            for (var i = 0; i < left.Length && i < right.Length; i++)
            {
                if (left[i] == right[i]) continue;
                var (al, bl) = (char.IsLetter(left[i]), char.IsLetter(right[i]));
                if (al && bl) return left[i] - right[i];
                if (al || bl) return al ? 1 : -1;
                long an = 0, bn = 0;
                int ai, bi;
                for (ai = i; ai < left.Length && char.IsDigit(left[ai]); ai++) an = an * 10 + (left[ai] - '0');
                for (bi = i; bi < right.Length && char.IsDigit(right[bi]); bi++) bn = bn * 10 + (right[bi] - '0');
                if (an != bn) return an < bn ? -1 : 1;
                return ai != bi ? ai - bi : left[i] - right[i];
            }
            return left.Length - right.Length;
        }
    }
}
