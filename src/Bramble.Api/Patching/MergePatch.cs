using System.Text.Json.Nodes;

namespace Bramble.Api.Patching;

/// <summary>JSON merge patch (RFC 7396) as evanphx/json-patch v4 does it.</summary>
public static class MergePatch
{
    /// <summary>Merges <paramref name="patch"/> into <paramref name="document"/>, in place. Neither shares nodes with the other afterwards.</summary>
    public static void Apply(JsonObject document, JsonObject patch) => Apply(document, patch, new OpenedObjects());

    internal static void Apply(JsonObject document, JsonObject patch, OpenedObjects opened)
    {
        opened.Open(document);
        foreach (var (key, value) in patch)
        {
            if (value is null)
                document.Remove(key);
            else if (document[key] is JsonObject inner && value is JsonObject innerPatch)
                Apply(inner, innerPatch, opened);
            else
                document[key] = WithoutNulls(value, opened);
        }
    }

    /// <summary>The patch that makes <paramref name="modified"/> of <paramref name="original"/>. A member that is null in <paramref name="modified"/> cannot be said.</summary>
    public static JsonObject Diff(JsonObject original, JsonObject modified)
    {
        var patch = new JsonObject();
        foreach (var (key, _) in original)
            if (!modified.ContainsKey(key)) patch[key] = null;
        foreach (var (key, value) in modified)
        {
            var has = original.TryGetPropertyValue(key, out var old);
            if (has && JsonNode.DeepEquals(old, value)) continue;
            if (old is JsonObject oldMap && value is JsonObject newMap) patch[key] = Diff(oldMap, newMap);
            else patch[key] = value?.DeepClone();
        }
        return patch;
    }

    /// <summary>What apply sends for a kind without patch keys: the changes of <paramref name="modified"/> against <paramref name="current"/>, and null for what was in <paramref name="last"/> and is no more.</summary>
    public static JsonObject Diff3(JsonObject last, JsonObject modified, JsonObject current)
    {
        var patch = new JsonObject();
        foreach (var (key, value) in modified)
        {
            var has = current.TryGetPropertyValue(key, out var old);
            if (old is JsonObject oldMap && value is JsonObject newMap)
            {
                var inner = Diff3(last[key] as JsonObject ?? [], newMap, oldMap);
                if (inner.Count > 0) patch[key] = inner;
            }
            else if (!has || !JsonNode.DeepEquals(old, value))
            {
                patch[key] = value?.DeepClone();
            }
        }
        foreach (var (key, _) in last)
            if (!modified.ContainsKey(key) && current.ContainsKey(key)) patch[key] = null;
        return patch;
    }

    private static JsonNode WithoutNulls(JsonNode value, OpenedObjects opened)
    {
        var copy = value.DeepClone();
        Prune(copy);
        return copy;

        void Prune(JsonNode? node)
        {
            switch (node)
            {
                case JsonObject map:
                    opened.Open(map);
                    foreach (var key in map.Where(p => p.Value is null).Select(p => p.Key).ToArray()) map.Remove(key);
                    foreach (var (_, item) in map) Prune(item);
                    break;
                case JsonArray list:
                    foreach (var item in list) Prune(item);
                    break;
            }
        }
    }
}
