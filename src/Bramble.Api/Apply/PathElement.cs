using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Apply;

/// <summary>One step of a path into an object, in the text that FieldsV1 uses: <c>f:spec</c>, <c>k:{"name":"a"}</c>, <c>v:"x"</c>. The text is canonical
/// (keys sorted), so it is also the identity.</summary>
internal static class PathElement
{
    public static readonly IComparer<string> Order = Comparer<string>.Create(Compare);

    public static string Field(string name) => "f:" + name;

    /// <summary>The element of an item of a set or keyed list; an error text in Go's words when there is none.</summary>
    public static string? OfItem(JsonNode? item, SchemaType list, out string error)
    {
        error = "";
        if (list.ListType == ListType.Set)
        {
            error = item switch
            {
                JsonObject => "associative list without keys has an element that's a map type",
                JsonArray => "not supported: associative list with lists as elements",
                null => "associative list without keys has an element that's an explicit null",
                _ => "",
            };
            return error.Length > 0 ? null : "v:" + Json(item);
        }
        if (item is not JsonObject map)
        {
            error = item is null ? "associative list with keys may not have a null element" : "associative list with keys may not have non-map elements";
            return null;
        }
        var pairs = new List<(string Name, string Value)>(list.ListMapKeys.Count);
        foreach (var name in list.ListMapKeys)
        {
            if (map.TryGetPropertyValue(name, out var value)) pairs.Add((name, Json(value)));
            else if (list.Element!.FindField(name)?.DefaultJson is { } byDefault) pairs.Add((name, byDefault));
        }
        if (pairs.Count == 0)
        {
            var keys = string.Join(' ', list.ListMapKeys.Select(FieldError.Quote));
            error = $"associative list with keys has an element that omits all key fields [{keys}] (and doesn't have default values for any key fields)";
            return null;
        }
        return Key(pairs);
    }

    /// <summary>A key of managedFields as stored, made canonical; null when it is none.</summary>
    public static string? Parse(string text)
    {
        if (text.StartsWith("f:", StringComparison.Ordinal)) return text;
        if (text.Length < 3 || text[1] != ':') return null;
        try
        {
            var node = AnyReader.Read(text[2..]);
            return text[0] switch
            {
                'v' => "v:" + Json(node),
                'i' => text,
                'k' when node is JsonObject map => Key(map.Select(p => (p.Key, Json(p.Value))).ToList()),
                _ => null,
            };
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>As in conflicts' fields: <c>.spec</c>, <c>[name="a"]</c>, <c>[="x"]</c>.</summary>
    public static string Show(string element)
    {
        switch (element[0])
        {
            case 'f':
                return "." + element[2..];
            case 'v':
                return $"[={ShowValue(AnyReader.Read(element[2..]))}]";
            case 'k':
                var map = (JsonObject)AnyReader.Read(element[2..])!;
                return $"[{string.Join(',', map.Select(p => $"{p.Key}={ShowValue(p.Value)}"))}]";
            default:
                return $"[{element[2..]}]";
        }
    }

    private static string ShowValue(JsonNode? value) => value is JsonValue scalar && scalar.GetValueKind() == JsonValueKind.String
        ? FieldError.Quote(scalar.GetValue<string>())
        : GoFormat.Value(value);

    private static string Key(List<(string Name, string Value)> pairs)
    {
        pairs.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        var text = new StringBuilder("k:{");
        for (var i = 0; i < pairs.Count; i++)
            text.Append(i > 0 ? "," : "").Append('"').Append(JsonEncodedText.Encode(pairs[i].Name)).Append("\":").Append(pairs[i].Value);
        return text.Append('}').ToString();
    }

    private static string Json(JsonNode? node) => Encoding.UTF8.GetString(TreeText.Write(node).Span);

    // Fields come first, then keys, values, indices; numbers by size.
    private static int Compare(string? a, string? b)
    {
        if (a is null || b is null) return a is null ? (b is null ? 0 : -1) : 1;
        if (a[0] != b[0]) return Rank(a[0]).CompareTo(Rank(b[0]));
        if (a[0] == 'f') return string.CompareOrdinal(a, b);
        if (a[0] == 'k')
        {
            var left = (JsonObject)AnyReader.Read(a[2..])!;
            var right = (JsonObject)AnyReader.Read(b[2..])!;
            foreach (var (l, r) in left.Zip(right))
            {
                var byName = string.CompareOrdinal(l.Key, r.Key);
                if (byName != 0) return byName;
                var byValue = CompareValues(l.Value, r.Value);
                if (byValue != 0) return byValue;
            }
            return left.Count.CompareTo(right.Count);
        }
        return CompareValues(AnyReader.Read(a[2..]), AnyReader.Read(b[2..]));
    }

    private static int Rank(char kind) => kind switch { 'f' => 0, 'k' => 1, 'v' => 2, _ => 3 };

    private static int CompareValues(JsonNode? a, JsonNode? b)
    {
        if (a?.GetValueKind() == JsonValueKind.Number && b?.GetValueKind() == JsonValueKind.Number)
            return double.Parse(a.ToJsonString(), CultureInfo.InvariantCulture).CompareTo(double.Parse(b.ToJsonString(), CultureInfo.InvariantCulture));
        if (a?.GetValueKind() == JsonValueKind.Number) return -1;
        if (b?.GetValueKind() == JsonValueKind.Number) return 1;
        return string.CompareOrdinal(GoFormat.Value(a), GoFormat.Value(b));
    }
}
