using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Quantities;

namespace Bramble.Api.Cel;

/// <summary>An expression could not be evaluated; the message is CEL's.</summary>
public sealed class CelException(string message) : Exception(message);

/// <summary>A value that may not be there.</summary>
public sealed record CelOptional(object? Value, bool HasValue);

/// <summary>CEL's values: long, double, bool, string, null, TimeSpan, DateTimeOffset, Quantity, optionals; lists and maps are JSON as it stands or made by the expression.</summary>
internal static class CelValues
{
    /// <summary>JSON objects and lists stay as they are: they are read where an expression looks.</summary>
    public static object? Of(JsonNode? node) => node switch
    {
        null => null,
        JsonValue value => value.GetValueKind() switch
        {
            JsonValueKind.String => value.GetValue<string>(),
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.Number when value.TryGetValue<long>(out var whole) => whole,
            JsonValueKind.Number when value.TryGetValue<int>(out var small) => (long)small,
            JsonValueKind.Number => (object)double.Parse(value.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture),
            _ => null,
        },
        _ => node,
    };

    public static bool TryList(object? value, out List<object?> list)
    {
        list = value switch { List<object?> own => own, JsonArray array => [.. array.Select(Of)], _ => [] };
        return value is List<object?> or JsonArray;
    }

    /// <summary>The value under a key; false: there is none.</summary>
    public static bool TryField(object? map, string key, out object? value)
    {
        value = null;
        switch (map)
        {
            case JsonObject tree:
                if (!tree.TryGetPropertyValue(key, out var node)) return false;
                value = Of(node);
                return true;
            case Dictionary<string, object?> own:
                return own.TryGetValue(key, out value);
            case ICelMap lazy:
                return lazy.TryGet(key, out value);
            default:
                throw new CelException("no such overload");
        }
    }

    public static bool AreEqual(object? a, object? b)
    {
        if (a is long x && b is double y) return x == y;
        if (a is double v && b is long w) return v == w;
        if (TryList(a, out var first)) return TryList(b, out var second) && first.Count == second.Count && first.Zip(second).All(pair => AreEqual(pair.First, pair.Second));
        if (a is JsonObject left && b is JsonObject right) return JsonNode.DeepEquals(left, right);
        if (TryEntries(a, out var entries))
            return TryEntries(b, out var others) && entries.Count == others.Count && entries.All(e => others.TryGetValue(e.Key, out var other) && AreEqual(e.Value, other));
        return Equals(a, b);
    }

    public static bool TryEntries(object? value, out Dictionary<string, object?> entries)
    {
        entries = value switch
        {
            Dictionary<string, object?> own => own,
            JsonObject map => map.ToDictionary(m => m.Key, m => Of(m.Value), StringComparer.Ordinal),
            _ => [],
        };
        return value is Dictionary<string, object?> or JsonObject;
    }

    public static int Compare(object? a, object? b) => (a, b) switch
    {
        (long x, long y) => x.CompareTo(y),
        (double x, double y) => x.CompareTo(y),
        (long x, double y) => ((double)x).CompareTo(y),
        (double x, long y) => x.CompareTo(y),
        (string x, string y) => string.CompareOrdinal(x, y),
        (bool x, bool y) => x.CompareTo(y),
        (TimeSpan x, TimeSpan y) => x.CompareTo(y),
        (DateTimeOffset x, DateTimeOffset y) => x.CompareTo(y),
        (Quantity x, Quantity y) => x.CompareTo(y),
        _ => throw new CelException("no such overload"),
    };

    public static object? Arithmetic(char op, object? a, object? b)
    {
        try
        {
            return (op, a, b) switch
            {
                ('+', long x, long y) => checked(x + y),
                ('-', long x, long y) => checked(x - y),
                ('*', long x, long y) => checked(x * y),
                ('/', long x, long y) => y == 0 ? throw new CelException("division by zero") : x / y,
                ('%', long x, long y) => y == 0 ? throw new CelException("modulus by zero") : x % y,
                ('+', double x, double y) => x + y,
                ('-', double x, double y) => x - y,
                ('*', double x, double y) => x * y,
                ('/', double x, double y) => x / y,
                ('+', string x, string y) => x + y,
                ('+', TimeSpan x, TimeSpan y) => x + y,
                ('-', TimeSpan x, TimeSpan y) => x - y,
                ('+', DateTimeOffset x, TimeSpan y) => x + y,
                ('-', DateTimeOffset x, TimeSpan y) => x - y,
                ('-', DateTimeOffset x, DateTimeOffset y) => x - y,
                ('+', _, _) when TryList(a, out var first) && TryList(b, out var second) => (List<object?>)[.. first, .. second],
                _ => throw new CelException("no such overload"),
            };
        }
        catch (OverflowException)
        {
            throw new CelException("integer overflow");
        }
    }
}

/// <summary>A map whose values are made when asked for (a policy's variables).</summary>
public interface ICelMap
{
    bool TryGet(string key, out object? value);
}
