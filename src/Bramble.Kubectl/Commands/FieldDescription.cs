using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Commands;

/// <summary>Parts that all descriptions share, and the description of what has none of its own: its fields, names made readable.</summary>
internal static class FieldDescription
{
    public static void Write(TabbedText text, JsonObject obj)
    {
        var metadata = obj["metadata"] as JsonObject ?? [];
        text.Line(0, $"Name:\t{(string?)metadata["name"]}");
        text.Line(0, $"Namespace:\t{(string?)metadata["namespace"] ?? ""}");
        Map(text, 0, "Labels", metadata["labels"]);
        Map(text, 0, "Annotations", metadata["annotations"]);
        var shown = new JsonObject();
        foreach (var (key, value) in obj.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            if (key != "metadata")
            {
                shown[key] = value?.DeepClone();
                continue;
            }
            var rest = new JsonObject(metadata.Where(p => p.Key is not ("name" or "namespace" or "labels" or "annotations" or "managedFields")).OrderBy(p => p.Key, StringComparer.Ordinal)
                .Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone())));
            shown[key] = rest;
        }
        Fields(text, 0, shown);
    }

    /// <summary><c>Labels: a=b</c>, one line each.</summary>
    public static void Map(TabbedText text, int level, string title, JsonNode? map, string separator = "=")
    {
        // What kubectl apply keeps for itself is no news to the reader.
        var entries = (map as JsonObject ?? []).Where(p => p.Key != "kubectl.kubernetes.io/last-applied-configuration").OrderBy(p => p.Key, StringComparer.Ordinal).ToList();
        if (entries.Count == 0)
        {
            text.Line(level, $"{title}:\t<none>");
            return;
        }
        var shownTitle = title + ":";
        foreach (var (key, value) in entries)
        {
            var shown = separator == "=" && title == "Annotations" ? $"{key}: {value}" : $"{key}{separator}{value}";
            text.Line(level, $"{shownTitle}\t{shown.TrimEnd('\n').Replace('\n', ' ')}");
            shownTitle = "";
        }
    }

    private static void Fields(TabbedText text, int level, JsonObject fields)
    {
        foreach (var (key, value) in fields)
        {
            var title = Title(key);
            switch (value)
            {
                case JsonObject { Count: > 0 } map:
                    text.Line(level, $"{title}:");
                    Fields(text, level + 1, Sorted(map));
                    break;
                case JsonObject:
                    text.Line(level, $"{title}:");
                    break;
                case JsonArray list:
                    text.Line(level, $"{title}:");
                    foreach (var item in list)
                        if (item is JsonObject inner) Fields(text, level + 1, Sorted(inner));
                        else text.Line(level + 1, JsonPath.Show(item));
                    break;
                default:
                    text.Line(level, $"{title}:\t{JsonPath.Show(value)}");
                    break;
            }
        }
    }

    private static JsonObject Sorted(JsonObject map) => new(map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone())));

    // clusterIP → Cluster IP, apiVersion → API Version.
    private static string Title(string key)
    {
        var words = new List<string>();
        var start = 0;
        for (var i = 1; i <= key.Length; i++)
        {
            var isBorder = i == key.Length || (char.IsUpper(key[i]) && (!char.IsUpper(key[i - 1]) || (i + 1 < key.Length && char.IsLower(key[i + 1]))));
            if (!isBorder) continue;
            var word = key[start..i];
            words.Add(word is "api" or "uid" or "url" or "ip" or "id" or "tls" or "ttl" ? word.ToUpperInvariant() : char.ToUpperInvariant(word[0]) + word[1..]);
            start = i;
        }
        return string.Join(' ', words);
    }
}
