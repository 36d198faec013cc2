using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>A bound claim asks for more than it has: no kind of volume that is grown from here is left in 1.36, so the claim says that its driver's resizer is
/// waited for (and which, when it is of a plugin that has moved to a driver).</summary>
internal sealed class ClaimExpansionController : IReconciler
{
    private const string Resizer = "volume.kubernetes.io/storage-resizer";
    private const string PreResizeCapacity = "volume.alpha.kubernetes.io/pre-resize-capacity";

    private readonly ControllerContext _context;
    private readonly IInformer<V1PersistentVolumeClaim> _claims;
    private readonly IInformer<V1PersistentVolume> _volumes;

    public ClaimExpansionController(ControllerContext context)
    {
        _context = context;
        _volumes = context.Reads(Resources.PersistentVolumes);
        _claims = context.Watches(Resources.PersistentVolumeClaims, change =>
        {
            if (change.New is not { Status.Phase: "Bound" } now) return;
            // Of the many changes of a claim only these are about its size.
            if (change.Old is null || Wanted(now) > Wanted(change.Old) || Had(now) > Had(change.Old)) context.Queue.Add(change.Name);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_claims.Find(name) is not { } claim || _volumes.Find(new NamespacedName("", claim.Spec.VolumeName ?? "")) is not { } volume || !Waits(claim, volume)) return Requeue.Never;
        var plugin = InTreePlugins.MovedPluginOf(volume.Spec);
        _context.Events.Normal(EventSubject.Of(Resources.PersistentVolumeClaims, claim), "ExternalExpanding",
            plugin is null ? "waiting for an external controller to expand this PVC" : $"CSI migration enabled for {plugin}; waiting for external resizer to expand the pvc");
        if (plugin is null) return Requeue.Never;
        var resizer = InTreePlugins.DriverOf(plugin);
        if (claim.Metadata.Annotations is not { } annotations || !annotations.TryGetValue(Resizer, out var known) || known != resizer)
            await _context.Client.StrategicPatchAsync(
                Resources.PersistentVolumeClaims, name, new JsonObject { ["metadata"] = new JsonObject { ["uid"] = claim.Metadata.Uid, ["annotations"] = new JsonObject { [Resizer] = resizer } } }, "status", cancel);
        return Requeue.Never;
    }

    /// <summary>Pure.</summary>
    public static bool Waits(V1PersistentVolumeClaim claim, V1PersistentVolume volume) =>
        volume.Spec.ClaimRef?.Uid == claim.Metadata.Uid && (Wanted(claim) > Had(claim) || volume.Metadata.Annotations?.ContainsKey(PreResizeCapacity) == true);

    private static Quantity Wanted(V1PersistentVolumeClaim claim) => Storage(claim.Spec.Resources?.Requests);

    private static Quantity Had(V1PersistentVolumeClaim claim) => Storage(claim.Status?.Capacity);

    private static Quantity Storage(IDictionary<string, ResourceQuantity>? amounts) =>
        amounts is not null && amounts.TryGetValue("storage", out var text) && Quantity.TryParse(text.ToString(), out var size, out _) ? size : default;
}
