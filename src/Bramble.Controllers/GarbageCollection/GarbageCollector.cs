using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;

namespace Bramble.Controllers.GarbageCollection;

/// <summary>Removes objects whose owners are gone, and carries out foreground and orphaning deletions. Keys are uids.</summary>
internal sealed class GarbageCollector : IReconciler
{
    private readonly ControllerContext _context;
    private readonly OwnershipGraph _graph = new();
    private readonly CustomResources _custom;

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
        _custom = new CustomResources(context.Informers, Changed);
        context.WatchesObjects(Resources.CustomResourceDefinitions, _custom.DefinitionChanged);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName key, CancellationToken cancel)
    {
        if (_graph.Find(key.Name) is not { } node) return Requeue.Never;
        var states = new Dictionary<string, OwnerState>(StringComparer.Ordinal);
        foreach (var owner in node.Owners) states[owner.Uid] = await StateOfAsync(node, owner, cancel);
        switch (Collection.Decide(node, _graph.Dependents(node.Uid), o => states[o.Uid]))
        {
            case CollectionAction.DropLinks(var uids):
                await DropLinksAsync(node, uids, cancel);
                break;
            case CollectionAction.Delete(var propagation):
                // uid and version go along: an object that changed meanwhile (got an owner) answers 409 and is looked at again.
                await _context.Client.DeleteAsync(
                    node.Resource, node.Name, new DeleteQuery(PropagationPolicy: propagation, Uid: node.Uid, ResourceVersion: node.ResourceVersion.ToString(System.Globalization.CultureInfo.InvariantCulture)), cancel);
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
        if (node.IsDeletingInForeground || node.IsOrphaning) Add(node.Uid);
        else if (node.Owners.Count > 0 && !node.IsBeingDeleted && (before is null || !before.Owners.SequenceEqual(node.Owners))) Add(node.Uid);
    }

    private void AddIfWaiting(string uid)
    {
        if (_graph.Find(uid) is { IsDeletingInForeground: true }) Add(uid);
    }

    private void Add(string uid) => _context.Queue.Add(new NamespacedName("", uid));

    private async Task<OwnerState> StateOfAsync(GraphNode node, OwnerLink link, CancellationToken cancel)
    {
        if (_graph.Find(link.Uid) is { } known && (known.Name.Namespace.Length == 0 || known.Name.Namespace == node.Name.Namespace))
            return known.IsDeletingInForeground ? OwnerState.WaitsForDependents : OwnerState.Solid;
        // Not in the copy: it may be newer than the copy, or of a resource that is not watched. Only the API's own answer counts before something is deleted.
        if (!GroupVersion.TryParse(link.ApiVersion, out var version)) return OwnerState.Solid;
        if (ResourceOf(new GroupVersionKind(version.Group, version.Version, link.Kind)) is not { } id) return OwnerState.Solid;
        // A cluster-scoped object cannot be owned by one in a namespace: nobody can say in which.
        if (id.IsNamespaced && node.Name.Namespace.Length == 0) return OwnerState.Solid;
        var found = await _context.Client.FindAsync(id, new NamespacedName(id.IsNamespaced ? node.Name.Namespace : "", link.Name), cancel);
        if (found is null || found.Uid != link.Uid) return OwnerState.Absent;
        return GraphNode.Of(id, found).IsDeletingInForeground ? OwnerState.WaitsForDependents : OwnerState.Solid;
    }

    private ResourceId? ResourceOf(GroupVersionKind kind) => ApiCatalog.BuiltIn.FindKind(kind) is { } resource
        ? new ResourceId(resource.Group, resource.Version, resource.Plural, resource.Kind, resource.IsNamespaced)
        : _custom.Find(kind.Group, kind.Kind);

    private async Task DropLinksAsync(GraphNode node, IReadOnlyList<string> uids, CancellationToken cancel)
    {
        if (await _context.Client.FindAsync(node.Resource, node.Name, cancel) is not { } found || found.Uid != node.Uid) return;
        var owners = found.ToTree()["metadata"]!["ownerReferences"] as JsonArray ?? [];
        var kept = owners.Where(o => !uids.Contains((string?)o?["uid"] ?? "")).Select(o => o!.DeepClone()).ToArray();
        if (kept.Length == owners.Count) return;
        await PatchMetadataAsync(found, node.Resource, new JsonObject { ["ownerReferences"] = kept.Length == 0 ? null : new JsonArray(kept) }, cancel);
    }

    private async Task FinishAsync(GraphNode node, string finalizer, CancellationToken cancel)
    {
        if (await _context.Client.FindAsync(node.Resource, node.Name, cancel) is not { } found || found.Uid != node.Uid) return;
        var finalizers = found.ToTree()["metadata"]!["finalizers"] as JsonArray ?? [];
        var kept = finalizers.Where(f => (string?)f != finalizer).Select(f => f!.DeepClone()).ToArray();
        if (kept.Length == finalizers.Count) return;
        await PatchMetadataAsync(found, node.Resource, new JsonObject { ["finalizers"] = kept.Length == 0 ? null : new JsonArray(kept) }, cancel);
    }

    private async Task PatchMetadataAsync(KubeObject found, ResourceId resource, JsonObject metadata, CancellationToken cancel)
    {
        metadata["uid"] = found.Uid;
        metadata["resourceVersion"] = found.ResourceVersion.ToString(System.Globalization.CultureInfo.InvariantCulture);
        try
        {
            await _context.Client.MergePatchAsync(resource, found.Name, new JsonObject { ["metadata"] = metadata }, null, cancel);
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            // Gone by itself meanwhile: nothing is left to do.
        }
    }
}
