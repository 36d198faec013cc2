using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Reads an object tree as Go reads its structs: what is absent, null or of another type is the zero value. No allocation.</summary>
internal static class TreeReading
{
    /// <summary>The object under a name; null when absent.</summary>
    public static JsonObject? Object(this JsonObject? tree, string name) => tree is not null && tree.TryGetPropertyValue(name, out var node) ? node as JsonObject : null;

    public static JsonObject? Object(this JsonObject? tree, string name, string next) => tree.Object(name).Object(next);

    /// <summary>The list under a name; null when absent.</summary>
    public static JsonArray? Array(this JsonObject? tree, string name) => tree is not null && tree.TryGetPropertyValue(name, out var node) ? node as JsonArray : null;

    /// <summary>The members of a list of objects; null members are left out.</summary>
    public static ObjectItems Items(this JsonObject? tree, string name) => new(tree.Array(name));

    /// <summary>Number of members; 0 when absent.</summary>
    public static int Count(this JsonObject? tree, string name) => tree is null || !tree.TryGetPropertyValue(name, out var node)
        ? 0
        : node switch { JsonArray list => list.Count, JsonObject map => map.Count, _ => 0 };

    /// <summary>Present and not null (a Go pointer that is not nil).</summary>
    public static bool Has([NotNullWhen(true)] this JsonObject? tree, string name) => tree is not null && tree.TryGetPropertyValue(name, out var node) && node is not null;

    /// <summary>The text under a name; empty when absent.</summary>
    public static string Text(this JsonObject? tree, string name) => tree.TextOrNull(name) ?? "";

    public static string Text(this JsonObject? tree, string name, string next) => tree.Object(name).Text(next);

    public static string? TextOrNull(this JsonObject? tree, string name) =>
        tree is not null && tree.TryGetPropertyValue(name, out var node) ? node.AsText() : null;

    public static long Long(this JsonObject? tree, string name) => tree.LongOrNull(name) ?? 0;

    public static long? LongOrNull(this JsonObject? tree, string name) =>
        tree is not null && tree.TryGetPropertyValue(name, out var node) ? node.AsLong() : null;

    public static bool Bool(this JsonObject? tree, string name) => tree.BoolOrNull(name) ?? false;

    public static bool? BoolOrNull(this JsonObject? tree, string name) =>
        tree is not null && tree.TryGetPropertyValue(name, out var node) && node is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag : null;

    /// <summary>The texts of a list of strings.</summary>
    public static IEnumerable<string> Texts(this JsonObject? tree, string name)
    {
        if (tree.Array(name) is not { } list) yield break;
        foreach (var node in list) yield return node.AsText() ?? "";
    }

    /// <summary>A map of strings: keys and values.</summary>
    public static IEnumerable<KeyValuePair<string, string>> TextMap(this JsonObject? tree, string name)
    {
        if (tree.Object(name) is not { } map) yield break;
        foreach (var (key, node) in map) yield return new(key, node.AsText() ?? "");
    }

    /// <summary>The members of a map of strings itself.</summary>
    public static IEnumerable<KeyValuePair<string, string>> AllTexts(this JsonObject? map)
    {
        foreach (var (key, node) in map ?? []) yield return new(key, node.AsText() ?? "");
    }

    public static string? AsText(this JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    public static long? AsLong(this JsonNode? node)
    {
        if (node is not JsonValue value) return null;
        if (value.TryGetValue<long>(out var number)) return number;
        if (value.TryGetValue<int>(out var small)) return small;
        if (value.TryGetValue<double>(out var real)) return (long)real;
        return value.TryGetValue<JsonElement>(out var element) && element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var any) ? (long)any : null;
    }

    /// <summary>An int-or-string that is a number.</summary>
    public static bool IsNumber(this JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.Number;

    /// <summary>metadata.name.</summary>
    public static string ObjectName(this JsonObject tree) => tree.Object("metadata").Text("name");

    /// <summary>metadata.namespace; empty for cluster-scoped objects.</summary>
    public static string ObjectNamespace(this JsonObject tree) => tree.Object("metadata").Text("namespace");

    public static long Generation(this JsonObject tree) => tree.Object("metadata").Long("generation");

    public static JsonObject? Labels(this JsonObject? tree) => tree.Object("metadata").Object("labels");

    public static JsonObject? Annotations(this JsonObject? tree) => tree.Object("metadata").Object("annotations");
}

/// <summary>The members of a list that are objects, with their index; made so that a loop over an absent list costs nothing.</summary>
internal readonly struct ObjectItems(JsonArray? list)
{
    public Enumerator GetEnumerator() => new(list);

    public struct Enumerator(JsonArray? list)
    {
        private int _index = -1;

        public readonly (int Index, JsonObject Item) Current => (_index, list![_index] as JsonObject ?? []);

        public bool MoveNext() => list is not null && ++_index < list.Count;
    }
}
