using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>A claim in use does not go before its Pods do.</summary>
internal sealed class ClaimProtectionController : IReconciler
{
    private const string Finalizer = "kubernetes.io/pvc-protection";

    private readonly ControllerContext _context;
    private readonly IInformer<V1PersistentVolumeClaim> _claims;
    private readonly IInformer<V1Pod> _pods;

    public ClaimProtectionController(ControllerContext context)
    {
        _context = context;
        _claims = context.Watches(Resources.PersistentVolumeClaims, change =>
        {
            if (change.New is { } claim && ProtectionFinalizer.Decide(claim.Metadata, Finalizer) != Protection.Right) context.Queue.Add(change.Name);
        });
        _pods = context.Watches(Resources.Pods, change =>
        {
            foreach (var claim in ClaimPods.MaybeFree(change.Old, change.New)) context.Queue.Add(claim);
        });
        _pods.AddIndex(ClaimPods.ByClaim, ClaimPods.Claims);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_claims.FindObject(name) is not { } found) return Requeue.Never;
        var claim = found.Model<V1PersistentVolumeClaim>();
        var need = ProtectionFinalizer.Decide(claim.Metadata, Finalizer);
        if (need == Protection.Right || (need == Protection.InTheWay && await IsUsedAsync(claim, cancel))) return Requeue.Never;
        await _context.Client.UpdateAsync(Resources.PersistentVolumeClaims, ProtectionFinalizer.Mended(found, Finalizer, need), null, cancel);
        return Requeue.Never;
    }

    private async Task<bool> IsUsedAsync(V1PersistentVolumeClaim claim, CancellationToken cancel)
    {
        var name = claim.NamespacedName();
        if (_pods.ByIndex(ClaimPods.ByClaim, name.ToString()).Any(p => ClaimPods.Uses(p, claim))) return true;
        // The copy may lag: the API's own list before what cannot be undone.
        return (await _context.Client.ListModelsAsync(Resources.Pods, new ListQuery(name.Namespace), cancel)).Any(p => ClaimPods.Uses(p, claim));
    }
}

/// <summary>A bound volume does not go before its claim does.</summary>
internal sealed class VolumeProtectionController : IReconciler
{
    private const string Finalizer = "kubernetes.io/pv-protection";

    private readonly ControllerContext _context;
    private readonly IInformer<V1PersistentVolume> _volumes;

    public VolumeProtectionController(ControllerContext context)
    {
        _context = context;
        _volumes = context.Watches(Resources.PersistentVolumes);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_volumes.FindObject(name) is not { } found || Decide(found.Model<V1PersistentVolume>()) is not { } need) return Requeue.Never;
        await _context.Client.UpdateAsync(Resources.PersistentVolumes, ProtectionFinalizer.Mended(found, Finalizer, need), null, cancel);
        return Requeue.Never;
    }

    /// <returns>What is to be done now; null: nothing. Pure.</returns>
    public static Protection? Decide(V1PersistentVolume volume) => ProtectionFinalizer.Decide(volume.Metadata, Finalizer) switch
    {
        Protection.Right => null,
        Protection.InTheWay when volume.Status?.Phase == "Bound" => null,
        var need => need,
    };
}
