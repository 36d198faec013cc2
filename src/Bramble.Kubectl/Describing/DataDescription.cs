using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Describing;

/// <summary>ConfigMaps with their data, Secrets with the sizes of theirs, as kubectl describes them.</summary>
internal static class DataDescription
{
    public static void ConfigMap(TabbedText text, JsonObject map)
    {
        FieldDescription.Name(text, map);
        FieldDescription.LabelsAndAnnotations(text, map);
        text.Line(0, "");
        text.Line(0, "Data");
        text.Line(0, "====");
        foreach (var (key, value) in Sorted(map["data"]))
        {
            text.Line(0, $"{key}:");
            text.Line(0, "----");
            foreach (var line in (value?.ToString() ?? "").Split('\n')) text.Line(0, line);
            text.Line(0, "");
        }
        text.Line(0, "");
        text.Line(0, "BinaryData");
        text.Line(0, "====");
        foreach (var (key, value) in Sorted(map["binaryData"])) text.Line(0, $"{key}: {Bytes(value).Length} bytes");
        text.Line(0, "");
    }

    public static void Secret(TabbedText text, JsonObject secret)
    {
        var type = (string?)secret["type"] ?? "";
        FieldDescription.Name(text, secret);
        FieldDescription.LabelsAndAnnotations(text, secret);
        text.Line(0, "");
        text.Line(0, $"Type:\t{type}");
        text.Line(0, "");
        text.Line(0, "Data");
        text.Line(0, "====");
        // Only an account's token is shown: somebody who asks for the description of that Secret wants it.
        foreach (var (key, value) in Sorted(secret["data"]))
            text.Line(0, key == "token" && type == "kubernetes.io/service-account-token" ? $"{key}:\t{System.Text.Encoding.UTF8.GetString(Bytes(value))}" : $"{key}:\t{Bytes(value).Length} bytes");
    }

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Sorted(JsonNode? map) => (map as JsonObject ?? []).OrderBy(p => p.Key, StringComparer.Ordinal);

    private static byte[] Bytes(JsonNode? base64) => Convert.FromBase64String(base64?.ToString() ?? "");
}
