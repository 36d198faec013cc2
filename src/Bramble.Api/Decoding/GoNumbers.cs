using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Api.Decoding;

/// <summary>Numbers as Go's JSON writes what its decoder read: 2.0 is 2, 1e3 is 1000, 0.10 is 0.1. Clients in Go that read whole numbers take no others.</summary>
public static class GoNumbers
{
    private const double PlainMin = 1e-6, PlainMax = 1e21;

    /// <summary>In place, at any depth.</summary>
    public static void Normalize(JsonObject tree)
    {
        List<KeyValuePair<string, JsonNode?>>? changed = null;
        foreach (var (name, value) in tree)
            if (Normal(value) is { } normal) (changed ??= []).Add(new(name, normal));
        foreach (var (name, value) in changed ?? []) tree[name] = value;
    }

    private static void Normalize(JsonArray list)
    {
        for (var i = 0; i < list.Count; i++)
            if (Normal(list[i]) is { } normal) list[i] = normal;
    }

    /// <summary>What stands in the place of a number; null: nothing else does.</summary>
    private static JsonNode? Normal(JsonNode? value)
    {
        switch (value)
        {
            case JsonObject map:
                Normalize(map);
                return null;
            case JsonArray list:
                Normalize(list);
                return null;
            case JsonValue scalar when scalar.GetValueKind() == JsonValueKind.Number && !GoFormat.IsInteger(scalar, out _):
                var text = scalar.ToJsonString();
                return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) && Show(number) is { } shown && shown != text
                    ? JsonNode.Parse(shown)
                    : null;
            default:
                return null;
        }
    }

    private static string Show(double number)
    {
        var text = number.ToString("R", CultureInfo.InvariantCulture);
        var at = text.IndexOf('E', StringComparison.Ordinal);
        if (at < 0) return text;
        if (Math.Abs(number) is >= PlainMin and < PlainMax) return decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture);
        return $"{text[..at]}e{text[at + 1]}{text[(at + 2)..].TrimStart('0')}";
    }
}
