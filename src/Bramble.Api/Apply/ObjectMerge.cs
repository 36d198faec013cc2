using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Apply;

/// <summary>Lays an applied configuration over a live object: maps and keyed lists member by member, everything else replaced (typed.Merge).</summary>
internal static class ObjectMerge
{
    /// <returns>A new tree.</returns>
    public static JsonNode? Merge(JsonNode? live, JsonNode? applied, SchemaType type) => MergeValue(live, hasLive: true, applied, hasApplied: true, type);

    private static JsonNode? MergeValue(JsonNode? live, bool hasLive, JsonNode? applied, bool hasApplied, SchemaType type)
    {
        var atom = Atoms.Of(type, hasApplied ? applied : live);
        if (Atoms.IsAtomic(type, atom)) return (hasApplied ? applied : live)?.DeepClone();
        switch (atom)
        {
            case Atom.Map:
                var liveMap = live as JsonObject;
                var appliedMap = applied as JsonObject;
                if (liveMap is not { Count: > 0 } && appliedMap is not { Count: > 0 }) return (hasApplied ? applied : live)?.DeepClone();
                return MergeMaps(liveMap ?? [], appliedMap ?? [], type);
            case Atom.List:
                var liveList = live as JsonArray;
                var appliedList = applied as JsonArray;
                if (liveList is not { Count: > 0 } && appliedList is not { Count: > 0 }) return (hasApplied ? applied : live)?.DeepClone();
                return MergeLists(liveList ?? [], appliedList ?? [], type);
            default:
                return (hasApplied ? applied : live)?.DeepClone();
        }
    }

    private static JsonObject MergeMaps(JsonObject live, JsonObject applied, SchemaType type)
    {
        var merged = new JsonObject();
        foreach (var (name, value) in live)
        {
            if (Atoms.Member(type, name) is not { } member) continue;
            var has = applied.TryGetPropertyValue(name, out var other);
            merged[name] = MergeValue(value, hasLive: true, other, has, member);
        }
        foreach (var (name, value) in applied)
            if (!live.ContainsKey(name) && Atoms.Member(type, name) is { } member)
                merged[name] = MergeValue(null, hasLive: false, value, hasApplied: true, member);
        return merged;
    }

    /// <summary>Items of both keep the applied order; live-only items stay where they are between them.</summary>
    private static JsonArray MergeLists(JsonArray live, JsonArray applied, SchemaType type)
    {
        var (liveElements, liveItems) = Index(live, type, allowsDuplicates: true);
        var (appliedElements, appliedItems) = Index(applied, type, allowsDuplicates: false);
        var shared = new Queue<string>(appliedElements.Where(liveItems.ContainsKey));
        var nextShared = shared.TryDequeue(out var first) ? first : null;
        var done = new HashSet<string>(StringComparer.Ordinal);
        var merged = new JsonArray();
        int l = 0, r = 0;
        while (l < liveElements.Count || r < appliedElements.Count)
        {
            if (l < liveElements.Count && r < appliedElements.Count)
            {
                var element = liveElements[l];
                if (element == appliedElements[r])
                {
                    done.Add(element);
                    merged.Add(MergeValue(liveItems[element], true, appliedItems[element], true, type.Element!));
                    l++;
                    r++;
                    nextShared = shared.TryDequeue(out var next) ? next : null;
                    continue;
                }
                if (appliedItems.ContainsKey(element) && nextShared is not null && nextShared != element)
                {
                    // Of both, but not its turn.
                    l++;
                    continue;
                }
            }
            if (l < liveElements.Count)
            {
                var element = liveElements[l];
                if (!appliedItems.ContainsKey(element))
                {
                    merged.Add(live[l]?.DeepClone());
                    l++;
                    continue;
                }
                if (done.Contains(element)) l++;
            }
            if (r < appliedElements.Count)
            {
                var element = appliedElements[r];
                done.Add(element);
                var hasLive = liveItems.TryGetValue(element, out var liveItem);
                merged.Add(MergeValue(liveItem, hasLive, appliedItems[element], true, type.Element!));
                r++;
                if (nextShared == element) nextShared = shared.TryDequeue(out var next) ? next : null;
            }
        }
        return merged;
    }

    private static (List<string> Elements, Dictionary<string, JsonNode?> Items) Index(JsonArray list, SchemaType type, bool allowsDuplicates)
    {
        var elements = new List<string>(list.Count);
        var items = new Dictionary<string, JsonNode?>(StringComparer.Ordinal);
        for (var i = 0; i < list.Count; i++)
        {
            var element = PathElement.OfItem(list[i], type, out var error) ?? throw Failed($"element {i}: {error}");
            if (!items.TryAdd(element, list[i]))
            {
                if (!allowsDuplicates) throw Failed($"duplicate entries for key {PathElement.Show(element)}");
                // Repeated items are not merged with an applied one.
                items[element] = null;
            }
            elements.Add(element);
        }
        return (elements, items);
    }

    private static StatusException Failed(string why) => new(new Status(500, "", $"failed to merge config: {why}"));
}
