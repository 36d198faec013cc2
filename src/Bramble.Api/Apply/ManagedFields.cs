using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;

namespace Bramble.Api.Apply;

/// <summary>Who writes what when: the frame of one write as managedFields records it.</summary>
/// <param name="Manager">The fieldManager parameter, else the user agent up to the first slash.</param>
/// <param name="Subresource">Empty for the main resource.</param>
public sealed record FieldWrite(SchemaType Type, GroupVersionKind Kind, GroupResource Resource, string Subresource, string Manager, DateTimeOffset Now)
{
    internal string ApiVersion => Kind.GroupVersion.ToString();

    internal ManagerId Updater => new(Manager.Length > 0 ? Manager : "unknown", false, ApiVersion, Subresource);

    internal ManagerId Applier => ManagerId.Applier(Manager.Length > 0 ? Manager : "unknown", Subresource);

    /// <summary>Of a custom resource: its definition has the subresource status.</summary>
    public bool HasStatus { get; init; }

    /// <summary>What of the fields the endpoint writes.</summary>
    internal FieldSet Written(FieldSet fields)
    {
        if (Type.IsCustom) return fields.RecursiveDifference(ResetFields.OfCustom(Subresource, HasStatus));
        return ResetFields.OnlyOf(Resource, Subresource) is { } paths ? fields.On(paths) : fields.RecursiveDifference(ResetFields.Of(Resource, Subresource));
    }
}

/// <summary>metadata.managedFields: who owns which field (behaviour of structured-merge-diff and apimachinery's fieldmanager). Pure.</summary>
public static class ManagedFields
{
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    // Fields that identify an object or that the server sets; nobody owns them.
    private static readonly FieldSet Unowned = FieldSet.Of(
        ["apiVersion"], ["kind"], ["metadata"], ["metadata", "name"], ["metadata", "namespace"], ["metadata", "creationTimestamp"], ["metadata", "selfLink"], ["metadata", "uid"],
        ["metadata", "clusterName"], ["metadata", "generation"], ["metadata", "managedFields"], ["metadata", "resourceVersion"]);

    /// <summary>Records a create, update or patch. Call it before mutating admission, as upstream does.</summary>
    /// <param name="live">The stored object; null for a create.</param>
    /// <param name="obj">The new object, defaulted; its managedFields are replaced, and empty lists that are always written become null as at rest.</param>
    public static void Update(JsonObject? live, JsonObject obj, FieldWrite write)
    {
        if (obj["metadata"] is not JsonObject metadata) return;
        var given = metadata["managedFields"] as JsonArray;
        metadata.Remove("managedFields");
        var before = live?["metadata"]?["managedFields"];
        Managers managers;
        if (write.Subresource.Length > 0) managers = Managers.Parse(before) ?? new Managers();
        else if (given is { Count: 0 } or [JsonObject { Count: 0 }]) managers = new Managers();
        else managers = Managers.Parse(given) is { Owners.Count: > 0 } own ? own : Managers.Parse(before) ?? new Managers();
        // An object that nobody tracks stays so until it is applied.
        if (managers.Owners.Count > 0 || live is null) RecordUpdate(EmbeddedJson.Without(live ?? Empty(write), write.Kind), EmbeddedJson.Without(obj, write.Kind), managers, write, write.Updater);
        SetManagedFields(metadata, managers);
        StructShape.NullEmptyCollections(obj, write.Type);
    }

    /// <summary>Server-side apply: merges <paramref name="applied"/> into <paramref name="live"/>.</summary>
    /// <param name="live">The stored object; null when there is none yet.</param>
    /// <param name="applied">What <see cref="ApplyConfiguration"/> decoded.</param>
    /// <returns>The object to default, admit and write, managedFields set; equal to <paramref name="live"/> where nothing changed.</returns>
    /// <exception cref="StatusException">409 with a cause for each field of another manager, unless <paramref name="force"/>.</exception>
    public static JsonObject Apply(JsonObject? live, JsonObject applied, FieldWrite write, bool force)
    {
        var kind = KindOf(applied);
        if (kind != write.Kind) throw StatusErrors.BadRequest($"invalid object type: {Show(kind)}");
        var metadata = applied["metadata"] as JsonObject;
        if (metadata?["managedFields"] is not null) throw StatusErrors.BadRequest("metadata.managedFields must be nil");
        if (ApplyValidation.FindErrors(applied, write.Type) is { } errors)
            throw Failed($"failed to create typed patch object ({Text(metadata, "namespace")}/{Text(metadata, "name")}; {Show(kind)}): {errors}");

        var current = (JsonObject)EmbeddedJson.Without(live ?? Empty(write), write.Kind).DeepClone();
        var managedFields = current["metadata"]?["managedFields"];
        var managers = Managers.Parse(managedFields) ?? throw Failed("failed to decode managed fields");
        (current["metadata"] as JsonObject)?.Remove("managedFields");
        if (managers.Owners.Count == 0) RecordUpdate(Empty(write), current, managers, write, new ManagerId("before-first-apply", false, write.ApiVersion, write.Subresource));

        var result = MergeApplied(current, applied, managers, write, force);
        SetManagedFields((JsonObject)result["metadata"]!, managers);
        StructShape.NullEmptyCollections(result, write.Type);
        return result;
    }

    /// <summary>Where a write changes nothing but times in managedFields, the old times come back, so that there is nothing to store.
    /// Call it before storing, with the object as it would be stored but for its resourceVersion.</summary>
    public static void KeepTimesWhenUnchanged(JsonObject old, JsonObject obj)
    {
        if (old["metadata"]?["managedFields"] is not JsonArray before || obj["metadata"]?["managedFields"] is not JsonArray after || before.Count != after.Count) return;
        var times = after.Select(e => (string?)e?["time"]).ToArray();
        for (var i = 0; i < after.Count; i++) SetTime(after[i], (string?)before[i]?["time"]);
        if (JsonNode.DeepEquals(old, obj)) return;
        for (var i = 0; i < after.Count; i++) SetTime(after[i], times[i]);

        static void SetTime(JsonNode? entry, string? time)
        {
            if (entry is not JsonObject map) return;
            if (time is null) map.Remove("time");
            else map["time"] = time;
        }
    }

    private static JsonObject MergeApplied(JsonObject current, JsonObject applied, Managers managers, FieldWrite write, bool force)
    {
        var id = write.Applier;
        FollowSchema(managers, write);
        var merged = ObjectMerge.Merge(current, applied, write.Type) as JsonObject ?? [];
        var last = managers.Owners.GetValueOrDefault(id);
        var set = write.Written(ObjectFields.Of(applied, write.Type));
        managers.Owners[id] = new Owned(set, write.ApiVersion, IsApply: true);
        merged = Prune(merged, managers, last, write.Type);

        var comparison = ObjectComparison.Of(current, merged, write.Type).WrittenBy(write);
        var conflicts = FindConflicts(comparison, managers, id);
        if (!force && conflicts.Count > 0)
        {
            // kubectl apply --server-side on an object that kubectl apply made: what the annotation says was ours is no conflict.
            if (id.Manager == "kubectl" && AllowedByLastApplied(current, write) is { } allowed)
                conflicts = conflicts.Select(c => (c.Id, Fields: c.Fields.Difference(allowed))).Where(c => !c.Fields.IsEmpty).ToList();
            if (conflicts.Count > 0) throw ApplyConflicts.Refuse(conflicts);
            conflicts = FindConflicts(comparison, managers, id);
        }
        TakeFields(comparison, managers, id);
        if (managers.Owners.TryGetValue(id, out var own)) SetOrDrop(managers, id, own with { Fields = own.Fields.Difference(Unowned) });

        if (JsonNode.DeepEquals(current, merged)) return WithLastApplied(current, applied, id);
        managers.Times[id] = Managers.Stamp(write.Now);
        return WithLastApplied(ToStruct(merged, write), applied, id);
    }

    private static JsonObject ToStruct(JsonObject merged, FieldWrite write)
    {
        if (write.Type.IsCustom) return merged;
        try
        {
            var tree = new StructConverter(reportsUnknown: false).Convert(merged, write.Type);
            ObjectDecoder.SetKind(tree, write.Kind);
            return tree;
        }
        catch (GoUnmarshalException failed)
        {
            var metadata = merged["metadata"] as JsonObject;
            throw Failed($"failed to convert new typed object ({Text(metadata, "namespace")}/{Text(metadata, "name")}; {Show(write.Kind)}) to object: {failed.Message}");
        }
    }

    /// <summary>Removes what this manager applied last time and not now, unless somebody else owns it.</summary>
    private static JsonObject Prune(JsonObject merged, Managers managers, Owned? last, SchemaType type)
    {
        if (last is null || last.Fields.IsEmpty) return merged;
        var pruned = ObjectFields.Remove(merged, last.Fields.WithNamedFieldsAsMembers(type), type) ?? new JsonObject();
        var owned = managers.Owners.Values.Aggregate(new FieldSet(), (all, one) => all.Union(one.Fields));
        var mergedFields = ObjectFields.Of(merged, type).WithNamedFieldsAsMembers(type);
        var kept = ObjectFields.Of(pruned, type).WithNamedFieldsAsMembers(type).Union(owned.WithNamedFieldsAsMembers(type));
        pruned = ObjectFields.Remove(merged, mergedFields.Difference(kept), type) ?? new JsonObject();
        // Only what was this manager's own may go.
        var prunedFields = ObjectFields.Of(pruned, type).WithNamedFieldsAsMembers(type);
        var dropped = mergedFields.Difference(prunedFields).Intersection(last.Fields.WithNamedFieldsAsMembers(type));
        return ObjectFields.Remove(merged, dropped, type) as JsonObject ?? [];
    }

    private static void RecordUpdate(JsonObject live, JsonObject obj, Managers managers, FieldWrite write, ManagerId id)
    {
        FollowSchema(managers, write);
        var old = WithoutManagedFields(live);
        var comparison = ObjectComparison.Of(old, obj, write.Type).WrittenBy(write);
        // The write owns what it changed, on top of what its manager owned before.
        var taken = comparison.Modified.Union(comparison.Added).Difference(Unowned);
        TakeFields(comparison, managers, null);
        if (!taken.IsEmpty)
        {
            var previous = managers.Owners.GetValueOrDefault(id);
            managers.Owners[id] = new Owned(previous is null ? taken : taken.Union(previous.Fields), write.ApiVersion, IsApply: false);
            managers.Times[id] = Managers.Stamp(write.Now);
        }
        managers.CapUpdaters();
    }

    private static List<(ManagerId Id, FieldSet Fields)> FindConflicts(ObjectComparison comparison, Managers managers, ManagerId self)
    {
        var changed = comparison.Modified.Union(comparison.Added);
        return managers.Owners.Where(o => o.Key != self)
            .Select(o => (o.Key, Fields: o.Value.Fields.Intersection(changed)))
            .Where(c => !c.Fields.IsEmpty)
            .OrderBy(c => c.Key)
            .ToList();
    }

    /// <summary>Everybody but <paramref name="self"/> loses what changed; what is gone belongs to nobody.</summary>
    private static void TakeFields(ObjectComparison comparison, Managers managers, ManagerId? self)
    {
        var lost = comparison.Modified.Union(comparison.Added).Union(comparison.Removed);
        foreach (var (id, owned) in managers.Owners.ToArray())
            SetOrDrop(managers, id, id == self ? owned : owned with { Fields = owned.Fields.Difference(lost) });
    }

    private static void SetOrDrop(Managers managers, ManagerId id, Owned owned)
    {
        if (owned.Fields.IsEmpty) managers.Owners.Remove(id);
        else managers.Owners[id] = owned;
    }

    // Versions that are served no more say nothing about today's fields; a definition may have made one value of a list or a map.
    private static void FollowSchema(Managers managers, FieldWrite write)
    {
        foreach (var (id, owned) in managers.Owners.ToArray())
        {
            if (write.Type.IsCustom) managers.Owners[id] = owned with { Fields = owned.Fields.AsOf(write.Type) };
            if (write.Type.IsCustom || owned.ApiVersion == write.ApiVersion) continue;
            if (!GroupVersion.TryParse(owned.ApiVersion, out var version) || BuiltInSchemas.FindKind(new(version.Group, version.Version, write.Kind.Kind)) is null)
                managers.Owners.Remove(id);
        }
    }

    private static FieldSet? AllowedByLastApplied(JsonObject live, FieldWrite write)
    {
        var text = Text(live["metadata"]?["annotations"] as JsonObject, LastApplied);
        if (text.Length == 0) return null;
        JsonNode? node;
        try
        {
            node = AnyReader.Read(text);
        }
        catch (System.Text.Json.JsonException)
        {
            return null;
        }
        if (node is not JsonObject last || Text(last, "apiVersion") != write.ApiVersion || ApplyValidation.FindErrors(last, write.Type) is not null) return null;
        var comparison = ObjectComparison.Of(last, live, write.Type);
        return ObjectFields.Of(last, write.Type).Difference(comparison.Modified).Difference(comparison.Added).Difference(comparison.Removed);
    }

    // kubectl's own apply goes on working beside server-side apply when its annotation follows.
    private static JsonObject WithLastApplied(JsonObject result, JsonObject applied, ManagerId id)
    {
        if (id.Manager != "kubectl" || result["metadata"]?["annotations"] is not JsonObject annotations || Text(annotations, LastApplied).Length == 0) return result;
        var copy = (JsonObject)applied.DeepClone();
        (copy["metadata"]?["annotations"] as JsonObject)?.Remove(LastApplied);
        if (copy["metadata"]?["annotations"] is JsonObject { Count: 0 }) ((JsonObject)copy["metadata"]!).Remove("annotations");
        annotations[LastApplied] = new Patching.OpenedObjects().Write(Sorted(copy)) + "\n";
        return result;
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject map => new JsonObject(map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray list => new JsonArray(list.Select(Sorted).ToArray()),
        _ => node?.DeepClone(),
    };

    private static JsonObject WithoutManagedFields(JsonObject obj)
    {
        if (obj["metadata"]?["managedFields"] is null) return obj;
        var copy = (JsonObject)obj.DeepClone();
        ((JsonObject)copy["metadata"]!).Remove("managedFields");
        return copy;
    }

    private static void SetManagedFields(JsonObject metadata, Managers managers)
    {
        metadata.Remove("managedFields");
        if (managers.Owners.Count > 0) metadata["managedFields"] = managers.ToTree();
    }

    private static JsonObject Empty(FieldWrite write)
    {
        var empty = write.Type.IsCustom ? new JsonObject { ["metadata"] = new JsonObject() } : (JsonObject)StructShape.Zero(write.Type)!;
        ObjectDecoder.SetKind(empty, write.Kind);
        return empty;
    }

    private static GroupVersionKind KindOf(JsonObject tree) =>
        GroupVersion.TryParse(Text(tree, "apiVersion"), out var version) ? new(version.Group, version.Version, Text(tree, "kind")) : new("", Text(tree, "apiVersion"), Text(tree, "kind"));

    private static string Show(GroupVersionKind kind) => $"{kind.Group}/{kind.Version}, Kind={kind.Kind}";

    private static string Text(JsonObject? map, string key) =>
        map?[key] is JsonValue value && value.GetValueKind() == System.Text.Json.JsonValueKind.String ? value.GetValue<string>() : "";

    private static StatusException Failed(string message) => new(new Status(500, "", message));
}
