using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Describing;

/// <summary>Parts that all descriptions share, and the description of what has none of its own: its fields, names made readable.</summary>
internal static class FieldDescription
{
    private const int AnnotationLengthMax = 140;

    public static void Write(TabbedText text, JsonObject obj)
    {
        var metadata = obj["metadata"] as JsonObject ?? [];
        Name(text, obj);
        LabelsAndAnnotations(text, obj);
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

    public static void Name(TabbedText text, JsonObject obj)
    {
        text.Line(0, $"Name:\t{(string?)obj["metadata"]?["name"]}");
        text.Line(0, $"Namespace:\t{(string?)obj["metadata"]?["namespace"] ?? ""}");
    }

    public static void Created(TabbedText text, JsonObject obj) => text.Line(0, $"CreationTimestamp:\t{Time((string?)obj["metadata"]?["creationTimestamp"])}");

    public static void LabelsAndAnnotations(TabbedText text, JsonObject obj)
    {
        Map(text, 0, "Labels", obj["metadata"]?["labels"]);
        Annotations(text, 0, obj["metadata"]?["annotations"]);
    }

    /// <summary>The controller that an object belongs to; nothing when it belongs to none.</summary>
    public static void Controller(TabbedText text, JsonNode? metadata)
    {
        if ((metadata?["ownerReferences"] as JsonArray ?? []).FirstOrDefault(o => (bool?)o?["controller"] == true) is { } owner)
            text.Line(0, $"Controlled By:\t{(string?)owner["kind"]}/{(string?)owner["name"]}");
    }

    /// <summary><c>Labels: a=b</c>, one line each.</summary>
    public static void Map(TabbedText text, int level, string title, JsonNode? map) =>
        Lines(text, level, title, (map as JsonObject ?? []).OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={p.Value}"));

    /// <summary><c>Annotations: a: b</c>; long ones and those of several lines below their name.</summary>
    public static void Annotations(TabbedText text, int level, JsonNode? map)
    {
        // What kubectl apply keeps for itself is no news to the reader.
        Lines(text, level, "Annotations", (map as JsonObject ?? []).Where(p => p.Key != "kubectl.kubernetes.io/last-applied-configuration").OrderBy(p => p.Key, StringComparer.Ordinal).SelectMany(Annotation));

        static IEnumerable<string> Annotation(KeyValuePair<string, JsonNode?> entry)
        {
            var value = entry.Value?.ToString() ?? "";
            if (value.EndsWith('\n')) value = value[..^1];
            if (value.Length + entry.Key.Length + 2 <= AnnotationLengthMax && !value.Contains('\n')) return [$"{entry.Key}: {value}"];
            return [$"{entry.Key}:", .. value.Split('\n').Select(line => line.Length > AnnotationLengthMax - 2 ? $"  {line[..(AnnotationLengthMax - 2)]}..." : $"  {line}")];
        }
    }

    private static void Lines(TabbedText text, int level, string title, IEnumerable<string> lines)
    {
        var shownTitle = title + ":";
        foreach (var line in lines.DefaultIfEmpty("<none>"))
        {
            // Only the first line carries the indentation with its title.
            text.Line(shownTitle.Length > 0 ? level : 0, $"{shownTitle}\t{line}");
            shownTitle = "";
        }
    }

    /// <summary><c>a=b,c=d</c> of a map; &lt;none&gt; of an empty one.</summary>
    public static string Labels(JsonNode? map) => map is JsonObject { Count: > 0 } labels ? string.Join(',', labels.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={p.Value}")) : "<none>";

    /// <summary>A label selector as text: <c>a=b,c in (d,e),!f</c>.</summary>
    public static string Selector(JsonNode? selector)
    {
        var parts = (selector?["matchLabels"] as JsonObject ?? []).Select(p => (p.Key, Text: $"{p.Key}={p.Value}"))
            .Concat((selector?["matchExpressions"] as JsonArray ?? []).Select(e => ((string?)e?["key"] ?? "", Expression(e))))
            .OrderBy(part => part.Item1, StringComparer.Ordinal).Select(part => part.Item2).ToList();
        return parts.Count > 0 ? string.Join(',', parts) : "<none>";
    }

    private static string Expression(JsonNode? expression)
    {
        var key = (string?)expression?["key"];
        var values = string.Join(',', (expression?["values"] as JsonArray ?? []).Select(v => v?.ToString()).Order(StringComparer.Ordinal));
        return (string?)expression?["operator"] switch
        {
            "In" => $"{key} in ({values})",
            "NotIn" => $"{key} notin ({values})",
            "DoesNotExist" => $"!{key}",
            _ => key ?? "",
        };
    }

    /// <summary>true or false, as Go prints them.</summary>
    public static string Lower(bool? value) => value == true ? "true" : "false";

    public static DateTimeOffset Parse(string time) => DateTimeOffset.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);

    /// <summary>A time as RFC 1123 writes it, in the reader's zone; empty when there is none.</summary>
    public static string Time(string? time) => time is null ? "" : Parse(time).ToLocalTime().ToString("ddd, dd MMM yyyy HH:mm:ss zzz", CultureInfo.InvariantCulture).Remove(29, 1);

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
