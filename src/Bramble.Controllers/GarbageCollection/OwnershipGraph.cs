using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.Controllers.GarbageCollection;

/// <summary>What an object says of one of its owners.</summary>
internal sealed record OwnerLink(string ApiVersion, string Kind, string Name, string Uid, bool Blocks);

/// <summary>An object as the collector sees it: by its metadata only.</summary>
internal sealed record GraphNode(
    ResourceId Resource, NamespacedName Name, string Uid, long ResourceVersion, bool IsBeingDeleted, IReadOnlyList<OwnerLink> Owners, IReadOnlyList<string> Finalizers)
{
    /// <summary>Whether a link names it as it is, not only by its uid.</summary>
    public bool IsCalled(OwnerLink link) => link.Name == Name.Name && link.Kind == Resource.Kind && link.ApiVersion == Resource.ApiVersion;

    /// <summary>Whether it may be the owner that a link of an object in a namespace is to.</summary>
    public bool IsOwner(OwnerLink link, string ns) => IsCalled(link) && (Name.Namespace.Length == 0 || Name.Namespace == ns);

    public bool IsDeletingInForeground => IsBeingDeleted && Finalizers.Contains("foregroundDeletion");
    public bool IsOrphaning => IsBeingDeleted && Finalizers.Contains("orphan");

    public static GraphNode Of(ResourceId resource, KubeObject obj)
    {
        // Most objects have neither owners nor finalizers: looking for the words is a tenth of the cost of parsing.
        var json = obj.Json.Span;
        if (json.IndexOf("\"ownerReferences\""u8) < 0 && json.IndexOf("\"deletionTimestamp\""u8) < 0 && json.IndexOf("\"finalizers\""u8) < 0)
            return new GraphNode(resource, obj.Name, obj.Uid, obj.ResourceVersion, false, [], []);
        var metadata = Metadata(obj.Json);
        var owners = (metadata["ownerReferences"] as JsonArray ?? []).OfType<JsonObject>()
            .Select(o => new OwnerLink((string?)o["apiVersion"] ?? "", (string?)o["kind"] ?? "", (string?)o["name"] ?? "", (string?)o["uid"] ?? "", (bool?)o["blockOwnerDeletion"] == true))
            .ToList();
        var finalizers = (metadata["finalizers"] as JsonArray ?? []).Select(f => (string?)f ?? "").ToList();
        return new GraphNode(resource, obj.Name, obj.Uid, obj.ResourceVersion, metadata["deletionTimestamp"] is not null, owners, finalizers);
    }

    private static JsonObject Metadata(ReadOnlyMemory<byte> json)
    {
        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMetadata = reader.ValueTextEquals("metadata"u8);
            reader.Read();
            if (isMetadata) return JsonNode.Parse(ref reader)?.AsObject() ?? [];
            reader.Skip();
        }
        return [];
    }
}

/// <summary>Who owns whom, over all resources. Thread-safe.</summary>
internal sealed class OwnershipGraph
{
    private const int EndsMax = 500;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, GraphNode> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _dependents = new(StringComparer.Ordinal);

    /// <summary>The last owners that went while they had dependents: a definition may go with them, and then the API says nothing of its objects any more.</summary>
    private readonly Queue<GraphNode> _ends = new();

    public GraphNode? Find(string uid)
    {
        lock (_gate) return _nodes.GetValueOrDefault(uid);
    }

    public List<GraphNode> Dependents(string uid)
    {
        lock (_gate) return _dependents.TryGetValue(uid, out var known) ? [.. known.Select(d => _nodes.GetValueOrDefault(d)).OfType<GraphNode>()] : [];
    }

    public void Set(GraphNode node)
    {
        lock (_gate)
        {
            Unlink(node.Uid);
            _nodes[node.Uid] = node;
            foreach (var owner in node.Owners)
            {
                if (!_dependents.TryGetValue(owner.Uid, out var dependents)) _dependents.Add(owner.Uid, dependents = []);
                dependents.Add(node.Uid);
            }
        }
    }

    /// <summary>The object is gone.</summary>
    public void Remove(string uid)
    {
        lock (_gate) RemoveLocked(uid, isGone: true);
    }

    /// <summary>Whether an owner was seen to go. Those of long ago are forgotten.</summary>
    public bool HasSeenTheEndOf(OwnerLink link, string ns)
    {
        lock (_gate) return _ends.Any(gone => gone.Uid == link.Uid && gone.IsOwner(link, ns));
    }

    /// <summary>Nothing is known any more of a resource's objects.</summary>
    public List<GraphNode> Forget(GroupResource resource, bool areGone)
    {
        lock (_gate)
        {
            var forgotten = _nodes.Values.Where(node => node.Resource.GroupResource == resource).ToList();
            foreach (var node in forgotten) RemoveLocked(node.Uid, areGone);
            return forgotten;
        }
    }

    private void RemoveLocked(string uid, bool isGone)
    {
        Unlink(uid);
        if (!_nodes.Remove(uid, out var node) || !isGone || !_dependents.ContainsKey(uid)) return;
        if (_ends.Count == EndsMax) _ends.Dequeue();
        _ends.Enqueue(node);
    }

    private void Unlink(string uid)
    {
        if (!_nodes.TryGetValue(uid, out var known)) return;
        foreach (var owner in known.Owners)
            if (_dependents.TryGetValue(owner.Uid, out var dependents) && dependents.Remove(uid) && dependents.Count == 0) _dependents.Remove(owner.Uid);
    }
}
