using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Client;
using Bramble.Client.Events;
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
        _pods = context.Watches(Resources.Pods, change =>
        {
            foreach (var version in (V1Pod?[])[change.Old, change.New])
                if (version?.ControllerRef() is { Kind: "StatefulSet" } owner) context.Queue.Add(new NamespacedName(change.Name.Namespace, owner.Name));
        });
        _pods.AddIndex(PodIndexes.ByNamespaceOrOwner, PodIndexes.NamespaceOrOwner);
        _claims = context.Reads(Resources.PersistentVolumeClaims);
        _revisionCopies = context.Reads(Resources.ControllerRevisions);
        _revisions = new Revisions(context, _revisionCopies);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (_sets.FindObject(name) is not { } found) return Requeue.Never;
        var set = found.Model<V1StatefulSet>();
        var tree = found.ToTree();
        var owner = Owner.Of(Resources.StatefulSets, found);
        var selector = LabelSelector.FromObject(tree["spec"]!["selector"] as JsonObject);
        if (set.IsBeingDeleted() || selector.IsEmpty) return Requeue.Never;
        var candidates = PodIndexes.OwnedOrOrphaned(_pods, name.Namespace, found.Uid).Where(p => p.Metadata.Name.StartsWith(name.Name + "-", StringComparison.Ordinal)).ToList();
        var pods = await Claiming.ClaimAsync(
            _context.Client, owner, false, Resources.Pods, candidates, p => selector.Matches(p.Metadata.Labels) && IsMember(set, p), o => _writes.Wrote(name, _pods, o), cancel);
        var revisions = await _revisions.SyncAsync(tree, owner, o => _writes.Wrote(name, _revisionCopies, o), cancel);
        var update = revisions[^1];
        var current = revisions.Find(r => r.Metadata.Name == set.Status?.CurrentRevision) ?? update;
        var now = _context.Time.GetUtcNow();

        // Revisions are compared by name, as the Pods' labels carry it.
        var actions = StatefulSetPlan.Decide(set, pods, current.Metadata.Name, update.Metadata.Name, now);
        foreach (var action in actions)
        {
            if (action is StatefulAction.Create(var ordinal, var isNew)) pods.Add(await CreateAsync(set, tree, owner, ordinal, isNew ? update : current, cancel));
            else if (action is StatefulAction.Delete(var pod)) await DeleteAsync(set, name, pod, cancel);
        }
        await _revisions.CleanUpAsync(tree, revisions, pods.Select(p => Revisions.HashOf(p) ?? "").Append(current.Metadata.Name).ToHashSet(), cancel);

        var (status, wait) = Status(set, tree, pods, current.Metadata.Name, update.Metadata.Name, now);
        if (await _context.Client.WriteStatusAsync(Resources.StatefulSets, tree, status, cancel) is { } written) _writes.Wrote(name, _sets, written);
        return wait is { } delay ? Requeue.After(delay) : Requeue.Never;
    }

    private static bool IsMember(V1StatefulSet set, V1Pod pod) => StatefulSetPlan.OrdinalOf(pod) is >= 0 and var ordinal && pod.Metadata.Name == $"{set.Metadata.Name}-{ordinal}";

    private async Task<V1Pod> CreateAsync(V1StatefulSet set, JsonObject tree, Owner owner, int ordinal, V1ControllerRevision revision, CancellationToken cancel)
    {
        var podName = $"{owner.Name.Name}-{ordinal}";
        var template = _revisions.TemplateOf(revision, tree);
        var body = PodFromTemplate.Make(template, owner, null, podName);
        if (body["metadata"]!["labels"] is not JsonObject labels) body["metadata"]!["labels"] = labels = [];
        labels["statefulset.kubernetes.io/pod-name"] = podName;
        labels["apps.kubernetes.io/pod-index"] = ordinal.ToString(CultureInfo.InvariantCulture);
        labels[Revisions.HashLabel] = revision.Metadata.Name;
        var spec = body["spec"]!.AsObject();
        spec["hostname"] = podName;
        spec["subdomain"] = set.Spec.ServiceName;
        var volumes = new JsonArray();
        foreach (var claim in (tree["spec"]!["volumeClaimTemplates"] as JsonArray ?? []).OfType<JsonObject>())
        {
            var claimName = await EnsureClaimAsync(set, owner, claim, podName, cancel);
            volumes.Add((JsonNode)new JsonObject { ["name"] = (string?)claim["metadata"]!["name"], ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = claimName } });
        }
        var own = volumes.OfType<JsonObject>().Select(v => (string?)v["name"]).ToHashSet();
        foreach (var volume in (spec["volumes"] as JsonArray ?? []).OfType<JsonObject>())
            if (!own.Contains((string?)volume["name"])) volumes.Add(volume.DeepClone());
        if (volumes.Count > 0) spec["volumes"] = volumes;
        try
        {
            var created = await _context.Client.CreateAsync(Resources.Pods, body, cancel);
            _writes.Wrote(owner.Name, _pods, created);
            _context.Events.Normal(EventSubject.Of(Resources.StatefulSets, set), "SuccessfulCreate", $"create Pod {podName} in StatefulSet {owner.Name.Name} successful");
            return created.Model<V1Pod>();
        }
        catch (StatusException e)
        {
            _context.Events.Warning(EventSubject.Of(Resources.StatefulSets, set), "FailedCreate", $"create Pod {podName} in StatefulSet {owner.Name.Name} failed error: {e.Message}");
            throw;
        }
    }

    private async Task<string> EnsureClaimAsync(V1StatefulSet set, Owner owner, JsonObject template, string podName, CancellationToken cancel)
    {
        var claimName = $"{(string?)template["metadata"]!["name"]}-{podName}";
        var full = new NamespacedName(owner.Name.Namespace, claimName);
        if (_claims.Find(full) is not null || await _context.Client.FindAsync(Resources.PersistentVolumeClaims, full, cancel) is not null) return claimName;
        var body = template.DeepClone().AsObject();
        body.Remove("status");
        body["apiVersion"] = "v1";
        body["kind"] = "PersistentVolumeClaim";
        var metadata = body["metadata"]!.AsObject();
        metadata.Remove("creationTimestamp");
        metadata["name"] = claimName;
        metadata["namespace"] = owner.Name.Namespace;
        if (metadata["labels"] is not JsonObject labels) metadata["labels"] = labels = [];
        foreach (var (key, value) in set.Spec.Selector.MatchLabels ?? new Dictionary<string, string>()) labels[key] = value;
        if (set.Spec.PersistentVolumeClaimRetentionPolicy?.WhenDeleted == "Delete") metadata["ownerReferences"] = new JsonArray((JsonNode)owner.Reference());
        await _context.Client.CreateAsync(Resources.PersistentVolumeClaims, body, cancel);
        _context.Events.Normal(EventSubject.Of(Resources.StatefulSets, set), "SuccessfulCreate", $"create Claim {claimName} Pod {podName} in StatefulSet {owner.Name.Name} success");
        return claimName;
    }

    private async Task DeleteAsync(V1StatefulSet set, NamespacedName name, V1Pod pod, CancellationToken cancel)
    {
        await _context.Client.DeleteAsync(Resources.Pods, pod.NamespacedName(), new DeleteQuery(Uid: pod.Metadata.Uid), cancel);
        _writes.Deleted(name, _pods, pod.NamespacedName(), pod.Metadata.Uid);
        _context.Events.Normal(EventSubject.Of(Resources.StatefulSets, set), "SuccessfulDelete", $"delete Pod {pod.Metadata.Name} in StatefulSet {name.Name} successful");
    }

    private static (JsonObject Status, TimeSpan? Wait) Status(V1StatefulSet set, JsonObject tree, List<V1Pod> pods, string current, string update, DateTimeOffset now)
    {
        var minReady = set.Spec.MinReadySeconds ?? 0;
        var living = pods.Where(p => !p.IsFinished()).ToList();
        TimeSpan? wait = null;
        var available = 0;
        foreach (var pod in living)
        {
            if (pod.IsAvailable(minReady, now, out var left)) available++;
            if (left is { } l && (wait is null || l < wait)) wait = l;
        }
        var updated = living.Count(p => Revisions.HashOf(p) == update && !p.IsBeingDeleted());
        var ready = living.Count(p => p.IsReady());
        // A finished rollout makes the update revision the current one.
        var wanted = set.Spec.Replicas ?? 1;
        if (current != update && updated == wanted && ready == wanted && living.Count == wanted && set.Spec.UpdateStrategy?.Type != "OnDelete") current = update;
        var status = new JsonObject();
        status.Count("observedGeneration", (long?)tree["metadata"]!["generation"] ?? 0);
        status["replicas"] = living.Count;
        status.Count("readyReplicas", ready).Count("currentReplicas", living.Count(p => Revisions.HashOf(p) == current && !p.IsBeingDeleted())).Count("updatedReplicas", updated);
        status["currentRevision"] = current;
        status["updateRevision"] = update;
        status["collisionCount"] = (int?)tree["status"]?["collisionCount"] ?? 0;
        if (tree["status"]?["conditions"] is { } conditions) status["conditions"] = conditions.DeepClone();
        status["availableReplicas"] = available;
        return (status, wait);
    }
}
