using Bramble.Client;
using Bramble.Client.Placement;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Volumes;

/// <summary>Which of the volumes that are there a claim gets on a node, where binding was left to the scheduler. Pure. Source: KEP "Volume topology aware scheduling".</summary>
internal static class VolumeChoice
{
    /// <summary>The smallest free volume that will do; one reserved for the claim comes before all others, and if it is not reachable from the node, none will do.</summary>
    /// <param name="promisedTo">Uid of the claim that a volume was promised to by its name, or null.</param>
    public static V1PersistentVolume? Best(V1PersistentVolumeClaim claim, IEnumerable<V1PersistentVolume> volumes, V1Node node, Func<string, string?> promisedTo)
    {
        var wanted = BytesOf(claim);
        var selector = claim.Spec.Selector is { } given ? PodSelector.Of(given) : PodSelector.Everything;
        V1PersistentVolume? best = null;
        foreach (var volume in volumes)
        {
            var owner = promisedTo(volume.Metadata.Name);
            var isReserved = volume.Spec.ClaimRef is null ? owner is not null : IsReservedFor(volume, claim);
            if ((owner is not null && owner != claim.Metadata.Uid) || (volume.Spec.ClaimRef is not null && !isReserved) || volume.IsBeingDeleted() || BytesOf(volume) < wanted
                || Mode(volume.Spec.VolumeMode) != Mode(claim.Spec.VolumeMode) || (volume.Spec.VolumeAttributesClassName ?? "") != (claim.Spec.VolumeAttributesClassName ?? "")) continue;
            var isReachable = IsReachable(volume, node);
            if (isReserved) return isReachable ? volume : null;
            if (!isReachable || volume.Status?.Phase != "Available" || StorageView.ClassOf(volume) != StorageView.ClassOf(claim) || !selector.Matches(volume.Metadata.Labels)
                || !(claim.Spec.AccessModes ?? []).All(m => volume.Spec.AccessModes?.Contains(m) == true)) continue;
            if (best is null || BytesOf(volume) < BytesOf(best)) best = volume;
        }
        return best;
    }

    /// <summary>The volume says on which nodes it can be used; silence means on all.</summary>
    public static bool IsReachable(V1PersistentVolume volume, V1Node node) => volume.Spec.NodeAffinity?.Required is not { } required || NodeSelection.Matches(required, node);

    public static long BytesOf(V1PersistentVolumeClaim claim) => Bytes(claim.Spec.Resources?.Requests);

    private static long BytesOf(V1PersistentVolume volume) => Bytes(volume.Spec.Capacity);

    private static bool IsReservedFor(V1PersistentVolume volume, V1PersistentVolumeClaim claim) =>
        volume.Spec.ClaimRef is { } reserved && reserved.Name == claim.Metadata.Name && reserved.NamespaceProperty == claim.Metadata.NamespaceProperty
        && (string.IsNullOrEmpty(reserved.Uid) || reserved.Uid == claim.Metadata.Uid);

    private static string Mode(string? mode) => string.IsNullOrEmpty(mode) ? "Filesystem" : mode;

    private static long Bytes(IDictionary<string, ResourceQuantity>? amounts) =>
        amounts is not null && amounts.TryGetValue("storage", out var quantity) ? ResourceAmounts.Amount("storage", quantity) : 0;
}
