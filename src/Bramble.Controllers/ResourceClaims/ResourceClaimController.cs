using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Client.Placement;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.ResourceClaims;

/// <summary>Makes the ResourceClaims that Pods ask for by template, reserves for Pods that got their node without the scheduler, and takes back what Pods held
/// that are done.</summary>
internal sealed class ResourceClaimController : IReconciler
{
    private const string PodClaimName = "resource.kubernetes.io/pod-claim-name";
    private const string ByOwner = "claims/owner";
    private const string ByClaim = "pods/claim";
    private const string Manager = "ResourceClaimController";
    private const int ConsumersMax = 256;

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
            if (change.New is { } now && !IsDone(now)) return;
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
        // A Pod that has ended needs no claims: made anew they would be taken back at once, over and over.
        if (pod.IsBeingDeleted() || pod.IsFinished()) return;
        var statuses = new JsonArray();
        foreach (var wanted in pod.Spec.ResourceClaims ?? [])
        {
            if (wanted.ResourceClaimTemplateName is not { } templateName) continue;
            var status = new JsonObject { ["name"] = wanted.Name };
            statuses.Add((JsonNode)status);
            if (ClaimNames.TryGet(pod, wanted, out var known) && known is null) continue;     // somebody decided that none is needed
            try
            {
                status["resourceClaimName"] = FindMade(found, wanted.Name, known) ?? await CreateAsync(found, wanted.Name, templateName, cancel);
            }
            catch (Exception e) when (e is StatusException or InvalidDataException)
            {
                _context.Events.Warning(EventSubject.Of(Resources.Pods, pod), "FailedResourceClaimCreation", $"PodResourceClaim {wanted.Name}: {e.Message}");
                throw;
            }
        }
        if (statuses.Count > 0 && !JsonNode.DeepEquals(found.ToTree()["status"]?["resourceClaimStatuses"], statuses))
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

    /// <summary>The claim that the Pod's status names, or one that was made and is not named yet.</summary>
    private string? FindMade(KubeObject pod, string claimOfPod, string? known)
    {
        // Another namespace's claims are nobody's here, whomever they name.
        var own = _claims.ByIndex(ByOwner, pod.Uid).Where(c => c.Metadata.NamespaceProperty == pod.Name.Namespace).ToList();
        return (own.FirstOrDefault(c => c.Metadata.Name == known) ?? own.FirstOrDefault(c => c.Metadata.Annotations is { } a && a.TryGetValue(PodClaimName, out var of) && of == claimOfPod))?.Metadata.Name;
    }

    /// <summary>The scheduler reserves for the Pods that it places. Who names a node himself has his claims reserved here, when they are allocated.</summary>
    private async Task ReserveAsync(KubeObject pod, string claimName, CancellationToken cancel)
    {
        if (_claims.FindObject(new NamespacedName(pod.Name.Namespace, claimName)) is not { } found) return;
        var tree = found.ToTree();
        if (tree["status"] is not JsonObject status || status["allocation"] is null) return;
        var reserved = status["reservedFor"] as JsonArray ?? [];
        if (reserved.Count >= ConsumersMax || reserved.Any(r => (string?)r?["uid"] == pod.Uid)) return;
        status["reservedFor"] = new JsonArray([.. reserved.Select(r => r!.DeepClone()), new JsonObject { ["resource"] = "pods", ["name"] = pod.Name.Name, ["uid"] = pod.Uid }]);
        await _context.Client.UpdateAsync(Resources.ResourceClaims, tree, "status", cancel);
    }

    private async Task<string> CreateAsync(KubeObject found, string claimOfPod, string templateName, CancellationToken cancel)
    {
        var name = new NamespacedName(found.Name.Namespace, templateName);
        if (_templates.FindObject(name)?.ToTree()["spec"] is not JsonObject template)
            throw new InvalidDataException($"resource claim template \"{templateName}\": resourceclaimtemplate.resource.k8s.io \"{templateName}\" not found");
        var annotations = template["metadata"]?["annotations"]?.DeepClone().AsObject() ?? [];
        annotations[PodClaimName] = claimOfPod;
        var owner = Owner.Of(Resources.Pods, found).Reference();
        owner.Remove("blockOwnerDeletion");     // a Pod need not wait for its claims
        var body = new JsonObject
        {
            ["apiVersion"] = "resource.k8s.io/v1",
            ["kind"] = "ResourceClaim",
            ["metadata"] = new JsonObject
            {
                ["generateName"] = GenerateName(found.Name.Name, claimOfPod),
                ["namespace"] = found.Name.Namespace,
                ["labels"] = template["metadata"]?["labels"]?.DeepClone(),
                ["annotations"] = annotations,
                ["ownerReferences"] = new JsonArray((JsonNode)owner),
            },
            ["spec"] = template["spec"]!.DeepClone(),
        };
        KubeObject created;
        try
        {
            created = await _context.Client.CreateAsync(Resources.ResourceClaims, body, cancel);
        }
        catch (StatusException e)
        {
            throw new InvalidDataException($"create ResourceClaim : {e.Message}", e);
        }
        _writes.Wrote(found.Name, _claims, created);
        return created.Name.Name;
    }

    /// <summary>Room for the hyphen and five characters in a name of 63: where both names are too long each gives its share. Pure.</summary>
    public static string GenerateName(string pod, string claim)
    {
        const int room = 57;
        var whole = $"{pod}-{claim}-";
        return whole.Length <= room ? whole : $"{pod[..(pod.Length * room / whole.Length)]}-{claim[..(claim.Length * room / whole.Length)]}";
    }

    private async Task ReleaseAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_claims.FindObject(name) is not { } found) return;
        var tree = found.ToTree();
        var done = new HashSet<string>(StringComparer.Ordinal);
        foreach (var consumer in (tree["status"]?["reservedFor"] as JsonArray ?? []).OfType<JsonObject>())
            if ((string?)consumer["resource"] == "pods" && (string?)consumer["apiGroup"] is null or "" && !await IsLivingAsync(consumer, name.Namespace, cancel)) done.Add((string?)consumer["uid"] ?? "");
        var owner = found.Model<Resourcev1ResourceClaim>().ControllerRef() is { ApiVersion: "v1", Kind: "Pod" } reference ? reference : null;
        var pod = owner is null ? null : _pods.Find(new NamespacedName(name.Namespace, owner.Name));
        var release = ClaimRelease.Decide(tree, consumer => done.Contains((string?)consumer["uid"] ?? ""), pod is not null && (pod.Metadata.Uid != owner!.Uid || IsDone(pod)));
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
        return pod?.Metadata.Uid == uid && !IsDone(pod!);
    }

    /// <summary>It has ended, or goes without having had a node.</summary>
    private static bool IsDone(V1Pod pod) => pod.IsFinished() || (pod.IsBeingDeleted() && string.IsNullOrEmpty(pod.Spec.NodeName));

    private void AddClaim(NamespacedName claim) => _context.Queue.Add(new NamespacedName(claim.Namespace, ClaimPrefix + claim.Name));
}
