using System.Text.Json.Nodes;

namespace Bramble.Api.Apply;

/// <summary>Who owns the replicas, carried over from an object to its scale and back (behaviour of apimachinery's ScaleHandler, with its loss of times on the way). Pure.</summary>
public static class ScaleFields
{
    private const string Version = "autoscaling/v1";
    private static readonly string[] Replicas = ["spec", "replicas"];

    /// <summary>managedFields of the scale: the owners of the parent's replicas.</summary>
    public static JsonArray ToScale(JsonNode? parent, IReadOnlyList<string> path)
    {
        var (before, scale) = (Managers.Parse(parent) ?? new Managers(), new Managers());
        var elements = Elements(path);
        foreach (var (id, owned) in before.Owners)
        {
            if (!owned.Fields.Has(elements)) continue;
            var own = id.IsApply ? id : id with { ApiVersion = Version };
            scale.Owners[own] = new Owned(FieldSet.Of(Replicas), Version, id.IsApply);
            if (before.Times.TryGetValue(id, out var time)) scale.Times[own] = time;
        }

        return scale.ToTree();
    }

    /// <summary>managedFields of the parent after a write of its scale; null: there are none.</summary>
    public static JsonArray? ToParent(JsonNode? parent, JsonNode? scale, IReadOnlyList<string> path, string parentVersion)
    {
        var (before, written, after) = (Managers.Parse(parent) ?? new Managers(), Managers.Parse(scale) ?? new Managers(), new Managers());
        var (elements, replicas) = (Elements(path), FieldSet.Of([.. path]));
        foreach (var (id, owned) in before.Owners)
        {
            var left = owned;
            // Of updaters the version has changed on the way, so they never find themselves again.
            if (owned.Fields.Has(elements) && !written.Owners.Remove(id)) left = owned with { Fields = owned.Fields.Difference(replicas) };
            if (left.Fields.IsEmpty) continue;
            after.Owners[id] = left;
            if (before.Times.TryGetValue(id, out var time)) after.Times[id] = time;
        }

        foreach (var (id, owned) in written.Owners)
        {
            if (!owned.Fields.Has(Elements(Replicas))) continue;
            after.Owners[id] = new Owned(replicas, parentVersion, id.IsApply);
            if (before.Times.TryGetValue(id, out var time)) after.Times[id] = time;
        }

        return after.Owners.Count > 0 ? after.ToTree() : null;
    }

    private static string[] Elements(IReadOnlyList<string> path) => [.. path.Select(PathElement.Field)];
}
