using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.History;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.DaemonSets;

/// <summary>Runs one Pod on each node that fits, and replaces them node by node when the template changes.</summary>
internal sealed class DaemonSetController : IReconciler
{
    /// <summary>Pods made or removed in one go.</summary>
    private const int BurstMax = 250;

    private const string GenerationAnnotation = "deprecated.daemonset.template.generation";

    private readonly ControllerContext _context;
    private readonly IInformer<V1DaemonSet> _sets;
    private readonly IInformer<V1Pod> _pods;
    private readonly IInformer<V1Node> _nodes;
    private readonly IInformer<V1ControllerRevision> _revisionCopies;
    private readonly Revisions _revisions;
    private readonly WriteBarrier _writes = new();
    private readonly FailedPodBackOff _failures;
    private readonly PodControl _podControl;

    public DaemonSetController(ControllerContext context)
    {
        _context = context;
        _failures = new FailedPodBackOff(context.Time);
        _sets = context.Watches(Resources.DaemonSets, change =>
        {
            if (change.New is null) _failures.Forget(change.Old!.Metadata.Uid);
            else context.Queue.Add(change.Name);
        });
        _pods = context.Watches(Resources.Pods, PodChanged);
        _pods.AddIndex(PodIndexes.ByNamespaceOrOwner, PodIndexes.NamespaceOrOwner);
        _podControl = new PodControl(context, _pods, _writes);
        _revisionCopies = context.Watches(Resources.ControllerRevisions, change =>
        {
            foreach (var owner in OwnersToWake(change)) context.Queue.Add(owner);
            if (change.New is { Metadata.Labels: { Count: > 0 } labels } orphan && orphan.ControllerRef() is null)
                foreach (var set in _sets!.Selecting(change.Name.Namespace, labels)) context.Queue.Add(set);
        });
        _revisions = new Revisions(context, _revisionCopies, Revisions.PodLabel);
        _nodes = context.Watches(Resources.Nodes, NodeChanged);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (_sets.FindObject(name) is not { } found) return Requeue.Never;
        var model = found.Model<V1DaemonSet>();
        var tree = found.ToTree();
        var owner = Owner.Of(Resources.DaemonSets, found);
        var selector = LabelSelector.FromObject(tree["spec"]!["selector"] as JsonObject);
        if (selector.IsEmpty)
        {
            _context.Events.Warning(About(model), "SelectingAll", "This daemon set is selecting all pods. A non-empty selector is required.");
            return Requeue.Never;
        }
        if (model.IsBeingDeleted()) return Requeue.Never;
        var history = await _revisions.SyncAsync(tree, owner, o => _writes.Wrote(name, _revisionCopies, o), cancel);
        var claimed = await Claiming.ClaimAsync(
            _context.Client, owner, false, Resources.Pods, PodIndexes.OwnedOrOrphaned(_pods, name.Namespace, found.Uid), p => selector.Matches(p.Metadata.Labels),
            o => _writes.Wrote(name, _pods, o), cancel);
        await RelabelAsync(name, history, claimed, cancel);
        var byNode = claimed.Where(p => !(p.IsFinished() && p.IsBeingDeleted())).Select(p => (Pod: p, Node: DaemonPlacement.TargetOf(p))).Where(p => p.Node is not null)
            .GroupBy(p => p.Node!).ToDictionary(g => g.Key, g => g.Select(p => p.Pod).ToList(), StringComparer.Ordinal);
        var placement = _nodes.List().OrderBy(n => n.Metadata.Name, StringComparer.Ordinal)
            .ToDictionary(n => n.Metadata.Name, n => DaemonPlacement.Decide(model.Spec.Template.Spec, n), StringComparer.Ordinal);
        var view = new DaemonView(tree, placement, byNode, _revisions.HashOf(history.Update), (string?)tree["metadata"]!["annotations"]?[GenerationAnnotation], _context.Time.GetUtcNow());

        var requeue = Requeue.Never;
        var changes = DaemonSetPlan.Decide(view);
        foreach (var (pod, node) in changes.Failed) requeue = RemoveFailed(model, pod, node, changes, requeue);
        foreach (var (pod, node) in changes.Succeeded)
        {
            _context.Events.Normal(About(model), "SucceededDaemonPod", $"Found succeeded daemon pod {pod.NamespacedName()} on node {node}, will try to delete it");
            changes.Delete.Add(pod);
        }
        var isPlaced = changes.Delete.Count + changes.Create.Count == 0;
        var failure = await ApplyAsync(model, view, owner, changes, cancel);
        // Only when all is in its place is anything replaced: what was just done is not in the copy yet.
        if (isPlaced && view.IsRolling) failure = await ApplyAsync(model, view, owner, DaemonRollingUpdate.Decide(view), cancel);
        if (failure is null)
        {
            var live = claimed.Select(p => Revisions.HashOf(p) ?? "").ToHashSet(StringComparer.Ordinal);
            await _revisions.CleanUpAsync(tree, history.All[..^1], r => !live.Contains(_revisions.HashOf(r)), cancel);
        }
        var (status, wait) = DaemonSetStatus.Compute(view, history.Collisions);
        if (await _context.Client.WriteStatusAsync(Resources.DaemonSets, tree, status, cancel) is { } written) _writes.Wrote(name, _sets, written);
        if (failure is not null) throw failure;
        return requeue.Or(wait);
    }

    /// <summary>Of several revisions with the template of now the newest stays; Pods of the others are up to date, and get its label in place of being replaced.</summary>
    private async Task RelabelAsync(NamespacedName name, RevisionHistory history, List<V1Pod> pods, CancellationToken cancel)
    {
        if (history.All.Count == 1) return;
        var hash = _revisions.HashOf(history.Update);
        // One that was made just now is not in the copy; no other has its template then.
        if (DataOf(history.Update) is not { } now) return;
        foreach (var same in history.All[..^1].Where(r => JsonNode.DeepEquals(DataOf(r), now)))
        {
            for (var i = 0; i < pods.Count; i++)
            {
                if (Revisions.HashOf(pods[i]) != _revisions.HashOf(same)) continue;
                var patch = new JsonObject { ["metadata"] = new JsonObject { ["uid"] = pods[i].Metadata.Uid, ["labels"] = new JsonObject { [Revisions.PodLabel] = hash } } };
                var written = await _context.Client.MergePatchAsync(Resources.Pods, pods[i].NamespacedName(), patch, null, cancel);
                _writes.Wrote(name, _pods, written);
                pods[i] = written.Model<V1Pod>();
            }
            await _context.Client.DeleteAsync(Resources.ControllerRevisions, same.NamespacedName(), new DeleteQuery(Uid: same.Metadata.Uid), cancel);
            history.All.Remove(same);
        }

        JsonNode? DataOf(V1ControllerRevision revision) => _revisionCopies.FindObject(revision.NamespacedName())?.ToTree()["data"];
    }

    private Requeue RemoveFailed(V1DaemonSet model, V1Pod pod, string node, DaemonChanges changes, Requeue requeue)
    {
        // A new template is a new try.
        if (_failures.Next(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{model.Metadata.Uid}/{model.Status?.ObservedGeneration ?? 0}"), node) is { } wait) return requeue.Or(wait);
        _context.Events.Warning(About(model), "FailedDaemonPod", $"Found failed daemon pod {pod.NamespacedName()} on node {node}, will try to kill it");
        changes.Delete.Add(pod);
        return requeue;
    }

    private async Task<Exception?> ApplyAsync(V1DaemonSet model, DaemonView view, Owner owner, DaemonChanges changes, CancellationToken cancel)
    {
        var template = view.Set["spec"]!["template"]!.AsObject();
        var about = About(model);
        var failure = await SlowStart.RunAsync(Math.Min(changes.Create.Count, BurstMax), i =>
        {
            var body = PodFromTemplate.Make(template, owner, owner.Name.Name + "-");
            if (body["metadata"]!["labels"] is not JsonObject labels) body["metadata"]!["labels"] = labels = [];
            labels[Revisions.PodLabel] = view.Hash;
            if (view.Generation is not null) labels[DaemonView.GenerationLabel] = view.Generation;
            DaemonPlacement.Pin(body["spec"]!.AsObject(), changes.Create[i]);
            return _podControl.CreateAsync(about, body, cancel);
        });
        var notDeleted = await AllAtOnce.RunAsync(Math.Min(changes.Delete.Count, BurstMax), i => _podControl.DeleteAsync(about, changes.Delete[i], cancel));
        return failure ?? notDeleted;
    }

    private static EventSubject About(V1DaemonSet set) => EventSubject.Of(Resources.DaemonSets, set);

    /// <summary>A revision that is new wakes nobody: its owner has made it itself, or somebody made it beside the owner's and may look at both before one is taken
    /// for a twin.</summary>
    internal static IEnumerable<NamespacedName> OwnersToWake(ObjectChange<V1ControllerRevision> change)
    {
        if (change.Old is not { } old) yield break;
        var (before, now) = (old.ControllerRef(), change.New?.ControllerRef());
        if (before is { Kind: "DaemonSet" }) yield return new NamespacedName(change.Name.Namespace, before.Name);
        if (now is { Kind: "DaemonSet" } && now.Name != before?.Name) yield return new NamespacedName(change.Name.Namespace, now.Name);
    }

    private void PodChanged(ObjectChange<V1Pod> change)
    {
        if (change.Old?.ControllerRef() is { Kind: "DaemonSet" } before) _context.Queue.Add(new NamespacedName(change.Name.Namespace, before.Name));
        if (change.New?.ControllerRef() is { } owner)
        {
            if (owner.Kind == "DaemonSet") _context.Queue.Add(new NamespacedName(change.Name.Namespace, owner.Name));
            return;
        }
        if (change.New is { Metadata.Labels: { Count: > 0 } labels })
            foreach (var set in _sets.Selecting(change.Name.Namespace, labels)) _context.Queue.Add(set);
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
