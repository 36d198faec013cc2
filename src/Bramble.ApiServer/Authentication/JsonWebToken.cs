using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Authentication;

/// <summary>A token in compact form, taken apart but not believed: check the signature before using a claim.</summary>
internal sealed record JsonWebToken(string Algorithm, string KeyId, JsonObject Claims, byte[] Signed, byte[] Signature)
{
    /// <summary>More than any token of ours; keeps strangers from making us decode megabytes.</summary>
    private const int LengthMax = 16 * 1024;

    public string Issuer => Text("iss");
    public string Subject => Text("sub");

    /// <returns>Null: no token in compact form.</returns>
    public static JsonWebToken? Parse(string token)
    {
        var parts = token.Split('.');
        if (token.Length > LengthMax || parts.Length != 3 || !parts.All(part => Base64Url.IsValid(part))) return null;
        if (ParseObject(parts[0]) is not { } header || ParseObject(parts[1]) is not { } claims) return null;
        return new JsonWebToken(
            header["alg"] is JsonValue a && a.TryGetValue<string>(out var algorithm) ? algorithm : "",
            header["kid"] is JsonValue k && k.TryGetValue<string>(out var key) ? key : "",
            claims,
            Encoding.ASCII.GetBytes(token, 0, parts[0].Length + 1 + parts[1].Length),
            Base64Url.DecodeFromChars(parts[2]));
    }

    public string Text(string claim) => Claims[claim] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";

    /// <summary>A claim that is one string or a list of them.</summary>
    public IReadOnlyList<string> Texts(string claim) => Claims[claim] switch
    {
        JsonValue value when value.TryGetValue<string>(out var one) => [one],
        JsonArray list => [.. list.OfType<JsonValue>().Select(v => v.TryGetValue<string>(out var text) ? text : "")],
        _ => [],
    };

    /// <summary>Seconds since 1970 as RFC 7519 has them; null: not said.</summary>
    public DateTimeOffset? Time(string claim) =>
        Claims[claim] is JsonValue value && value.TryGetValue<double>(out var seconds) && seconds is > -6e10 and < 2e11 ? DateTimeOffset.FromUnixTimeSeconds((long)seconds) : null;

    private static JsonObject? ParseObject(string part)
    {
        try
        {
            return JsonNode.Parse(Base64Url.DecodeFromChars(part)) as JsonObject;
        }
        catch (JsonException)
        {
            return null; // a stranger's text, no token: the answer, not an error
        }
    }
}
