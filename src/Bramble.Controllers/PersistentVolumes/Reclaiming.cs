using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>What becomes of a volume whose claim is gone. Pure. Source: reclaimVolume of upstream's pv_controller with the plugins that 1.36 has left.</summary>
internal static partial class Reclaiming
{
    public const string ProvisionedBy = "pv.kubernetes.io/provisioned-by";
    private const string InTreeFinalizer = "kubernetes.io/pv-controller", ExternalFinalizer = "external-provisioner.volume.kubernetes.io/finalizer";

    public static Reclaim Decide(V1PersistentVolume volume)
    {
        if (volume.Metadata.Annotation(InTreePlugins.MigratedTo) is { Length: > 0 }) return new Reclaim.Leave();
        return volume.Spec.PersistentVolumeReclaimPolicy switch
        {
            "Retain" => new Reclaim.Leave(),
            "Recycle" when volume.Spec.HostPath is not null || volume.Spec.Nfs is not null => new Reclaim.Recycle(),
            "Recycle" => new Reclaim.Fail("VolumeFailedRecycle", "No recycler plugin found for the volume!"),
            "Delete" => DecideDelete(volume),
            _ => new Reclaim.Fail("VolumeUnknownReclaimPolicy", "Volume has unrecognized PersistentVolumeReclaimPolicy"),
        };
    }

    /// <summary>A volume of an in-tree provisioner does not go before what it stands for does; one whose provisioner has moved is its driver's to keep. KEP-2644.</summary>
    /// <returns>True: its finalizers changed.</returns>
    public static bool ProtectInTree(JsonObject volume)
    {
        if ((string?)volume["metadata"]!["annotations"]?[ProvisionedBy] is not { Length: > 0 } provisioner) return false;
        if (InTreePlugins.DriverOf(provisioner) != provisioner) return Unprotect(volume);
        if (!InTreePlugins.IsInTree(provisioner)) return false;
        var isWanted = (string?)volume["spec"]!["persistentVolumeReclaimPolicy"] == "Delete";
        var changed = isWanted ? Add(volume) : Unprotect(volume);
        return Remove(volume, ExternalFinalizer) | changed;
    }

    public static bool Unprotect(JsonObject volume) => Remove(volume, InTreeFinalizer);

    private static bool Add(JsonObject volume)
    {
        if (volume["metadata"]!["finalizers"] is not JsonArray finalizers) volume["metadata"]!["finalizers"] = finalizers = [];
        foreach (var known in finalizers)
            if ((string?)known == InTreeFinalizer) return false;
        finalizers.Add((JsonNode)InTreeFinalizer);
        return true;
    }

    private static bool Remove(JsonObject volume, string finalizer)
    {
        if (volume["metadata"]!["finalizers"] is not JsonArray finalizers) return false;
        foreach (var known in finalizers)
            if ((string?)known == finalizer) return finalizers.Remove(known);
        return false;
    }

    private static Reclaim DecideDelete(V1PersistentVolume volume)
    {
        if (volume.Metadata.Annotation(ProvisionedBy) is { Length: > 0 } provisioner && provisioner != InTreePlugins.HostPath)
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
