using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.ResourceClaims;

/// <summary>Makes the ResourceClaims that Pods ask for by template, and takes reservations of Pods back that are done.</summary>
internal sealed class ResourceClaimController : IReconciler
{
    private const string PodClaimName = "resource.kubernetes.io/pod-claim-name";
    private const string ByOwner = "claims/owner";

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
            if ((change.New ?? change.Old!).Spec.ResourceClaims is not { Count: > 0 }) return;
            context.Queue.Add(change.Name);
            if (change.New is { } now && !now.IsFinished()) return;
            foreach (var claim in _claims!.List(change.Name.Namespace))
                if (claim.Status?.ReservedFor?.Any(r => r.Name == change.Name.Name) == true) AddClaim(claim.NamespacedName());
        });
        _claims = context.Watches(Resources.ResourceClaims, change =>
        {
            if (change.New is { Status.ReservedFor.Count: > 0 }) AddClaim(change.Name);
            else if (change.New is null && change.Old!.ControllerRef() is { Kind: "Pod" } owner) context.Queue.Add(new NamespacedName(change.Name.Namespace, owner.Name));
        });
        _claims.AddIndex(ByOwner, c => c.ControllerRef() is { Kind: "Pod" } owner ? [owner.Uid] : []);
        _templates = context.Watches(Resources.ResourceClaimTemplates, change =>
        {
            if (change.Old is not null || change.New is null) return;
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
        if (pod.IsBeingDeleted() || pod.IsFinished()) return;
        var statuses = new JsonArray();
        foreach (var wanted in pod.Spec.ResourceClaims ?? [])
        {
            if (wanted.ResourceClaimTemplateName is not { } templateName) continue;
            var claim = _claims.ByIndex(ByOwner, found.Uid).FirstOrDefault(c => c.Metadata.Annotations is { } a && a.TryGetValue(PodClaimName, out var of) && of == wanted.Name && !c.IsBeingDeleted());
            var claimName = claim?.Metadata.Name ?? await CreateAsync(found, pod, wanted.Name, templateName, cancel);
            statuses.Add((JsonNode)new JsonObject { ["name"] = wanted.Name, ["resourceClaimName"] = claimName });
        }
        if (statuses.Count == 0 || JsonNode.DeepEquals(found.ToTree()["status"]?["resourceClaimStatuses"], statuses)) return;
        _writes.Wrote(found.Name, _pods, await _context.Client.StrategicPatchAsync(
            Resources.Pods, found.Name, new JsonObject { ["metadata"] = new JsonObject { ["uid"] = found.Uid }, ["status"] = new JsonObject { ["resourceClaimStatuses"] = statuses } }, "status", cancel));
    }

    private async Task<string> CreateAsync(KubeObject found, V1Pod pod, string claimOfPod, string templateName, CancellationToken cancel)
    {
        var name = new NamespacedName(found.Name.Namespace, templateName);
        if (_templates.FindObject(name)?.ToTree()["spec"] is not JsonObject template)
        {
            _context.Events.Warning(EventSubject.Of(Resources.Pods, pod), "FailedResourceClaimCreation",
                $"PodResourceClaim {claimOfPod}: resource claim template \"{templateName}\": resourceclaimtemplate.resource.k8s.io \"{templateName}\" not found");
            throw new InvalidDataException($"resource claim template {name} not found");
        }
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
                ["generateName"] = $"{found.Name.Name}-{claimOfPod}-",
                ["namespace"] = found.Name.Namespace,
                ["labels"] = template["metadata"]?["labels"]?.DeepClone(),
                ["annotations"] = annotations,
                ["ownerReferences"] = new JsonArray((JsonNode)owner),
            },
            ["spec"] = template["spec"]!.DeepClone(),
        };
        var created = await _context.Client.CreateAsync(Resources.ResourceClaims, body, cancel);
        _writes.Wrote(found.Name, _claims, created);
        return created.Name.Name;
    }

    /// <summary>Pods that are gone or done hold nothing; a claim that nobody holds gives its devices back, and one of a template goes when its Pod is done.</summary>
    private async Task ReleaseAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_claims.FindObject(name) is not { } found) return;
        var tree = found.ToTree();
        if (tree["status"]?["reservedFor"] is not JsonArray reserved) return;
        var kept = new JsonArray();
        foreach (var consumer in reserved.OfType<JsonObject>())
        {
            if ((string?)consumer["resource"] != "pods" || (string?)consumer["apiGroup"] is { Length: > 0 } || await IsLivingAsync(consumer, name.Namespace, cancel)) kept.Add(consumer.DeepClone());
        }
        if (kept.Count == reserved.Count) return;
        var status = tree["status"]!.DeepClone().AsObject();
        if (kept.Count > 0)
        {
            status["reservedFor"] = kept;
        }
        else
        {
            status.Remove("reservedFor");
            status.Remove("allocation");
        }
        tree["status"] = status;
        await _context.Client.UpdateAsync(Resources.ResourceClaims, tree, "status", cancel);
    }

    private async Task<bool> IsLivingAsync(JsonObject consumer, string ns, CancellationToken cancel)
    {
        var name = new NamespacedName(ns, (string?)consumer["name"] ?? "");
        var uid = (string?)consumer["uid"];
        var pod = _pods.Find(name);
        if (pod?.Metadata.Uid != uid) pod = (await _context.Client.FindAsync(Resources.Pods, name, cancel))?.Model<V1Pod>();
        return pod?.Metadata.Uid == uid && !pod!.IsFinished();
    }

    private void AddClaim(NamespacedName claim) => _context.Queue.Add(new NamespacedName(claim.Namespace, ClaimPrefix + claim.Name));
}
