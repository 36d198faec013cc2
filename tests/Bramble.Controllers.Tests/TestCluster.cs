using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Patching;
using Bramble.Api.Schemas;
using Bramble.Client;
using Bramble.Storage;

namespace Bramble.Controllers.Tests;

/// <summary>The API's storage semantics over a <see cref="MemoryStore"/>: optimistic locking, generations, patches, finalizers, watches. No admission, no
/// validation and no defaults: objects in tests say what they mean.</summary>
internal sealed class TestCluster : IKubeClient
{
    private readonly MemoryStore _store = new();

    /// <summary>Writes the times of creation and deletion.</summary>
    public TimeProvider Clock { get; set; } = TimeProvider.System;

    /// <summary>What other groups answer (metrics.k8s.io), by path and query.</summary>
    public Func<string, IReadOnlyList<KeyValuePair<string, string>>, JsonObject>? Others { get; set; }

    /// <summary>What SubjectAccessReviews answer.</summary>
    public bool IsAllowed { get; set; } = true;

    /// <summary>How many were asked.</summary>
    public int Reviews => Volatile.Read(ref _reviews);

    /// <summary>As a webhook: what it refuses, by verb (CREATE, UPDATE, UPDATE status, PATCH or DELETE); null: nothing.</summary>
    public Func<string, ResourceId, NamespacedName, StatusException?>? Refuses { get; set; }

    private int _names;
    private int _reviews;

    public async ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel) =>
        await _store.FindAsync(Key(resource, name), cancel) is { } entry ? Object(entry.Value, entry.Revision) : null;

    public async ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel)
    {
        var list = await _store.ListAsync(Prefix(resource) + (query.Namespace.Length > 0 ? query.Namespace + "/" : ""), cancel);
        return new ObjectList([.. list.Entries.Select(e => Object(e.Value, e.Revision))], list.Revision.ToString(CultureInfo.InvariantCulture), null);
    }

    public async IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, [EnumeratorCancellation] CancellationToken cancel)
    {
        var from = query.ResourceVersion;
        if (from is null)
        {
            var list = await ListAsync(resource, query, cancel);
            foreach (var item in list.Items)
                if (IsSelected(item)) yield return new WatchEvent(WatchEventType.Added, item);
            from = list.ResourceVersion;
        }
        await foreach (var batch in _store.WatchAsync(long.Parse(from, CultureInfo.InvariantCulture), cancel))
            foreach (var change in batch)
                if (change.Key.StartsWith(Prefix(resource), StringComparison.Ordinal) && Object(change.Value, change.Revision) is var changed && IsSelected(changed))
                    yield return new WatchEvent(change.IsDelete ? WatchEventType.Deleted : change.IsCreate ? WatchEventType.Added : WatchEventType.Modified, changed);

        // One field that has to have one value.
        bool IsSelected(KubeObject item)
        {
            if (query.FieldSelector?.Split('=') is not [var path, var value]) return true;
            JsonNode? node = item.ToTree();
            foreach (var step in path.Split('.')) node = node?[step];
            return (string?)node == value;
        }
    }

    public async ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
    {
        if (Refuses?.Invoke("CREATE", resource, name) is { } refusal) throw refusal;
        if (subresource == "binding") return await ChangeAsync(resource, name, t => t["spec"]!["nodeName"] = (string?)body["target"]!["name"], cancel);
        var tree = body.DeepClone().AsObject();
        if (resource.Plural == "subjectaccessreviews")
        {
            Interlocked.Increment(ref _reviews);
            tree["status"] = new JsonObject { ["allowed"] = IsAllowed };
            return Object(Bytes(tree), 0);
        }
        tree["apiVersion"] = resource.ApiVersion;
        tree["kind"] = resource.Kind;
        var metadata = tree["metadata"]!.AsObject();
        if (name.Name.Length > 0) metadata["name"] = name.Name;
        metadata["name"] ??= $"{(string?)metadata["generateName"]}{Interlocked.Increment(ref _names):00000}";
        metadata["uid"] = Guid.NewGuid().ToString();
        metadata["generation"] = 1;
        metadata["creationTimestamp"] = KubeTime.Seconds(Clock.GetUtcNow());
        name = new NamespacedName(name.Namespace, (string)metadata["name"]!);
        var written = await _store.PutAsync(Key(resource, name), Bytes(tree), 0, Durability.Durable, cancel);
        if (!written.Succeeded) throw StatusErrors.AlreadyExists(resource.GroupResource, name.Name);
        return Object(written.Current!.Value.Value, written.Revision);
    }

    /// <summary>The scale of a stored object; all else is asked of <see cref="Others"/>.</summary>
    public async ValueTask<JsonObject> GetAsync(string path, IReadOnlyList<KeyValuePair<string, string>> query, CancellationToken cancel)
    {
        if (!path.EndsWith("/scale", StringComparison.Ordinal) || RoleCheckedClient.TargetOf(path) is not { Subresource: "scale" } target) return (Others ?? throw new InvalidOperationException(path))(path, query);
        var resource = new ResourceId(target.Group, "v1", target.Plural, "", target.Namespace.Length > 0);
        var name = new NamespacedName(target.Namespace, target.Name);
        var tree = (await FindAsync(resource, name, cancel) ?? throw StatusErrors.NotFound(resource.GroupResource, name.Name)).ToTree();
        var status = new JsonObject { ["replicas"] = (int?)tree["status"]?["replicas"] ?? 0 };
        if (tree["spec"]!["selector"] is JsonObject selector) status["selector"] = Api.Selectors.LabelSelector.FromObject(selector).ToString();
        return new JsonObject
        {
            ["kind"] = "Scale",
            ["metadata"] = new JsonObject { ["name"] = name.Name, ["namespace"] = name.Namespace, ["uid"] = tree["metadata"]!["uid"]!.DeepClone(), ["resourceVersion"] = tree["metadata"]!["resourceVersion"]!.DeepClone() },
            ["spec"] = new JsonObject { ["replicas"] = (int?)tree["spec"]!["replicas"] ?? 0 },
            ["status"] = status,
        };
    }

    public ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) =>
        Refuses?.Invoke(subresource is null ? "UPDATE" : $"UPDATE {subresource}", resource, name) is { } refusal ? ValueTask.FromException<KubeObject>(refusal) :
        subresource == "scale" ? WriteAsync(resource, name, null, (string?)body["metadata"]!["resourceVersion"], old =>
        {
            old["spec"]!["replicas"] = body["spec"]!["replicas"]!.DeepClone();
            return old;
        }, cancel) :
        WriteAsync(resource, name, subresource, (string?)body["metadata"]!["resourceVersion"], _ => body.DeepClone().AsObject(), cancel);

    public ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel) =>
        Refuses?.Invoke("PATCH", resource, name) is { } refusal ? ValueTask.FromException<KubeObject>(refusal) :
        WriteAsync(resource, name, subresource, (string?)patch.Body["metadata"]?["resourceVersion"], old =>
        {
            var change = patch.Body.DeepClone().AsObject();
            if (patch.Type == Client.PatchType.Strategic)
                return StrategicMergePatch.Apply(old, change, BuiltInSchemas.FindKind(new GroupVersionKind(resource.Group, resource.Version, resource.Kind))!);
            MergePatch.Apply(old, change);
            return old;
        }, cancel);

    public async ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel)
    {
        if (await _store.FindAsync(Key(resource, name), cancel) is not { } entry) return false;
        if (Refuses?.Invoke("DELETE", resource, name) is { } refusal) throw refusal;
        var tree = Tree(entry.Value, entry.Revision);
        if (query.Uid is not null && query.Uid != (string?)tree["metadata"]!["uid"]) throw StatusErrors.Conflict(resource.GroupResource, name.Name, "uid");
        var finalizers = tree["metadata"]!["finalizers"] as JsonArray ?? [];
        if (query.PropagationPolicy is "Foreground" or "Orphan") finalizers = [.. finalizers.Select(f => f!.DeepClone()), query.PropagationPolicy == "Orphan" ? "orphan" : "foregroundDeletion"];
        if (finalizers.Count == 0 && resource.Kind != "Namespace")
        {
            // Somebody wrote it meanwhile: the deletion is of the newer version then.
            return (await _store.DeleteAsync(Key(resource, name), entry.Revision, cancel)).Succeeded || await DeleteAsync(resource, name, query, cancel);
        }
        await ChangeAsync(resource, name, t =>
        {
            if (finalizers.Count > 0) t["metadata"]!["finalizers"] = finalizers.DeepClone();
            t["metadata"]!["deletionTimestamp"] ??= KubeTime.Seconds(Clock.GetUtcNow());
        }, cancel);
        return true;
    }

    /// <summary>Takes an object away at once, whatever it waits for.</summary>
    public async ValueTask RemoveAsync(ResourceId resource, NamespacedName name)
    {
        while (await _store.FindAsync(Key(resource, name), default) is { } entry)
            if ((await _store.DeleteAsync(Key(resource, name), entry.Revision, default)).Succeeded) return;
    }

    /// <summary>Changes an object as its owner would, without a lost race.</summary>
    public async ValueTask<KubeObject> ChangeAsync(ResourceId resource, NamespacedName name, Action<JsonObject> change, CancellationToken cancel = default)
    {
        while (true)
        {
            try
            {
                return await WriteAsync(resource, name, "any", null, t =>
                {
                    change(t);
                    return t;
                }, cancel);
            }
            catch (StatusException e) when (e.IsConflict)
            {
                continue;
            }
        }
    }

    private async ValueTask<KubeObject> WriteAsync(ResourceId resource, NamespacedName name, string? subresource, string? version, Func<JsonObject, JsonObject> change, CancellationToken cancel)
    {
        if (await _store.FindAsync(Key(resource, name), cancel) is not { } entry) throw StatusErrors.NotFound(resource.GroupResource, name.Name);
        if (version is not null && version != entry.Revision.ToString(CultureInfo.InvariantCulture)) throw StatusErrors.Conflict(resource.GroupResource, name.Name, "changed");
        var old = Tree(entry.Value, entry.Revision);
        var now = change(old.DeepClone().AsObject());
        if (subresource == "status") now["spec"] = old["spec"]?.DeepClone();
        else if (subresource is null && old["status"] is { } status) now["status"] = status.DeepClone();
        if (!JsonNode.DeepEquals(now["spec"], old["spec"])) now["metadata"]!["generation"] = ((long?)old["metadata"]!["generation"] ?? 0) + 1;
        now["metadata"]!["resourceVersion"] = old["metadata"]!["resourceVersion"]!.DeepClone();
        if (JsonNode.DeepEquals(old, now)) return Object(entry.Value, entry.Revision);
        var isGone = now["metadata"]!["deletionTimestamp"] is not null && (now["metadata"]!["finalizers"] as JsonArray)?.Count is null or 0
            && (resource.Kind != "Namespace" || (now["spec"]?["finalizers"] as JsonArray)?.Count is null or 0) && resource.Kind != "Pod";
        var written = isGone
            ? await _store.DeleteAsync(Key(resource, name), entry.Revision, cancel)
            : await _store.PutAsync(Key(resource, name), Bytes(now), entry.Revision, Durability.Durable, cancel);
        if (written.Succeeded) return Object(Bytes(now), written.Revision);
        // Who named no version is not told of a race: the API tries again.
        return version is null ? await WriteAsync(resource, name, subresource, version, change, cancel) : throw StatusErrors.Conflict(resource.GroupResource, name.Name, "changed");
    }

    private static byte[] Bytes(JsonObject tree)
    {
        var copy = tree.DeepClone().AsObject();
        copy["metadata"]!.AsObject().Remove("resourceVersion");
        return Encoding.UTF8.GetBytes(copy.ToJsonString());
    }

    private static JsonObject Tree(ReadOnlyMemory<byte> value, long revision)
    {
        var tree = JsonNode.Parse(value.Span)!.AsObject();
        tree["metadata"]!["resourceVersion"] = revision.ToString(CultureInfo.InvariantCulture);
        return tree;
    }

    private static KubeObject Object(ReadOnlyMemory<byte> value, long revision) => KubeObject.Parse(Encoding.UTF8.GetBytes(Tree(value, revision).ToJsonString()));

    private static string Prefix(ResourceId resource) => $"/registry/{resource.Group}/{resource.Plural}/";

    private static string Key(ResourceId resource, NamespacedName name) => $"{Prefix(resource)}{(resource.IsNamespaced ? name.Namespace + "/" : "")}{name.Name}";
}
