using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Api.Patching;

/// <summary>Which objects a patch looked into. Upstream's library turns those into maps, so their keys come out sorted where the patched document is shown
/// in an error; the others keep the order they had.</summary>
internal sealed class OpenedObjects
{
    private readonly HashSet<JsonNode> _opened = new(ReferenceEqualityComparer.Instance);

    public void Open(JsonNode? node)
    {
        if (node is JsonObject map) _opened.Add(map);
    }

    /// <summary>Equality of the "test" operation: scalars by their text (1 is not 1.0).</summary>
    public bool AreEqual(JsonNode? a, JsonNode? b)
    {
        switch (a, b)
        {
            case (null, null):
                return true;
            case (JsonObject mapA, JsonObject mapB):
                Open(mapA);
                if (mapA.Count != mapB.Count) return false;
                foreach (var (key, value) in mapA)
                    if (!mapB.TryGetPropertyValue(key, out var other) || !AreEqual(value, other)) return false;
                return true;
            case (JsonArray listA, JsonArray listB):
                if (listA.Count != listB.Count) return false;
                for (var i = 0; i < listA.Count; i++)
                    if (!AreEqual(listA[i], listB[i])) return false;
                return true;
            case (JsonValue, JsonValue):
                return a.GetValueKind() == b.GetValueKind() && a.ToJsonString() == b.ToJsonString();
            default:
                return false;
        }
    }

    /// <summary>The document as Go's encoder writes it: &lt;, &gt; and &amp; escaped.</summary>
    public string Write(JsonNode? node)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = GoJsonEncoder.Instance, SkipValidation = true })) Write(writer, node);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private void Write(Utf8JsonWriter writer, JsonNode? node)
    {
        switch (node)
        {
            case null:
                writer.WriteNullValue();
                break;
            case JsonObject map:
                writer.WriteStartObject();
                IEnumerable<KeyValuePair<string, JsonNode?>> pairs = _opened.Contains(map) ? map.OrderBy(p => p.Key, StringComparer.Ordinal) : map;
                foreach (var (key, value) in pairs)
                {
                    writer.WritePropertyName(key);
                    Write(writer, value);
                }
                writer.WriteEndObject();
                break;
            case JsonArray list:
                writer.WriteStartArray();
                foreach (var item in list) Write(writer, item);
                writer.WriteEndArray();
                break;
            default:
                node.WriteTo(writer);
                break;
        }
    }
}
