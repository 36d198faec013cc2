using System.Text.Json.Nodes;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.ReplicaSets;

/// <summary>The status of a ReplicaSet from its Pods.</summary>
internal static class ReplicaSetStatus
{
    /// <returns>The status, and when a ready Pod becomes available.</returns>
    public static (JsonObject Status, TimeSpan? Wait) Compute(
        JsonObject set, IReadOnlyList<V1Pod> active, int terminating, bool hasTerminating, Exception? failure, DateTimeOffset now)
    {
        var minReady = (int?)set["spec"]!["minReadySeconds"] ?? 0;
        var templateLabels = new List<(string Key, string? Value)>();
        foreach (var (key, value) in set["spec"]!["template"]?["metadata"]?["labels"] as JsonObject ?? []) templateLabels.Add((key, (string?)value));
        int labelled = 0, ready = 0, available = 0;
        TimeSpan? wait = null;
        foreach (var pod in active)
        {
            if (HasLabels(pod, templateLabels)) labelled++;
            if (!pod.IsReady()) continue;
            ready++;
            if (pod.IsAvailable(minReady, now, out var left)) available++;
            if (left is { } l && (wait is null || l < wait)) wait = l;
        }
        var status = new JsonObject { ["replicas"] = active.Count };
        status.Count("fullyLabeledReplicas", labelled).Count("readyReplicas", ready).Count("availableReplicas", available);
        if (hasTerminating) status["terminatingReplicas"] = terminating;
        status.Count("observedGeneration", (long?)set["metadata"]!["generation"] ?? 0);
        if (set["status"]?["conditions"] is JsonArray conditions) status["conditions"] = conditions.DeepClone();
        if (failure is null)
        {
            status.RemoveCondition("ReplicaFailure");
        }
        else if (status.Condition("ReplicaFailure") is null)
        {
            var wanted = (int?)set["spec"]!["replicas"] ?? 1;
            status.SetCondition("ReplicaFailure", true, active.Count < wanted ? "FailedCreate" : "FailedDelete", failure.Message, now);
        }
        return (status, wait);
    }

    private static bool HasLabels(V1Pod pod, List<(string Key, string? Value)> labels)
    {
        foreach (var (key, wanted) in labels)
            if (pod.Metadata.Labels is not { } has || !has.TryGetValue(key, out var value) || value != wanted) return false;
        return true;
    }
}
