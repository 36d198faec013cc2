using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.Patching;

/// <summary>Makes strategic merge patches: what clients send (kubectl apply), and the inverse that proves <see cref="StrategicMergePatch"/> right.</summary>
public static class StrategicDiff
{
    /// <summary>The patch that makes <paramref name="modified"/> of <paramref name="current"/>.</summary>
    public static JsonObject TwoWay(JsonObject current, JsonObject modified, SchemaType type) => Diff(current, modified, type, Part.Both);

    /// <summary>kubectl apply's patch: what <paramref name="modified"/> adds or changes in <paramref name="current"/>, without what was in <paramref name="last"/> and is no more.</summary>
    public static JsonObject ThreeWay(JsonObject last, JsonObject modified, JsonObject current, SchemaType type)
    {
        var changes = Diff(current, modified, type, Part.Changes);
        var deletions = Diff(last, modified, type, Part.Deletions);
        Combine(changes, deletions, type);
        return changes;
    }

    [Flags]
    private enum Part { Changes = 1, Deletions = 2, Both = 3 }

    private static JsonObject Diff(JsonObject old, JsonObject changed, SchemaType? type, Part part)
    {
        var patch = new JsonObject();
        foreach (var (key, value) in changed)
        {
            if (!old.TryGetPropertyValue(key, out var before))
            {
                if (part.HasFlag(Part.Changes) && value is not null) patch[key] = value.DeepClone();
                continue;
            }
            if (JsonNode.DeepEquals(before, value)) continue;
            var field = type?.Kind == SchemaKind.Struct ? type.FindField(key) : null;
            switch (before, value)
            {
                case (JsonObject oldMap, JsonObject newMap) when !(field?.PatchStrategy.HasFlag(PatchStrategy.Replace) ?? false):
                    var inner = Diff(oldMap, newMap, field?.Type ?? type?.Element, part);
                    if (field?.PatchStrategy.HasFlag(PatchStrategy.RetainKeys) == true && inner.Count > 0) inner["$retainKeys"] = new JsonArray(newMap.Select(p => (JsonNode)p.Key).ToArray());
                    if (inner.Count > 0) patch[key] = inner;
                    break;
                case (JsonArray oldList, JsonArray newList) when field?.PatchStrategy.HasFlag(PatchStrategy.Merge) == true:
                    DiffLists(patch, key, oldList, newList, field, part);
                    break;
                default:
                    if (part.HasFlag(Part.Changes)) patch[key] = value?.DeepClone();
                    break;
            }
        }
        if (part.HasFlag(Part.Deletions))
            foreach (var (key, _) in old)
                if (!changed.ContainsKey(key)) patch[key] = null;
        return patch;
    }

    private static void DiffLists(JsonObject patch, string key, JsonArray old, JsonArray changed, SchemaField field, Part part)
    {
        if (field.PatchMergeKey.Length == 0)
        {
            var added = changed.Where(c => !old.Any(o => JsonNode.DeepEquals(o, c))).Select(c => c?.DeepClone()).ToArray();
            var removed = old.Where(o => !changed.Any(c => JsonNode.DeepEquals(o, c))).Select(o => o?.DeepClone()).ToArray();
            if (part.HasFlag(Part.Changes) && added.Length > 0) patch[key] = new JsonArray(added);
            if (part.HasFlag(Part.Deletions) && removed.Length > 0) patch["$deleteFromPrimitiveList/" + key] = new JsonArray(removed);
            if (patch.ContainsKey(key) || patch.ContainsKey("$deleteFromPrimitiveList/" + key) || part.HasFlag(Part.Changes))
                patch["$setElementOrder/" + key] = new JsonArray(changed.Select(c => c?.DeepClone()).ToArray());
            return;
        }
        var mergeKey = field.PatchMergeKey;
        var items = new JsonArray();
        foreach (var item in changed.OfType<JsonObject>())
        {
            var before = old.OfType<JsonObject>().FirstOrDefault(o => JsonNode.DeepEquals(o[mergeKey], item[mergeKey]));
            if (before is null)
            {
                if (part.HasFlag(Part.Changes)) items.Add(item.DeepClone());
                continue;
            }
            var inner = Diff(before, item, field.Type.Element, part);
            if (field.PatchStrategy.HasFlag(PatchStrategy.RetainKeys) && inner.Count > 0) inner["$retainKeys"] = new JsonArray(item.Select(p => (JsonNode)p.Key).ToArray());
            if (inner.Count == 0) continue;
            inner[mergeKey] = item[mergeKey]?.DeepClone();
            items.Add((JsonNode)inner);
        }
        if (part.HasFlag(Part.Deletions))
            foreach (var gone in old.OfType<JsonObject>().Where(o => !changed.OfType<JsonObject>().Any(c => JsonNode.DeepEquals(o[mergeKey], c[mergeKey]))))
                items.Add((JsonNode)new JsonObject { ["$patch"] = "delete", [mergeKey] = gone[mergeKey]?.DeepClone() });
        var isReordered = part.HasFlag(Part.Changes) && !Keys(old, mergeKey).SequenceEqual(Keys(changed, mergeKey), StringComparer.Ordinal);
        if (items.Count == 0 && !isReordered) return;
        if (items.Count > 0) patch[key] = items;
        patch["$setElementOrder/" + key] = new JsonArray(changed.OfType<JsonObject>().Select(c => (JsonNode)new JsonObject { [mergeKey] = c[mergeKey]?.DeepClone() }).ToArray());
    }

    private static IEnumerable<string> Keys(JsonArray list, string mergeKey) => list.OfType<JsonObject>().Select(o => o[mergeKey]?.ToJsonString() ?? "");

    /// <summary>Lays the deletions of one patch into another.</summary>
    private static void Combine(JsonObject patch, JsonObject deletions, SchemaType? type)
    {
        foreach (var (key, value) in deletions)
        {
            if (!patch.TryGetPropertyValue(key, out var own))
            {
                patch[key] = value?.DeepClone();
                continue;
            }
            var field = type?.Kind == SchemaKind.Struct ? type.FindField(key) : null;
            if (own is JsonObject map && value is JsonObject deleted) Combine(map, deleted, field?.Type ?? type?.Element);
            else if (own is JsonArray list && value is JsonArray items && field is { PatchMergeKey.Length: > 0 }) CombineItems(list, items, field);
        }
    }

    private static void CombineItems(JsonArray patch, JsonArray deletions, SchemaField field)
    {
        foreach (var item in deletions.OfType<JsonObject>())
        {
            var own = patch.OfType<JsonObject>().FirstOrDefault(o => JsonNode.DeepEquals(o[field.PatchMergeKey], item[field.PatchMergeKey]));
            if (own is null) patch.Add(item.DeepClone());
            else if (!IsDirective(item)) Combine(own, item, field.Type.Element);
        }
    }

    private static bool IsDirective(JsonObject item) => item["$patch"] is JsonValue value && value.GetValueKind() == JsonValueKind.String;
}
