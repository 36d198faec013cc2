using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Bramble.Api.Cel;

/// <summary>Functions of texts: cel-go's string extensions (version 2) and Kubernetes' find. Positions count code points.</summary>
internal static class CelTexts
{
    public static object? Call(string function, object?[] a) => (function, a) switch
    {
        ("contains", [string text, string part]) => text.Contains(part, StringComparison.Ordinal),
        ("startsWith", [string text, string part]) => text.StartsWith(part, StringComparison.Ordinal),
        ("endsWith", [string text, string part]) => text.EndsWith(part, StringComparison.Ordinal),
        ("contains" or "startsWith" or "endsWith", _) => CelFault.NoOverload,
        ("matches", [string text, string pattern]) => Pattern(pattern, out var wrong) is { } regex ? regex.IsMatch(text) : new CelFault(wrong),
        ("matches", [string, _]) => CelFault.NoOverload,
        ("matches", _) => new CelFault("no such overload: matches"),
        ("find", [string text, string pattern]) => Pattern(pattern, out var wrong) is { } regex ? regex.Match(text).Value : new CelFault($"Illegal regex: {wrong}"),
        ("findAll", [string text, string pattern]) => FindAll(text, pattern, -1),
        ("findAll", [string text, string pattern, long most]) => FindAll(text, pattern, most),
        ("charAt", [string text, long at]) => CharAt(text, at),
        ("indexOf", [string text, string part]) => IndexOf(text, part, 0),
        ("indexOf", [string text, string part, long from]) => IndexOf(text, part, from),
        ("lastIndexOf", [string text, string part]) => LastIndexOf(text, part, null),
        ("lastIndexOf", [string text, string part, long from]) => LastIndexOf(text, part, from),
        ("lowerAscii", [string text]) => string.Concat(text.Select(c => char.IsAsciiLetterUpper(c) ? (char)(c + 32) : c)),
        ("upperAscii", [string text]) => string.Concat(text.Select(c => char.IsAsciiLetterLower(c) ? (char)(c - 32) : c)),
        ("replace", [string text, string old, string with]) => Replace(text, old, with, -1),
        ("replace", [string text, string old, string with, long most]) => Replace(text, old, with, most),
        ("split", [string text, string by]) => Split(text, by, -1),
        ("split", [string text, string by, long most]) => Split(text, by, most),
        ("substring", [string text, long from]) => Substring(text, from, null),
        ("substring", [string text, long from, long to]) => Substring(text, from, to),
        ("trim", [string text]) => text.Trim(),
        ("strings.quote", [string text]) => Quote(text),
        ("join", [IReadOnlyList<object?> list]) => Join(list, ""),
        ("join", [IReadOnlyList<object?> list, string by]) => Join(list, by),
        ("format", [string text, IReadOnlyList<object?> arguments]) => CelFormatting.Format(text, arguments),
        ("jsonpatch.escapeKey", [string text]) => text.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal),
        _ => null,
    };

    /// <summary>The text as code points, each a text of its own.</summary>
    private static List<string> Points(string text) => [.. text.EnumerateRunes().Select(r => r.ToString())];

    private static CelFault OutOfRange(long index) => new($"index out of range: {index.ToString(CultureInfo.InvariantCulture)}");

    public static Regex? Pattern(string pattern, out string error)
    {
        try
        {
            error = "";
            return GoPattern.Compile(pattern);
        }
        catch (ArgumentException e)
        {
            error = e.Message;
            return null;
        }
    }

    private static object FindAll(string text, string pattern, long most)
    {
        if (Pattern(pattern, out var wrong) is not { } regex) return new CelFault($"Illegal regex: {wrong}");
        var found = regex.Matches(text).Select(m => (object?)m.Value);
        return (most < 0 ? found : found.Take((int)Math.Min(most, int.MaxValue))).ToList();
    }

    private static object CharAt(string text, long at)
    {
        var points = Points(text);
        return at < 0 || at > points.Count ? OutOfRange(at) : at == points.Count ? "" : points[(int)at];
    }

    private static object IndexOf(string text, string part, long from)
    {
        var length = CelValues.Length(text);
        if (part.Length == 0) return from;
        if (from < 0 || from > length) return OutOfRange(from);
        var start = Units(text, from);
        var at = text.IndexOf(part, start, StringComparison.Ordinal);
        return at < 0 ? -1L : (object)(long)CelValues.Length(text[..at]);
    }

    private static object LastIndexOf(string text, string part, long? from)
    {
        var length = (long)CelValues.Length(text);
        if (part.Length == 0) return from ?? length;
        if (from is { } given && (given < 0 || given > length)) return OutOfRange(given);
        var wanted = CelValues.Length(part);
        if (length < wanted) return -1L;
        var last = Math.Min(from ?? length, length - wanted);
        for (var at = Units(text, last); at >= 0; at--)
            if (string.CompareOrdinal(text, at, part, 0, part.Length) == 0) return (long)CelValues.Length(text[..at]);
        return -1L;
    }

    /// <summary>Where a code point begins.</summary>
    private static int Units(string text, long point)
    {
        var at = 0;
        for (; point > 0 && at < text.Length; point--) at += char.IsSurrogatePair(text, at) ? 2 : 1;
        return at;
    }

    private static string Replace(string text, string old, string with, long most)
    {
        if (most == 0) return text;
        if (most < 0 && old.Length > 0) return text.Replace(old, with, StringComparison.Ordinal);
        var result = new StringBuilder();
        var at = 0;
        for (var done = 0L; most < 0 || done < most; done++)
        {
            // An empty text is found before each character and at the end.
            var found = old.Length > 0 ? text.IndexOf(old, at, StringComparison.Ordinal) : done == 0 ? 0 : at < text.Length ? at + (char.IsSurrogatePair(text, at) ? 2 : 1) : -1;
            if (found < 0) break;
            result.Append(text, at, found - at).Append(with);
            at = found + old.Length;
        }
        return result.Append(text, at, text.Length - at).ToString();
    }

    private static List<object?> Split(string text, string by, long most)
    {
        if (most == 0) return [];
        var count = most < 0 ? int.MaxValue : (int)Math.Min(most, int.MaxValue);
        if (by.Length > 0) return [.. text.Split(by, count)];
        var points = Points(text);
        return points.Count <= count ? [.. points] : [.. points.Take(count - 1), string.Concat(points.Skip(count - 1))];
    }

    private static object Substring(string text, long from, long? to)
    {
        var length = CelValues.Length(text);
        if (to < from) return new CelFault($"invalid substring range. start: {from}, end: {to}");
        if (from < 0 || from > length) return OutOfRange(from);
        if (to < 0 || to > length) return OutOfRange(to.Value);
        return text[Units(text, from)..Units(text, to ?? length)];
    }

    private static object Join(IReadOnlyList<object?> list, string by)
    {
        var text = new StringBuilder();
        for (var i = 0; i < list.Count; i++)
        {
            if (list[i] is not string item) return new CelFault($"join: invalid input: {CelValues.Show(list[i])}");
            if (i > 0) text.Append(by);
            text.Append(item);
        }
        return text.ToString();
    }

    private static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
            quoted.Append(c switch
            {
                '\a' => "\\a",
                '\b' => "\\b",
                '\f' => "\\f",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\v' => "\\v",
                '\\' => "\\\\",
                '"' => "\\\"",
                _ => c.ToString(),
            });
        return quoted.Append('"').ToString();
    }
}
