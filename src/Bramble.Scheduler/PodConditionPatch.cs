using System.Text.Json.Nodes;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Scheduler;

/// <summary>A strategic patch of a Pod's status that sets one condition, as upstream's two-way merge would make it: a new condition comes last.</summary>
internal static class PodConditionPatch
{
    /// <returns>Null: the Pod says so already.</returns>
    public static JsonObject? Status(V1Pod pod, string type, string value, string reason, string message, DateTimeOffset now)
    {
        var known = pod.Status?.Conditions ?? [];
        var current = known.FirstOrDefault(c => c.Type == type);
        if (current is not null && current.Status == value && current.Reason == reason && current.Message == message) return null;
        var condition = new JsonObject { ["type"] = type, ["status"] = value, ["reason"] = reason, ["message"] = message, ["lastProbeTime"] = null };
        if (pod.Metadata.Generation is { } generation and > 0) condition["observedGeneration"] = generation;
        // The time of a change is that of a change of the value; another reason for the same is none.
        if (current?.Status != value || current.LastTransitionTime is null) condition["lastTransitionTime"] = KubeTime.Seconds(now);
        var order = known.Select(c => c.Type).Append(current is null ? type : null).OfType<string>();
        return new JsonObject
        {
            ["$setElementOrder/conditions"] = new JsonArray([.. order.Select(t => (JsonNode)new JsonObject { ["type"] = t })]),
            ["conditions"] = new JsonArray((JsonNode)condition),
        };
    }
}
