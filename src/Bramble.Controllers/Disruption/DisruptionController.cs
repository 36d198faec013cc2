using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Disruption;

/// <summary>Keeps the status of PodDisruptionBudgets, by which evictions are allowed or refused.</summary>
internal sealed class DisruptionController : IReconciler
{
    /// <summary>Marks a key that names a Pod. No budget's name has a colon.</summary>
    private const string PodPrefix = "pod:";

    private readonly ControllerContext _context;
    private readonly IInformer<V1PodDisruptionBudget> _budgets;
    private readonly IInformer<V1Pod> _pods;
    private readonly ExpectedScale _scales;
    private readonly WriteBarrier _writes = new();

    public DisruptionController(ControllerContext context)
    {
        _context = context;
        _budgets = context.Watches(Resources.PodDisruptionBudgets);
        _pods = context.Watches(Resources.Pods, PodChanged);
        _scales = new ExpectedScale(context);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (name.Name.StartsWith(PodPrefix, StringComparison.Ordinal)) return await ClearStaleAsync(new NamespacedName(name.Namespace, name.Name[PodPrefix.Length..]), cancel);
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (_budgets.FindObject(name) is not { } found) return Requeue.Never;
        var budget = found.Model<V1PodDisruptionBudget>();
        var tree = found.ToTree();
        var about = EventSubject.Of(Resources.PodDisruptionBudgets, budget);
        var (status, recheck) = await StatusAsync(tree, about, _context.Time.GetUtcNow(), cancel);
        if (await _context.Client.WriteStatusAsync(Resources.PodDisruptionBudgets, tree, status, cancel) is { } written) _writes.Wrote(name, _budgets, written);
        return recheck is { } wait ? Requeue.After(wait) : Requeue.Never;
    }

    /// <returns>The status, and when to look again although nothing has changed.</returns>
    private async Task<(JsonObject Status, TimeSpan? Recheck)> StatusAsync(JsonObject tree, EventSubject about, DateTimeOffset now, CancellationToken cancel)
    {
        LabelSelector selector;
        try
        {
            selector = PodBudgets.SelectorOf(tree);
        }
        catch (FormatException e)
        {
            _context.Events.Warning(about, "NoPods", $"Failed to get pods: {e.Message}");
            return (BudgetStatus.Failed(tree, e.Message, now), null);
        }
        var pods = _pods.List(about.Name.Namespace).Where(p => selector.Matches(p.Metadata.Labels)).ToList();
        if (pods.Count == 0) _context.Events.Normal(about, "NoPods", "No matching pods found");
        var spec = tree["spec"]!.AsObject();
        try
        {
            var (scale, hasUnmanaged) = ExpectedPods.NeedsScale(spec) ? await _scales.OfAsync(pods, cancel) : default;
            if (hasUnmanaged)
                _context.Events.Warning(about, "UnmanagedPods",
                    $"Pods selected by this PodDisruptionBudget (selector: {GoSelector.Text(spec["selector"] as JsonObject)}) were found to be unmanaged. As a result, the status of the PDB cannot be "
                    + "calculated correctly, which may result in undefined behavior. To account for these pods please set \".spec.minAvailable\" field of the PDB to an integer value.");
            var (expected, desired) = ExpectedPods.Decide(spec, pods.Count, scale);
            return BudgetStatus.Compute(tree, pods, expected, desired, now, pod => _context.Events.Warning(
                EventSubject.Of(Resources.Pods, pod), "NotDeleted", $"Pod was expected by PDB {about.Name.Namespace}/{about.Name.Namespace} to be deleted but it wasn't"));
        }
        catch (ScaleUnknownException e)
        {
            _context.Events.Warning(about, "CalculateExpectedPodCountFailed", $"Failed to calculate the number of expected pods: {e.Message}");
            return (BudgetStatus.Failed(tree, e.Message, now), null);
        }
    }

    private async Task<Requeue> ClearStaleAsync(NamespacedName name, CancellationToken cancel)
    {
        var now = _context.Time.GetUtcNow();
        if (_pods.Find(name) is not { } pod || StaleDisruption.Wait(pod, now) is not { } wait) return Requeue.Never;
        if (wait > TimeSpan.Zero) return Requeue.After(wait);
        await _context.Client.StrategicPatchAsync(Resources.Pods, name, StaleDisruption.TakenBack(pod, now), "status", cancel);
        return Requeue.Never;
    }

    private void PodChanged(ObjectChange<V1Pod> change)
    {
        if (change.New is { } now && StaleDisruption.Wait(now, _context.Time.GetUtcNow()) is not null) _context.Queue.Add(new NamespacedName(change.Name.Namespace, PodPrefix + change.Name.Name));
        // Most namespaces have none, and Pods change often.
        if (_budgets.List(change.Name.Namespace) is not { Count: > 0 } there) return;
        var budgets = PodBudgets.Of(there.Select(b => _budgets.FindObject(b.NamespacedName())?.ToTree()).OfType<JsonObject>(), change.Old, change.New);
        foreach (var budget in budgets.Concerned) _context.Queue.Add(new NamespacedName(change.Name.Namespace, budget));
        if (budgets.WhyNotEvicted(change.Name) is { } why) _context.Events.Warning(EventSubject.Of(Resources.Pods, change.New!), "MultiplePodDisruptionBudgets", why);
    }
}

/// <summary>Nobody can say how many Pods there should be.</summary>
internal sealed class ScaleUnknownException(string message) : Exception(message);

/// <summary>How many Pods their controllers want together.</summary>
internal sealed class ExpectedScale(ControllerContext context)
{
    private readonly IInformer<V1ReplicaSet> _sets = context.Reads(Resources.ReplicaSets);
    private readonly IInformer<V1Deployment> _deployments = context.Reads(Resources.Deployments);
    private readonly IInformer<V1StatefulSet> _stateful = context.Reads(Resources.StatefulSets);
    private readonly IInformer<KubeObject> _definitions = context.ReadsObjects(Resources.CustomResourceDefinitions);
    private readonly IInformer<V1ReplicationController> _controllers = context.Reads(Resources.ReplicationControllers);

    public async Task<(int Expected, bool HasUnmanaged)> OfAsync(List<V1Pod> pods, CancellationToken cancel)
    {
        var scales = new Dictionary<string, int>(StringComparer.Ordinal);
        var hasUnmanaged = false;
        foreach (var pod in pods)
        {
            if (pod.ControllerRef() is not { } owner)
            {
                hasUnmanaged = true;
                continue;
            }
            if (scales.ContainsKey(owner.Uid)) continue;
            var (uid, replicas) = await FindAsync(pod, owner, cancel) ?? throw new ScaleUnknownException($"found no controllers for pod \"{pod.Metadata.Name}\"");
            scales[uid] = replicas;
        }
        return (scales.Values.Sum(), hasUnmanaged);
    }

    private async Task<(string Uid, int Replicas)?> FindAsync(V1Pod pod, V1OwnerReference owner, CancellationToken cancel)
    {
        var name = new NamespacedName(pod.Metadata.NamespaceProperty, owner.Name);
        if (!GroupVersion.TryParse(owner.ApiVersion, out var version)) return null;
        // Others have a StatefulSet of their own: theirs is asked for its scale. So is one that no copy shows yet: nothing would look again when it does.
        switch (version.Group + "/" + owner.Kind)
        {
            case "apps/ReplicaSet" or "extensions/ReplicaSet" when _sets.Find(name) is { } set && set.Metadata.Uid == owner.Uid:
                if (set.ControllerRef() is { Kind: "Deployment" } above && _deployments.Find(name with { Name = above.Name }) is { } deployment && deployment.Metadata.Uid == above.Uid)
                    return (deployment.Metadata.Uid, deployment.Spec.Replicas ?? 1);
                return (set.Metadata.Uid, set.Spec.Replicas ?? 1);
            case "apps/StatefulSet" when _stateful.Find(name) is { } stateful && stateful.Metadata.Uid == owner.Uid:
                return (owner.Uid, stateful.Spec.Replicas ?? 1);
            case "/ReplicationController" when _controllers.Find(name) is { } controller && controller.Metadata.Uid == owner.Uid:
                return (owner.Uid, controller.Spec.Replicas ?? 1);
        }
        var resource = ResourceOf(new GroupVersionKind(version.Group, version.Version, owner.Kind));
        try
        {
            var scale = await context.Client.GetAsync(resource.Path(name.Namespace, name.Name, "scale"), [], cancel);
            return (string?)scale["metadata"]?["uid"] == owner.Uid ? (owner.Uid, (int?)scale["spec"]?["replicas"] ?? 0) : null;
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            return null;
        }
        catch (StatusException e) when (!e.IsConflict)
        {
            throw new ScaleUnknownException(e.Message);
        }
    }

    private ResourceId ResourceOf(GroupVersionKind kind)
    {
        if (ApiCatalog.BuiltIn.FindKind(kind) is { } builtIn)
            return builtIn.FindSubresource("scale") is not null
                ? new ResourceId(builtIn.Group, builtIn.Version, builtIn.Plural, builtIn.Kind, builtIn.IsNamespaced)
                : throw new ScaleUnknownException($"{builtIn.GroupResource} does not implement the scale subresource");
        var definition = _definitions.List().Select(d => d.ToTree()["spec"]!)
            .FirstOrDefault(d => (string?)d["group"] == kind.Group && (string?)d["names"]?["kind"] == kind.Kind);
        var served = (definition?["versions"] as JsonArray ?? []).FirstOrDefault(v => (string?)v?["name"] == kind.Version && (bool?)v["served"] == true)
            ?? throw new ScaleUnknownException($"no matches for kind \"{kind.Kind}\" in version \"{kind.GroupVersion}\"");
        var plural = (string?)definition!["names"]!["plural"] ?? "";
        return served["subresources"]?["scale"] is not null ? new ResourceId(kind.Group, kind.Version, plural, kind.Kind, (string?)definition["scope"] == "Namespaced")
            : throw new ScaleUnknownException($"{plural}.{kind.Group} does not implement the scale subresource");
    }
}
