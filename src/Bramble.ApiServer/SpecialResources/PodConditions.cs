using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>Conditions of a pod's status.</summary>
internal static class PodConditions
{
    public static bool IsTrue(JsonObject pod, string type)
    {
        foreach (var (_, condition) in pod.Object("status").Items("conditions"))
            if (condition.Text("type") == type) return condition.Text("status") == "True";
        return false;
    }

    /// <summary>Sets a condition; its transition time moves only when its status does.</summary>
    /// <param name="keepsObservedGeneration">As every write of a pod's status keeps it; a binding is none.</param>
    public static void Set(JsonObject status, string type, string value, string reason, string message, DateTimeOffset now, bool keepsObservedGeneration = false)
    {
        if (status.Array("conditions") is not { } conditions) status["conditions"] = conditions = [];
        var old = conditions.OfType<JsonObject>().FirstOrDefault(condition => condition.Text("type") == type);
        var transition = old is not null && old.Text("status") == value ? old.TextOrNull("lastTransitionTime") : KubernetesTime.Write(now);
        var made = new JsonObject { ["type"] = type, ["status"] = value, ["lastProbeTime"] = null, ["lastTransitionTime"] = transition };
        if (reason.Length > 0) made["reason"] = reason;
        if (message.Length > 0) made["message"] = message;
        if (keepsObservedGeneration && old.Long("observedGeneration") is not 0 and var generation) made["observedGeneration"] = generation;
        if (old is null) conditions.Add((JsonNode)made);
        else conditions[conditions.IndexOf(old)] = made;
    }
}
