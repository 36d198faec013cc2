using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Api.Decoding;

/// <summary>Values as Go's <c>%v</c> prints what its JSON decoder made: <c>map[a:1 b:[x y]]</c>, keys sorted.</summary>
internal static class GoFormat
{
    public static string Value(JsonNode? value)
    {
        var text = new StringBuilder();
        Append(text, value);
        return text.ToString();
    }

    /// <summary>The dynamic Go type: <c>string</c>, <c>int64</c>, <c>map[string]interface {}</c>.</summary>
    public static string TypeName(JsonNode? value) => value switch
    {
        null => "<nil>",
        JsonObject => "map[string]interface {}",
        JsonArray => "[]interface {}",
        _ => KindName(value),
    };

    /// <summary>The kind of the dynamic Go type: <c>map</c>, <c>slice</c>, <c>int64</c>.</summary>
    public static string KindName(JsonNode? value) => value switch
    {
        null => "invalid",
        JsonObject => "map",
        JsonArray => "slice",
        _ => value.GetValueKind() switch
        {
            JsonValueKind.String => "string",
            JsonValueKind.True or JsonValueKind.False => "bool",
            _ => IsInteger(value, out _) ? "int64" : "float64",
        },
    };

    /// <summary>True for a number that Go's decoder keeps as int64.</summary>
    public static bool IsInteger(JsonNode value, out long number)
    {
        number = 0;
        return value is JsonValue scalar && value.GetValueKind() == JsonValueKind.Number
            && (scalar.TryGetValue(out number) || (scalar.TryGetValue<int>(out var small) && (number = small) == small));
    }

    /// <summary>Go's shortest form of a float64 (<c>%v</c>: exponent from 1e+21 on).</summary>
    public static string Float(double number)
    {
        if (number == Math.Floor(number) && Math.Abs(number) < 1e21) return number.ToString("F0", CultureInfo.InvariantCulture);
        var text = number.ToString("R", CultureInfo.InvariantCulture);
        var exponent = text.IndexOf('E');
        if (exponent < 0) return text;
        var digits = text[(exponent + 2)..].TrimStart('0').PadLeft(2, '0');
        return $"{text[..exponent]}e{text[exponent + 1]}{digits}";
    }

    private static void Append(StringBuilder text, JsonNode? value)
    {
        switch (value)
        {
            case null:
                text.Append("<nil>");
                break;
            case JsonObject map:
                text.Append("map[");
                var isFirst = true;
                foreach (var (key, item) in map.OrderBy(p => p.Key, StringComparer.Ordinal))
                {
                    if (!isFirst) text.Append(' ');
                    isFirst = false;
                    text.Append(key).Append(':');
                    Append(text, item);
                }
                text.Append(']');
                break;
            case JsonArray list:
                text.Append('[');
                for (var i = 0; i < list.Count; i++)
                {
                    if (i > 0) text.Append(' ');
                    Append(text, list[i]);
                }
                text.Append(']');
                break;
            default:
                text.Append(value.GetValueKind() switch
                {
                    JsonValueKind.String => value.GetValue<string>(),
                    JsonValueKind.True => "true",
                    JsonValueKind.False => "false",
                    _ => IsInteger(value, out var number)
                        ? number.ToString(CultureInfo.InvariantCulture)
                        : Float(double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture)),
                });
                break;
        }
    }
}
