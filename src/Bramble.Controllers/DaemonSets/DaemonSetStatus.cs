using System.Text.Json.Nodes;
using Bramble.Controllers.Workloads;

namespace Bramble.Controllers.DaemonSets;

/// <summary>The status of a DaemonSet from its nodes and Pods. Of several Pods on a node the oldest counts.</summary>
internal static class DaemonSetStatus
{
    public static (JsonObject Status, TimeSpan? Wait) Compute(DaemonView view, int collisions)
    {
        int wanted = 0, current = 0, misplaced = 0, ready = 0, updated = 0, available = 0;
        TimeSpan? wait = null;
        foreach (var (node, (shouldRun, _)) in view.Placement)
        {
            var pods = view.ByNode.TryGetValue(node, out var there) ? there : [];
            if (!shouldRun)
            {
                if (pods.Count > 0) misplaced++;
                continue;
            }
            wanted++;
            if (pods.Count == 0) continue;
            current++;
            foreach (var one in pods)
            {
                _ = one.IsAvailable(view.MinReadySeconds, view.Now, out var left);
                if (left is { } l && (wait is null || l < wait)) wait = l;
            }
            var pod = DaemonView.Oldest(pods)[0];
            if (pod.IsReady())
            {
                ready++;
                if (view.IsAvailable(pod)) available++;
            }
            if (view.IsUpdated(pod)) updated++;
        }
        var status = view.Set["status"]?.DeepClone().AsObject() ?? [];
        foreach (var field in (ReadOnlySpan<string>)["observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable"]) status.Remove(field);
        status["currentNumberScheduled"] = current;
        status["numberMisscheduled"] = misplaced;
        status["desiredNumberScheduled"] = wanted;
        status["numberReady"] = ready;
        status.Count("observedGeneration", (long?)view.Set["metadata"]!["generation"] ?? 0).Count("updatedNumberScheduled", updated)
            .Count("numberAvailable", available).Count("numberUnavailable", wanted - available);
        if (collisions > 0) status["collisionCount"] = collisions;
        return (status, wait);
    }
}
