using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Client;
using Bramble.Controllers.History;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.StatefulSets;

/// <summary>Pods with names and claims of their own that outlive them.</summary>
internal sealed class StatefulSetController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1StatefulSet> _sets;
    private readonly IInformer<V1Pod> _pods;
    private readonly IInformer<V1PersistentVolumeClaim> _claims;
    private readonly IInformer<V1ControllerRevision> _revisionCopies;
    private readonly Revisions _revisions;
    private readonly WriteBarrier _writes = new();

    public StatefulSetController(ControllerContext context)
    {
        _context = context;
        _sets = context.Watches(Resources.StatefulSets);
        _pods = context.Watches(Resources.Pods, PodChanged);
        _pods.AddIndex(PodIndexes.ByNamespaceOrOwner, PodIndexes.NamespaceOrOwner);
        // A successor may wait for the claim of its predecessor to go.
        _claims = context.Watches(Resources.PersistentVolumeClaims, change =>
        {
            if (change.New is not null) return;
            foreach (var owner in change.Old!.Metadata.OwnerReferences ?? [])
                if (owner is { Kind: "Pod", Name: var pod } && pod.LastIndexOf('-') is > 0 and var dash) context.Queue.Add(new NamespacedName(change.Name.Namespace, pod[..dash]));
        });
        _revisionCopies = context.Reads(Resources.ControllerRevisions);
        _revisions = new Revisions(context, _revisionCopies, Revisions.StatefulLabel);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (_sets.FindObject(name) is not { } found) return Requeue.Never;
        var set = found.Model<V1StatefulSet>();
        var tree = found.ToTree();
        var owner = Owner.Of(Resources.StatefulSets, found);
        var selector = LabelSelector.FromObject(tree["spec"]!["selector"] as JsonObject);
        // One whose name is none of the set's is released like one whose labels are not.
        var pods = await Claiming.ClaimAsync(
            _context.Client, owner, set.IsBeingDeleted(), Resources.Pods, PodIndexes.OwnedOrOrphaned(_pods, name.Namespace, found.Uid),
            p => IsMember(set, p) && selector.Matches(p.Metadata.Labels), o => _writes.Wrote(name, _pods, o), cancel);
        var history = await _revisions.SyncAsync(tree, owner, o => _writes.Wrote(name, _revisionCopies, o), cancel);
        var update = history.Update;
        var current = history.All.Find(r => r.Metadata.Name == set.Status?.CurrentRevision) ?? update;
        var now = _context.Time.GetUtcNow();

        var work = new StatefulSetWork(_context, set, tree, owner, _pods, _claims, _writes, revision => _revisions.TemplateOf(revision, tree));
        var failure = await work.RunAsync(StatefulSetPlan.Decide(set, pods, current.Metadata.Name, update.Metadata.Name, now), current, update, cancel);

        var (status, wait) = StatefulSetStatus.Compute(set, pods, current.Metadata.Name, update.Metadata.Name, history.Collisions, work.RemovedForUpdate, now);
        try
        {
            if (StatefulSetStatus.Differs(tree["status"] as JsonObject, status) && await _context.Client.WriteStatusAsync(Resources.StatefulSets, tree, status, cancel) is { } written)
                _writes.Wrote(name, _sets, written);
        }
        catch (StatusException e)
        {
            // The history is kept short all the same.
            failure ??= e;
        }
        var live = pods.Select(p => Revisions.HashOf(p) ?? "").Append(current.Metadata.Name).Append(update.Metadata.Name).ToHashSet(StringComparer.Ordinal);
        await _revisions.CleanUpAsync(tree, [.. history.All.Where(r => !live.Contains(r.Metadata.Name))], _ => true, cancel);
        if (failure is not null) throw failure;
        return wait is { } delay ? Requeue.After(delay) : Requeue.Never;
    }

    private static bool IsMember(V1StatefulSet set, V1Pod pod) => StatefulSetPlan.OrdinalOf(pod) is >= 0 and var ordinal && pod.Metadata.Name == $"{set.Metadata.Name}-{ordinal}";

    private void PodChanged(ObjectChange<V1Pod> change)
    {
        foreach (var version in (V1Pod?[])[change.Old, change.New])
            if (version?.ControllerRef() is { Kind: "StatefulSet" } owner) _context.Queue.Add(new NamespacedName(change.Name.Namespace, owner.Name));
        if (change.New is not { } pod || pod.ControllerRef() is not null || pod.IsBeingDeleted() || pod.Metadata.Labels is not { Count: > 0 } labels) return;
        // An orphan: whose it could be looks at it.
        foreach (var set in _sets.Selecting(change.Name.Namespace, labels)) _context.Queue.Add(set);
    }
}
