using System.Globalization;
using Bramble.Client;
using Bramble.Controllers.History;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.StatefulSets;

/// <summary>What is to be done to one Pod of a StatefulSet.</summary>
internal abstract record StatefulAction
{
    public sealed record Create(int Ordinal, bool FromUpdateRevision) : StatefulAction;

    public sealed record Delete(V1Pod Pod) : StatefulAction;
}

/// <summary>The next steps of a StatefulSet. OrderedReady: one at a time, upwards when growing, downwards when shrinking, each waiting for the one before it
/// to run and be ready. Parallel: all at once.</summary>
internal static class StatefulSetPlan
{
    public static List<StatefulAction> Decide(V1StatefulSet set, IReadOnlyList<V1Pod> pods, string currentRevision, string updateRevision, DateTimeOffset now)
    {
        var start = set.Spec.Ordinals?.Start ?? 0;
        var wanted = set.Spec.Replicas ?? 1;
        var isParallel = set.Spec.PodManagementPolicy == "Parallel";
        var partition = set.Spec.UpdateStrategy?.RollingUpdate?.Partition ?? 0;
        var minReady = set.Spec.MinReadySeconds ?? 0;
        var byOrdinal = pods.Select(p => (Pod: p, Ordinal: OrdinalOf(p))).Where(p => p.Ordinal >= 0).ToDictionary(p => p.Ordinal, p => p.Pod);
        var actions = new List<StatefulAction>();

        for (var ordinal = start; ordinal < start + wanted; ordinal++)
        {
            if (byOrdinal.TryGetValue(ordinal, out var pod) && pod.IsFinished() && !pod.IsBeingDeleted())
            {
                actions.Add(new StatefulAction.Delete(pod));        // its place is needed by its successor
                if (!isParallel) return actions;
                continue;
            }
            if (pod is null)
            {
                // A rollout in progress: Pods below the partition, and those that have not had their turn, keep the old template.
                actions.Add(new StatefulAction.Create(ordinal, currentRevision == updateRevision || (set.Spec.UpdateStrategy?.Type != "OnDelete" && ordinal >= start + partition)));
                if (!isParallel) return actions;
                continue;
            }
            // Going, or not yet serving: in order means that the next one waits.
            if (!isParallel && (pod.IsBeingDeleted() || pod.Status?.Phase != "Running" || !pod.IsAvailable(minReady, now, out _))) return actions;
        }
        foreach (var (ordinal, pod) in byOrdinal.OrderByDescending(p => p.Key))
        {
            if (ordinal >= start && ordinal < start + wanted) continue;
            if (pod.IsBeingDeleted())
            {
                if (!isParallel) return actions;
                continue;
            }
            actions.Add(new StatefulAction.Delete(pod));
            if (!isParallel) return actions;
        }
        if (actions.Count > 0 || set.Spec.UpdateStrategy?.Type == "OnDelete") return actions;

        // Everything is there: replace old Pods from the highest ordinal down, each after its successor serves.
        for (var ordinal = start + wanted - 1; ordinal >= start + partition; ordinal--)
        {
            var pod = byOrdinal[ordinal];
            if (Revisions.HashOf(pod) != updateRevision && !pod.IsBeingDeleted()) return [new StatefulAction.Delete(pod)];
            if (pod.IsBeingDeleted() || !pod.IsAvailable(minReady, now, out _)) return actions;
        }
        return actions;
    }

    /// <summary>-1 for a name that is none of the set's.</summary>
    public static int OrdinalOf(V1Pod pod)
    {
        var dash = pod.Metadata.Name.LastIndexOf('-');
        return dash > 0 && int.TryParse(pod.Metadata.Name.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal) ? ordinal : -1;
    }
}
