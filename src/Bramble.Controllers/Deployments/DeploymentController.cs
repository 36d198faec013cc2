using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Deployments;

/// <summary>Rolls a Deployment's template out over ReplicaSets, one for each template it ever had.</summary>
internal sealed class DeploymentController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Deployment> _deployments;
    private readonly IInformer<V1ReplicaSet> _sets;
    private readonly IInformer<V1Pod> _pods;
    private readonly WriteBarrier _writes = new();

    public DeploymentController(ControllerContext context)
    {
        _context = context;
        _deployments = context.Watches(Resources.Deployments);
        _sets = context.Watches(Resources.ReplicaSets, SetChanged);
        _pods = context.Watches(Resources.Pods, PodChanged);
        _pods.AddIndex(PodIndexes.ByNamespaceOrOwner, PodIndexes.NamespaceOrOwner);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (_deployments.FindObject(name) is not { } found) return Requeue.Never;
        var tree = found.ToTree();
        var selector = LabelSelector.FromObject(tree["spec"]!["selector"] as JsonObject);
        if (selector.IsEmpty)
        {
            _context.Events.Warning(About(tree, name), "SelectingAll", "This deployment is selecting all pods. A non-empty selector is required.");
            var observed = tree["status"]?.DeepClone().AsObject() ?? [];
            observed["observedGeneration"] = (long?)tree["metadata"]!["generation"] ?? 0;
            await _context.Client.WriteStatusAsync(Resources.Deployments, tree, observed, cancel);
            return Requeue.Never;
        }
        var isBeingDeleted = tree["metadata"]!["deletionTimestamp"] is not null;
        var owned = await Claiming.ClaimAsync(
            _context.Client, Owner.Of(Resources.Deployments, found), isBeingDeleted, Resources.ReplicaSets, _sets.List(name.Namespace),
            s => selector.Matches(s.Metadata.Labels), o => _writes.Wrote(name, _sets, o), cancel);
        var rollout = new Rollout(_context, tree, found, owned.Select(s => _sets.Find(s.NamespacedName()) ?? s).ToList(), _sets, _deployments, _writes);
        if (!isBeingDeleted && await rollout.NotePausedAsync(cancel)) return Requeue.Never;
        var isSetWritten = await rollout.UpdateRevisionAsync(cancel);
        if (isBeingDeleted) return await rollout.WriteCountsAsync(cancel);
        if ((bool?)tree["spec"]!["paused"] == true) return await rollout.ScaleAsync(cancel);
        if (isSetWritten) return Requeue.Never;     // the write brings it back
        if (Rollback.Asked(tree) is not null)
        {
            await rollout.RollbackAsync(cancel);
            return Requeue.Never;
        }
        if (rollout.IsScaling) return await rollout.ScaleAsync(cancel);
        return (string?)tree["spec"]!["strategy"]?["type"] == "Recreate"
            ? await rollout.RecreateAsync(HasRunningPods, cancel)
            : await rollout.RollAsync(cancel);
    }

    internal static EventSubject About(JsonObject tree, NamespacedName name) =>
        new("apps/v1", "Deployment", name, (string?)tree["metadata"]!["uid"] ?? "", (string?)tree["metadata"]!["resourceVersion"] ?? "");

    private bool HasRunningPods(ReplicaSetView set) =>
        _pods.ByIndex(PodIndexes.ByNamespaceOrOwner, set.Model.Metadata.Uid).Any(p => !p.IsFinished() && p.Metadata.NamespaceProperty == set.FullName.Namespace);

    private void SetChanged(ObjectChange<V1ReplicaSet> change)
    {
        var set = change.New ?? change.Old!;
        if (change.Old?.ControllerRef() is { Kind: "Deployment" } before && before.Uid != change.New?.ControllerRef()?.Uid)
            _context.Queue.Add(new NamespacedName(change.Name.Namespace, before.Name));
        if (set.ControllerRef() is { } owner)
        {
            if (owner.Kind == "Deployment") _context.Queue.Add(new NamespacedName(change.Name.Namespace, owner.Name));
            return;
        }
        if (change.New is null || set.Metadata.Labels is not { Count: > 0 } labels) return;
        foreach (var deployment in _deployments.Selecting(change.Name.Namespace, labels)) _context.Queue.Add(deployment);
    }

    /// <summary>Recreate waits for the last old Pod to be gone.</summary>
    private void PodChanged(ObjectChange<V1Pod> change)
    {
        if (change.New is { } now && !now.IsFinished()) return;
        if (change.Old?.ControllerRef() is not { Kind: "ReplicaSet" } owner) return;
        if (_sets.Find(new NamespacedName(change.Name.Namespace, owner.Name))?.ControllerRef() is not { Kind: "Deployment" } deployment) return;
        var name = new NamespacedName(change.Name.Namespace, deployment.Name);
        if (_deployments.Find(name)?.Spec?.Strategy?.Type == "Recreate") _context.Queue.Add(name);
    }
}
