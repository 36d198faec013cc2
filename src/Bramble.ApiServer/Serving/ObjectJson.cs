using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Naming;

namespace Bramble.ApiServer.Serving;

/// <summary>Forms of an object's JSON that are made from its bytes without a tree where that is possible.</summary>
internal static class ObjectJson
{
    /// <summary>The head of an object of a kind as this server writes it: items of a list are without it.</summary>
    public static byte[] HeadOf(GroupVersionKind kind) => Encoding.UTF8.GetBytes($"{{\"kind\":\"{kind.Kind}\",\"apiVersion\":\"{kind.GroupVersion}\",");

    /// <summary>Writes an object as item of a list: without kind and apiVersion.</summary>
    public static void WriteItem(IBufferWriter<byte> output, ReadOnlySpan<byte> json, ReadOnlySpan<byte> head)
    {
        if (json.StartsWith(head))
        {
            output.Write("{"u8);
            output.Write(json[head.Length..]);
            return;
        }
        var tree = JsonNode.Parse(json)!.AsObject();
        tree.Remove("kind");
        tree.Remove("apiVersion");
        output.Write(TreeText.Write(tree).Span);
    }

    /// <summary>PartialObjectMetadata of an object: its metadata's bytes under another head.</summary>
    public static byte[] PartialMetadata(ReadOnlySpan<byte> json, string metaVersion)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        ReadOnlySpan<byte> metadata = "{}"u8;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMetadata = reader.ValueTextEquals("metadata"u8);
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (!isMetadata) continue;
            metadata = json[start..(int)reader.BytesConsumed];
            break;
        }
        var buffer = new ArrayBufferWriter<byte>(metadata.Length + 100);
        buffer.Write("{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/"u8);
        buffer.Write(Encoding.UTF8.GetBytes(metaVersion));
        buffer.Write("\",\"metadata\":"u8);
        buffer.Write(metadata);
        buffer.Write("}"u8);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Two spaces an indent, as Go's MarshalIndent.</summary>
    public static byte[] Pretty(ReadOnlySpan<byte> json)
    {
        var buffer = new ArrayBufferWriter<byte>(json.Length * 2);
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            JsonNode.Parse(json)!.WriteTo(writer);
        return buffer.WrittenSpan.ToArray();
    }
}
