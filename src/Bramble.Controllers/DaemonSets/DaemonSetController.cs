using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Deployments;
using Bramble.Controllers.History;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.DaemonSets;

/// <summary>Runs one Pod on each node that fits, and replaces them node by node when the template changes.</summary>
internal sealed class DaemonSetController : IReconciler
{
    private const string GenerationAnnotation = "deprecated.daemonset.template.generation";

    private readonly ControllerContext _context;
    private readonly IInformer<V1DaemonSet> _sets;
    private readonly IInformer<V1Pod> _pods;
    private readonly IInformer<V1Node> _nodes;
    private readonly IInformer<V1ControllerRevision> _revisionCopies;
    private readonly Revisions _revisions;
    private readonly WriteBarrier _writes = new();

    public DaemonSetController(ControllerContext context)
    {
        _context = context;
        _sets = context.Watches(Resources.DaemonSets);
        _pods = context.Watches(Resources.Pods, PodChanged);
        _pods.AddIndex(PodIndexes.ByNamespaceOrOwner, PodIndexes.NamespaceOrOwner);
        _revisionCopies = context.Reads(Resources.ControllerRevisions);
        _revisions = new Revisions(context, _revisionCopies);
        _nodes = context.Watches(Resources.Nodes, NodeChanged);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (_sets.FindObject(name) is not { } found) return Requeue.Never;
        var model = found.Model<V1DaemonSet>();
        var tree = found.ToTree();
        var owner = Owner.Of(Resources.DaemonSets, found);
        if (model.IsBeingDeleted()) return Requeue.Never;
        var selector = LabelSelector.FromObject(tree["spec"]!["selector"] as JsonObject);
        if (selector.IsEmpty)
        {
            _context.Events.Warning(About(model), "SelectingAll", "This daemon set is selecting all pods. A non-empty selector is required.");
            return Requeue.Never;
        }
        var pods = await Claiming.ClaimAsync(
            _context.Client, owner, false, Resources.Pods, PodIndexes.OwnedOrOrphaned(_pods, name.Namespace, found.Uid), p => selector.Matches(p.Metadata.Labels),
            o => _writes.Wrote(name, _pods, o), cancel);
        var revisions = await _revisions.SyncAsync(tree, owner, o => _writes.Wrote(name, _revisionCopies, o), cancel);
        var hash = Revisions.HashOf(revisions[^1]);
        var nodes = _nodes.List();
        var byNode = pods.GroupBy(p => DaemonPlacement.TargetOf(p) ?? "").ToDictionary(g => g.Key, g => g.OrderBy(p => p.Metadata.CreationTimestamp).ToList());
        var placement = nodes.ToDictionary(n => n.Metadata.Name, n => DaemonPlacement.Decide(model.Spec.Template.Spec, n));

        await PlaceAsync(model, tree, owner, hash, placement, byNode, cancel);
        if (model.Spec.UpdateStrategy?.Type != "OnDelete") await RollAsync(model, tree, name, hash, placement, byNode, cancel);
        await _revisions.CleanUpAsync(tree, revisions, pods.Select(p => Revisions.HashOf(p) ?? "").ToHashSet(), cancel);

        var (status, wait) = DaemonSetStatus.Compute(tree, placement, byNode, hash, _context.Time.GetUtcNow());
        if (await _context.Client.WriteStatusAsync(Resources.DaemonSets, tree, status, cancel) is { } written) _writes.Wrote(name, _sets, written);
        return wait is { } delay ? Requeue.After(delay) : Requeue.Never;
    }

    /// <summary>Pods where there should be one and is none; none where there should not be, and one where there are several.</summary>
    private async Task PlaceAsync(
        V1DaemonSet model, JsonObject tree, Owner owner, string hash, Dictionary<string, (bool ShouldRun, bool MayStay)> placement, Dictionary<string, List<V1Pod>> byNode, CancellationToken cancel)
    {
        var missing = new List<string>();
        var surplus = new List<V1Pod>();
        foreach (var (node, pods) in byNode)
            if (!placement.ContainsKey(node)) surplus.AddRange(pods.Where(p => !p.IsBeingDeleted() && string.IsNullOrEmpty(p.Spec.NodeName)));
        foreach (var (node, (shouldRun, mayStay)) in placement)
        {
            var pods = byNode.GetValueOrDefault(node) ?? [];
            if (!mayStay)
            {
                surplus.AddRange(pods.Where(p => !p.IsBeingDeleted()));
                continue;
            }
            foreach (var finished in pods.Where(p => p.IsFinished() && !p.IsBeingDeleted()))
            {
                _context.Events.Warning(About(model), finished.Status.Phase == "Failed" ? "FailedDaemonPod" : "SucceededDaemonPod",
                    finished.Status.Phase == "Failed" ? $"Found failed daemon pod {finished.Metadata.NamespaceProperty}/{finished.Metadata.Name} on node {node}, will try to kill it"
                        : $"Found succeeded daemon pod {finished.Metadata.NamespaceProperty}/{finished.Metadata.Name} on node {node}, will try to delete it");
                surplus.Add(finished);
            }
            var living = pods.Where(p => p.IsActive()).ToList();
            if (living.Count > 1) surplus.AddRange(living.OrderByDescending(p => string.IsNullOrEmpty(p.Spec.NodeName) ? 0 : 1).Skip(1).Where(p => Revisions.HashOf(p) == Revisions.HashOf(living[0])));
            if (pods.Count == 0 && shouldRun) missing.Add(node);
        }
        foreach (var pod in surplus) await DeleteAsync(model, owner.Name, pod, cancel);
        var template = tree["spec"]!["template"]!.AsObject();
        var failure = await SlowStart.RunAsync(Math.Min(missing.Count, 250), async i =>
        {
            var body = PodFromTemplate.Make(template, owner, owner.Name.Name + "-");
            if (body["metadata"]!["labels"] is not JsonObject labels) body["metadata"]!["labels"] = labels = [];
            labels[Revisions.HashLabel] = hash;
            labels["pod-template-generation"] = (string?)tree["metadata"]!["annotations"]?[GenerationAnnotation] ?? "1";
            DaemonPlacement.Pin(body["spec"]!.AsObject(), missing[i]);
            try
            {
                var created = await _context.Client.CreateAsync(Resources.Pods, body, cancel);
                _writes.Wrote(owner.Name, _pods, created);
                _context.Events.Normal(About(model), "SuccessfulCreate", $"Created pod: {created.Name.Name}");
            }
            catch (StatusException e)
            {
                _context.Events.Warning(About(model), "FailedCreate", $"Error creating: {e.Message}");
                throw;
            }
        });
        if (failure is not null) throw failure;
    }

    /// <summary>Old Pods go as far as maxUnavailable lets them; the next look starts their successors.</summary>
    private async Task RollAsync(
        V1DaemonSet model, JsonObject tree, NamespacedName name, string hash, Dictionary<string, (bool ShouldRun, bool MayStay)> placement, Dictionary<string, List<V1Pod>> byNode, CancellationToken cancel)
    {
        var wanted = placement.Count(p => p.Value.ShouldRun);
        var rolling = tree["spec"]!["updateStrategy"]?["rollingUpdate"];
        var maxUnavailable = rolling?["maxUnavailable"] is { } value ? Fenceposts.Resolve(value, wanted, isRoundedUp: true) : 1;
        if (maxUnavailable == 0 && rolling?["maxSurge"] is not null) maxUnavailable = 1;
        var now = _context.Time.GetUtcNow();
        var minReady = model.Spec.MinReadySeconds ?? 0;
        var unavailable = 0;
        var old = new List<V1Pod>();
        foreach (var (node, (shouldRun, _)) in placement)
        {
            if (!shouldRun) continue;
            var pods = (byNode.GetValueOrDefault(node) ?? []).Where(p => p.IsActive()).ToList();
            var isAvailable = pods.Exists(p => p.IsAvailable(minReady, now, out _));
            foreach (var pod in pods.Where(p => Revisions.HashOf(p) != hash))
            {
                // One that serves nobody anyway goes at once.
                if (isAvailable) old.Add(pod);
                else await DeleteAsync(model, name, pod, cancel);
            }
            if (!isAvailable) unavailable++;
        }
        foreach (var pod in old.Take(Math.Max(0, maxUnavailable - unavailable))) await DeleteAsync(model, name, pod, cancel);
    }

    private async Task DeleteAsync(V1DaemonSet model, NamespacedName name, V1Pod pod, CancellationToken cancel)
    {
        await _context.Client.DeleteAsync(Resources.Pods, pod.NamespacedName(), new DeleteQuery(Uid: pod.Metadata.Uid), cancel);
        _writes.Deleted(name, _pods, pod.NamespacedName(), pod.Metadata.Uid);
        _context.Events.Normal(About(model), "SuccessfulDelete", $"Deleted pod: {pod.Metadata.Name}");
    }

    private static EventSubject About(V1DaemonSet set) => EventSubject.Of(Resources.DaemonSets, set);

    private void PodChanged(ObjectChange<V1Pod> change)
    {
        if ((change.New ?? change.Old!).ControllerRef() is { } owner)
        {
            if (owner.Kind == "DaemonSet") _context.Queue.Add(new NamespacedName(change.Name.Namespace, owner.Name));
            return;
        }
        if (change.Old?.ControllerRef() is { Kind: "DaemonSet" } before) _context.Queue.Add(new NamespacedName(change.Name.Namespace, before.Name));
        if (change.New is { Metadata.Labels: { Count: > 0 } labels })
            foreach (var set in _sets.List(change.Name.Namespace))
                if (set.Spec.Selector?.MatchLabels is { Count: > 0 } wanted && wanted.All(w => labels.TryGetValue(w.Key, out var has) && has == w.Value)) _context.Queue.Add(set.NamespacedName());
    }

    private void NodeChanged(ObjectChange<V1Node> change)
    {
        foreach (var set in _sets.List())
        {
            var before = change.Old is null ? default : DaemonPlacement.Decide(set.Spec.Template.Spec, change.Old);
            var now = change.New is null ? default : DaemonPlacement.Decide(set.Spec.Template.Spec, change.New);
            if (before != now || change.New is null) _context.Queue.Add(set.NamespacedName());
        }
    }
}
