using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.ReplicaSets;

/// <summary>Keeps as many Pods as a ReplicaSet (or ReplicationController: the same fields but for its selector) asks for.</summary>
internal sealed class ReplicaSetController : IReconciler
{
    private static readonly TimeSpan PausePerPod = TimeSpan.FromMicroseconds(20);

    private readonly ControllerContext _context;
    private readonly ResourceId _resource;
    private readonly bool _hasLabelSelector;
    private readonly IInformer<KubeObject> _sets;
    private readonly IInformer<V1Pod> _pods;
    private readonly WriteBarrier _writes = new();
    private readonly PodControl _podControl;

    public ReplicaSetController(ControllerContext context, ResourceId resource)
    {
        _context = context;
        _resource = resource;
        _hasLabelSelector = resource.Kind == "ReplicaSet";
        _sets = context.WatchesObjects(resource, change => context.Queue.Add(change.Name));
        _pods = context.Watches(Resources.Pods, PodChanged);
        _pods.AddIndex(PodIndexes.ByNamespaceOrOwner, PodIndexes.NamespaceOrOwner);
        _podControl = new PodControl(context, _pods, _writes);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (_sets.Find(name) is not { } found) return Requeue.Never;
        var tree = found.ToTree();
        var owner = Owner.Of(_resource, found);
        var isBeingDeleted = tree["metadata"]!["deletionTimestamp"] is not null;
        var selector = SelectorOf(tree);
        var candidates = PodIndexes.OwnedOrOrphaned(_pods, name.Namespace, found.Uid);
        // Those that end count only while they match; they are not released.
        var terminating = candidates.Count(p => !p.IsFinished() && p.IsBeingDeleted() && p.ControllerRef()?.Uid == found.Uid && selector.Matches(p.Metadata.Labels));
        candidates.RemoveAll(p => !p.IsActive());
        var active = await Claiming.ClaimAsync(
            _context.Client, owner, isBeingDeleted, Resources.Pods, candidates,
            p => selector.Matches(p.Metadata.Labels), o => _writes.Wrote(name, _pods, o), cancel);

        var failure = await ScaleAsync(tree, owner, active, cancel);

        var (status, wait) = ReplicaSetStatus.Compute(tree, active, terminating, _hasLabelSelector, failure, _context.Time.GetUtcNow());
        if (await _context.Client.WriteStatusAsync(_resource, tree, status, cancel) is { } written) _writes.Wrote(name, _sets, written);
        if (failure is not null) throw failure;
        // To count 5,000 Pods anew for each that changes would cost more than all else that happens to them.
        var all = active.Count + terminating;
        return new Requeue(wait) { Pause = all > 100 ? all * PausePerPod : default };
    }

    private async Task<Exception?> ScaleAsync(JsonObject tree, Owner owner, List<V1Pod> active, CancellationToken cancel)
    {
        var plan = ReplicaSetPlan.Decide(tree, active, () => RelatedPods(owner), _context.Time.GetUtcNow());
        if (plan is { Creates: 0, Deletes.Count: 0 }) return null;
        var about = new EventSubject(_resource.ApiVersion, _resource.Kind, owner.Name, owner.Uid, (string?)tree["metadata"]!["resourceVersion"] ?? "");
        if (plan.Creates > 0)
        {
            var template = tree["spec"]!["template"]!.AsObject();
            return await SlowStart.RunAsync(plan.Creates, _ => _podControl.CreateAsync(about, PodFromTemplate.Make(template, owner, owner.Name.Name + "-"), cancel));
        }
        return await AllAtOnce.RunAsync(plan.Deletes.Count, i => _podControl.DeleteAsync(about, plan.Deletes[i], cancel));
    }

    /// <summary>Pods of all sets of the same Deployment, because replicas of the old and the new set on one node stand in for each other. A set of its own has none.</summary>
    private IReadOnlyList<V1Pod> RelatedPods(Owner owner)
    {
        if (!_hasLabelSelector || _sets.Find(owner.Name)?.ToTree()["metadata"]?["ownerReferences"] is not JsonArray owners) return [];
        var deployment = owners.OfType<JsonObject>().FirstOrDefault(o => (bool?)o["controller"] == true);
        if (deployment is null) return [];
        var uid = (string?)deployment["uid"];
        var siblings = _context.Informers.For(Resources.ReplicaSets).List(owner.Name.Namespace).Where(s => s.ControllerRef()?.Uid == uid).Select(s => s.Metadata.Uid);
        return [.. siblings.SelectMany(s => _pods.ByIndex(PodIndexes.ByNamespaceOrOwner, s)).Where(p => p.IsActive())];
    }

    private LabelSelector SelectorOf(JsonObject tree) => _hasLabelSelector
        ? LabelSelector.FromObject(tree["spec"]!["selector"] as JsonObject)
        : LabelSelector.FromLabels((tree["spec"]!["selector"] as JsonObject)?.Select(p => new KeyValuePair<string, string>(p.Key, (string?)p.Value ?? "")) ?? []);

    private void PodChanged(ObjectChange<V1Pod> change)
    {
        var pod = change.New ?? change.Old!;
        if (change.Old?.ControllerRef() is { } before && before.Uid != change.New?.ControllerRef()?.Uid) AddOwner(pod, before);
        if (pod.ControllerRef() is { } owner)
        {
            AddOwner(pod, owner);
            return;
        }
        if (change.New is null || pod.IsBeingDeleted() || pod.Metadata.Labels is not { Count: > 0 } labels) return;
        foreach (var set in _sets.List(pod.Metadata.NamespaceProperty))
            if (SelectorOf(set.ToTree()) is { IsEmpty: false } selector && selector.Matches(labels)) _context.Queue.Add(set.Name);
    }

    private void AddOwner(V1Pod pod, V1OwnerReference owner)
    {
        if (owner.Kind == _resource.Kind && owner.ApiVersion == _resource.ApiVersion) _context.Queue.Add(new NamespacedName(pod.Metadata.NamespaceProperty, owner.Name));
    }
}
