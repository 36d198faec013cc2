using System.Globalization;
using Bramble.Client;
using Bramble.Controllers.History;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.StatefulSets;

/// <summary>A step towards what a StatefulSet should be.</summary>
internal abstract record StatefulAction
{
    public sealed record Create(int Ordinal, bool FromUpdateRevision) : StatefulAction;

    /// <summary>Its claims were lost while it waited: they are made again.</summary>
    public sealed record RestoreClaims(V1Pod Pod, int Ordinal) : StatefulAction;

    /// <summary>Labels, volumes and the claims' owners are as they must be.</summary>
    public sealed record Mend(V1Pod Pod, int Ordinal) : StatefulAction;

    /// <summary>Of a Pod that goes: whether its claims go with it.</summary>
    public sealed record MendClaims(V1Pod Pod, int Ordinal) : StatefulAction;

    /// <param name="IsForUpdate">A newer one takes its place.</param>
    public sealed record Delete(V1Pod Pod, bool IsForUpdate = false) : StatefulAction;
}

/// <summary>The next steps of a StatefulSet. OrderedReady: one Pod at a time, upwards when growing, downwards when shrinking, each after the one before it serves.
/// Parallel: all at once, but updates go down in order all the same. Behaviour of upstream's updateStatefulSet.</summary>
internal static class StatefulSetPlan
{
    public static List<StatefulAction> Decide(V1StatefulSet set, IReadOnlyList<V1Pod> pods, string currentRevision, string updateRevision, DateTimeOffset now)
    {
        var actions = new List<StatefulAction>();
        if (set.IsBeingDeleted()) return actions;
        var start = set.Spec.Ordinals?.Start ?? 0;
        var wanted = set.Spec.Replicas ?? 1;
        var inOrder = set.Spec.PodManagementPolicy != "Parallel";
        var minReady = set.Spec.MinReadySeconds ?? 0;
        var replicas = new V1Pod?[wanted];
        var condemned = new List<(int Ordinal, V1Pod Pod)>();
        foreach (var pod in pods)
        {
            var ordinal = OrdinalOf(pod);
            if (ordinal >= start && ordinal - start < wanted) replicas[ordinal - start] = pod;
            else if (ordinal >= 0) condemned.Add((ordinal, pod));
        }
        condemned.Sort((a, b) => b.Ordinal.CompareTo(a.Ordinal));
        bool IsUnavailable(V1Pod? pod) => pod is null || pod.IsBeingDeleted() || !pod.IsAvailable(minReady, now, out _);

        for (var i = 0; i < wanted; i++)
        {
            var ordinal = start + i;
            var pod = replicas[i];
            if (pod is null)
            {
                actions.Add(new StatefulAction.Create(ordinal, IsUpdated(set, ordinal, start) || currentRevision == updateRevision));
                if (inOrder) return actions;
                continue;
            }
            if (pod.IsFinished())
            {
                if (!pod.IsBeingDeleted()) actions.Add(new StatefulAction.Delete(pod));     // its place is needed by its successor
                if (inOrder) return actions;
                continue;
            }
            if (pod.Status?.Phase == "Pending") actions.Add(new StatefulAction.RestoreClaims(pod, ordinal));
            // Going, or not yet serving: in order means that the next one waits.
            if (inOrder && (pod.IsBeingDeleted() || pod.Status?.Phase != "Running" || !pod.IsAvailable(minReady, now, out _))) return actions;
            actions.Add(new StatefulAction.Mend(pod, ordinal));
        }

        foreach (var (ordinal, pod) in condemned) actions.Add(new StatefulAction.MendClaims(pod, ordinal));
        // The lowest that does not serve may go before its time: waiting for it could be for ever.
        var firstUnavailable = replicas.FirstOrDefault(IsUnavailable) ?? Enumerable.Reverse(condemned).Select(c => c.Pod).FirstOrDefault(IsUnavailable);
        foreach (var (_, pod) in condemned)
        {
            if (pod.IsBeingDeleted())
            {
                if (inOrder) return actions;
                continue;
            }
            if (inOrder && !ReferenceEquals(pod, firstUnavailable) && (pod.Status?.Phase != "Running" || !pod.IsAvailable(minReady, now, out _))) return actions;
            actions.Add(new StatefulAction.Delete(pod));
            if (inOrder) return actions;
        }
        if (set.Spec.UpdateStrategy?.Type == "OnDelete") return actions;

        // Everything is there: replace old Pods from the highest ordinal down, each after its successor serves.
        for (var i = wanted - 1; i >= (set.Spec.UpdateStrategy?.RollingUpdate?.Partition ?? 0); i--)
        {
            var pod = replicas[i];
            if (pod is not null && Revisions.HashOf(pod) != updateRevision && !pod.IsBeingDeleted())
            {
                actions.Add(new StatefulAction.Delete(pod, IsForUpdate: true));
                return actions;
            }
            if (IsUnavailable(pod)) return actions;
        }
        return actions;
    }

    /// <summary>A new Pod gets the new template, but for those below the partition of a rollout. OnDelete: it was deleted to be updated.</summary>
    private static bool IsUpdated(V1StatefulSet set, int ordinal, int start) => set.Spec.UpdateStrategy switch
    {
        { RollingUpdate: { } rolling } => ordinal - start >= (rolling.Partition ?? 0),
        { Type: "OnDelete" } => true,
        _ => ordinal - start >= (set.Status?.CurrentReplicas ?? 0),
    };

    /// <summary>-1 for a name that is none of the set's.</summary>
    public static int OrdinalOf(V1Pod pod)
    {
        var dash = pod.Metadata.Name.LastIndexOf('-');
        return dash > 0 && int.TryParse(pod.Metadata.Name.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal) ? ordinal : -1;
    }
}
