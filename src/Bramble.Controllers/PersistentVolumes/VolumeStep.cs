using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>What is done next for a volume. Source: behaviour of upstream's persistent volume controller.</summary>
internal enum VolumeStep
{
    /// <summary>Nobody's, or reserved for a claim that has not come: phase Available.</summary>
    Available,

    /// <summary>A claim's: phase Bound.</summary>
    Bound,

    /// <summary>The claim it is for does not know yet: the claim's own look finishes the binding.</summary>
    FinishBinding,

    /// <summary>The claim it is for asks for the other volumeMode: both are told.</summary>
    TellMismatch,

    /// <summary>Its claim went to another volume: it is free again.</summary>
    Unbind,

    /// <summary>Its claim is gone: <see cref="Reclaiming"/> says what becomes of it.</summary>
    Reclaim,
}

/// <summary>Decides of volumes. Pure.</summary>
internal static class VolumeSteps
{
    /// <param name="claim">What has the name of its claim, as the API has it where the copy has another or none.</param>
    public static VolumeStep Decide(V1PersistentVolume volume, V1PersistentVolumeClaim? claim)
    {
        if (volume.Spec.ClaimRef is not { Uid: { Length: > 0 } uid }) return VolumeStep.Available;
        if (claim?.Metadata.Uid != uid) return VolumeStep.Reclaim;
        if (string.IsNullOrEmpty(claim.Spec.VolumeName)) return VolumeMatch.HasSameMode(volume, claim) ? VolumeStep.FinishBinding : VolumeStep.TellMismatch;
        if (claim.Spec.VolumeName == volume.Metadata.Name) return VolumeStep.Bound;
        // One that was made for this claim has no other use.
        return volume.Metadata.Annotation(Reclaiming.ProvisionedBy) is not null && volume.Spec.PersistentVolumeReclaimPolicy == "Delete" ? VolumeStep.Reclaim : VolumeStep.Unbind;
    }
}
