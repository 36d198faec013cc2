using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Api.Decoding;

/// <summary>Reads JSON of no particular type. A repeated key's last value wins, as in Go; numbers keep their text.</summary>
internal static class AnyReader
{
    /// <param name="strict">Who is told of repeated keys; null: nobody.</param>
    public static JsonNode? Read(ref Utf8JsonReader json, StructReader? strict)
    {
        switch (json.TokenType)
        {
            case JsonTokenType.Null:
                return null;
            case JsonTokenType.String:
                return JsonValue.Create(json.GetString()!);
            case JsonTokenType.True or JsonTokenType.False:
                return JsonValue.Create(json.GetBoolean());
            case JsonTokenType.Number:
                return json.TryGetInt64(out var integer) ? JsonValue.Create(integer) : JsonNode.Parse(json.ValueSpan);
            case JsonTokenType.StartArray:
                var array = new JsonArray();
                while (json.Read() && json.TokenType != JsonTokenType.EndArray)
                {
                    strict?.Enter(array.Count);
                    array.Add(Read(ref json, strict));
                    strict?.Leave();
                }
                return array;
            default:
                var map = new JsonObject();
                while (json.Read() && json.TokenType != JsonTokenType.EndObject)
                {
                    var key = json.GetString()!;
                    if (strict is not null && map.ContainsKey(key)) strict.SaveStrict("duplicate field", key);
                    strict?.Enter(key);
                    json.Read();
                    map[key] = Read(ref json, strict);
                    strict?.Leave();
                }
                return map;
        }
    }

    /// <summary>Reads a whole text.</summary>
    public static JsonNode? Read(ReadOnlySpan<byte> text)
    {
        var json = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = GoJsonSyntax.DepthMax });
        json.Read();
        var value = Read(ref json, null);
        // Reading on finds what follows the value: an error of the text.
        json.Read();
        return value;
    }

    /// <inheritdoc cref="Read(ReadOnlySpan{byte})"/>
    public static JsonNode? Read(string text) => Read(Encoding.UTF8.GetBytes(text));
}
