using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Api.Tables;

/// <summary>Writes objects as meta.k8s.io PartialObjectMetadata: their metadata and nothing else. Metadata is copied, not re-serialised.</summary>
public static class PartialObjectMetadata
{
    /// <param name="version">Version of meta.k8s.io: v1 or v1beta1.</param>
    public static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> obj, string version)
    {
        WriteStart(writer, version);
        var metadata = MetadataOf(obj);
        if (metadata.IsEmpty) writer.WriteRawValue("{}"u8);
        else writer.WriteRawValue(metadata, skipInputValidation: true);
        writer.WriteEndObject();
    }

    public static void WriteList(Utf8JsonWriter writer, IEnumerable<ReadOnlyMemory<byte>> objects, in TableMetadata metadata, string version)
    {
        writer.WriteStartObject();
        writer.WriteString("kind"u8, "PartialObjectMetadataList"u8);
        writer.WriteString("apiVersion"u8, "meta.k8s.io/" + version);
        WriteListMetadata(writer, metadata);
        writer.WriteStartArray("items"u8);
        foreach (var obj in objects) Write(writer, obj.Span, version);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>The bytes of the metadata member; empty when there is none.</summary>
    public static ReadOnlySpan<byte> MetadataOf(ReadOnlySpan<byte> obj)
    {
        var reader = new Utf8JsonReader(obj);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMetadata = reader.ValueTextEquals("metadata"u8);
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (isMetadata) return obj[start..(int)reader.BytesConsumed];
        }
        return default;
    }

    internal static void Write(Utf8JsonWriter writer, JsonNode? metadata, string version)
    {
        WriteStart(writer, version);
        if (metadata is null) writer.WriteRawValue("{}"u8);
        else metadata.WriteTo(writer);
        writer.WriteEndObject();
    }

    internal static void WriteListMetadata(Utf8JsonWriter writer, in TableMetadata metadata)
    {
        writer.WriteStartObject("metadata"u8);
        if (metadata.ResourceVersion.Length > 0) writer.WriteString("resourceVersion"u8, metadata.ResourceVersion);
        if (!string.IsNullOrEmpty(metadata.Continue)) writer.WriteString("continue"u8, metadata.Continue);
        if (metadata.RemainingItemCount is { } remaining) writer.WriteNumber("remainingItemCount"u8, remaining);
        writer.WriteEndObject();
    }

    private static void WriteStart(Utf8JsonWriter writer, string version)
    {
        writer.WriteStartObject();
        writer.WriteString("kind"u8, "PartialObjectMetadata"u8);
        writer.WriteString("apiVersion"u8, "meta.k8s.io/" + version);
        writer.WritePropertyName("metadata"u8);
    }
}
