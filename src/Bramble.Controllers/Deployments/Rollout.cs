using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Deployments;

/// <summary>One look at one Deployment: carries out what the pure rules decide. After a step that changes ReplicaSets the rest waits for the next look.</summary>
internal sealed class Rollout(
    ControllerContext context, JsonObject deployment, KubeObject found, IReadOnlyList<V1ReplicaSet> owned, IInformer<V1ReplicaSet> sets,
    IInformer<V1Deployment> deployments, WriteBarrier writes)
{
    private readonly NamespacedName _name = found.Name;
    private readonly List<ReplicaSetView> _all = [.. owned.Select(ReplicaSetView.Of).OrderBy(s => s.CreatedAt).ThenBy(s => s.Name, StringComparer.Ordinal)];
    private readonly DateTimeOffset _now = context.Time.GetUtcNow();
    private readonly Dictionary<string, KubeObject> _trees = new(StringComparer.Ordinal);      // sets that were written in this look: newer than the copy

    private JsonObject Spec => deployment["spec"]!.AsObject();
    private int Wanted => DeploymentStatus.Replicas(deployment);
    private int? Collisions => (int?)deployment["status"]?["collisionCount"];

    /// <summary>The wanted number changed since the sets were last told.</summary>
    public bool IsScaling => _all.Any(s => s.Replicas > 0 && s.AnnotatedCount(DeploymentAnnotations.DesiredReplicas) is { } told && told != Wanted);

    public async Task<Requeue> WriteCountsAsync(CancellationToken cancel) =>
        await WriteStatusAsync(DeploymentStatus.Counts(deployment, FindNewSet(), _all, Collisions, _now), null, cancel);

    /// <summary>Pausing stops the progress deadline and resuming starts it anew.</summary>
    /// <returns>True: the condition was written and the Deployment comes back.</returns>
    public async Task<bool> NotePausedAsync(CancellationToken cancel)
    {
        if (DeploymentStatus.DeadlineSeconds(deployment) is null) return false;
        var status = deployment["status"]?.DeepClone().AsObject() ?? [];
        var reason = (string?)status.Condition("Progressing")?["reason"];
        if (reason == "ProgressDeadlineExceeded") return false;
        var isPaused = (bool?)Spec["paused"] == true;
        if (isPaused && reason != "DeploymentPaused") Set("Unknown", "DeploymentPaused", "Deployment is paused");
        else if (!isPaused && reason == "DeploymentPaused") Set("Unknown", "DeploymentResumed", "Deployment is resumed");
        else return false;
        await WriteStatusAsync(status, null, cancel);
        return true;

        void Set(string value, string why, string message)
        {
            var since = (string?)status.Condition("Progressing")?["status"] == value ? (string?)status.Condition("Progressing")?["lastTransitionTime"] : null;
            status.RemoveCondition("Progressing");
            status.SetCondition("Progressing", true, why, message, _now, hasUpdateTime: true);
            var condition = status.Condition("Progressing")!;
            condition["status"] = value;
            if (since is not null) condition["lastTransitionTime"] = since;
        }
    }

    /// <summary>Only the numbers: paused, or scaled.</summary>
    public async Task<Requeue> ScaleAsync(CancellationToken cancel)
    {
        var newSet = FindNewSet();
        var fence = Fenceposts.Of(deployment, Wanted);
        var isRolling = (string?)Spec["strategy"]?["type"] != "Recreate";
        foreach (var scale in ProportionalScaling.Decide(Wanted, fence, newSet, _all, isRolling, (int?)deployment["status"]?["replicas"] ?? 0)) await ApplyAsync(scale, cancel);
        // Not what a rollback that waits for the end of the pause may go back to.
        if ((bool?)Spec["paused"] == true && Rollback.Asked(deployment) is null) await CleanUpAsync(newSet, cancel);
        return await WriteStatusAsync(DeploymentStatus.Counts(deployment, newSet, _all, Collisions, _now), null, cancel);
    }

    /// <summary>To an earlier revision, when that is asked for.</summary>
    public async Task RollbackAsync(CancellationToken cancel)
    {
        if (FindNewSet() is null && await CreateNewSetAsync(cancel) is null) return;
        NoteWritten(await new Rollback(context, deployment, _name).RunAsync(_all, TreeOf, cancel));
    }

    public async Task<Requeue> RollAsync(CancellationToken cancel)
    {
        if ((FindNewSet() ?? await CreateNewSetAsync(cancel)) is not { } newSet) return Requeue.Never;
        var old = _all.Where(s => s.Name != newSet.Name).ToList();
        var fence = Fenceposts.Of(deployment, Wanted);
        var target = newSet.Replicas > Wanted ? Wanted : RollingUpdate.NewSetReplicas(Wanted, fence, newSet.Replicas, _all.Sum(s => s.Replicas));
        StatusException? refusal = null;
        if (!await ApplyAsync(new Scale(newSet, target), cancel))
        {
            var down = RollingUpdate.OldSets(Wanted, fence, newSet, old);
            try
            {
                foreach (var scale in down) await ApplyAsync(scale, cancel);
            }
            catch (StatusException e) when (!e.IsConflict)
            {
                refusal = e;
            }
            if (down.Count == 0 && DeploymentStatus.IsComplete(deployment, deployment["status"] as JsonObject ?? [])) await CleanUpAsync(newSet, cancel);
        }
        var requeue = await WriteRolloutAsync(newSet, cancel);
        if (refusal is null) return requeue;
        // It is tried again, later and later, but the deadline is told in time.
        if (requeue.Delay is { } delay) context.Queue.AddAfter(_name, delay);
        throw refusal;
    }

    public async Task<Requeue> RecreateAsync(Func<ReplicaSetView, bool> hasRunningPods, CancellationToken cancel)
    {
        var newSet = FindNewSet();
        var old = _all.Where(s => s.Name != newSet?.Name).ToList();
        var isScaledDown = false;
        foreach (var set in old.Where(s => s.Replicas > 0)) isScaledDown |= await ApplyAsync(new Scale(set, 0), cancel);
        // A set that has not seen yet that it is to have none may be making Pods this moment.
        if (isScaledDown || old.Any(s => s.StatusReplicas > 0 || !s.HasSeenItsSpec || hasRunningPods(s))) return await WriteRolloutAsync(newSet, cancel);
        newSet ??= await CreateNewSetAsync(cancel);
        if (newSet is null) return Requeue.Never;
        await ApplyAsync(new Scale(newSet, Wanted), cancel);
        if (DeploymentStatus.IsComplete(deployment, deployment["status"] as JsonObject ?? [])) await CleanUpAsync(newSet, cancel);
        return await WriteRolloutAsync(newSet, cancel);
    }

    /// <summary>The oldest set with the Deployment's template: a rollback finds the set that the template had before.</summary>
    private ReplicaSetView? FindNewSet() => _all.Find(s => TemplateHash.IsSameTemplate(TreeOf(s)["spec"]?["template"], Spec["template"]));

    private JsonObject TreeOf(ReplicaSetView set) => (_trees.GetValueOrDefault(set.Name) ?? sets.FindObject(set.FullName))?.ToTree() ?? [];

    /// <summary>Null: a name was taken and the next look tries another, or the namespace is going.</summary>
    private async Task<ReplicaSetView?> CreateNewSetAsync(CancellationToken cancel)
    {
        var hash = TemplateHash.Of(Spec["template"]!, Collisions);
        var name = NameOfSet(_name.Name, hash);
        var template = Spec["template"]!.DeepClone().AsObject();
        if (template["metadata"] is not JsonObject templateMetadata) template["metadata"] = templateMetadata = [];
        if (templateMetadata["labels"] is not JsonObject labels) templateMetadata["labels"] = labels = [];
        labels[TemplateHash.Label] = hash;
        var selector = Spec["selector"]!.DeepClone().AsObject();
        if (selector["matchLabels"] is not JsonObject matchLabels) selector["matchLabels"] = matchLabels = [];
        matchLabels[TemplateHash.Label] = hash;

        var fence = Fenceposts.Of(deployment, Wanted);
        var isRecreate = (string?)Spec["strategy"]?["type"] == "Recreate";
        var replicas = isRecreate ? Wanted : RollingUpdate.NewSetReplicas(Wanted, fence, 0, _all.Sum(s => s.Replicas));
        var revision = MaxRevision() + 1;
        var annotations = DeploymentAnnotations.ForNewSet(deployment["metadata"]!["annotations"] as JsonObject, null, revision);
        SetCounts(annotations, fence);
        var body = new JsonObject
        {
            ["apiVersion"] = "apps/v1",
            ["kind"] = "ReplicaSet",
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["namespace"] = _name.Namespace,
                ["labels"] = labels.DeepClone(),
                ["annotations"] = annotations,
                ["ownerReferences"] = new JsonArray((JsonNode)Owner.Of(Resources.Deployments, found).Reference()),
            },
            ["spec"] = new JsonObject { ["replicas"] = replicas, ["selector"] = selector, ["template"] = template },
        };
        if (Spec["minReadySeconds"] is { } minReady) body["spec"]!["minReadySeconds"] = minReady.DeepClone();
        try
        {
            var created = await WriteSetAsync(new NamespacedName(_name.Namespace, name), () => context.Client.CreateAsync(Resources.ReplicaSets, body, cancel), cancel);
            _trees[name] = created;
            if (replicas > 0)
                context.Events.Normal(DeploymentController.About(deployment, _name), "ScalingReplicaSet", $"Scaled up replica set {name} from 0 to {replicas}");
            var view = ReplicaSetView.Of(created.Model<V1ReplicaSet>());
            _all.Add(view);
            await NoteRevisionAsync(revision.ToString(CultureInfo.InvariantCulture), "NewReplicaSetCreated", $"Created new replica set \"{name}\"", cancel);
            return view;
        }
        catch (StatusException e) when (e.IsAlreadyExists)
        {
            var taken = await context.Client.FindAsync(Resources.ReplicaSets, new NamespacedName(_name.Namespace, name), cancel);
            if (taken is null) throw;       // gone already
            if (taken.Model<V1ReplicaSet>().ControllerRef()?.Uid == found.Uid && TemplateHash.IsSameTemplate(taken.ToTree()["spec"]?["template"], Spec["template"]))
            {
                // Ours already: the copy has not seen it yet.
                writes.Wrote(_name, sets, taken);
                context.Queue.Add(_name);
                return null;
            }
            var status = deployment["status"]?.DeepClone().AsObject() ?? [];
            status["collisionCount"] = (Collisions ?? 0) + 1;
            await WriteStatusAsync(status, null, cancel);
            context.Queue.Add(_name);
            return null;
        }
        catch (StatusException e) when (e.IsNamespaceTerminating)
        {
            return null;
        }
        catch (StatusException e)
        {
            context.Events.Warning(DeploymentController.About(deployment, _name), "ReplicaSetCreateError", $"Failed to create new replica set \"{name}\": {e.Message}");
            if (DeploymentStatus.DeadlineSeconds(deployment) is not null)
            {
                var status = deployment["status"]?.DeepClone().AsObject() ?? [];
                status.SetCondition("Progressing", false, "ReplicaSetCreateError", $"Failed to create new replica set \"{name}\": {e.Message}", _now, hasUpdateTime: true);
                await WriteStatusAsync(status, null, cancel);
            }
            throw;
        }
    }

    /// <summary>Writes a set; the next look waits until the copy has it. Also of a write whose end is not known: what it may have done counts against the surge.</summary>
    private async Task<KubeObject> WriteSetAsync(NamespacedName set, Func<ValueTask<KubeObject>> write, CancellationToken cancel)
    {
        try
        {
            var written = await write();
            writes.Wrote(_name, sets, written);
            return written;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or StatusException { Status.Code: >= 500 })
        {
            writes.Unsure(_name, sets, stop => StateOfAsync(set, stop));
            throw;
        }
    }

    private async Task<Func<bool>> StateOfAsync(NamespacedName set, CancellationToken cancel) =>
        await context.Client.FindAsync(Resources.ReplicaSets, set, cancel) is { } now ? () => sets.ResourceVersion >= now.ResourceVersion : () => true;

    /// <summary>A long name loses its end, never its hash.</summary>
    internal static string NameOfSet(string deployment, string hash)
    {
        const int nameMax = 253;
        var room = nameMax - 1 - hash.Length;
        return $"{(deployment.Length > room ? deployment[..room] : deployment)}-{hash}";
    }

    private long MaxRevision(ReplicaSetView? but = null) => _all.Where(s => s.Name != but?.Name).Select(s => s.Revision).DefaultIfEmpty().Max();

    /// <summary>Copies annotations, minReadySeconds and the newest revision to the new set when there is one; where it has them already, the Deployment gets the
    /// set's revision.</summary>
    /// <returns>True: the set was written, and the Deployment's revision follows at the next look.</returns>
    public async Task<bool> UpdateRevisionAsync(CancellationToken cancel)
    {
        if (FindNewSet() is not { } set) return false;
        var annotations = DeploymentAnnotations.ForNewSet(deployment["metadata"]!["annotations"] as JsonObject, set, MaxRevision(set) + 1);
        var minReady = (int?)Spec["minReadySeconds"] ?? 0;
        var isNew = !set.HasForeignRevision
            && (annotations.Count != (set.Model.Metadata.Annotations?.Count ?? 0) || annotations.Any(a => set.Annotation(a.Key) != (string?)a.Value));
        if (isNew || (set.Model.Spec.MinReadySeconds ?? 0) != minReady)
        {
            var tree = TreeOf(set);
            if (tree.Count == 0) return false;
            if (isNew) tree["metadata"]!["annotations"] = annotations;
            tree["spec"]!["minReadySeconds"] = minReady;
            var updated = await WriteSetAsync(set.FullName, () => context.Client.UpdateAsync(Resources.ReplicaSets, tree, null, cancel), cancel);
            _trees[set.Name] = updated;
            _all[_all.IndexOf(set)] = ReplicaSetView.Of(updated.Model<V1ReplicaSet>());
            return true;
        }
        await NoteRevisionAsync(set.Annotation(DeploymentAnnotations.Revision) ?? "", "FoundNewReplicaSet", $"Found new replica set \"{set.Name}\"", cancel);
        return false;
    }

    /// <summary>The Deployment carries its revision, and a Progressing condition from the moment it has a set.</summary>
    private async Task NoteRevisionAsync(string revision, string reason, string message, CancellationToken cancel)
    {
        var annotations = deployment["metadata"]!["annotations"] as JsonObject;
        var isNewRevision = (string?)annotations?[DeploymentAnnotations.Revision] != revision;
        var status = deployment["status"]?.DeepClone().AsObject() ?? [];
        if (DeploymentStatus.DeadlineSeconds(deployment) is not null && (reason == "NewReplicaSetCreated" || status.Condition("Progressing") is null))
            status.SetCondition("Progressing", true, reason, message, _now, hasUpdateTime: true);
        if (!isNewRevision)
        {
            await WriteStatusAsync(status, null, cancel);
            return;
        }
        // One write does both: a status write may change annotations, and the controller's role lets it write nothing else of a Deployment but whole.
        if (annotations is null) deployment["metadata"]!["annotations"] = annotations = [];
        annotations[DeploymentAnnotations.Revision] = revision;
        deployment["status"] = status;
        NoteWritten(await context.Client.UpdateAsync(Resources.Deployments, deployment, "status", cancel));
    }

    private void SetCounts(JsonObject annotations, Fenceposts fence)
    {
        annotations[DeploymentAnnotations.DesiredReplicas] = Wanted.ToString(CultureInfo.InvariantCulture);
        annotations[DeploymentAnnotations.MaxReplicas] = (Wanted + fence.MaxSurge).ToString(CultureInfo.InvariantCulture);
    }

    /// <returns>True: the number changed.</returns>
    private async Task<bool> ApplyAsync(Scale scale, CancellationToken cancel)
    {
        var fence = Fenceposts.Of(deployment, Wanted);
        var annotations = new JsonObject();
        SetCounts(annotations, fence);
        // A set may be scaled twice in one look.
        var index = _all.FindIndex(s => s.Name == scale.Set.Name);
        var set = _all[index];
        var changesNumber = set.Replicas != scale.Replicas;
        if (!changesNumber && (!scale.IsForced || annotations.All(a => set.Annotation(a.Key) == (string?)a.Value))) return false;
        // The whole object with its version: a set that changed since it was looked at answers 409, and the decision is taken anew.
        var tree = TreeOf(set);
        if (tree.Count == 0) return false;
        if (tree["metadata"]!["annotations"] is not JsonObject known) tree["metadata"]!["annotations"] = known = [];
        foreach (var (key, value) in annotations) known[key] = value!.DeepClone();
        if (changesNumber) tree["spec"]!["replicas"] = scale.Replicas;
        var updated = await WriteSetAsync(set.FullName, () => context.Client.UpdateAsync(Resources.ReplicaSets, tree, null, cancel), cancel);
        _trees[set.Name] = updated;
        _all[index] = ReplicaSetView.Of(updated.Model<V1ReplicaSet>());
        if (changesNumber)
            context.Events.Normal(
                DeploymentController.About(deployment, _name), "ScalingReplicaSet",
                $"Scaled {(scale.Replicas > set.Replicas ? "up" : "down")} replica set {set.Name} from {set.Replicas} to {scale.Replicas}");
        return changesNumber;
    }

    /// <summary>Old empty sets beyond spec.revisionHistoryLimit go, the oldest revisions first.</summary>
    private async Task CleanUpAsync(ReplicaSetView? newSet, CancellationToken cancel)
    {
        if ((int?)Spec["revisionHistoryLimit"] is not { } limit || limit == int.MaxValue) return;
        var old = _all.Where(s => s.Name != newSet?.Name && !s.Model.IsBeingDeleted()).OrderBy(s => s.Revision).ThenBy(s => s.CreatedAt).ThenBy(s => s.Name, StringComparer.Ordinal).ToList();
        foreach (var set in old.Take(Math.Max(0, old.Count - limit)))
        {
            if (set.StatusReplicas != 0 || set.Replicas != 0 || (set.Model.Metadata.Generation ?? 0) > (set.Model.Status?.ObservedGeneration ?? 0)) continue;
            await context.Client.DeleteAsync(Resources.ReplicaSets, set.FullName, new DeleteQuery(Uid: set.Model.Metadata.Uid), cancel);
        }
    }

    private async Task<Requeue> WriteRolloutAsync(ReplicaSetView? newSet, CancellationToken cancel)
    {
        var current = newSet is null ? null : _all.Find(s => s.Name == newSet.Name) ?? newSet;
        var (status, wait) = DeploymentStatus.OfRollout(deployment, current, _all, Collisions, _now);
        return await WriteStatusAsync(status, wait, cancel);
    }

    private async Task<Requeue> WriteStatusAsync(JsonObject status, TimeSpan? wait, CancellationToken cancel)
    {
        if (await context.Client.WriteStatusAsync(Resources.Deployments, deployment, status, cancel) is { } written) NoteWritten(written);
        return wait is { } delay ? Requeue.After(delay) : Requeue.Never;
    }

    private void NoteWritten(KubeObject written)
    {
        writes.Wrote(_name, deployments, written);
        var tree = written.ToTree();
        deployment["metadata"] = tree["metadata"]!.DeepClone();
        deployment["status"] = tree["status"]?.DeepClone();
    }
}
