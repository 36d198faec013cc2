using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Api.Decoding;

/// <summary>A tree as UTF-8 JSON.</summary>
public static class TreeText
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static ReadOnlyMemory<byte> Write(JsonNode? tree)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            if (tree is null) writer.WriteNullValue();
            else tree.WriteTo(writer);
        }
        return buffer.WrittenMemory;
    }
}
