using System.Text.Json.Nodes;
using Bramble.Client.Placement;
using k8s.Models;

namespace Bramble.Controllers.DaemonSets;

/// <summary>On which nodes a DaemonSet's Pod runs, and what its Pod gets so that it is scheduled to just that node.</summary>
internal static class DaemonPlacement
{
    private static readonly (string Key, string Effect)[] Tolerated =
    [
        ("node.kubernetes.io/not-ready", "NoExecute"),
        ("node.kubernetes.io/unreachable", "NoExecute"),
        ("node.kubernetes.io/disk-pressure", "NoSchedule"),
        ("node.kubernetes.io/memory-pressure", "NoSchedule"),
        ("node.kubernetes.io/pid-pressure", "NoSchedule"),
        ("node.kubernetes.io/unschedulable", "NoSchedule"),
    ];

    /// <returns>Whether a Pod should be started there, and whether one that is there may stay.</returns>
    public static (bool ShouldRun, bool MayStay) Decide(V1PodSpec template, V1Node node)
    {
        if (!string.IsNullOrEmpty(template.NodeName) && template.NodeName != node.Metadata.Name) return (false, false);
        if (!NodeSelection.Matches(template, node)) return (false, false);
        var tolerations = (template.Tolerations ?? []).Concat(Added(template.HostNetwork == true).Select(t => new V1Toleration { Key = t.Key, Effect = t.Effect, OperatorProperty = "Exists" })).ToList();
        var untolerated = (node.Spec?.Taints ?? []).Where(t => t.Effect is "NoSchedule" or "NoExecute" && !Tolerations.Tolerates(tolerations, t)).ToList();
        return (untolerated.Count == 0, !untolerated.Exists(t => t.Effect == "NoExecute"));
    }

    /// <summary>Pins a Pod's spec to its node by affinity, so that the scheduler still checks resources.</summary>
    public static void Pin(JsonObject spec, string node)
    {
        if (spec["affinity"] is not JsonObject affinity) spec["affinity"] = affinity = [];
        if (affinity["nodeAffinity"] is not JsonObject nodeAffinity) affinity["nodeAffinity"] = nodeAffinity = [];
        // The template's own node affinity has been looked at already, when the node was chosen.
        if (nodeAffinity["requiredDuringSchedulingIgnoredDuringExecution"] is not JsonObject required) nodeAffinity["requiredDuringSchedulingIgnoredDuringExecution"] = required = [];
        var byName = new JsonObject { ["key"] = "metadata.name", ["operator"] = "In", ["values"] = new JsonArray(node) };
        required["nodeSelectorTerms"] = new JsonArray((JsonNode)new JsonObject { ["matchFields"] = new JsonArray((JsonNode)byName) });

        if (spec["tolerations"] is not JsonArray tolerations) spec["tolerations"] = tolerations = [];
        foreach (var (key, effect) in Added((bool?)spec["hostNetwork"] == true))
        {
            var toleration = new JsonObject { ["key"] = key, ["operator"] = "Exists", ["effect"] = effect };
            // One of the template's that ends after a while becomes one without end.
            var known = tolerations.OfType<JsonObject>().FirstOrDefault(t => (string?)t["key"] == key && (string?)t["effect"] == effect && (string?)t["operator"] == "Exists" && string.IsNullOrEmpty((string?)t["value"]));
            if (known is null) tolerations.Add((JsonNode)toleration);
            else known.Remove("tolerationSeconds");
        }
    }

    /// <summary>The node a Pod is on or is meant for.</summary>
    public static string? TargetOf(V1Pod pod)
    {
        if (!string.IsNullOrEmpty(pod.Spec.NodeName)) return pod.Spec.NodeName;
        return pod.Spec.Affinity?.NodeAffinity?.RequiredDuringSchedulingIgnoredDuringExecution?.NodeSelectorTerms?
            .SelectMany(t => t.MatchFields ?? []).FirstOrDefault(f => f.Key == "metadata.name" && f.OperatorProperty == "In" && f.Values is { Count: 1 })?.Values[0];
    }

    private static IEnumerable<(string Key, string Effect)> Added(bool hostNetwork) =>
        hostNetwork ? Tolerated.Append(("node.kubernetes.io/network-unavailable", "NoSchedule")) : Tolerated;
}
