using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.History;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.StatefulSets;

/// <summary>Carries out the steps of one look at one StatefulSet.</summary>
internal sealed class StatefulSetWork(
    ControllerContext context, V1StatefulSet set, JsonObject tree, Owner owner, IInformer<V1Pod> pods, IInformer<V1PersistentVolumeClaim> claims, WriteBarrier writes,
    Func<V1ControllerRevision, JsonObject> templateOf)
{
    private const string NameLabel = "statefulset.kubernetes.io/pod-name";
    private const string IndexLabel = "apps.kubernetes.io/pod-index";

    private readonly ClaimRetention.Policy _retention = ClaimRetention.Policy.Of(tree);

    /// <summary>Pods of the current revision that were deleted for the new one.</summary>
    public int RemovedForUpdate { get; private set; }

    private IEnumerable<JsonObject> ClaimTemplates => (tree["spec"]!["volumeClaimTemplates"] as JsonArray ?? []).OfType<JsonObject>();
    private EventSubject About => EventSubject.Of(Resources.StatefulSets, set);

    /// <returns>What went wrong; in order the rest was not tried then, in parallel what comes after its batch.</returns>
    public async Task<Exception?> RunAsync(List<StatefulAction> actions, V1ControllerRevision current, V1ControllerRevision update, CancellationToken cancel)
    {
        foreach (var stage in StatefulStages.Of(actions, isParallel: set.Spec.PodManagementPolicy == "Parallel"))
            if (await SlowStart.RunAsync(stage.Count, i => RunAsync(stage[i])) is { } failure) return failure;
        return null;

        async Task RunAsync(List<StatefulAction> row)
        {
            foreach (var action in row)
            {
                switch (action)
                {
                    case StatefulAction.Create(var ordinal, var isUpdated):
                        // In order all the rest waits for the claim, in parallel only this Pod does.
                        if (HasStaleClaim(ordinal)) continue;
                        await CreateAsync(ordinal, isUpdated ? update : current, cancel);
                        break;
                    case StatefulAction.RestoreClaims(var pod, var ordinal):
                        await EnsureClaimsAsync(pod.Metadata.Name, ordinal, cancel);
                        await OwnClaimsAsync(pod.Metadata.Name, pod.Metadata.Uid, ordinal, cancel);
                        break;
                    case StatefulAction.Mend(var pod, var ordinal):
                        await MendAsync(pod, ordinal, cancel);
                        break;
                    case StatefulAction.MendClaims(var pod, var ordinal):
                        await SetClaimOwnersAsync(pod.Metadata.Name, pod.Metadata.Uid, ordinal, isCondemned: true, onlyWhereDue: true, cancel);
                        break;
                    case StatefulAction.Delete(var pod, var isForUpdate):
                        await DeleteAsync(pod, cancel);
                        if (isForUpdate) RemovedForUpdate++;
                        break;
                }
            }
        }
    }

    private bool HasStaleClaim(int ordinal) =>
        _retention.GoesWithScaling && ClaimTemplates.Any(template => ClaimRetention.GoesWithEarlierPod(claims.FindObject(ClaimName(template, ordinal))?.ToTree(), _retention, PodName(ordinal)));

    private async Task CreateAsync(int ordinal, V1ControllerRevision revision, CancellationToken cancel)
    {
        var podName = PodName(ordinal);
        try
        {
            await EnsureClaimsAsync(podName, ordinal, cancel);
        }
        catch (StatusException e)
        {
            Tell("Create", podName, e);
            throw;
        }
        var body = PodFromTemplate.Make(templateOf(revision), owner, owner.Name.Name + "-", podName);
        Identify(body, podName, ordinal);
        body["metadata"]!["labels"]![Revisions.PodLabel] = revision.Metadata.Name;
        var spec = body["spec"]!.AsObject();
        spec["hostname"] = podName;
        // The template's is none of the set's Service.
        if (string.IsNullOrEmpty(set.Spec.ServiceName)) spec.Remove("subdomain");
        else spec["subdomain"] = set.Spec.ServiceName;
        Mount(spec, ordinal);
        KubeObject? created = null;
        StatusException? failure = null;
        try
        {
            created = await context.Client.CreateAsync(Resources.Pods, body, cancel);
            writes.Wrote(owner.Name, pods, created);
        }
        catch (StatusException e) when (!e.IsAlreadyExists)
        {
            failure = e;
        }
        // The claims are there also where the Pod is refused, and are to go with the set.
        StatusException? conflict = null;
        try
        {
            await OwnClaimsAsync(podName, created?.Uid ?? "", ordinal, cancel);
        }
        catch (StatusException e) when (e.IsConflict)
        {
            // A claim is written by others too as soon as it is there: the next look sets its owners, and the Pod is made all the same.
            conflict = e;
        }
        Tell("Create", podName, failure);
        if ((failure ?? conflict) is { } wrong) throw wrong;
    }

    /// <summary>A Pod that was adopted, or that somebody changed, gets its labels and its volumes; the API does not let a Pod's volumes change, and an event
    /// says so. Its claims get their owners.</summary>
    private async Task MendAsync(V1Pod pod, int ordinal, CancellationToken cancel)
    {
        var name = pod.Metadata.Name;
        var isNamed = pod.Metadata.Labels is { } labels && labels.TryGetValue(NameLabel, out var label) && label == name;
        var isMounted = ClaimTemplates.All(t => pod.Spec.Volumes?.Any(v => v.Name == (string?)t["metadata"]!["name"] && v.PersistentVolumeClaim?.ClaimName == ClaimName(t, ordinal).Name) == true);
        try
        {
            if (!isMounted) await EnsureClaimsAsync(name, ordinal, cancel);
            var ownersChanged = await SetClaimOwnersAsync(name, pod.Metadata.Uid, ordinal, isCondemned: false, onlyWhereDue: true, cancel);
            if (isNamed && isMounted && !ownersChanged) return;
            if (!(isNamed && isMounted) && pods.FindObject(pod.NamespacedName())?.ToTree() is { } body)
            {
                if (!isNamed) Identify(body, name, ordinal);
                // Only then: the order of volumes is part of what the API lets nobody change.
                if (!isMounted) Mount(body["spec"]!.AsObject(), ordinal);
                writes.Wrote(owner.Name, pods, await context.Client.UpdateAsync(Resources.Pods, body, null, cancel));
            }
            Tell("Update", name, null);
        }
        catch (StatusException e) when (!e.IsConflict)
        {
            Tell("Update", name, e);
            throw;
        }
    }

    private async Task DeleteAsync(V1Pod pod, CancellationToken cancel)
    {
        try
        {
            await context.Client.DeleteAsync(Resources.Pods, pod.NamespacedName(), new DeleteQuery(Uid: pod.Metadata.Uid), cancel);
        }
        catch (StatusException e)
        {
            Tell("Delete", pod.Metadata.Name, e);
            throw;
        }
        writes.Deleted(owner.Name, pods, pod.NamespacedName(), pod.Metadata.Uid);
        Tell("Delete", pod.Metadata.Name, null);
    }

    /// <exception cref="StatusException">All that is wrong with the claims: each was tried.</exception>
    private async Task EnsureClaimsAsync(string podName, int ordinal, CancellationToken cancel)
    {
        Status? failure = null;
        var messages = new List<string>();
        foreach (var template in ClaimTemplates)
        {
            var name = ClaimName(template, ordinal);
            // The copy may lag behind a claim that was just made.
            if ((claims.FindObject(name) ?? await context.Client.FindAsync(Resources.PersistentVolumeClaims, name, cancel)) is { } known)
            {
                if (known.Model<V1PersistentVolumeClaim>().IsBeingDeleted()) Failed(new Status(409, "", ""), $"pvc {name.Name} is being deleted");
                continue;
            }
            try
            {
                writes.Wrote(owner.Name, claims, await context.Client.CreateAsync(Resources.PersistentVolumeClaims, Claim(template, name), cancel));
                context.Events.Normal(About, "SuccessfulCreate", $"Create Claim {name.Name} Pod {podName} in StatefulSet {owner.Name.Name} success");
            }
            catch (StatusException e)
            {
                if (!e.IsAlreadyExists) context.Events.Warning(About, "FailedCreate", $"Create Claim {name.Name} for Pod {podName} in StatefulSet {owner.Name.Name} failed error: {e.Message}");
                Failed(e.Status, $"failed to create PVC {name.Name}: {e.Message}");
            }
        }
        if (failure is not null) throw new StatusException(failure with { Message = messages is [var only] ? only : $"[{string.Join(", ", messages)}]" });

        void Failed(Status status, string message)
        {
            failure ??= status;
            messages.Add(message);
        }
    }

    private JsonObject Claim(JsonObject template, NamespacedName name)
    {
        var body = template.DeepClone().AsObject();
        body.Remove("status");
        body["apiVersion"] = "v1";
        body["kind"] = "PersistentVolumeClaim";
        var metadata = body["metadata"]!.AsObject();
        metadata.Remove("creationTimestamp");
        metadata["name"] = name.Name;
        metadata["namespace"] = name.Namespace;
        if (metadata["labels"] is not JsonObject labels) metadata["labels"] = labels = [];
        foreach (var (key, value) in set.Spec.Selector.MatchLabels ?? new Dictionary<string, string>()) labels[key] = value;
        return body;
    }

    private async Task OwnClaimsAsync(string podName, string podUid, int ordinal, CancellationToken cancel)
    {
        try
        {
            await SetClaimOwnersAsync(podName, podUid, ordinal, isCondemned: false, onlyWhereDue: false, cancel);
        }
        catch (StatusException e) when (!e.IsConflict)
        {
            Tell("Update", podName, e);
            throw;
        }
    }

    /// <param name="onlyWhereDue">Claims of which none is to change are left without a word.</param>
    /// <returns>True: owners changed.</returns>
    private async Task<bool> SetClaimOwnersAsync(string podName, string podUid, int ordinal, bool isCondemned, bool onlyWhereDue, CancellationToken cancel)
    {
        var pod = new Owner(Resources.Pods, new NamespacedName(owner.Name.Namespace, podName), podUid);
        var hasChanged = false;
        var found = new List<JsonObject>();
        var due = new List<JsonArray?>();
        foreach (var template in ClaimTemplates)
        {
            var name = ClaimName(template, ordinal);
            // Without a policy only what an earlier policy left is looked for, in the copy; a claim of just now is read from the API.
            var claim = claims.FindObject(name) ?? (_retention.IsRetain ? null : await context.Client.FindAsync(Resources.PersistentVolumeClaims, name, cancel));
            if (claim?.ToTree() is not { } claimTree) continue;
            found.Add(claimTree);
            due.Add(ClaimRetention.Decide(claimTree["metadata"]!["ownerReferences"] as JsonArray, _retention, owner, pod, isCondemned));
        }
        if (onlyWhereDue && due.TrueForAll(wanted => wanted is null)) return false;
        for (var i = 0; i < found.Count; i++)
        {
            var claimTree = found[i];
            var name = (string?)claimTree["metadata"]!["name"];
            if (ClaimRetention.HasOtherController((claimTree["metadata"]!["ownerReferences"] as JsonArray ?? []).OfType<JsonObject>(), _retention, owner, pod))
                context.Events.Warning(About, "ConflictingController",
                    $"PersistentVolumeClaim {name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim");
            if (due[i] is not { } wanted) continue;
            claimTree["metadata"]!["ownerReferences"] = wanted;
            try
            {
                writes.Wrote(owner.Name, claims, await context.Client.UpdateAsync(Resources.PersistentVolumeClaims, claimTree, null, cancel));
                hasChanged = true;
            }
            catch (StatusException e)
            {
                throw new StatusException(e.Status with { Message = $"could not update claim {name} for delete policy ownerRefs: {e.Message}" });
            }
        }
        return hasChanged;
    }

    private void Mount(JsonObject spec, int ordinal)
    {
        var volumes = new JsonArray();
        foreach (var template in ClaimTemplates)
            volumes.Add((JsonNode)new JsonObject { ["name"] = (string?)template["metadata"]!["name"], ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = ClaimName(template, ordinal).Name } });
        var own = volumes.OfType<JsonObject>().Select(v => (string?)v["name"]).ToHashSet();
        foreach (var volume in (spec["volumes"] as JsonArray ?? []).OfType<JsonObject>())
            if (!own.Contains((string?)volume["name"])) volumes.Add(volume.DeepClone());
        if (volumes.Count > 0) spec["volumes"] = volumes;
    }

    private static void Identify(JsonObject body, string podName, int ordinal)
    {
        if (body["metadata"]!["labels"] is not JsonObject labels) body["metadata"]!["labels"] = labels = [];
        labels[NameLabel] = podName;
        labels[IndexLabel] = ordinal.ToString(CultureInfo.InvariantCulture);
    }

    private string PodName(int ordinal) => string.Create(CultureInfo.InvariantCulture, $"{owner.Name.Name}-{ordinal}");

    private NamespacedName ClaimName(JsonObject template, int ordinal) => new(owner.Name.Namespace, $"{(string?)template["metadata"]!["name"]}-{PodName(ordinal)}");

    private void Tell(string verb, string podName, StatusException? failure)
    {
        if (failure is null) context.Events.Normal(About, $"Successful{verb}", $"{verb} Pod {podName} in StatefulSet {owner.Name.Name} successful");
        else context.Events.Warning(About, $"Failed{verb}", $"{verb} Pod {podName} in StatefulSet {owner.Name.Name} failed error: {failure.Message}");
    }
}
