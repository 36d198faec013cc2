using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Disruption;

/// <summary>A disruption that was announced in a Pod's condition and did not come. Pure. KEP-3329.</summary>
internal static class StaleDisruption
{
    private static readonly TimeSpan StaleAfter = TimeSpan.FromMinutes(2);

    /// <summary>How long until the condition is to be taken back; zero or less: now; null: there is none to take back. The kubelet's own may take as long as it likes.</summary>
    public static TimeSpan? Wait(V1Pod pod, DateTimeOffset now)
    {
        if (!pod.IsActive() || pod.Condition("DisruptionTarget") is not { Status: "True" } condition || condition.Reason == "TerminationByKubelet") return null;
        return KubeTime.Utc(condition.LastTransitionTime) is { } since ? since + StaleAfter - now : TimeSpan.Zero;
    }

    /// <returns>A patch of the Pod's status. It holds the uid: another Pod of that name was announced nothing.</returns>
    public static JsonObject TakenBack(V1Pod pod, DateTimeOffset now)
    {
        var condition = new JsonObject { ["type"] = "DisruptionTarget", ["status"] = "False", ["lastTransitionTime"] = KubeTime.Seconds(now), ["reason"] = null, ["message"] = null };
        if (pod.Metadata.Generation is { } generation and > 0) condition["observedGeneration"] = generation;
        return new JsonObject { ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid }, ["status"] = new JsonObject { ["conditions"] = new JsonArray((JsonNode)condition) } };
    }
}
