using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.History;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.DaemonSets;

/// <summary>The status of a DaemonSet from its nodes and Pods.</summary>
internal static class DaemonSetStatus
{
    public static (JsonObject Status, TimeSpan? Wait) Compute(
        JsonObject set, IReadOnlyDictionary<string, (bool ShouldRun, bool MayStay)> placement, IReadOnlyDictionary<string, List<V1Pod>> byNode, string hash, DateTimeOffset now)
    {
        var minReady = (int?)set["spec"]!["minReadySeconds"] ?? 0;
        int wanted = 0, current = 0, misplaced = 0, ready = 0, updated = 0, available = 0;
        TimeSpan? wait = null;
        foreach (var (node, (shouldRun, _)) in placement)
        {
            var pods = byNode.TryGetValue(node, out var there) ? there : [];
            if (!shouldRun)
            {
                if (pods.Count > 0) misplaced++;
                continue;
            }
            wanted++;
            if (pods.Count == 0) continue;
            current++;
            var newest = pods.OrderByDescending(p => p.IsBeingDeleted() ? 0 : 1).ThenByDescending(p => p.Metadata.CreationTimestamp).First();
            if (Revisions.HashOf(newest) == hash) updated++;
            if (!pods.Exists(p => p.IsReady() && !p.IsBeingDeleted())) continue;
            ready++;
            var isAvailable = false;
            foreach (var pod in pods)
            {
                isAvailable |= pod.IsAvailable(minReady, now, out var left);
                if (left is { } l && (wait is null || l < wait)) wait = l;
            }
            if (isAvailable) available++;
        }
        var status = new JsonObject
        {
            ["currentNumberScheduled"] = current,
            ["numberMisscheduled"] = misplaced,
            ["desiredNumberScheduled"] = wanted,
            ["numberReady"] = ready,
        };
        status.Count("observedGeneration", (long?)set["metadata"]!["generation"] ?? 0).Count("updatedNumberScheduled", updated)
            .Count("numberAvailable", available).Count("numberUnavailable", wanted - available);
        if (set["status"]?["collisionCount"] is { } collisions) status["collisionCount"] = collisions.DeepClone();
        if (set["status"]?["conditions"] is { } conditions) status["conditions"] = conditions.DeepClone();
        return (status, wait);
    }
}
