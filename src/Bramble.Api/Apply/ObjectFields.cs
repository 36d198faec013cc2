using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.Apply;

/// <summary>The paths of all fields an object has (typed.ToFieldSet), and an object without some of them (typed.RemoveItems).</summary>
internal static class ObjectFields
{
    public static FieldSet Of(JsonNode tree, SchemaType type)
    {
        var set = new FieldSet();
        Collect(tree, type, [], set);
        return set;
    }

    private static void Collect(JsonNode? node, SchemaType type, List<string> path, FieldSet set)
    {
        var atom = Atoms.Of(type, node);
        if (Atoms.IsAtomic(type, atom))
        {
            set.Insert(path);
            return;
        }
        switch (node)
        {
            case JsonObject map when atom == Atom.Map:
                foreach (var (name, value) in map)
                {
                    if (Atoms.Member(type, name) is not { } member) continue;
                    path.Add(PathElement.Field(name));
                    Collect(value, member, path, set);
                    if (value is null or JsonObject { Count: 0 } || !Atoms.IsDeclared(type, name)) set.Insert(path);
                    path.RemoveAt(path.Count - 1);
                }
                break;
            case JsonArray list when atom == Atom.List:
                var elements = list.Select(item => (Item: item, Element: PathElement.OfItem(item, type, out _))).Where(p => p.Element is not null).ToList();
                foreach (var same in elements.GroupBy(p => p.Element!, StringComparer.Ordinal))
                {
                    path.Add(same.Key);
                    // Repeated items are one value together.
                    if (same.Count() == 1) Collect(same.First().Item, type.Element!, path, set);
                    set.Insert(path);
                    path.RemoveAt(path.Count - 1);
                }
                break;
        }
    }

    /// <returns>A new tree; null where nothing is left.</returns>
    public static JsonNode? Remove(JsonNode? node, FieldSet removed, SchemaType type)
    {
        var atom = Atoms.Of(type, node);
        if (atom == Atom.Scalar) return node?.DeepClone();
        if (Atoms.IsAtomic(type, atom)) return null;
        switch (node)
        {
            case JsonObject { Count: > 0 } map when atom == Atom.Map:
                var keptMap = new JsonObject();
                var reachedInto = false;
                foreach (var (name, value) in map)
                {
                    var element = PathElement.Field(name);
                    if (removed.HasMember(element)) continue;
                    if (removed.Below(element) is { } below)
                    {
                        reachedInto = true;
                        keptMap[name] = Remove(value, below, Atoms.Member(type, name) ?? GoTypeNames.Any) ?? EmptyLike(value);
                        continue;
                    }
                    keptMap[name] = value?.DeepClone();
                }
                return keptMap.Count > 0 || reachedInto ? keptMap : null;
            case JsonArray { Count: > 0 } list when atom == Atom.List:
                var keptList = new JsonArray();
                var reached = false;
                foreach (var item in list)
                {
                    var element = PathElement.OfItem(item, type, out _);
                    if (element is not null && removed.HasMember(element)) continue;
                    if (element is not null && removed.Below(element) is { } below)
                    {
                        reached = true;
                        keptList.Add(Remove(item, below, type.Element!) ?? EmptyLike(item));
                        continue;
                    }
                    keptList.Add(item?.DeepClone());
                }
                return keptList.Count > 0 || reached ? keptList : null;
            default:
                return null;
        }
    }

    private static JsonNode? EmptyLike(JsonNode? node) => node switch
    {
        JsonObject => new JsonObject(),
        JsonArray => new JsonArray(),
        _ => null,
    };
}
