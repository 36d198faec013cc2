using System.Text.Json;

namespace Bramble.ApiServer.Strategies;

/// <summary>Whether bytes are a JSON object, with the words of Go's parser for what goes wrong most.</summary>
internal static class JsonSyntax
{
    public static string? Error(byte[] text)
    {
        if (text.Length == 0) return "unexpected end of JSON input";
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind switch
            {
                JsonValueKind.Object or JsonValueKind.Null => null,
                JsonValueKind.Array => "json: cannot unmarshal array into Go value of type map[string]interface {}",
                JsonValueKind.String => "json: cannot unmarshal string into Go value of type map[string]interface {}",
                JsonValueKind.Number => "json: cannot unmarshal number into Go value of type map[string]interface {}",
                _ => "json: cannot unmarshal bool into Go value of type map[string]interface {}",
            };
        }
        catch (JsonException)
        {
            // The caller's document is wrong: that is the answer, not a failure of ours.
            var at = Array.FindIndex(text, b => b is not ((byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n'));
            return at < 0 ? "unexpected end of JSON input" : $"invalid character '{(char)text[at]}' looking for beginning of value";
        }
    }
}
