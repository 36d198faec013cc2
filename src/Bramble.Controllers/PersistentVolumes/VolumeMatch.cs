using System.Text.Json.Nodes;
using Bramble.Api.Quantities;
using Bramble.Api.Selectors;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>Which volume a claim gets. Pure.</summary>
internal static class VolumeMatch
{
    public const string ClassAnnotation = "volume.beta.kubernetes.io/storage-class";

    public static string ClassOf(V1PersistentVolumeClaim claim) =>
        claim.Metadata.Annotations is { } annotations && annotations.TryGetValue(ClassAnnotation, out var old) ? old : claim.Spec.StorageClassName ?? "";

    public static string ClassOf(V1PersistentVolume volume) =>
        volume.Metadata.Annotations is { } annotations && annotations.TryGetValue(ClassAnnotation, out var old) ? old : volume.Spec.StorageClassName ?? "";

    /// <summary>The class that a claim gets which names none: of several the youngest.</summary>
    public static V1StorageClass? DefaultOf(IEnumerable<V1StorageClass> classes) =>
        classes.Where(c => c.Metadata.Annotation("storageclass.kubernetes.io/is-default-class") == "true" || c.Metadata.Annotation("storageclass.beta.kubernetes.io/is-default-class") == "true")
            .OrderByDescending(c => c.Metadata.CreationTimestamp).ThenBy(c => c.Metadata.Name, StringComparer.Ordinal).FirstOrDefault();

    /// <summary>Named by the volume, and not a younger claim of the same name.</summary>
    public static bool IsReservedFor(V1PersistentVolume volume, V1PersistentVolumeClaim claim) =>
        volume.Spec.ClaimRef is { } claimed && claimed.Name == claim.Metadata.Name && claimed.NamespaceProperty == claim.Metadata.NamespaceProperty
        && (string.IsNullOrEmpty(claimed.Uid) || claimed.Uid == claim.Metadata.Uid);

    /// <summary>The smallest of the volumes that can do the least more than is asked: a claim for ReadWriteOnce leaves the volumes that many nodes can write to
    /// to others. One reserved for the claim comes before all that can do as much.</summary>
    /// <param name="isDelayed">The claim waits for its first Pod: the scheduler chooses, only a reservation counts here.</param>
    public static V1PersistentVolume? Best(V1PersistentVolumeClaim claim, JsonObject tree, IEnumerable<V1PersistentVolume> volumes, bool isDelayed)
    {
        var selector = tree["spec"]?["selector"] is JsonObject given ? LabelSelector.FromObject(given) : null;
        V1PersistentVolume? best = null;
        foreach (var volume in volumes.Where(v => HasModes(v, claim)).OrderBy(Modes).ThenBy(v => v.Metadata.Name, StringComparer.Ordinal))
        {
            if (best is not null && Modes(best) < Modes(volume)) break;
            if (volume.IsBeingDeleted() || !HasSameMode(volume, claim)
                || (volume.Spec.VolumeAttributesClassName ?? "") != (claim.Spec.VolumeAttributesClassName ?? "") || SizeOf(volume) < SizeOf(claim)) continue;
            if (volume.Spec.ClaimRef is not null)
            {
                if (IsReservedFor(volume, claim)) return volume;
                continue;
            }
            if (isDelayed || volume.Status?.Phase != "Available" || ClassOf(volume) != ClassOf(claim)) continue;
            if (selector is not null && !selector.Matches(volume.Metadata.Labels)) continue;
            if (best is null || SizeOf(volume) < SizeOf(best)) best = volume;
        }
        return best;
    }

    /// <returns>Null: the volume that the claim asks for by name suits it.</returns>
    public static string? Mismatch(V1PersistentVolume volume, V1PersistentVolumeClaim claim)
    {
        if (volume.IsBeingDeleted()) return $"the volume is marked for deletion \"{volume.Metadata.Name}\"";
        if (SizeOf(volume) < SizeOf(claim)) return "requested PV is too small";
        if (ClassOf(volume) != ClassOf(claim)) return "storageClassName does not match";
        if ((volume.Spec.VolumeAttributesClassName ?? "") != (claim.Spec.VolumeAttributesClassName ?? "")) return "volumeAttributesClassName does not match";
        if (!HasSameMode(volume, claim)) return "incompatible volumeMode";
        return HasModes(volume, claim) ? null : "incompatible accessMode";
    }

    public static bool HasSameMode(V1PersistentVolume volume, V1PersistentVolumeClaim claim) => Mode(volume.Spec.VolumeMode) == Mode(claim.Spec.VolumeMode);

    /// <summary>How many ways of access a volume allows.</summary>
    private static int Modes(V1PersistentVolume volume) => volume.Spec.AccessModes?.Distinct().Count() ?? 0;

    private static bool HasModes(V1PersistentVolume volume, V1PersistentVolumeClaim claim) =>
        (claim.Spec.AccessModes ?? []).All(m => volume.Spec.AccessModes?.Contains(m) == true);

    private static string Mode(string? mode) => string.IsNullOrEmpty(mode) ? "Filesystem" : mode;

    private static Quantity SizeOf(V1PersistentVolume volume) => Read(volume.Spec.Capacity);

    private static Quantity SizeOf(V1PersistentVolumeClaim claim) => Read(claim.Spec.Resources?.Requests);

    private static Quantity Read(IDictionary<string, ResourceQuantity>? amounts) =>
        amounts is not null && amounts.TryGetValue("storage", out var text) && Quantity.TryParse(text.ToString(), out var size, out _) ? size : default;
}
