using System.Text.Json;
using Bramble.Api.Decoding;

namespace Bramble.ApiServer.Strategies;

/// <summary>Whether bytes are a JSON object, with the words of Go's parser for what goes wrong most.</summary>
internal static class JsonSyntax
{
    public static string? Error(byte[] text)
    {
        if (GoJsonSyntax.FindError(text) is { } wrong) return wrong;
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
}
