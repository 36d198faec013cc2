using System.Text.Json;
using k8s.Models;

namespace Bramble.Client;

/// <summary>What the written readers of models share. Each reads the value that the reader stands on; null only for JSON's null inside a list or a map.</summary>
internal static class ModelValues
{
    /// <summary>False: null, which leaves the whole model out.</summary>
    /// <exception cref="JsonException">Any other value.</exception>
    public static bool IsObject(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.StartObject => true,
        JsonTokenType.Null => false,
        _ => throw new FormatException($"an object is needed, there is a {reader.TokenType}"),
    };

    public static string? Text(ref Utf8JsonReader reader) => reader.GetString();

    public static byte[]? Bytes(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? null : reader.GetBytesFromBase64();

    /// <summary>meta/v1 Time and MicroTime (RFC 3339).</summary>
    public static DateTime Time(ref Utf8JsonReader reader) => reader.GetDateTimeOffset().UtcDateTime;

    public static ResourceQuantity? Quantity(ref Utf8JsonReader reader)
    {
        if (TextOrNumber(ref reader) is not { } text) return null;
        try
        {
            return new ResourceQuantity(text);
        }
        catch (FormatException wrong)
        {
            throw new FormatException($"\"{text}\" is no quantity", wrong);
        }
    }

    public static IntOrString? IntOrString(ref Utf8JsonReader reader) => TextOrNumber(ref reader) is { } text ? (IntOrString)text : null;

    public static IList<string?> Texts(ref Utf8JsonReader reader)
    {
        var list = new List<string?>();
        for (BeginList(ref reader); HasItem(ref reader);) list.Add(reader.GetString());
        return list;
    }

    public static IList<int> Integers(ref Utf8JsonReader reader)
    {
        var list = new List<int>();
        for (BeginList(ref reader); HasItem(ref reader);) list.Add(reader.GetInt32());
        return list;
    }

    public static IList<int?> OptionalIntegers(ref Utf8JsonReader reader)
    {
        var list = new List<int?>();
        for (BeginList(ref reader); HasItem(ref reader);) list.Add(reader.TokenType == JsonTokenType.Null ? null : reader.GetInt32());
        return list;
    }

    public static IList<long?> OptionalLongs(ref Utf8JsonReader reader)
    {
        var list = new List<long?>();
        for (BeginList(ref reader); HasItem(ref reader);) list.Add(reader.TokenType == JsonTokenType.Null ? null : reader.GetInt64());
        return list;
    }

    public static unsafe IList<T?> List<T>(ref Utf8JsonReader reader, delegate*<ref Utf8JsonReader, T?> read) where T : class
    {
        var list = new List<T?>();
        for (BeginList(ref reader); HasItem(ref reader);) list.Add(read(ref reader));
        return list;
    }

    public static unsafe IDictionary<string, T?> Map<T>(ref Utf8JsonReader reader, delegate*<ref Utf8JsonReader, T?> read) where T : class
    {
        var map = new Dictionary<string, T?>();
        for (BeginMap(ref reader); NextKey(ref reader) is { } key;) map[key] = read(ref reader);
        return map;
    }

    public static IDictionary<string, DateTime?> Times(ref Utf8JsonReader reader)
    {
        var map = new Dictionary<string, DateTime?>();
        for (BeginMap(ref reader); NextKey(ref reader) is { } key;) map[key] = reader.TokenType == JsonTokenType.Null ? null : Time(ref reader);
        return map;
    }

    private static string? TextOrNumber(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number ? System.Text.Encoding.UTF8.GetString(reader.ValueSpan) : reader.GetString();

    private static void BeginList(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw new FormatException($"a list is needed, there is a {reader.TokenType}");
    }

    private static bool HasItem(ref Utf8JsonReader reader) => reader.Read() && reader.TokenType != JsonTokenType.EndArray;

    private static void BeginMap(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw new FormatException($"a map is needed, there is a {reader.TokenType}");
    }

    private static string? NextKey(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType == JsonTokenType.EndObject) return null;
        var key = reader.GetString();
        reader.Read();
        return key;
    }
}

/// <summary>The properties of one model, and which of them stands next in an object. A name's number is its place in <paramref name="names"/>: each with its length before it.</summary>
/// <remarks>The search goes on from the last name found, round and round: objects are mostly written in one order.</remarks>
internal ref struct ModelPropertyNames(ReadOnlySpan<byte> names)
{
    private readonly ReadOnlySpan<byte> _names = names;
    private int _at;
    private int _number;

    /// <summary>Goes to the value of the next property that the model has and that is not null; -1: the object's end.</summary>
    public int Next(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var found = Find(reader.ValueIsEscaped ? System.Text.Encoding.UTF8.GetBytes(reader.GetString()!) : reader.ValueSpan);
            reader.Read();
            if (reader.TokenType == JsonTokenType.Null) continue;
            if (found >= 0) return found;
            reader.Skip();
        }
        return -1;
    }

    private int Find(ReadOnlySpan<byte> name)
    {
        for (var looked = 0; looked < _names.Length;)
        {
            if (_at == _names.Length) (_at, _number) = (0, 0);
            var length = _names[_at];
            var number = _number++;
            var candidate = _names.Slice(_at + 1, length);
            _at += 1 + length;
            looked += 1 + length;
            if (candidate.SequenceEqual(name)) return number;
        }
        return -1;
    }
}
