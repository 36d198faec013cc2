using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;

namespace Bramble.Controllers.GarbageCollection;

/// <summary>Removes objects whose owners are gone, and carries out foreground and orphaning deletions. Keys are uids; those in the namespace
/// <see cref="ApiServices"/>, where no object is, are names of APIServices whose server is to be asked for its resources.</summary>
internal sealed class GarbageCollector : IReconciler
{
    private const string ApiServices = "/apiservices";

    private readonly ControllerContext _context;
    private readonly OwnershipGraph _graph = new();
    private readonly FoundResources _found;
    private readonly IInformer<KubeObject> _apiServices;

    /// <summary>Objects with an owner of a kind that is not served.</summary>
    private readonly ConcurrentDictionary<string, bool> _unknownOwners = new(StringComparer.Ordinal);

    public GarbageCollector(ControllerContext context)
    {
        _context = context;
        var seen = new HashSet<GroupResource>();
        foreach (var resource in ApiCatalog.BuiltIn.Resources)
        {
            // Events own nothing and are owned by nothing, and there are many of them.
            if (resource.Plural == "events" || !resource.HasVerb("watch") || !resource.HasVerb("delete") || !seen.Add(resource.GroupResource)) continue;
            var id = new ResourceId(resource.Group, resource.Version, resource.Plural, resource.Kind, resource.IsNamespaced);
            context.WatchesObjects(id, change => Changed(id, change));
        }
        _found = new FoundResources(context.Informers, Changed);
        context.WatchesObjects(Resources.CustomResourceDefinitions, DefinitionChanged);
        _apiServices = context.WatchesObjects(Resources.APIServices, change => context.Queue.Add(new NamespacedName(ApiServices, change.Name.Name)));
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName key, CancellationToken cancel)
    {
        if (key.Namespace == ApiServices)
        {
            await FindRemoteAsync(key.Name, cancel);
            return Requeue.Never;
        }
        if (_graph.Find(key.Name) is not { } node) return Requeue.Never;
        // By link, not by uid: one owner may be named twice, rightly and wrongly.
        var states = new Dictionary<OwnerLink, OwnerState>();
        foreach (var owner in node.Owners) states[owner] = await StateOfAsync(node, owner, cancel);
        switch (Collection.Decide(node, _graph.Dependents(node.Uid), o => states[o]))
        {
            case CollectionAction.DropLinks(var uids):
                await DropLinksAsync(node, uids, cancel);
                break;
            case CollectionAction.Delete(var propagation):
                await DeleteAsync(node, propagation, node.ResourceVersion, cancel);
                break;
            case CollectionAction.UnblockAndDelete:
                await DeleteAsync(node, "Foreground", await UnblockAsync(node, cancel), cancel);
                break;
            case CollectionAction.Orphan(var dependents):
                foreach (var dependent in dependents) await DropLinksAsync(dependent, [node.Uid], cancel);
                await FinishAsync(node, "orphan", cancel);
                break;
            case CollectionAction.Finish(var finalizer):
                await FinishAsync(node, finalizer, cancel);
                break;
            case CollectionAction.WaitFor(var dependents):
                foreach (var dependent in dependents) Add(dependent.Uid);
                break;
        }
        return Requeue.Never;
    }

    private void DefinitionChanged(ObjectChange<KubeObject> change)
    {
        var key = $"crd/{change.Name.Name}";
        // A definition goes after all its objects; only their own watch may not have said so yet.
        if (change.New is null || change.Old is { } old && old.Uid != change.New.Uid) Leave(_found.Set(key, []), areGone: true);
        if (change.New is { } now) Leave(_found.Set(key, FoundResources.Of(now.ToTree()) is { } found ? [found] : []), areGone: false);
        KindsChanged();
    }

    /// <summary>Watches what another server has, while it can be asked.</summary>
    private async Task FindRemoteAsync(string name, CancellationToken cancel)
    {
        var key = $"api/{name}";
        var api = _apiServices.Find(new NamespacedName("", name)) is { } found ? RemoteApi.Of(found.ToTree()) : null;
        if (api is not { IsAvailable: true })
        {
            if (!_found.Has(key)) return;
            Leave(_found.Set(key, []), areGone: false);
            // Perhaps another version of the same has it.
            foreach (var other in _apiServices.List())
                if (other.Name.Name != name) _context.Queue.Add(new NamespacedName(ApiServices, other.Name.Name));
            return;
        }
        var resources = await api.ResourcesAsync(_context.Client, ["delete", "list", "watch"], cancel);
        Leave(_found.Set(key, [.. resources.Select(r => new FoundResource(r, [r.Version]))]), areGone: false);
        KindsChanged();
    }

    /// <summary>The owner's kind of who waits for it may be served now.</summary>
    private void KindsChanged()
    {
        foreach (var uid in _unknownOwners.Keys)
            if (_unknownOwners.TryRemove(uid, out _)) Add(uid);
    }

    /// <summary>Dependents of what is known no more ask the API for it.</summary>
    private void Leave(List<ResourceId> resources, bool areGone)
    {
        foreach (var resource in resources)
            foreach (var node in _graph.Forget(resource.GroupResource, areGone))
                foreach (var dependent in _graph.Dependents(node.Uid)) Add(dependent.Uid);
    }

    /// <remarks>uid and version go along: an object that changed meanwhile (got an owner) answers 409 and is looked at again.</remarks>
    private async Task DeleteAsync(GraphNode node, string propagation, long version, CancellationToken cancel) => await _context.Client.DeleteAsync(
        node.Resource, node.Name, new DeleteQuery(PropagationPolicy: propagation, Uid: node.Uid, ResourceVersion: version.ToString(System.Globalization.CultureInfo.InvariantCulture)), cancel);

    private void Changed(ResourceId resource, ObjectChange<KubeObject> change)
    {
        if (change.New is not { } now || (change.Old is { } replaced && replaced.Uid != now.Uid))
        {
            var gone = change.Old!.Uid;
            var known = _graph.Find(gone);
            var dependents = _graph.Dependents(gone);
            _graph.Remove(gone);
            foreach (var dependent in dependents) Add(dependent.Uid);
            foreach (var owner in known?.Owners ?? []) AddIfWaiting(owner.Uid);
            if (change.New is null) return;
        }
        var node = GraphNode.Of(resource, change.New!);
        var before = _graph.Find(node.Uid);
        _graph.Set(node);
        // A link that went may have been the one that held an owner's deletion up.
        foreach (var owner in before?.Owners ?? [])
            if (!node.Owners.Contains(owner)) AddIfWaiting(owner.Uid);
        foreach (var owner in node.Owners)
        {
            if (before?.Owners.Contains(owner) == true) continue;
            if (_graph.Find(owner.Uid) is { } known) TellIfElsewhere(node, owner, known);
        }
        if (before is null)
        {
            // It may have been named as owner before it was seen: what names it wrongly is looked at once more.
            foreach (var dependent in _graph.Dependents(node.Uid))
                if (dependent.Owners.First(o => o.Uid == node.Uid) is var link && (TellIfElsewhere(dependent, link, node) || !node.IsCalled(link))) Add(dependent.Uid);
        }
        if (node.IsDeletingInForeground || node.IsOrphaning) Add(node.Uid);
        else if (node.Owners.Count > 0 && !node.IsBeingDeleted && (before is null || !before.Owners.SequenceEqual(node.Owners))) Add(node.Uid);
    }

    /// <summary>An owner in a namespace is no owner outside of it: whoever wrote that is told, as the object may go for it.</summary>
    private bool TellIfElsewhere(GraphNode node, OwnerLink link, GraphNode owner)
    {
        if (owner.Name.Namespace.Length == 0 || owner.Name.Namespace == node.Name.Namespace) return false;
        var about = new EventSubject(node.Resource.ApiVersion, node.Resource.Kind, node.Name, node.Uid, "");
        _context.Events.Warning(about, "OwnerRefInvalidNamespace",
            $"ownerRef [{link.ApiVersion}/{link.Kind}, namespace: {node.Name.Namespace}, name: {link.Name}, uid: {link.Uid}] does not exist in namespace \"{node.Name.Namespace}\"");
        return true;
    }

    private void AddIfWaiting(string uid)
    {
        if (_graph.Find(uid) is { IsDeletingInForeground: true }) Add(uid);
    }

    private void Add(string uid) => _context.Queue.Add(new NamespacedName("", uid));

    private async Task<OwnerState> StateOfAsync(GraphNode node, OwnerLink link, CancellationToken cancel)
    {
        if (_graph.Find(link.Uid) is { } known && known.IsOwner(link, node.Name.Namespace))
            return known.IsDeletingInForeground ? OwnerState.WaitsForDependents : OwnerState.Solid;
        if (_graph.HasSeenTheEndOf(link, node.Name.Namespace)) return OwnerState.Absent;
        // Not in the copy: it may be newer than the copy, or of a resource that is not watched. Only the API's own answer counts before something is deleted.
        if (!GroupVersion.TryParse(link.ApiVersion, out var version)) return OwnerState.CannotBe;
        var kind = new GroupVersionKind(version.Group, version.Version, link.Kind);
        if (ResourceOf(kind) is not { } id)
        {
            // A kind that nobody serves, yet: its definition may come, and may have come just now.
            _unknownOwners[node.Uid] = true;
            if (ResourceOf(kind) is not { } come) return OwnerState.CannotBe;
            id = come;
        }
        if (id.IsNamespaced && node.Name.Namespace.Length == 0) return OwnerState.CannotBe;
        var found = await _context.Client.FindAsync(id, new NamespacedName(id.IsNamespaced ? node.Name.Namespace : "", link.Name), cancel);
        if (found is null || found.Uid != link.Uid) return OwnerState.Absent;
        return GraphNode.Of(id, found).IsDeletingInForeground ? OwnerState.WaitsForDependents : OwnerState.Solid;
    }

    private ResourceId? ResourceOf(GroupVersionKind kind) => ApiCatalog.BuiltIn.FindKind(kind) is { } resource
        ? new ResourceId(resource.Group, resource.Version, resource.Plural, resource.Kind, resource.IsNamespaced)
        : _found.Find(kind.Group, kind.Version, kind.Kind);

    private async Task DropLinksAsync(GraphNode node, IReadOnlyList<string> uids, CancellationToken cancel)
    {
        if (await _context.Client.FindAsync(node.Resource, node.Name, cancel) is not { } found || found.Uid != node.Uid) return;
        var owners = found.ToTree()["metadata"]!["ownerReferences"] as JsonArray ?? [];
        var kept = owners.Where(o => !uids.Contains((string?)o?["uid"] ?? "")).Select(o => o!.DeepClone()).ToArray();
        if (kept.Length == owners.Count) return;
        await PatchMetadataAsync(found, node.Resource, new JsonObject { ["ownerReferences"] = kept.Length == 0 ? null : new JsonArray(kept) }, cancel);
    }

    /// <returns>The version without links that hold an owner up.</returns>
    private async Task<long> UnblockAsync(GraphNode node, CancellationToken cancel)
    {
        if (await _context.Client.FindAsync(node.Resource, node.Name, cancel) is not { } found || found.Uid != node.Uid) return node.ResourceVersion;
        var owners = (found.ToTree()["metadata"]!["ownerReferences"] as JsonArray ?? []).Select(o => o!.DeepClone().AsObject()).ToList();
        if (owners.TrueForAll(o => (bool?)o["blockOwnerDeletion"] != true)) return found.ResourceVersion;
        foreach (var owner in owners)
            if (owner.ContainsKey("blockOwnerDeletion")) owner["blockOwnerDeletion"] = false;
        return await PatchMetadataAsync(found, node.Resource, new JsonObject { ["ownerReferences"] = new JsonArray([.. owners]) }, cancel);
    }

    private async Task FinishAsync(GraphNode node, string finalizer, CancellationToken cancel)
    {
        if (await _context.Client.FindAsync(node.Resource, node.Name, cancel) is not { } found || found.Uid != node.Uid) return;
        var finalizers = found.ToTree()["metadata"]!["finalizers"] as JsonArray ?? [];
        var kept = finalizers.Where(f => (string?)f != finalizer).Select(f => f!.DeepClone()).ToArray();
        if (kept.Length == finalizers.Count) return;
        await PatchMetadataAsync(found, node.Resource, new JsonObject { ["finalizers"] = kept.Length == 0 ? null : new JsonArray(kept) }, cancel);
    }

    /// <returns>The version written.</returns>
    private async Task<long> PatchMetadataAsync(KubeObject found, ResourceId resource, JsonObject metadata, CancellationToken cancel)
    {
        metadata["uid"] = found.Uid;
        metadata["resourceVersion"] = found.ResourceVersion.ToString(System.Globalization.CultureInfo.InvariantCulture);
        try
        {
            return (await _context.Client.MergePatchAsync(resource, found.Name, new JsonObject { ["metadata"] = metadata }, null, cancel)).ResourceVersion;
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            // Gone by itself meanwhile: nothing is left to do.
            return found.ResourceVersion;
        }
    }
}
