using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Patching;
using Bramble.Api.Schemas;
using Bramble.Client;

namespace Bramble.Kubelet.Tests;

/// <summary>The API as a dictionary with watches: enough for a kubelet alone, without admission, defaults and validation.</summary>
public sealed class InMemoryApi : IKubeClient
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, (ResourceId Resource, JsonObject Tree)> _objects = new(StringComparer.Ordinal);
    private readonly List<(ResourceId Resource, ListQuery Query, Channel<WatchEvent> Events)> _watches = [];
    private long _revision = 100;

    public ConcurrentQueue<string> Writes { get; } = new();

    public ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel)
    {
        lock (_gate) return new(_objects.TryGetValue(Key(resource, name), out var found) ? Make(found.Tree) : null);
    }

    public ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel)
    {
        lock (_gate)
        {
            return new(new ObjectList(
                [.. _objects.Values.Where(o => o.Resource.Plural == resource.Plural && Matches(o.Tree, query)).Select(o => Make(o.Tree))], $"{_revision}", null));
        }
    }

    public async IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, [EnumeratorCancellation] CancellationToken cancel)
    {
        var channel = Channel.CreateUnbounded<WatchEvent>();
        lock (_gate)
        {
            var from = long.Parse(query.ResourceVersion ?? "0");
            foreach (var o in _objects.Values.Where(o => o.Resource.Plural == resource.Plural && Matches(o.Tree, query)).Select(o => Make(o.Tree)))
                if (o.ResourceVersion > from) channel.Writer.TryWrite(new(WatchEventType.Modified, o));
            _watches.Add((resource, query, channel));
        }
        await foreach (var e in channel.Reader.ReadAllAsync(cancel)) yield return e;
    }

    public ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
    {
        if (resource.Plural == "subjectaccessreviews")
            return new(Make(new JsonObject { ["metadata"] = new JsonObject { ["name"] = "", ["resourceVersion"] = "1" }, ["status"] = new JsonObject { ["allowed"] = true } }));
        if (subresource == "token")
        {
            return new(Make(new JsonObject
            {
                ["metadata"] = new JsonObject { ["name"] = name.Name, ["namespace"] = name.Namespace, ["resourceVersion"] = "1" },
                ["status"] = new JsonObject { ["token"] = "t0ken", ["expirationTimestamp"] = DateTimeOffset.UtcNow.AddHours(1).ToString("O") },
            }));
        }
        lock (_gate)
        {
            var tree = body.DeepClone().AsObject();
            var metadata = tree["metadata"]!.AsObject();
            var full = new NamespacedName(resource.IsNamespaced ? (string?)metadata["namespace"] ?? name.Namespace : "", (string?)metadata["name"] ?? name.Name);
            if (_objects.ContainsKey(Key(resource, full))) throw StatusErrors.AlreadyExists(resource.GroupResource, full.Name);
            if (resource.IsNamespaced) metadata["namespace"] = full.Namespace;
            metadata["uid"] ??= Guid.NewGuid().ToString();
            metadata["creationTimestamp"] = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");
            metadata["generation"] = 1L;
            return new(Store(resource, full, tree, WatchEventType.Added));
        }
    }

    public ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
    {
        lock (_gate) return new(Store(resource, name, body.DeepClone().AsObject(), WatchEventType.Modified));
    }

    public ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel)
    {
        lock (_gate)
        {
            if (!_objects.TryGetValue(Key(resource, name), out var found)) throw StatusErrors.NotFound(resource.GroupResource, name.Name);
            Writes.Enqueue($"{resource.Plural}/{name.Name} {patch.Body.ToJsonString()}");
            var type = BuiltInSchemas.FindKind(new GroupVersionKind(resource.Group, resource.Version, resource.Kind))!;
            var tree = patch.Type == Client.PatchType.Strategic
                ? StrategicMergePatch.Apply(found.Tree.DeepClone().AsObject(), patch.Body.DeepClone().AsObject(), type)
                : Merge(found.Tree.DeepClone(), patch.Body)!.AsObject();
            return new(Store(resource, name, tree, WatchEventType.Modified));
        }
    }

    public ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel)
    {
        lock (_gate)
        {
            if (!_objects.TryGetValue(Key(resource, name), out var found)) return new(false);
            if (query.Uid is not null && (string?)found.Tree["metadata"]!["uid"] != query.Uid) throw StatusErrors.Conflict(resource.GroupResource, name.Name, "uid");
            var grace = query.GracePeriodSeconds ?? (int?)found.Tree["spec"]?["terminationGracePeriodSeconds"] ?? 30;
            if (resource.Plural == "pods" && grace > 0)
            {
                var tree = found.Tree.DeepClone().AsObject();
                tree["metadata"]!["deletionTimestamp"] = DateTime.UtcNow.AddSeconds(grace).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");
                tree["metadata"]!["deletionGracePeriodSeconds"] = grace;
                Store(resource, name, tree, WatchEventType.Modified);
                return new(true);
            }
            _objects.Remove(Key(resource, name));
            found.Tree["metadata"]!["resourceVersion"] = $"{++_revision}";
            Tell(resource, found.Tree, WatchEventType.Deleted);
            return new(true);
        }
    }

    private KubeObject Store(ResourceId resource, NamespacedName name, JsonObject tree, WatchEventType type)
    {
        tree["metadata"]!["resourceVersion"] = $"{++_revision}";
        _objects[Key(resource, name)] = (resource, tree);
        Tell(resource, tree, type);
        return Make(tree);
    }

    private void Tell(ResourceId resource, JsonObject tree, WatchEventType type)
    {
        foreach (var watch in _watches)
            if (watch.Resource.Plural == resource.Plural && Matches(tree, watch.Query)) watch.Events.Writer.TryWrite(new(type, Make(tree)));
    }

    private static bool Matches(JsonObject tree, ListQuery query)
    {
        if (query.Namespace.Length > 0 && (string?)tree["metadata"]!["namespace"] != query.Namespace) return false;
        if (query.FieldSelector is not { } selector) return true;
        return selector.Split(',').All(term =>
        {
            var parts = term.Split('=');
            JsonNode? at = tree;
            foreach (var step in parts[0].Split('.')) at = at?[step];
            return (string?)at == parts[1];
        });
    }

    private static JsonNode? Merge(JsonNode? target, JsonNode? patch)
    {
        if (patch is not JsonObject changes) return patch?.DeepClone();
        var result = target as JsonObject ?? [];
        foreach (var (name, value) in changes)
        {
            if (value is null) result.Remove(name);
            else result[name] = Merge(result[name]?.DeepClone(), value);
        }
        return result;
    }

    private static string Key(ResourceId resource, NamespacedName name) => $"{resource.Plural}/{name.Namespace}/{name.Name}";

    private static KubeObject Make(JsonObject tree)
    {
        var m = tree["metadata"]!;
        return new(new((string?)m["namespace"] ?? "", (string)m["name"]!), (string?)m["uid"] ?? "", long.Parse((string)m["resourceVersion"]!), Encoding.UTF8.GetBytes(tree.ToJsonString()));
    }
}
