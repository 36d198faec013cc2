using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Client.Placement;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.ResourceClaims;

/// <summary>Makes the ResourceClaims that Pods ask for by template, reserves for Pods that got their node without the scheduler, and takes back what Pods held
/// that are done.</summary>
internal sealed class ResourceClaimController : IReconciler
{
    private const string ByOwner = "claims/owner";
    private const string ByClaim = "pods/claim";
    private const string Manager = "ResourceClaimController";

    /// <summary>Marks a key that names a claim. No Pod's name has a colon.</summary>
    private const string ClaimPrefix = "claim:";

    private readonly ControllerContext _context;
    private readonly IInformer<V1Pod> _pods;
    private readonly IInformer<Resourcev1ResourceClaim> _claims;
    private readonly IInformer<V1ResourceClaimTemplate> _templates;
    private readonly WriteBarrier _writes = new();

    public ResourceClaimController(ControllerContext context)
    {
        _context = context;
        _pods = context.Watches(Resources.Pods, change =>
        {
            var pod = change.New ?? change.Old!;
            if (pod.Spec.ResourceClaims is not { Count: > 0 } && pod.Status?.ExtendedResourceClaimStatus is null) return;
            context.Queue.Add(change.Name);
            if (change.New is { } now && !ClaimRelease.IsDone(now)) return;
            foreach (var claim in _claims!.List(change.Name.Namespace))
                if (claim.Status?.ReservedFor?.Any(r => r.Name == change.Name.Name) == true || claim.ControllerRef()?.Name == change.Name.Name) AddClaim(claim.NamespacedName());
        });
        _pods.AddIndex(ByClaim, pod => ClaimNames.Of(pod).Select(name => $"{pod.Metadata.NamespaceProperty}/{name}"));
        _claims = context.Watches(Resources.ResourceClaims, change =>
        {
            if (change.New is not null) AddClaim(change.Name);
            // Its Pods may want it made anew, or reserved.
            foreach (var pod in _pods.ByIndex(ByClaim, change.Name.ToString())) context.Queue.Add(pod.NamespacedName());
        });
        _claims.AddIndex(ByOwner, c => c.ControllerRef() is { Kind: "Pod" } owner ? [owner.Uid] : []);
        _templates = context.Watches(Resources.ResourceClaimTemplates, change =>
        {
            if (change.New is null) return;
            foreach (var pod in _pods.List(change.Name.Namespace))
                if (pod.Spec.ResourceClaims?.Any(c => c.ResourceClaimTemplateName == change.Name.Name) == true) context.Queue.Add(pod.NamespacedName());
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (name.Name.StartsWith(ClaimPrefix, StringComparison.Ordinal)) await ReleaseAsync(new NamespacedName(name.Namespace, name.Name[ClaimPrefix.Length..]), cancel);
        else if (_pods.FindObject(name) is { } found) await SyncPodAsync(found, found.Model<V1Pod>(), cancel);
        return Requeue.Never;
    }

    private async Task SyncPodAsync(KubeObject found, V1Pod pod, CancellationToken cancel)
    {
        if (!PodClaim.IsWantedBy(pod)) return;
        var claims = PodClaim.Decide(pod, [.. _claims.ByIndex(ByOwner, found.Uid)]);
        for (var i = 0; i < claims.Count; i++)
        {
            if (claims[i] is not PodClaim.Make wanted) continue;
            try
            {
                claims[i] = new PodClaim.Made(wanted.Name, await CreateAsync(found, wanted, cancel));
            }
            catch (Exception e) when (e is StatusException or InvalidDataException)
            {
                _context.Events.Warning(EventSubject.Of(Resources.Pods, pod), "FailedResourceClaimCreation", $"PodResourceClaim {wanted.Name}: {e.Message}");
                throw;
            }
        }
        if (PodClaim.Statuses(pod, claims) is { } statuses)
        {
            var body = new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Pod",
                ["metadata"] = new JsonObject { ["name"] = found.Name.Name, ["namespace"] = found.Name.Namespace },
                ["status"] = new JsonObject { ["resourceClaimStatuses"] = statuses },
            };
            _writes.Wrote(found.Name, _pods, await _context.Client.PatchAsync(Resources.Pods, found.Name, new Patch(PatchType.Apply, body, Manager, Force: true), "status", cancel));
            return;     // the change brings it back
        }
        if (!string.IsNullOrEmpty(pod.Spec.NodeName))
            foreach (var name in ClaimNames.Of(pod)) await ReserveAsync(found, name, cancel);
    }

    private async Task ReserveAsync(KubeObject pod, string claimName, CancellationToken cancel)
    {
        if (_claims.FindObject(new NamespacedName(pod.Name.Namespace, claimName)) is { } found && ClaimReservation.Decide(found.ToTree(), pod) is { } reserved)
            await _context.Client.UpdateAsync(Resources.ResourceClaims, reserved, "status", cancel);
    }

    private async Task<string> CreateAsync(KubeObject pod, PodClaim.Make wanted, CancellationToken cancel)
    {
        var body = ClaimOfTemplate.Body(pod, wanted, _templates.FindObject(new NamespacedName(pod.Name.Namespace, wanted.Template)));
        KubeObject created;
        try
        {
            created = await _context.Client.CreateAsync(Resources.ResourceClaims, body, cancel);
        }
        catch (StatusException e)
        {
            throw new InvalidDataException($"create ResourceClaim : {e.Message}", e);
        }
        _writes.Wrote(pod.Name, _claims, created);
        return created.Name.Name;
    }

    private async Task ReleaseAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_claims.FindObject(name) is not { } found) return;
        var tree = found.ToTree();
        var done = new HashSet<string>(StringComparer.Ordinal);
        foreach (var consumer in (tree["status"]?["reservedFor"] as JsonArray ?? []).OfType<JsonObject>())
            if (ClaimRelease.IsPod(consumer) && !await IsLivingAsync(consumer, name.Namespace, cancel)) done.Add((string?)consumer["uid"] ?? "");
        var owner = ClaimRelease.OwnerOf(found.Model<Resourcev1ResourceClaim>());
        var isOwnerDone = ClaimRelease.IsDone(owner, owner is null ? null : _pods.Find(new NamespacedName(name.Namespace, owner.Name)));
        var release = ClaimRelease.Decide(tree, consumer => done.Contains((string?)consumer["uid"] ?? ""), isOwnerDone);
        if (release.Status is { } status)
        {
            tree["status"] = status;
            tree = (await _context.Client.UpdateAsync(Resources.ResourceClaims, tree, "status", cancel)).ToTree();
        }
        if (release.DropsFinalizer)
        {
            var kept = (tree["metadata"]!["finalizers"] as JsonArray ?? []).Where(f => (string?)f != ClaimRelease.Finalizer).Select(f => f!.DeepClone()).ToArray();
            tree["metadata"]!["finalizers"] = new JsonArray(kept);
            await _context.Client.UpdateAsync(Resources.ResourceClaims, tree, null, cancel);
        }
        if (release.Deletes && tree["metadata"]!["deletionTimestamp"] is null) await _context.Client.DeleteAsync(Resources.ResourceClaims, name, new DeleteQuery(Uid: found.Uid), cancel);
    }

    private async Task<bool> IsLivingAsync(JsonObject consumer, string ns, CancellationToken cancel)
    {
        var name = new NamespacedName(ns, (string?)consumer["name"] ?? "");
        var uid = (string?)consumer["uid"];
        // A Pod that is not in the copy may be newer than it: the scheduler may be placing it this moment.
        var pod = _pods.Find(name) ?? (await _context.Client.FindAsync(Resources.Pods, name, cancel))?.Model<V1Pod>();
        return pod?.Metadata.Uid == uid && !ClaimRelease.IsDone(pod!);
    }

    private void AddClaim(NamespacedName claim) => _context.Queue.Add(new NamespacedName(claim.Namespace, ClaimPrefix + claim.Name));
}
