using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Namespaces;

/// <summary>Empties a namespace that is being deleted: Pods first, so that what they use outlives them, then everything else; then lets it go.</summary>
internal sealed class NamespaceController : IReconciler
{
    /// <summary>From the deletion on. What was let in just before, by this server or another of the cluster, is stored by then: it would outlive the namespace otherwise.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly ControllerContext _context;
    private readonly IInformer<V1Namespace> _namespaces;
    private readonly ConcurrentDictionary<NamespacedName, int> _attempts = new();

    public NamespaceController(ControllerContext context)
    {
        _context = context;
        _namespaces = context.Watches(Resources.Namespaces, change =>
        {
            if (change.New?.IsBeingDeleted() == true) context.Queue.AddAfter(change.Name, LeftOfGrace(change.New));
            else if (change.New is null) _attempts.TryRemove(change.Name, out _);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_namespaces.FindObject(name) is not { } found || !found.Model<V1Namespace>().IsBeingDeleted()) return Requeue.Never;
        if (found.Model<V1Namespace>().Spec?.Finalizers is not { Count: > 0 }) return Requeue.Never;

        var remains = new NamespaceRemains();
        var deletedAt = new DateTimeOffset(found.Model<V1Namespace>().Metadata.DeletionTimestamp!.Value, TimeSpan.Zero);
        var remote = await RemoteResourcesAsync(remains, cancel);
        await EmptyAsync(Resources.Pods, name.Name, deletedAt, remains, cancel);
        remains.IsPodsOnly = remains.Counts.Count > 0;
        if (!remains.IsPodsOnly)
            foreach (var resource in NamespacedResources().Concat(await CustomResourcesAsync(cancel)).Concat(remote))
                if (resource.Plural != "pods" || resource.Group.Length > 0) await EmptyAsync(resource, name.Name, deletedAt, remains, cancel);

        // The newest version: the status may have been written since the copy was made.
        if (await _context.Client.FindAsync(Resources.Namespaces, name, cancel) is not { } fresh || fresh.Uid != found.Uid) return Requeue.Never;
        var tree = fresh.ToTree();
        // Also when nothing is left: others may hold the namespace, and what was said before is over.
        if (NamespaceConditions.Apply(tree, remains, _context.Time.GetUtcNow())) tree = (await _context.Client.UpdateAsync(Resources.Namespaces, tree, "status", cancel)).ToTree();
        if (remains.IsEmpty)
        {
            // Ours is the only finalizer that the finalize call may take away.
            var others = (tree["spec"]?["finalizers"] as JsonArray ?? []).Where(f => (string?)f != "kubernetes").Select(f => f!.DeepClone()).ToArray();
            tree["spec"]!["finalizers"] = new JsonArray(others);
            await _context.Client.UpdateAsync(Resources.Namespaces, tree, "finalize", cancel);
            return Requeue.Never;
        }
        // What is left goes by others' hands (kubelets end containers, finalizers run), each in its own resource: asking again, ever more rarely, up to
        // half a minute, is cheaper than watching every resource for the length of a deletion.
        var attempt = _attempts.AddOrUpdate(name, 0, (_, n) => n + 1);
        return Requeue.After(TimeSpan.FromSeconds(Math.Min(30, 0.5 * Math.Pow(1.5, Math.Min(attempt, 20)))));
    }

    private TimeSpan LeftOfGrace(V1Namespace ns)
    {
        var left = new DateTimeOffset(ns.Metadata.DeletionTimestamp!.Value, TimeSpan.Zero) + Grace - _context.Time.GetUtcNow();
        // A clock that was set back makes nobody wait longer.
        return left > Grace ? Grace : left;
    }

    private static IEnumerable<ResourceId> NamespacedResources()
    {
        var seen = new HashSet<GroupResource>();
        foreach (var resource in ApiCatalog.BuiltIn.Resources)
            if (resource.IsNamespaced && resource.HasVerb("delete") && resource.HasVerb("list") && !(resource.Group == "events.k8s.io" && resource.Plural == "events") && seen.Add(resource.GroupResource))
                yield return new ResourceId(resource.Group, resource.Version, resource.Plural, resource.Kind, true);
    }

    /// <summary>Namespaced custom resources that are served. Asked for when a namespace goes, which is seldom: definitions are large, and no copy is kept.</summary>
    private async Task<List<ResourceId>> CustomResourcesAsync(CancellationToken cancel)
    {
        var resources = new List<ResourceId>();
        foreach (var definition in (await _context.Client.ListAsync(Resources.CustomResourceDefinitions, new ListQuery(""), cancel)).Items)
        {
            var tree = definition.ToTree();
            var isEstablished = (tree["status"]?["conditions"] as JsonArray ?? []).Any(c => (string?)c?["type"] == "Established" && (string?)c["status"] == "True");
            if (!isEstablished || tree["spec"] is not JsonObject spec || (string?)spec["scope"] != "Namespaced") continue;
            if ((spec["versions"] as JsonArray ?? []).FirstOrDefault(v => (bool?)v?["served"] == true) is not { } version) continue;
            resources.Add(new ResourceId((string)spec["group"]!, (string)version["name"]!, (string)spec["names"]!["plural"]!, (string)spec["names"]!["kind"]!, true));
        }
        return resources;
    }

    /// <summary>Namespaced resources of other servers' APIs, and what cannot be known of them.</summary>
    private async Task<List<ResourceId>> RemoteResourcesAsync(NamespaceRemains remains, CancellationToken cancel)
    {
        var resources = new List<ResourceId>();
        foreach (var item in (await _context.Client.ListAsync(Resources.APIServices, new ListQuery(""), cancel)).Items)
        {
            if (RemoteApi.Of(item.ToTree()) is not { } api) continue;
            try
            {
                if (!api.IsAvailable) remains.Unknown.Add($"{api.Group}/{api.Version}");
                else resources.AddRange((await api.ResourcesAsync(_context.Client, ["delete", "list"], cancel)).Where(r => r.IsNamespaced && !resources.Exists(known => known.GroupResource == r.GroupResource)));
            }
            catch (StatusException)
            {
                // It went away since it was last probed.
                remains.Unknown.Add($"{api.Group}/{api.Version}");
            }
        }
        return resources;
    }

    /// <summary>Deletes all objects of one resource and notes what is left.</summary>
    private async Task EmptyAsync(ResourceId resource, string ns, DateTimeOffset deletedAt, NamespaceRemains remains, CancellationToken cancel)
    {
        try
        {
            var list = await _context.Client.ListAsync(resource, new ListQuery(ns), cancel);
            if (list.Items.Count == 0) return;
            var hasGrace = resource.Plural == "pods" && resource.Group.Length == 0 && NamespaceRemains.HasGrace(list.Items, deletedAt, _context.Time.GetUtcNow());
            foreach (var item in list.Items)
                // Who waits for dependents, or to leave them alone, waits no longer.
                if (item.ToTree()["metadata"] is var metadata && (metadata?["deletionTimestamp"] is null || (metadata["finalizers"] as JsonArray ?? []).Any(f => (string?)f is "foregroundDeletion" or "orphan")))
                    await _context.Client.DeleteAsync(resource, item.Name, new DeleteQuery(PropagationPolicy: "Background"), cancel);
            list = await _context.Client.ListAsync(resource, new ListQuery(ns), cancel);
            if (list.Items.Count > 0) remains.Note(resource, ns, list.Items, hasGrace);
        }
        catch (StatusException e) when (e.Status.Code is 404 or 405)
        {
            // A resource that went away with its definition has no content.
        }
        catch (StatusException e)
        {
            remains.Failures.Add(e.Message);
        }
    }
}
