using k8s.Models;

namespace Bramble.Scheduler.Queue;

/// <summary>What differs between two versions of a node, as far as scheduling looks at it. Heartbeats and images change no decision.</summary>
internal static class NodeChanges
{
    public static ChangeKinds Between(V1Node old, V1Node now)
    {
        var kinds = ChangeKinds.None;
        if (old.Spec?.Unschedulable == true && now.Spec?.Unschedulable != true) kinds |= ChangeKinds.NodeTaints;
        if (!AreSame(old.Status?.Allocatable, now.Status?.Allocatable, (a, b) => a.ToString() == b.ToString())) kinds |= ChangeKinds.NodeAllocatable;
        if (!(old.Status?.DeclaredFeatures ?? []).SequenceEqual(now.Status?.DeclaredFeatures ?? [])) kinds |= ChangeKinds.NodeDeclaredFeatures;
        if (!AreSame(old.Metadata.Labels, now.Metadata.Labels, (a, b) => a == b)) kinds |= ChangeKinds.NodeLabels;
        if (!(old.Spec?.Taints ?? []).Select(t => (t.Key, t.Value, t.Effect)).SequenceEqual((now.Spec?.Taints ?? []).Select(t => (t.Key, t.Value, t.Effect)))) kinds |= ChangeKinds.NodeTaints;
        return kinds;
    }

    /// <summary>Annotations and what conditions say: no rule looks at them, an extender may.</summary>
    public static bool IsToldToExtenders(V1Node old, V1Node now) => !AreSame(old.Metadata.Annotations, now.Metadata.Annotations, (a, b) => a == b)
        || !(old.Status?.Conditions ?? []).Select(c => (c.Type, c.Status)).SequenceEqual((now.Status?.Conditions ?? []).Select(c => (c.Type, c.Status)));

    public static bool AreSame<T>(IDictionary<string, T>? a, IDictionary<string, T>? b, Func<T, T, bool> equal) =>
        (a?.Count ?? 0) == (b?.Count ?? 0) && (a is null || a.All(p => b!.TryGetValue(p.Key, out var other) && equal(p.Value, other)));
}
