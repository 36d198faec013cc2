using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.Decoding;

/// <summary>Values whose Go type has an unmarshaller of its own: what it refuses ends the decoding at once.</summary>
internal static class GoScalars
{
    /// <summary>The canonical form; null for the zero value.</summary>
    /// <exception cref="GoUnmarshalException">Refused; the message is Go's.</exception>
    public static JsonNode? Read(ref Utf8JsonReader json, SchemaKind kind)
    {
        switch (kind)
        {
            case SchemaKind.Quantity:
                return Quantity(json.TokenType == JsonTokenType.String ? Raw(ref json)[1..^1] : Raw(ref json));
            case SchemaKind.IntOrString:
                if (json.TokenType == JsonTokenType.String) return JsonValue.Create(json.GetString()!);
                if (json.TokenType == JsonTokenType.Number && json.TryGetInt32(out var number)) return JsonValue.Create((long)number);
                throw new GoUnmarshalException($"json: cannot unmarshal {What(ref json)} into Go value of type int32");
            default:
                if (json.TokenType == JsonTokenType.String) return Text(kind, json.GetString()!);
                var what = json.TokenType == JsonTokenType.Number ? "number" : What(ref json);
                throw new GoUnmarshalException($"json: cannot unmarshal {what} into Go value of type string");
        }
    }

    public static JsonNode? Text(SchemaKind kind, string text)
    {
        switch (kind)
        {
            case SchemaKind.Time:
                var time = GoTime.Canonical(text, out var timeError);
                return timeError is not null ? throw new GoUnmarshalException(timeError) : time is null ? null : JsonValue.Create(time);
            case SchemaKind.MicroTime:
                var micro = GoTime.CanonicalMicro(text, out var microError);
                return microError is not null ? throw new GoUnmarshalException(microError) : micro is null ? null : JsonValue.Create(micro);
            case SchemaKind.Duration:
                return JsonValue.Create(GoDuration.Format(GoDuration.Parse(text) ?? throw new GoUnmarshalException(GoDuration.Error(text))));
            case SchemaKind.Quantity:
                return Quantity(text);
            default:
                return JsonValue.Create(text);
        }
    }

    private static JsonValue Quantity(string text)
    {
        if (!Quantities.Quantity.TryParse(text.Trim(), out var quantity, out var error)) throw new GoUnmarshalException(error);
        return JsonValue.Create(quantity.ToString());
    }

    // A number is described with its text, except where Go's decoder meets a string target.
    private static string What(ref Utf8JsonReader json) => json.TokenType switch
    {
        JsonTokenType.StartObject => "object",
        JsonTokenType.StartArray => "array",
        JsonTokenType.Number => $"number {Raw(ref json)}",
        JsonTokenType.String => "string",
        _ => "bool",
    };

    private static string Raw(ref Utf8JsonReader json)
    {
        if (json.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
        {
            using var document = JsonDocument.ParseValue(ref json);
            return document.RootElement.GetRawText();
        }
        var text = Encoding.UTF8.GetString(json.ValueSpan);
        return json.TokenType == JsonTokenType.String ? $"\"{text}\"" : text;
    }
}

/// <summary>Go's time.Duration as text.</summary>
public static class GoDuration
{
    /// <summary>Nanoseconds of <c>1h2m3.5s</c>, or null when it is none.</summary>
    public static long? Parse(string text)
    {
        var rest = text.AsSpan();
        var isNegative = rest.Length > 0 && rest[0] == '-';
        if (rest.Length > 0 && rest[0] is '-' or '+') rest = rest[1..];
        if (rest is "0") return 0;
        if (rest.IsEmpty) return null;
        decimal total = 0;
        while (!rest.IsEmpty)
        {
            var digits = 0;
            while (digits < rest.Length && (char.IsAsciiDigit(rest[digits]) || rest[digits] == '.')) digits++;
            if (digits == 0 || digits > 25 || !decimal.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return null;
            rest = rest[digits..];
            var letters = 0;
            while (letters < rest.Length && rest[letters] != '.' && !char.IsAsciiDigit(rest[letters])) letters++;
            decimal? unit = rest[..letters] switch
            {
                "ns" => 1,
                "us" or "µs" or "μs" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                _ => null,
            };
            if (unit is null) return null;
            rest = rest[letters..];
            total += number * unit.Value;
            if (total > long.MaxValue) return null;
        }
        return (long)total * (isNegative ? -1 : 1);
    }

    public static string Error(string text) => $"time: invalid duration {Errors.FieldError.Quote(text)}";

    public static string Format(long nanoseconds)
    {
        if (nanoseconds == 0) return "0s";
        var sign = nanoseconds < 0 ? "-" : "";
        var rest = Math.Abs((decimal)nanoseconds);
        if (rest < 1_000) return $"{sign}{Number(rest)}ns";
        if (rest < 1_000_000) return $"{sign}{Number(rest / 1_000)}µs";
        if (rest < 1_000_000_000) return $"{sign}{Number(rest / 1_000_000)}ms";
        var hours = Math.Floor(rest / 3_600_000_000_000);
        var minutes = Math.Floor(rest % 3_600_000_000_000 / 60_000_000_000);
        var seconds = rest % 60_000_000_000 / 1_000_000_000;
        return hours > 0 ? $"{sign}{Number(hours)}h{Number(minutes)}m{Number(seconds)}s"
            : minutes > 0 ? $"{sign}{Number(minutes)}m{Number(seconds)}s"
            : $"{sign}{Number(seconds)}s";
    }

    private static string Number(decimal number) => number.ToString("0.#########", CultureInfo.InvariantCulture);
}

/// <summary>Base64 as Go's StdEncoding reads it: line breaks are skipped, padding is required.</summary>
internal static class GoBase64
{
    /// <returns>The text written again by an encoder, or null with the offset of the first bad byte.</returns>
    public static string? Canonical(string text, out int badAt)
    {
        badAt = 0;
        if (text.Length % 4 == 0 && IsPlain(text)) return text;
        var clean = new StringBuilder(text.Length);
        var padding = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c is '\r' or '\n') continue;
            if (c == '=')
            {
                if (clean.Length % 4 < 2 || padding > 0 && clean.Length % 4 == 0) return Bad(i, out badAt);
                padding++;
                clean.Append(c);
                continue;
            }
            if (padding > 0) return Bad(i, out badAt);
            if (!(char.IsAsciiLetterOrDigit(c) || c is '+' or '/')) return Bad(i, out badAt);
            clean.Append(c);
        }
        // Go names the start of the quantum that is not complete.
        if (clean.Length % 4 != 0) return Bad(padding > 0 ? text.Length : text.Length - (clean.Length % 4), out badAt);
        return Convert.ToBase64String(Convert.FromBase64String(clean.ToString()));
    }

    private static bool IsPlain(string text)
    {
        var end = text.Length;
        if (end > 0 && text[end - 1] == '=') end--;
        if (end > 0 && text.Length - end == 1 && text[end - 1] == '=') end--;
        for (var i = 0; i < end; i++)
            if (!(char.IsAsciiLetterOrDigit(text[i]) || text[i] is '+' or '/')) return false;
        // Bits beyond the last byte may be set; then it is not what an encoder writes.
        return end == text.Length || Convert.ToBase64String(Convert.FromBase64String(text[^4..])) == text[^4..];
    }

    private static string? Bad(int at, out int badAt)
    {
        badAt = at;
        return null;
    }
}
