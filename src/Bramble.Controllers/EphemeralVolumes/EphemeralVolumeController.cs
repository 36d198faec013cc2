using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.EphemeralVolumes;

/// <summary>Makes the claims of generic ephemeral volumes; they go with their Pod. KEP-1698.</summary>
internal sealed class EphemeralVolumeController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Pod> _pods;
    private readonly IInformer<V1PersistentVolumeClaim> _claims;

    public EphemeralVolumeController(ControllerContext context)
    {
        _context = context;
        _pods = context.Watches(Resources.Pods, change =>
        {
            if (change.Old is null && change.New is { } pod && HasEphemeral(pod)) context.Queue.Add(change.Name);
        });
        _claims = context.Watches(Resources.PersistentVolumeClaims, change =>
        {
            if (change.New is null && change.Old!.ControllerRef() is { Kind: "Pod" } owner) context.Queue.Add(new NamespacedName(change.Name.Namespace, owner.Name));
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_pods.FindObject(name) is not { } found) return Requeue.Never;
        var pod = found.Model<V1Pod>();
        if (pod.IsBeingDeleted() || pod.IsFinished() || !HasEphemeral(pod)) return Requeue.Never;
        foreach (var volume in (found.ToTree()["spec"]!["volumes"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if (volume["ephemeral"]?["volumeClaimTemplate"] is not JsonObject template) continue;
            var claimName = new NamespacedName(name.Namespace, $"{name.Name}-{(string?)volume["name"]}");
            if (_claims.Find(claimName) is { } known)
            {
                if (!known.IsControlledBy(found.Uid))
                    throw new InvalidDataException($"PVC \"{claimName.Name}\" was not created for pod {name} (pod is not owner)");
                continue;
            }
            var metadata = new JsonObject
            {
                ["name"] = claimName.Name,
                ["namespace"] = name.Namespace,
                ["ownerReferences"] = new JsonArray((JsonNode)Owner.Of(Resources.Pods, found).Reference()),
            };
            foreach (var field in (string[])["labels", "annotations"])
                if (template["metadata"]?[field] is { } value) metadata[field] = value.DeepClone();
            var body = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "PersistentVolumeClaim", ["metadata"] = metadata, ["spec"] = template["spec"]!.DeepClone() };
            try
            {
                await _context.Client.CreateAsync(Resources.PersistentVolumeClaims, body, cancel);
            }
            catch (Bramble.Api.Errors.StatusException e) when (!e.IsAlreadyExists)
            {
                _context.Events.Warning(EventSubject.Of(Resources.Pods, pod), "FailedCreate", $"ephemeral volume controller: create PVC {claimName.Name}: {e.Message}");
                throw;
            }
        }
        return Requeue.Never;
    }

    private static bool HasEphemeral(V1Pod pod) => pod.Spec.Volumes?.Any(v => v.Ephemeral is not null) == true;
}
