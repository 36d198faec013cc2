using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Queue;

/// <summary>What differs between two versions of a Pod, as far as scheduling looks at it; writes to its status do not matter.</summary>
internal static class PodChanges
{
    public static ChangeKinds Between(PodInfo old, PodInfo now)
    {
        var kinds = ChangeKinds.None;
        if (!old.Labels.Equals(now.Labels)) kinds |= ChangeKinds.PodLabels;
        if (now.Requests.IsLessAnywhereThan(old.Requests)) kinds |= ChangeKinds.PodScaledDown;
        if (old.IsGated && !now.IsGated) kinds |= ChangeKinds.PodGatesGone;
        // Tolerations can only be added.
        if ((old.Pod.Spec.Tolerations?.Count ?? 0) != (now.Pod.Spec.Tolerations?.Count ?? 0)) kinds |= ChangeKinds.PodTolerations;
        var (before, after) = (old.Pod.Status?.ResourceClaimStatuses ?? [], now.Pod.Status?.ResourceClaimStatuses ?? []);
        if (!before.Select(s => (s.Name, s.ResourceClaimName)).SequenceEqual(after.Select(s => (s.Name, s.ResourceClaimName)))) kinds |= ChangeKinds.PodResourceClaims;
        if (old.Pod.Status?.ExtendedResourceClaimStatus?.ResourceClaimName != now.Pod.Status?.ExtendedResourceClaimStatus?.ResourceClaimName) kinds |= ChangeKinds.PodResourceClaims;
        if (kinds == ChangeKinds.None && (old.Pod.Metadata.Generation != now.Pod.Metadata.Generation || !NodeChanges.AreSame(old.Pod.Metadata.Annotations, now.Pod.Metadata.Annotations, (a, b) => a == b)))
            kinds = ChangeKinds.Other;
        return kinds;
    }
}
