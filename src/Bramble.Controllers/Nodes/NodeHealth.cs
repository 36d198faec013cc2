using System.Text.Json.Nodes;
using Bramble.Client;

namespace Bramble.Controllers.Nodes;

/// <summary>What a node's conditions mean for it: which taints it must have.</summary>
internal static class NodeTaints
{
    public const string NotReady = "node.kubernetes.io/not-ready";
    public const string Unreachable = "node.kubernetes.io/unreachable";

    private static readonly string[] Managed =
    [
        NotReady, Unreachable, "node.kubernetes.io/memory-pressure", "node.kubernetes.io/disk-pressure", "node.kubernetes.io/pid-pressure",
        "node.kubernetes.io/network-unavailable", "node.kubernetes.io/unschedulable",
    ];

    /// <param name="mayEvict">False while no node at all is healthy: then the trouble is here, not with the nodes, and nobody is evicted.</param>
    /// <returns>The new taints; null: they are right.</returns>
    public static JsonArray? Decide(JsonObject node, bool mayEvict, DateTimeOffset now)
    {
        var wanted = new List<(string Key, string Effect)>();
        var ready = Condition(node, "Ready");
        if (ready == "False") wanted.Add((NotReady, "NoSchedule"));
        else if (ready != "True" && ready is not null) wanted.Add((Unreachable, "NoSchedule"));
        if (Condition(node, "MemoryPressure") == "True") wanted.Add(("node.kubernetes.io/memory-pressure", "NoSchedule"));
        if (Condition(node, "DiskPressure") == "True") wanted.Add(("node.kubernetes.io/disk-pressure", "NoSchedule"));
        if (Condition(node, "PIDPressure") == "True") wanted.Add(("node.kubernetes.io/pid-pressure", "NoSchedule"));
        if (Condition(node, "NetworkUnavailable") == "True") wanted.Add(("node.kubernetes.io/network-unavailable", "NoSchedule"));
        if ((bool?)node["spec"]?["unschedulable"] == true) wanted.Add(("node.kubernetes.io/unschedulable", "NoSchedule"));
        if (mayEvict && ready == "False") wanted.Add((NotReady, "NoExecute"));
        else if (mayEvict && ready == "Unknown") wanted.Add((Unreachable, "NoExecute"));

        var taints = node["spec"]?["taints"] as JsonArray ?? [];
        var result = new JsonArray();
        foreach (var taint in taints.OfType<JsonObject>())
        {
            (string Key, string Effect) key = ((string?)taint["key"] ?? "", (string?)taint["effect"] ?? "");
            if (Managed.Contains(key.Key) && (key.Effect is "NoSchedule" or "NoExecute") && !wanted.Remove(key)) continue;
            result.Add(taint.DeepClone());
        }
        foreach (var (key, effect) in wanted)
        {
            var added = new JsonObject { ["key"] = key, ["effect"] = effect };
            added["timeAdded"] = KubeTime.Seconds(now);
            result.Add((JsonNode)added);
        }
        return JsonNode.DeepEquals(taints, result) ? null : result;
    }

    public static string? Condition(JsonObject node, string type) =>
        (string?)(node["status"]?["conditions"] as JsonArray)?.OfType<JsonObject>().FirstOrDefault(c => (string?)c["type"] == type)?["status"];
}

/// <summary>A node whose kubelet is silent: what its status says then.</summary>
internal static class SilentNode
{
    private static readonly string[] Types = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

    /// <returns>True: the status changed.</returns>
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
                changed = true;
            }
            else if ((string?)condition["status"] != "Unknown")
            {
                condition["status"] = "Unknown";
                condition["reason"] = "NodeStatusUnknown";
                condition["message"] = "Kubelet stopped posting node status.";
                condition["lastTransitionTime"] = KubeTime.Seconds(now);
                changed = true;
            }
        }
        return changed;
    }
}
