using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.Api.CustomResources;

/// <summary>What x-kubernetes-list-type promises of a list: no two items of a set are the same, no two of a map have the same keys. Behaviour of apiextensions' listtype. Pure.</summary>
public static class ListKeys
{
    /// <param name="old">What was stored: where that broke the promise already, it may stay broken; null on create.</param>
    public static void Validate(JsonObject obj, JsonObject? old, JsonObject schema, FieldErrors errors)
    {
        var found = new FieldErrors();
        Check(obj, schema, "", found);
        if (found.Count == 0) return;
        var before = new FieldErrors();
        Check(old, schema, "", before);
        if (before.Count == 0) errors.AddRange(found);
    }

    private static void Check(JsonNode? value, JsonObject schema, string path, FieldErrors errors)
    {
        switch (value)
        {
            case JsonObject map:
                foreach (var (name, member) in map)
                    if (schema["properties"]?[name] is JsonObject property) Check(member, property, path.Length == 0 ? name : $"{path}.{name}", errors);
                    else if (schema["additionalProperties"] is JsonObject values) Check(member, values, $"{path}[{name}]", errors);
                break;
            case JsonArray list:
                Items(list, schema, path, errors);
                if (schema["items"] is not JsonObject items) break;
                for (var i = 0; i < list.Count; i++) Check(list[i], items, At(path, i), errors);
                break;
        }
    }

    private static void Items(JsonArray list, JsonObject schema, string path, FieldErrors errors)
    {
        var kind = StructuralSchema.Text(schema, "x-kubernetes-list-type");
        if (kind is not ("set" or "map")) return;
        for (var i = 0; i < list.Count && kind == "map"; i++)
        {
            if (list[i] is null or JsonObject) continue;
            errors.Invalid(At(path, i), list[i], "must be an object for an array of list-type map");
            return;
        }
        var keys = schema["x-kubernetes-list-map-keys"] as JsonArray ?? [];
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < list.Count; i++)
        {
            var key = kind == "set" ? list[i] : KeysOf(list[i] as JsonObject, keys);
            var text = (kind == "set" ? Sorted(key) : key)?.ToJsonString() ?? "null";
            var times = seen[text] = seen.GetValueOrDefault(text) + 1;
            if (times == 2) errors.Duplicate(At(path, i), key?.DeepClone()); // upstream tells it once, however many there are
        }
    }

    /// <summary>The items of a list by their keys; null: they have none.</summary>
    internal static Dictionary<string, JsonNode>? Index(JsonArray? list, JsonObject schema)
    {
        if (list is null || StructuralSchema.Text(schema, "x-kubernetes-list-type") != "map" || schema["x-kubernetes-list-map-keys"] is not JsonArray keys) return null;
        var index = new Dictionary<string, JsonNode>(StringComparer.Ordinal);
        foreach (var item in list)
            if (item is JsonObject map) index.TryAdd(KeysOf(map, keys).ToJsonString(), item);
        return index;
    }

    /// <summary>What an item was before.</summary>
    internal static JsonNode? Find(Dictionary<string, JsonNode>? index, JsonNode? item, JsonObject schema) =>
        index is not null && item is JsonObject map ? index.GetValueOrDefault(KeysOf(map, (JsonArray)schema["x-kubernetes-list-map-keys"]!).ToJsonString()) : null;

    private static JsonObject KeysOf(JsonObject? item, JsonArray keys)
    {
        var values = new JsonObject();
        foreach (var key in keys)
            if (key is not null && item is not null && item.TryGetPropertyValue((string)key!, out var value)) values[(string)key!] = value?.DeepClone();
        return values;
    }

    /// <summary>Objects are the same in whatever order their fields are.</summary>
    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject map => new JsonObject(map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    private static string At(string path, int index) => $"{path}[{index.ToString(CultureInfo.InvariantCulture)}]";
}
