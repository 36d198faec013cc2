using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Api.Errors;

/// <summary>Why a field is wrong; names are upstream's (apimachinery validation/field).</summary>
public enum FieldErrorType { Required, Invalid, NotSupported, Duplicate, Forbidden, NotFound, TooLong, TooShort, TooMany, TooFew, TypeInvalid, Internal }

/// <summary>One rule a field breaks. <c>Body</c> and <c>ToString</c> are upstream's words to the byte.</summary>
/// <param name="Field">Path as upstream writes it: <c>spec.containers[0].name</c>.</param>
/// <param name="BadValue">What is shown as the value, already in Go's notation (<c>"x"</c>, <c>5</c>, <c>null</c>); null: no value is shown.</param>
public sealed record FieldError(FieldErrorType Type, string Field, string? BadValue, string Detail)
{
    /// <summary>The cause's reason in a Status.</summary>
    public string Reason => Type == FieldErrorType.Internal ? "InternalError" : "FieldValue" + Type;

    private string Title => Type switch
    {
        FieldErrorType.Required => "Required value",
        FieldErrorType.Invalid => "Invalid value",
        FieldErrorType.NotSupported => "Unsupported value",
        FieldErrorType.Duplicate => "Duplicate value",
        FieldErrorType.NotFound => "Not found",
        FieldErrorType.TooLong => "Too long",
        FieldErrorType.TooShort => "Too short",
        FieldErrorType.TooMany => "Too many",
        FieldErrorType.TooFew => "Too few",
        FieldErrorType.TypeInvalid => "Invalid value",
        FieldErrorType.Internal => "Internal error",
        _ => "Forbidden",
    };

    /// <summary>The cause's message: <c>Invalid value: "X": must be …</c>.</summary>
    public string Body
    {
        get
        {
            var head = BadValue is null || Type is FieldErrorType.Required or FieldErrorType.Forbidden or FieldErrorType.TooLong or FieldErrorType.TooShort or FieldErrorType.Internal
                ? Title
                : $"{Title}: {BadValue}";
            return Detail.Length == 0 ? head : $"{head}: {Detail}";
        }
    }

    public override string ToString() => $"{Field}: {Body}";

    /// <summary>A value in Go's %#v notation as upstream's messages show it.</summary>
    public static string Show(JsonNode? value) => value switch
    {
        null => "null",
        JsonValue v when v.TryGetValue<string>(out var text) => Quote(text),
        JsonObject map when Decoding.EmbeddedJson.IsNotedIn(map) => Show(Decoding.EmbeddedJson.Strip((JsonObject)map.DeepClone())),
        // Go's encoding/json leaves quotes and letters of all languages as they are, but not what HTML gives a meaning.
        _ => value.ToJsonString(GoJson).Replace("<", "\\u003c", StringComparison.Ordinal).Replace(">", "\\u003e", StringComparison.Ordinal).Replace("&", "\\u0026", StringComparison.Ordinal),
    };

    private static readonly JsonSerializerOptions GoJson = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Go's <c>%q</c> for the characters that occur in API values.</summary>
    public static string Quote(string text)
    {
        var quoted = new System.Text.StringBuilder(text.Length + 2).Append('"');
        foreach (var c in text)
            _ = c switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                < ' ' or '\x7f' => quoted.Append("\\x").Append(((int)c).ToString("x2", CultureInfo.InvariantCulture)),
                _ => quoted.Append(c),
            };
        return quoted.Append('"').ToString();
    }
}

/// <summary>The errors of one validation, in the order found. Not thread-safe: one request's.</summary>
public sealed class FieldErrors : List<FieldError>
{
    public void Required(string field, string detail = "") => Add(new(FieldErrorType.Required, field, null, detail));
    public void Invalid(string field, JsonNode? value, string detail) => Add(new(FieldErrorType.Invalid, field, FieldError.Show(value), detail));
    public void Forbidden(string field, string detail) => Add(new(FieldErrorType.Forbidden, field, null, detail));
    public void Duplicate(string field, JsonNode? value) => Add(new(FieldErrorType.Duplicate, field, FieldError.Show(value), ""));
    public void NotFound(string field, JsonNode? value) => Add(new(FieldErrorType.NotFound, field, FieldError.Show(value), ""));
    public void TooLong(string field, int bytesMax) => Add(new(FieldErrorType.TooLong, field, null, $"may not be more than {bytesMax} {(bytesMax == 1 ? "byte" : "bytes")}"));
    public void TooLongCharacters(string field, int charactersMax) => Add(new(FieldErrorType.TooLong, field, null, $"may not be more than {charactersMax} characters"));
    public void TooFew(string field, int count, int countMin) =>
        Add(new(FieldErrorType.TooFew, field, count.ToString(CultureInfo.InvariantCulture), $"must have at least {countMin} {(countMin == 1 ? "item" : "items")}"));
    public void Internal(string field, string why) => Add(new(FieldErrorType.Internal, field, null, why));

    /// <summary>An Invalid for each message; nothing when there is none.</summary>
    public void InvalidEach(string field, JsonNode? value, IReadOnlyList<string> messages)
    {
        foreach (var message in messages) Invalid(field, value, message);
    }
    public void TooMany(string field, int count, int countMax) =>
        Add(new(FieldErrorType.TooMany, field, count.ToString(CultureInfo.InvariantCulture), $"must have at most {countMax} {(countMax == 1 ? "item" : "items")}"));

    /// <param name="supported">In the order in which upstream lists them (it sorts them).</param>
    public void NotSupported(string field, JsonNode? value, IEnumerable<string> supported) =>
        Add(new(FieldErrorType.NotSupported, field, FieldError.Show(value), "supported values: " + string.Join(", ", supported.Select(FieldError.Quote))));
}
