using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Quantities;

namespace Bramble.Api.Cel;

/// <summary>The functions that expressions may call: CEL's own and those of Kubernetes' libraries that are in use.</summary>
internal static class CelFunctions
{
    // Whoever writes a pattern must not hang the server.
    private static readonly TimeSpan PatternTimeMax = TimeSpan.FromMilliseconds(200);

    private static readonly FrozenSet<string> Functions = new[]
    {
        "size", "string", "int", "uint", "double", "bool", "dyn", "matches", "duration", "timestamp", "quantity", "isQuantity", "optional.of", "optional.none", "optional.ofNonZeroValue",
    }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenSet<string> Methods = new[]
    {
        "size", "startsWith", "endsWith", "contains", "matches", "lowerAscii", "upperAscii", "split", "join", "replace", "substring", "trim", "indexOf", "lastIndexOf", "charAt", "find", "findAll",
        "hasValue", "value", "orValue", "or", "isSorted", "sum", "min", "max", "isLessThan", "isGreaterThan", "compareTo", "isInteger", "asInteger", "asApproximateFloat", "sign", "add", "sub",
        "getSeconds", "getMinutes", "getHours",
    }.ToFrozenSet(StringComparer.Ordinal);

    public static bool IsFunction(string name) => Functions.Contains(name);

    public static bool IsMethod(string name) => Methods.Contains(name);

    public static object? Call(string name, object?[] a) => (name, a) switch
    {
        ("size", [string text]) => (long)new StringInfo(text).LengthInTextElements,
        ("size", [JsonArray list]) => (long)list.Count,
        ("size", [JsonObject map]) => (long)map.Count,
        ("size", [List<object?> list]) => (long)list.Count,
        ("size", [Dictionary<string, object?> map]) => (long)map.Count,
        ("dyn", [var value]) => value,
        ("string", [string text]) => text,
        ("string", [bool flag]) => flag ? "true" : "false",
        ("string", [long number]) => number.ToString(CultureInfo.InvariantCulture),
        ("string", [double number]) => number.ToString("R", CultureInfo.InvariantCulture),
        ("int" or "uint", [long number]) => number,
        ("int" or "uint", [double number]) when Math.Abs(number) < 9.2e18 => (long)number,
        ("int" or "uint", [string text]) when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
        ("double", [long number]) => (double)number,
        ("double", [double number]) => number,
        ("double", [string text]) when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        ("bool", [bool flag]) => flag,
        ("bool", ["true"]) => true,
        ("bool", ["false"]) => false,
        ("matches", [string text, string pattern]) => Match(text, pattern).Success,
        ("duration", [string text]) when Decoding.GoDuration.Parse(text) is { } nanos => TimeSpan.FromTicks(nanos / 100),
        ("timestamp", [string text]) when DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) => time,
        ("quantity", [string text]) => Quantity.TryParse(text, out var quantity, out var error) ? quantity : throw new CelException(error),
        ("isQuantity", [string text]) => Quantity.TryParse(text, out _, out _),
        ("optional.of", [var value]) => new CelOptional(value, true),
        ("optional.none", []) => new CelOptional(null, false),
        ("optional.ofNonZeroValue", [var value]) => new CelOptional(value, value is not (null or "" or 0L or false)),
        _ => throw new CelException("no such overload"),
    };

    public static object? CallMethod(object? target, string name, object?[] a) => (target, name, a) switch
    {
        (_, "size", []) => Call("size", [target]),
        (string text, "startsWith", [string part]) => text.StartsWith(part, StringComparison.Ordinal),
        (string text, "endsWith", [string part]) => text.EndsWith(part, StringComparison.Ordinal),
        (string text, "contains", [string part]) => text.Contains(part, StringComparison.Ordinal),
        (string text, "matches", [string pattern]) => Match(text, pattern).Success,
        (string text, "lowerAscii", []) => text.ToLowerInvariant(),
        (string text, "upperAscii", []) => text.ToUpperInvariant(),
        (string text, "trim", []) => text.Trim(),
        (string text, "split", [string separator]) => separator.Length == 0 ? text.Select(c => (object?)c.ToString()).ToList() : text.Split(separator).Cast<object?>().ToList(),
        (string text, "split", [string separator, long most]) => most == 0 ? [] : text.Split(separator, most < 0 ? int.MaxValue : (int)most).Cast<object?>().ToList(),
        (string text, "replace", [string old, string with]) => old.Length == 0 ? text : text.Replace(old, with, StringComparison.Ordinal),
        (string text, "substring", [long from]) => Part(text, from, text.Length),
        (string text, "substring", [long from, long to]) => Part(text, from, to),
        (string text, "charAt", [long at]) => Part(text, at, Math.Min(at + 1, text.Length)),
        (string text, "indexOf", [string part]) => (long)text.IndexOf(part, StringComparison.Ordinal),
        (string text, "lastIndexOf", [string part]) => (long)text.LastIndexOf(part, StringComparison.Ordinal),
        (string text, "find", [string pattern]) => Match(text, pattern) is { Success: true } found ? found.Value : "",
        (string text, "findAll", [string pattern]) => Regex.Matches(text, pattern, RegexOptions.CultureInvariant, PatternTimeMax).Select(m => (object?)m.Value).ToList(),
        (CelOptional optional, "hasValue", []) => optional.HasValue,
        (CelOptional optional, "value", []) => optional.HasValue ? optional.Value : throw new CelException("optional.none() dereference"),
        (CelOptional optional, "orValue", [var other]) => optional.HasValue ? optional.Value : other,
        (CelOptional optional, "or", [CelOptional other]) => optional.HasValue ? optional : other,
        (Quantity quantity, "isLessThan", [Quantity other]) => quantity < other,
        (Quantity quantity, "isGreaterThan", [Quantity other]) => quantity > other,
        (Quantity quantity, "compareTo", [Quantity other]) => (long)quantity.CompareTo(other),
        (Quantity quantity, "sign", []) => (long)quantity.Sign,
        (Quantity quantity, "add", [Quantity other]) => quantity + other,
        (Quantity quantity, "sub", [Quantity other]) => quantity - other,
        (Quantity quantity, "isInteger", []) => quantity == Quantity.FromUnits(quantity.ToUnits()),
        (Quantity quantity, "asInteger", []) => quantity.ToUnits(),
        (Quantity quantity, "asApproximateFloat", []) => quantity.ToDouble(),
        (TimeSpan span, "getSeconds", []) => (long)span.TotalSeconds,
        (TimeSpan span, "getMinutes", []) => (long)span.TotalMinutes,
        (TimeSpan span, "getHours", []) => (long)span.TotalHours,
        _ when CelValues.TryList(target, out var list) => OnList(list, name, a),
        _ => throw new CelException("no such overload"),
    };

    private static object? OnList(List<object?> list, string name, object?[] a) => (name, a) switch
    {
        ("join", []) => string.Concat(list.Cast<string>()),
        ("join", [string separator]) => string.Join(separator, list.Select(item => item as string ?? throw new CelException("no such overload"))),
        ("indexOf", [var wanted]) => (long)list.FindIndex(item => CelValues.AreEqual(item, wanted)),
        ("lastIndexOf", [var wanted]) => (long)list.FindLastIndex(item => CelValues.AreEqual(item, wanted)),
        ("isSorted", []) => list.Zip(list.Skip(1)).All(pair => CelValues.Compare(pair.First, pair.Second) <= 0),
        ("sum", []) => list.Count == 0 ? 0L : list.Aggregate((x, y) => CelValues.Arithmetic('+', x, y)),
        ("min", []) when list.Count > 0 => list.Aggregate((x, y) => CelValues.Compare(x, y) <= 0 ? x : y),
        ("max", []) when list.Count > 0 => list.Aggregate((x, y) => CelValues.Compare(x, y) >= 0 ? x : y),
        _ => throw new CelException("no such overload"),
    };

    private static string Part(string text, long from, long to) =>
        from >= 0 && to <= text.Length && from <= to ? text[(int)from..(int)to] : throw new CelException($"index out of range: {from.ToString(CultureInfo.InvariantCulture)}");

    private static Match Match(string text, string pattern)
    {
        try
        {
            return Regex.Match(text, pattern, RegexOptions.CultureInvariant, PatternTimeMax);
        }
        catch (Exception e) when (e is ArgumentException or RegexMatchTimeoutException)
        {
            throw new CelException(e.Message);
        }
    }
}
