using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>Whether an update of a pod says anything that its worker acts on; its own status does not. Pure.</summary>
internal static class PodChange
{
    public static bool NeedsSync(V1Pod known, V1Pod newer) =>
        known.Metadata.Generation != newer.Metadata.Generation
        || known.Metadata.DeletionTimestamp != newer.Metadata.DeletionTimestamp
        || known.Metadata.DeletionGracePeriodSeconds != newer.Metadata.DeletionGracePeriodSeconds
        || !IsSame(known.Metadata.Labels, newer.Metadata.Labels)
        || !IsSame(known.Metadata.Annotations, newer.Metadata.Annotations)
        || !Images(known).SequenceEqual(Images(newer))
        || known.Spec.ActiveDeadlineSeconds != newer.Spec.ActiveDeadlineSeconds
        || known.Status.IsTerminalPhase() != newer.Status.IsTerminalPhase()
        || !Gates(known).SequenceEqual(Gates(newer));

    private static IEnumerable<string> Images(V1Pod pod) => pod.Spec.AllContainers().Select(c => c.Container.Image ?? "");

    private static IEnumerable<(string, string)> Gates(V1Pod pod) =>
        (pod.Status?.Conditions ?? []).Where(c => !PodConditions.IsOwned(c)).Select(c => (c.Type, c.Status));

    private static bool IsSame(IDictionary<string, string>? a, IDictionary<string, string>? b) =>
        (a?.Count ?? 0) == (b?.Count ?? 0) && (a is null || a.All(p => b!.TryGetValue(p.Key, out var value) && value == p.Value));
}
