using System.Text.RegularExpressions;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>What becomes of a volume whose claim is gone. Pure. Source: reclaimVolume of upstream's pv_controller with the plugins that 1.36 has left.</summary>
internal static partial class Reclaiming
{
    public const string ProvisionedBy = "pv.kubernetes.io/provisioned-by";
    private const string MigratedTo = "pv.kubernetes.io/migrated-to";

    public static Reclaim Decide(V1PersistentVolume volume)
    {
        if (volume.Metadata.Annotation(MigratedTo) is { Length: > 0 }) return new Reclaim.Leave();
        return volume.Spec.PersistentVolumeReclaimPolicy switch
        {
            "Retain" => new Reclaim.Leave(),
            "Recycle" when volume.Spec.HostPath is not null || volume.Spec.Nfs is not null => new Reclaim.Recycle(),
            "Recycle" => new Reclaim.Fail("VolumeFailedRecycle", "No recycler plugin found for the volume!"),
            "Delete" => DecideDelete(volume),
            _ => new Reclaim.Fail("VolumeUnknownReclaimPolicy", "Volume has unrecognized PersistentVolumeReclaimPolicy"),
        };
    }

    private static Reclaim DecideDelete(V1PersistentVolume volume)
    {
        if (volume.Metadata.Annotation(ProvisionedBy) is { Length: > 0 } provisioner && provisioner != "kubernetes.io/host-path")
        {
            if (!InTreePlugins.IsInTree(provisioner)) return new Reclaim.Leave();
            return new Reclaim.Fail("VolumeFailedDelete", provisioner == "kubernetes.io/nfs" ? "no deletable volume plugin matched" : $"no volume plugin matched name: {provisioner}");
        }
        if (volume.Spec.Csi is not null) return new Reclaim.Leave();
        if (volume.Spec.HostPath is { } host)
        {
            return UnderTmp().IsMatch(host.Path)
                ? new Reclaim.RemoveFolder(host.Path)
                : new Reclaim.Fail("VolumeFailedDelete", $"host_path deleter only supports /tmp/.+ but received provided {host.Path}");
        }
        var isKnown = volume.Spec.Nfs is not null || volume.Spec.Iscsi is not null || volume.Spec.Fc is not null;
        return new Reclaim.Fail("VolumeFailedDelete", $"error getting deleter volume plugin for volume \"{volume.Metadata.Name}\": {(isKnown ? "no deletable volume plugin matched" : "no volume plugin matched")}");
    }

    [GeneratedRegex("/tmp/.+")]
    private static partial Regex UnderTmp();
}

/// <summary>What is done with a released volume.</summary>
internal abstract record Reclaim
{
    private Reclaim() { }

    /// <summary>Kept, or somebody else's to remove.</summary>
    public sealed record Leave : Reclaim;

    /// <summary>Phase Failed with this message, and a warning.</summary>
    public sealed record Fail(string Reason, string Message) : Reclaim;

    /// <summary>A Pod empties it, then it is free for any claim; see <see cref="Recycler"/>.</summary>
    public sealed record Recycle : Reclaim;

    /// <summary>Upstream's deleter of hostPath volumes, for trials on one machine: the folder below /tmp goes, then the volume.</summary>
    public sealed record RemoveFolder(string Path) : Reclaim;
}
