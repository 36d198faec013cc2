using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.History;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.StatefulSets;

/// <summary>The status of a StatefulSet from its Pods.</summary>
internal static class StatefulSetStatus
{
    /// <summary>Fields by which a new status differs enough to be written.</summary>
    private static readonly string[] Compared =
        ["replicas", "currentReplicas", "readyReplicas", "updatedReplicas", "availableReplicas", "currentRevision", "updateRevision"];

    /// <param name="removedForUpdate">Pods of the current revision that were just deleted for the new one.</param>
    /// <returns>The status, and when a ready Pod becomes available.</returns>
    public static (JsonObject Status, TimeSpan? Wait) Compute(
        V1StatefulSet set, IReadOnlyList<V1Pod> pods, string current, string update, int collisions, int removedForUpdate, DateTimeOffset now)
    {
        var minReady = set.Spec.MinReadySeconds ?? 0;
        int replicas = 0, ready = 0, available = 0, onCurrent = 0, onUpdate = 0;
        TimeSpan? wait = null;
        foreach (var pod in pods)
        {
            if (string.IsNullOrEmpty(pod.Status?.Phase)) continue;
            replicas++;
            if (pod.Status.Phase == "Running" && pod.IsReady())
            {
                ready++;
                if (pod.IsAvailable(minReady, now, out var left)) available++;
                if (left is { } l && (wait is null || l < wait)) wait = l;
            }
            if (pod.IsBeingDeleted()) continue;
            if (Revisions.HashOf(pod) == current) onCurrent++;
            if (Revisions.HashOf(pod) == update) onUpdate++;
        }
        onCurrent = Math.Max(0, onCurrent - removedForUpdate);
        var wanted = set.Spec.Replicas ?? 1;
        if (set.Spec.UpdateStrategy?.Type != "OnDelete" && onUpdate == wanted && ready == wanted && replicas == wanted)
        {
            // A finished rollout makes the update revision the current one.
            onCurrent = onUpdate;
            current = update;
        }
        var status = new JsonObject();
        status.Count("observedGeneration", set.Metadata.Generation ?? 0);
        status["replicas"] = replicas;
        status.Count("readyReplicas", ready).Count("currentReplicas", onCurrent).Count("updatedReplicas", onUpdate);
        status["currentRevision"] = current;
        status["updateRevision"] = update;
        status["collisionCount"] = collisions;
        status["availableReplicas"] = available;
        return (status, wait);
    }

    public static bool Differs(JsonObject? known, JsonObject status) =>
        known is null || status.Number("observedGeneration") > known.Number("observedGeneration")
        || Compared.Any(field => field.EndsWith("Revision", StringComparison.Ordinal) ? (string?)known[field] != (string?)status[field] : known.Number(field) != status.Number(field));
}
