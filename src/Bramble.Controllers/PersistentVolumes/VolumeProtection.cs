using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
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
            if (change.New is { } claim && (claim.IsBeingDeleted() || claim.Metadata.Finalizers?.Contains(Finalizer) != true)) context.Queue.Add(change.Name);
        });
        _pods = context.Watches(Resources.Pods, change =>
        {
            // A Pod that has replaced another of its name says nothing of the other's claims.
            var isReplaced = change is { Old: { } old, New: { } now } && old.Metadata.Uid != now.Metadata.Uid;
            if (change.New is not null && !isReplaced && !IsShutDown(change.New)) return;
            foreach (var claim in (change.Old ?? change.New!).ClaimNames()) context.Queue.Add(new NamespacedName(change.Name.Namespace, claim));
        });
        _pods.AddIndex(ClaimPods.ByClaim, ClaimPods.Claims);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_claims.FindObject(name) is not { } found) return Requeue.Never;
        var claim = found.Model<V1PersistentVolumeClaim>();
        var has = claim.Metadata.Finalizers?.Contains(Finalizer) == true;
        if (claim.IsBeingDeleted() == !has) return Requeue.Never;       // going without it, or staying with it: right
        if (has)
        {
            if (_pods.ByIndex(ClaimPods.ByClaim, name.ToString()).Any(p => Uses(p, claim))) return Requeue.Never;
            // The copy may lag: the API's own list before what cannot be undone.
            var live = await _context.Client.ListModelsAsync(Resources.Pods, new ListQuery(name.Namespace), cancel);
            if (live.Any(p => Uses(p, claim))) return Requeue.Never;
        }
        await _context.Client.UpdateAsync(Resources.PersistentVolumeClaims, ProtectionFinalizer.Toggled(found, Finalizer, has), null, cancel);
        return Requeue.Never;
    }

    /// <summary>Only Pods with a node: a kubelet starts none with a claim that is going.</summary>
    private static bool Uses(V1Pod pod, V1PersistentVolumeClaim claim) => !string.IsNullOrEmpty(pod.Spec.NodeName) && (pod.Spec.Volumes ?? []).Any(v =>
        v.PersistentVolumeClaim?.ClaimName == claim.Metadata.Name
        || (v.Ephemeral is not null && $"{pod.Metadata.Name}-{v.Name}" == claim.Metadata.Name && claim.IsControlledBy(pod.Metadata.Uid) && !IsShutDown(pod)));

    /// <summary>Its kubelet is done with it.</summary>
    private static bool IsShutDown(V1Pod pod) => pod.IsBeingDeleted() && pod.Metadata.DeletionGracePeriodSeconds == 0;
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
        if (_volumes.FindObject(name) is not { } found) return Requeue.Never;
        var volume = found.Model<V1PersistentVolume>();
        var has = volume.Metadata.Finalizers?.Contains(Finalizer) == true;
        if (volume.IsBeingDeleted() == !has || (has && volume.Status?.Phase == "Bound")) return Requeue.Never;
        await _context.Client.UpdateAsync(Resources.PersistentVolumes, ProtectionFinalizer.Toggled(found, Finalizer, has), null, cancel);
        return Requeue.Never;
    }
}

internal static class ProtectionFinalizer
{
    public static JsonObject Toggled(KubeObject obj, string finalizer, bool has)
    {
        var tree = obj.ToTree();
        var metadata = tree["metadata"]!.AsObject();
        var kept = (metadata["finalizers"] as JsonArray ?? []).Where(f => (string?)f != finalizer).Select(f => f!.DeepClone()).ToList();
        if (!has) kept.Add(finalizer);
        metadata["finalizers"] = new JsonArray([.. kept]);
        return tree;
    }
}
