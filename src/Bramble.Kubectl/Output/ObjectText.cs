using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;

namespace Bramble.Kubectl.Output;

/// <summary>Objects as -o yaml and -o json print them: keys sorted, managedFields left out unless asked for.</summary>
internal static class ObjectText
{
    public static string Yaml(JsonNode node) => Encoding.UTF8.GetString(YamlText.From(TreeText.Write(node)));

    public static string Json(JsonNode node)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, IndentSize = 4, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            Sorted(node)!.WriteTo(writer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    public static JsonObject WithoutManagedFields(JsonObject obj)
    {
        (obj["metadata"] as JsonObject)?.Remove("managedFields");
        foreach (var item in obj["items"] as JsonArray ?? [])
            (item?["metadata"] as JsonObject)?.Remove("managedFields");
        return obj;
    }

    public static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject map => new JsonObject(map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray list => new JsonArray(list.Select(Sorted).ToArray()),
        _ => node?.DeepClone(),
    };
}
