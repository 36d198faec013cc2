using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Quantities;
using Bramble.Api.Selectors;

namespace Bramble.Api.Tables;

/// <summary>How printers read objects: what is absent reads as Go's zero value.</summary>
internal static class CellReading
{
    public static JsonNode? At(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (node is not JsonObject obj) return null;
            node = obj[name];
        }
        return node;
    }

    /// <summary>The text there; empty when absent.</summary>
    public static string Text(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";

    /// <summary>The text there, or <paramref name="otherwise"/> when it is absent (an empty one counts as there).</summary>
    public static string TextOr(this JsonNode? node, string otherwise, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.TryGetValue<string>(out var text) ? text : otherwise;

    public static long Number(this JsonNode? node, params ReadOnlySpan<string> path) => node.NumberOrNull(path) ?? 0;

    public static long? NumberOrNull(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.GetValueKind() == System.Text.Json.JsonValueKind.Number
            ? value.TryGetValue<long>(out var number) ? number : value.TryGetValue<int>(out var small) ? small : (long)value.GetValue<double>()
            : null;

    public static bool Flag(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.TryGetValue<bool>(out var flag) && flag;

    public static IReadOnlyList<JsonObject> Items(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonArray array ? [.. array.OfType<JsonObject>()] : [];

    public static IReadOnlyList<string> Texts(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonArray array ? [.. array.Select(i => (string?)i ?? "")] : [];

    public static int Count(this JsonNode? node, params ReadOnlySpan<string> path) => node.At(path) switch
    {
        JsonArray array => array.Count,
        JsonObject obj => obj.Count,
        _ => 0,
    };

    public static string Name(this JsonObject obj) => obj.Text("metadata", "name");

    public static bool IsBeingDeleted(this JsonObject obj) => obj.At("metadata", "deletionTimestamp") is not null;

    public static DateTimeOffset? Time(this JsonNode? node, params ReadOnlySpan<string> path) =>
        DateTimeOffset.TryParse(node.Text(path), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    /// <summary>Age of the object.</summary>
    public static string Age(this JsonObject obj, DateTimeOffset now) => obj.Since(now, "metadata", "creationTimestamp");

    /// <summary>Time since then; <c>&lt;unknown&gt;</c> when it never was.</summary>
    public static string Since(this JsonNode? node, DateTimeOffset now, params ReadOnlySpan<string> path) =>
        node.Time(path) is { } time ? HumanDuration.Format(now - time) : "<unknown>";

    /// <summary>A quantity in its canonical form; an absent one is 0.</summary>
    public static string Amount(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is { } value && Quantity.TryParse(value.GetValueKind() == System.Text.Json.JsonValueKind.String ? (string)value! : value.ToJsonString(), out var amount, out _)
            ? amount.ToString()
            : "0";

    /// <summary>Status of a condition; null when there is none of the type.</summary>
    public static JsonObject? Condition(this JsonObject obj, string type) => obj.Items("status", "conditions").FirstOrDefault(c => c.Text("type") == type);

    public static bool IsTrue(this JsonObject obj, string conditionType) => obj.Condition(conditionType).Text("status") == "True";

    /// <summary>A map of labels as <c>a=1,b=2</c>.</summary>
    public static string Labels(this JsonNode? node, params ReadOnlySpan<string> path) => node.At(path) is JsonObject { Count: > 0 } labels
        ? string.Join(',', labels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key}={(string?)l.Value}"))
        : "<none>";

    /// <summary>A LabelSelector object in its query form.</summary>
    public static string Selector(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        try
        {
            return LabelSelector.FromObject(node.At(path) as JsonObject).ToString() is { Length: > 0 } text ? text : "<none>";
        }
        catch (FormatException)
        {
            return "<error>";
        }
    }

    /// <summary>Names and images of containers, each joined by commas.</summary>
    public static (string Names, string Images) Containers(this JsonNode? template)
    {
        var containers = template.Items("spec", "containers");
        return (string.Join(',', containers.Select(c => c.Text("name"))), string.Join(',', containers.Select(c => c.Text("image"))));
    }

    /// <summary>At most <paramref name="max"/> of the texts, then how many more there are.</summary>
    public static string Joined(IReadOnlyList<string> texts, int max) =>
        texts.Count > max ? $"{string.Join(',', texts.Take(max))} + {texts.Count - max} more..." : string.Join(',', texts);

    public static string OrNone(this string text) => text.Length > 0 ? text : "<none>";
}
