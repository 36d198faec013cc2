using System.Text.Json.Nodes;
using Bramble.Client;

namespace Bramble.Controllers.Nodes;

/// <summary>Whether a node that is not ready may get the taint by which its Pods are evicted.</summary>
internal enum EvictionTaint
{
    /// <summary>Now.</summary>
    Allowed,

    /// <summary>Not yet: evictions of its zone are rate-limited. One that it has stays, under the name that is right now.</summary>
    Later,

    /// <summary>No node at all is healthy: then the trouble is here, not with the nodes, and nobody is evicted.</summary>
    Never,
}

/// <summary>What a node's conditions mean for it: which taints it must have.</summary>
internal static class NodeTaints
{
    public const string NotReady = "node.kubernetes.io/not-ready";
    public const string Unreachable = "node.kubernetes.io/unreachable";
    private const string Unschedulable = "node.kubernetes.io/unschedulable", NetworkUnavailable = "node.kubernetes.io/network-unavailable";
    private const string MemoryPressure = "node.kubernetes.io/memory-pressure", DiskPressure = "node.kubernetes.io/disk-pressure", PidPressure = "node.kubernetes.io/pid-pressure";

    private static readonly string[] Managed = [NotReady, Unreachable, MemoryPressure, DiskPressure, PidPressure, NetworkUnavailable, Unschedulable];

    /// <returns>The new taints; null: they are right.</returns>
    public static JsonArray? Decide(JsonObject node, EvictionTaint eviction, DateTimeOffset now)
    {
        var ready = Condition(node, "Ready");
        var wanted = new List<(string Key, string Effect)>();
        // In the order of the conditions, as upstream's.
        foreach (var condition in (node["status"]?["conditions"] as JsonArray ?? []).OfType<JsonObject>())
            if (TaintOf((string?)condition["type"], (string?)condition["status"]) is { } key) wanted.Add((key, "NoSchedule"));
        if ((bool?)node["spec"]?["unschedulable"] == true) wanted.Add((Unschedulable, "NoSchedule"));

        var taints = node["spec"]?["taints"] as JsonArray ?? [];
        var isEvicting = taints.OfType<JsonObject>().Any(t => IsEviction(Of(t)));
        if (NeedsEviction(ready) && (eviction == EvictionTaint.Allowed || (eviction == EvictionTaint.Later && isEvicting)))
            wanted.Add((ready == "False" ? NotReady : Unreachable, "NoExecute"));

        var result = new JsonArray();
        foreach (var taint in taints.OfType<JsonObject>())
        {
            var key = Of(taint);
            var isManaged = (key.Effect == "NoSchedule" && Managed.Contains(key.Key)) || (IsEviction(key) && ready is not null);
            if (isManaged && !wanted.Remove(key)) continue;
            if (!isManaged) wanted.Remove(key);
            result.Add(taint.DeepClone());
        }
        foreach (var (key, effect) in wanted) result.Add((JsonNode)new JsonObject { ["key"] = key, ["effect"] = effect, ["timeAdded"] = KubeTime.Seconds(now) });
        return JsonNode.DeepEquals(taints, result) ? null : result;
    }

    private static string? TaintOf(string? condition, string? status) => (condition, status) switch
    {
        ("Ready", "False") => NotReady,
        ("Ready", "Unknown") => Unreachable,
        ("MemoryPressure", "True") => MemoryPressure,
        ("DiskPressure", "True") => DiskPressure,
        ("PIDPressure", "True") => PidPressure,
        ("NetworkUnavailable", "True") => NetworkUnavailable,
        _ => null,
    };

    public static bool NeedsEviction(string? ready) => ready is "False" or "Unknown";

    /// <summary>Its Pods are being evicted already.</summary>
    public static bool IsEvicting(JsonObject node) => (node["spec"]?["taints"] as JsonArray ?? []).OfType<JsonObject>().Any(t => IsEviction(Of(t)));

    private static bool IsEviction((string Key, string Effect) taint) => taint is { Effect: "NoExecute", Key: NotReady or Unreachable };

    private static (string Key, string Effect) Of(JsonObject taint) => ((string?)taint["key"] ?? "", (string?)taint["effect"] ?? "");

    public static string? Condition(JsonObject node, string type) =>
        (string?)(node["status"]?["conditions"] as JsonArray)?.OfType<JsonObject>().FirstOrDefault(c => (string?)c["type"] == type)?["status"];
}

/// <summary>A node whose kubelet is silent: what its status says then.</summary>
internal static class SilentNode
{
    private static readonly string[] Types = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

    /// <returns>True: it is no longer ready (or not) but unknown; what else has changed goes along, and is no reason by itself to write.</returns>
    public static bool MarkUnknown(JsonObject node, DateTimeOffset now)
    {
        if (node["status"] is not JsonObject status) node["status"] = status = [];
        if (status["conditions"] is not JsonArray conditions) status["conditions"] = conditions = [];
        var changed = false;
        foreach (var type in Types)
        {
            var condition = conditions.OfType<JsonObject>().FirstOrDefault(c => (string?)c["type"] == type);
            if (condition is null)
            {
                conditions.Add((JsonNode)new JsonObject
                {
                    ["type"] = type,
                    ["status"] = "Unknown",
                    ["lastHeartbeatTime"] = node["metadata"]?["creationTimestamp"]?.DeepClone(),
                    ["lastTransitionTime"] = KubeTime.Seconds(now),
                    ["reason"] = "NodeStatusNeverUpdated",
                    ["message"] = "Kubelet never posted node status.",
                });
                changed |= type == "Ready";
            }
            else if ((string?)condition["status"] != "Unknown")
            {
                condition["status"] = "Unknown";
                condition["reason"] = "NodeStatusUnknown";
                condition["message"] = "Kubelet stopped posting node status.";
                condition["lastTransitionTime"] = KubeTime.Seconds(now);
                changed |= type == "Ready";
            }
        }
        return changed;
    }
}
