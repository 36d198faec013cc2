using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>A VolumeAttributesClass does not go before the claims and volumes that have it or are to get it. KEP-3751.</summary>
internal sealed class AttributesClassProtectionController : IReconciler
{
    private const string Finalizer = "kubernetes.io/vac-protection";
    private const string ByClass = "attributesclass";

    private readonly ControllerContext _context;
    private readonly IInformer<KubeObject> _classes;
    private readonly IInformer<V1PersistentVolume> _volumes;
    private readonly IInformer<V1PersistentVolumeClaim> _claims;

    public AttributesClassProtectionController(ControllerContext context)
    {
        _context = context;
        _classes = context.WatchesObjects(Resources.VolumeAttributesClasses, change => context.Queue.Add(change.Name));
        _volumes = context.Watches(Resources.PersistentVolumes, change => AddLeft(change, NamesOf));
        _claims = context.Watches(Resources.PersistentVolumeClaims, change => AddLeft(change, NamesOf));
        _volumes.AddIndex(ByClass, NamesOf);
        _claims.AddIndex(ByClass, NamesOf);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_classes.Find(name) is not { } found) return Requeue.Never;
        var metadata = found.ToTree()["metadata"]!;
        var need = ProtectionFinalizer.Decide(metadata["deletionTimestamp"] is not null, (metadata["finalizers"] as JsonArray ?? []).Any(f => (string?)f == Finalizer));
        if (need == Protection.Right || (need == Protection.InTheWay && (_volumes.ByIndex(ByClass, name.Name).Any() || _claims.ByIndex(ByClass, name.Name).Any()))) return Requeue.Never;
        await _context.Client.UpdateAsync(Resources.VolumeAttributesClasses, ProtectionFinalizer.Mended(found, Finalizer, need), null, cancel);
        return Requeue.Never;
    }

    /// <summary>What an object no longer refers to may be free now.</summary>
    private void AddLeft<T>(ObjectChange<T> change, Func<T, IEnumerable<string>> namesOf) where T : class, k8s.IKubernetesObject<V1ObjectMeta>
    {
        if (change.Old is null) return;
        foreach (var name in namesOf(change.Old).Except(change.New is null ? [] : namesOf(change.New))) _context.Queue.Add(new NamespacedName("", name));
    }

    public static IEnumerable<string> NamesOf(V1PersistentVolume volume) => Named(volume.Spec.VolumeAttributesClassName);

    /// <summary>The one it asks for, the one it has, and the one it is being changed to.</summary>
    public static IEnumerable<string> NamesOf(V1PersistentVolumeClaim claim) =>
        Named(claim.Spec.VolumeAttributesClassName, claim.Status?.CurrentVolumeAttributesClassName, claim.Status?.ModifyVolumeStatus?.TargetVolumeAttributesClassName);

    private static IEnumerable<string> Named(params string?[] names) => names.Where(n => !string.IsNullOrEmpty(n)).Distinct().OfType<string>();
}
