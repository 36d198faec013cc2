using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Patching;

/// <summary>Merging of two lists in a strategic merge patch: by key for maps, as sets for scalars; then the order the patch asks for.</summary>
internal static class StrategicListMerge
{
    public static List<JsonNode?> Items(JsonArray list) => [.. list];

    public static JsonArray Merge(JsonArray original, JsonArray patch, StrategicField field, bool isDeleteList)
    {
        if (!isDeleteList && !field.Strategy.HasFlag(PatchStrategy.Merge)) return patch;
        if (original.Count == 0 && patch.Count == 0) return Detach(original);
        var isMap = ElementKind(original, patch) == "map";
        var originalItems = Items(original);
        var patchItems = Items(patch);
        original.Clear();
        patch.Clear();
        List<JsonNode?> merged;
        if (!isMap)
        {
            if (isDeleteList) return ToArray(originalItems.Where(item => !patchItems.Any(p => IsSame(p, item))));
            merged = [];
            foreach (var item in originalItems.Concat(patchItems))
                if (!merged.Any(m => IsSame(m, item))) merged.Add(item);
            // A scalar of both lists is one node; the order below looks at values only.
        }
        else
        {
            if (field.MergeKey.Length == 0) throw StrategicMergePatch.Failed("cannot merge lists without merge key for struct");
            (originalItems, patchItems) = ApplyDirectives(originalItems, patchItems, field.MergeKey);
            merged = MergeByKey(originalItems, patchItems, field);
        }
        return Order(merged, patchItems, originalItems, field.MergeKey, isMap);
    }

    /// <summary>Puts items named in <paramref name="order"/> in that order and fits the others in where they stood in <paramref name="serverOrder"/>.</summary>
    public static JsonArray Order(List<JsonNode?> merged, IEnumerable<JsonNode?> order, List<JsonNode?> serverOrder, string mergeKey, bool isMap)
    {
        var patchOrder = order.ToList();
        var patchItems = new List<JsonNode?>();
        var serverOnly = new List<JsonNode?>();
        foreach (var item in merged)
        {
            bool isInPatch;
            if (mergeKey.Length == 0)
            {
                isInPatch = patchOrder.Any(p => IsSame(p, item));
            }
            else
            {
                var map = item as JsonObject ?? throw StrategicMergePatch.BadArgument("map[string]interface {}", item);
                if (!map.TryGetPropertyValue(mergeKey, out var keyValue)) throw NoMergeKey(map, mergeKey);
                isInPatch = FindByKey(patchOrder, mergeKey, keyValue) >= 0;
            }
            (isInPatch ? patchItems : serverOnly).Add(item);
        }
        patchItems = Sorted(patchItems, patchOrder, mergeKey, isMap);
        serverOnly = Sorted(serverOnly, serverOrder, mergeKey, isMap);
        return ToArray(Interleave(serverOnly, patchItems, serverOrder, mergeKey, isMap));
    }

    /// <summary>Checks that the patch's items come in the order that $setElementOrder gives, and are all named there.</summary>
    public static void CheckOrder(JsonArray patch, JsonArray order, string mergeKey)
    {
        if (order.Count == 0 || patch.Count == 0) return;
        var kept = mergeKey.Length > 0 ? SplitDeleted(Items(patch)).Kept : Items(patch);
        var at = 0;
        var orderAt = 0;
        while (at < kept.Count && orderAt < order.Count)
        {
            if (kept[at] is JsonObject map && map.ContainsKey(StrategicMergePatch.Directive))
            {
                at++;
                continue;
            }
            if (HasSameKey(kept[at], order[orderAt], mergeKey)) at++;
            orderAt++;
        }
        if (at < kept.Count && orderAt >= order.Count)
            throw StrategicMergePatch.Failed($"The order in patch list:\n{GoFormat.Value(patch)}\n doesn't match $setElementOrder list:\n{GoFormat.Value(order)}\n");
    }

    /// <summary>The kind all items have: map, string, int64, …</summary>
    public static string ElementKind(JsonArray original, JsonArray patch)
    {
        string? kind = null;
        foreach (var item in original.Concat(patch))
        {
            var itemKind = GoFormat.KindName(item);
            if (kind is null && itemKind == "slice")
                throw new StatusException(new Status(422, "Invalid", "the server rejected our request due to an error in our request", new StatusDetails()));
            kind ??= itemKind;
            if (kind != itemKind) throw StrategicMergePatch.Failed($"list element types are not identical: [{GoFormat.Value(original)} {GoFormat.Value(patch)}]");
        }
        return kind ?? throw StrategicMergePatch.Failed("no elements in any of the given slices");
    }

    private static (List<JsonNode?> Original, List<JsonNode?> Patch) ApplyDirectives(List<JsonNode?> original, List<JsonNode?> patch, string mergeKey)
    {
        var plain = new List<JsonNode?>();
        var replaces = false;
        foreach (var item in patch)
        {
            var map = (JsonObject)item!;
            if (!map.TryGetPropertyValue(StrategicMergePatch.Directive, out var directive))
            {
                plain.Add(map);
                continue;
            }
            switch (StrategicMergePatch.Text(directive))
            {
                case "delete":
                    if (!map.TryGetPropertyValue(mergeKey, out var keyValue)) throw NoMergeKey(map, mergeKey);
                    for (var at = FindByKey(original, mergeKey, keyValue); at >= 0; at = FindByKey(original, mergeKey, keyValue)) original.RemoveAt(at);
                    break;
                case "replace":
                    replaces = true;
                    break;
                case "merge":
                    throw StrategicMergePatch.Failed("merging lists cannot yet be specified in the patch");
                default:
                    throw StrategicMergePatch.Failed($"unknown patch type: {GoFormat.Value(directive)} in map: {GoFormat.Value(map)}");
            }
        }
        return replaces ? (plain, []) : (original, plain);
    }

    private static List<JsonNode?> MergeByKey(List<JsonNode?> original, List<JsonNode?> patch, StrategicField field)
    {
        var merged = new List<JsonNode?>(original);
        foreach (var item in patch)
        {
            var map = (JsonObject)item!;
            if (!map.TryGetPropertyValue(field.MergeKey, out var keyValue)) throw NoMergeKey(map, field.MergeKey);
            var at = FindByKey(merged, field.MergeKey, keyValue);
            if (at < 0)
            {
                merged.Add(map);
                continue;
            }
            // The patch item stays what it is, for the order afterwards; its copy is merged.
            merged[at] = StrategicMergePatch.MergeMap((JsonObject)merged[at]!, (JsonObject)map.DeepClone(), field.Type);
            if (at < original.Count) original[at] = merged[at];
        }
        return merged;
    }

    // Go's stable sort with upstream's comparison: an item that the order does not name goes before its left neighbour. Insertion sort shows the same.
    private static List<JsonNode?> Sorted(List<JsonNode?> items, List<JsonNode?> order, string mergeKey, bool isMap)
    {
        List<JsonNode?> deleted = [];
        if (isMap)
        {
            foreach (var item in items.Concat(order))
            {
                var map = item as JsonObject ?? throw StrategicMergePatch.BadArgument("map[string]interface {}", item);
                if (!map.ContainsKey(mergeKey)) throw NoMergeKey(map, mergeKey);
            }
            (items, deleted) = SplitDeleted(items);
        }
        var sorted = items.ToList();
        var ranks = sorted.Select(item => Rank(order, item, mergeKey, isMap)).ToList();
        for (var i = 1; i < sorted.Count; i++)
            for (var j = i; j > 0 && (ranks[j] < 0 || ranks[j - 1] < 0 || ranks[j] < ranks[j - 1]); j--)
            {
                (sorted[j], sorted[j - 1]) = (sorted[j - 1], sorted[j]);
                (ranks[j], ranks[j - 1]) = (ranks[j - 1], ranks[j]);
            }
        sorted.AddRange(deleted);
        return sorted;
    }

    private static IEnumerable<JsonNode?> Interleave(List<JsonNode?> left, List<JsonNode?> right, List<JsonNode?> serverOrder, string mergeKey, bool isMap)
    {
        int i = 0, j = 0;
        while (i < left.Count || j < right.Count)
        {
            if (i >= left.Count)
            {
                yield return right[j++];
            }
            else if (j >= right.Count)
            {
                yield return left[i++];
            }
            else
            {
                var leftRank = Rank(serverOrder, left[i], mergeKey, isMap);
                var rightRank = Rank(serverOrder, right[j], mergeKey, isMap);
                yield return leftRank >= 0 && rightRank >= 0 && leftRank < rightRank ? left[i++] : right[j++];
            }
        }
    }

    private static int Rank(List<JsonNode?> order, JsonNode? item, string mergeKey, bool isMap) =>
        isMap ? order.FindIndex(o => IsSame((o as JsonObject)?[mergeKey], (item as JsonObject)?[mergeKey])) : order.FindIndex(o => IsSame(o, item));

    private static (List<JsonNode?> Kept, List<JsonNode?> Deleted) SplitDeleted(List<JsonNode?> items)
    {
        List<JsonNode?> kept = [];
        List<JsonNode?> deleted = [];
        foreach (var item in items)
        {
            var map = item as JsonObject ?? throw StrategicMergePatch.BadArgument("map[string]interface {}", item);
            (StrategicMergePatch.Text(map[StrategicMergePatch.Directive]) == "delete" ? deleted : kept).Add(item);
        }
        return (kept, deleted);
    }

    private static bool HasSameKey(JsonNode? left, JsonNode? right, string mergeKey)
    {
        if (mergeKey.Length == 0) return IsSame(left, right);
        var leftMap = left as JsonObject ?? throw StrategicMergePatch.BadArgument("map[string]interface {}", left);
        var rightMap = right as JsonObject ?? throw StrategicMergePatch.BadArgument("map[string]interface {}", right);
        if (!leftMap.TryGetPropertyValue(mergeKey, out var leftKey)) throw NoMergeKey(leftMap, mergeKey);
        if (!rightMap.TryGetPropertyValue(mergeKey, out var rightKey)) throw NoMergeKey(rightMap, mergeKey);
        return IsSame(leftKey, rightKey);
    }

    private static int FindByKey(List<JsonNode?> items, string mergeKey, JsonNode? keyValue)
    {
        for (var i = 0; i < items.Count; i++)
        {
            if (items[i] is not JsonObject map) throw StrategicMergePatch.Failed($"value for key {i} is not a map");
            if (map.TryGetPropertyValue(mergeKey, out var value) && IsSame(value, keyValue)) return i;
        }
        return -1;
    }

    private static bool IsSame(JsonNode? a, JsonNode? b) => JsonNode.DeepEquals(a, b);

    private static StatusException NoMergeKey(JsonObject map, string mergeKey) =>
        StrategicMergePatch.Failed($"map: {GoFormat.Value(map)} does not contain declared merge key: {mergeKey}");

    private static JsonArray Detach(JsonArray list) => list.Parent is null ? list : (JsonArray)list.DeepClone();

    private static JsonArray ToArray(IEnumerable<JsonNode?> items)
    {
        var list = new JsonArray();
        foreach (var item in items.ToList()) list.Add(item?.Parent is null ? item : item.DeepClone());
        return list;
    }
}
