using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Describing;

/// <summary>A pod, and the template of one, as kubectl describes them.</summary>
internal static class PodDescription
{
    public static void Write(TabbedText text, JsonObject pod, DateTimeOffset now)
    {
        var metadata = pod["metadata"]!;
        var spec = pod["spec"]!;
        var status = pod["status"] as JsonObject ?? [];
        text.Line(0, $"Name:\t{(string?)metadata["name"]}");
        text.Line(0, $"Namespace:\t{(string?)metadata["namespace"]}");
        if (spec["priority"] is { } priority) text.Line(0, $"Priority:\t{priority}");
        if ((string?)spec["priorityClassName"] is { Length: > 0 } priorityClass) text.Line(0, $"Priority Class Name:\t{priorityClass}");
        if ((string?)spec["runtimeClassName"] is { Length: > 0 } runtimeClass) text.Line(0, $"Runtime Class Name:\t{runtimeClass}");
        if ((string?)spec["serviceAccountName"] is { Length: > 0 } account) text.Line(0, $"Service Account:\t{account}");
        text.Line(0, (string?)spec["nodeName"] is { Length: > 0 } node ? $"Node:\t{node}/{(string?)status["hostIP"]}" : "Node:\t<none>");
        if ((string?)status["startTime"] is { } start) text.Line(0, $"Start Time:\t{FieldDescription.Time(start)}");
        FieldDescription.Map(text, 0, "Labels", metadata["labels"]);
        FieldDescription.Annotations(text, 0, metadata["annotations"]);
        if ((string?)metadata["deletionTimestamp"] is { } deletion && (string?)status["phase"] is not ("Failed" or "Succeeded"))
        {
            text.Line(0, $"Status:\tTerminating (lasts {Age.Since(deletion, now)})");
            text.Line(0, $"Termination Grace Period:\t{metadata["deletionGracePeriodSeconds"]}s");
        }
        else
        {
            text.Line(0, $"Status:\t{(string?)status["phase"]}");
        }
        if ((string?)status["reason"] is { Length: > 0 } reason) text.Line(0, $"Reason:\t{reason}");
        if ((string?)status["message"] is { Length: > 0 } message) text.Line(0, $"Message:\t{message}");
        ContainerDescription.Seccomp(text, 0, 0, spec["securityContext"]);
        text.Line(0, $"IP:\t{(string?)status["podIP"] ?? ""}");
        if (status["podIPs"] is JsonArray { Count: > 0 } addresses)
        {
            text.Line(0, "IPs:");
            foreach (var address in addresses) text.Line(1, $"IP:\t{(string?)address?["ip"]}");
        }
        else
        {
            text.Line(0, "IPs:\t<none>");
        }
        FieldDescription.Controller(text, metadata);
        if ((string?)status["nominatedNodeName"] is { Length: > 0 } nominated) text.Line(0, $"NominatedNodeName:\t{nominated}");
        if (spec["resources"] is { } resources)
        {
            text.Line(0, "Resources:");
            ContainerDescription.Resources(text, 1, resources);
        }
        if (spec["initContainers"] is JsonArray { Count: > 0 } inits) ContainerDescription.Write(text, "Init Containers", inits, status["initContainerStatuses"] as JsonArray, pod, "");
        ContainerDescription.Write(text, "Containers", spec["containers"] as JsonArray ?? [], status["containerStatuses"] as JsonArray, pod, "");
        if (spec["ephemeralContainers"] is JsonArray { Count: > 0 } ephemerals) ContainerDescription.Write(text, "Ephemeral Containers", ephemerals, status["ephemeralContainerStatuses"] as JsonArray, pod, "");
        var conditions = status["conditions"] as JsonArray ?? [];
        if (spec["readinessGates"] is JsonArray { Count: > 0 } gates)
        {
            text.Line(0, "Readiness Gates:");
            text.Line(1, "Type\tStatus");
            foreach (var gate in gates.Select(g => (string?)g?["conditionType"]))
                text.Line(1, $"{gate} \t{(string?)conditions.FirstOrDefault(c => (string?)c?["type"] == gate)?["status"] ?? "<none>"} ");
        }
        if (conditions.Count > 0)
        {
            text.Line(0, "Conditions:");
            text.Line(1, "Type\tStatus");
            foreach (var condition in conditions) text.Line(1, $"{(string?)condition?["type"]} \t{(string?)condition?["status"]} ");
        }
        VolumeDescription.Write(text, spec["volumes"] as JsonArray, "");
        text.Line(0, $"QoS Class:\t{(string?)status["qosClass"]}");
        FieldDescription.Map(text, 0, "Node-Selectors", spec["nodeSelector"]);
        Tolerations(text, spec["tolerations"] as JsonArray, "");
        SpreadConstraints(text, spec["topologySpreadConstraints"] as JsonArray, "");
    }

    /// <summary>What a workload makes its pods of.</summary>
    public static void Template(TabbedText text, JsonNode? template)
    {
        const string space = "  ";
        var spec = template?["spec"];
        text.Line(0, "Pod Template:");
        FieldDescription.Map(text, 1, "Labels", template?["metadata"]?["labels"]);
        if (template?["metadata"]?["annotations"] is JsonObject { Count: > 0 } annotations) FieldDescription.Annotations(text, 1, annotations);
        if ((string?)spec?["serviceAccountName"] is { Length: > 0 } account) text.Line(1, $"Service Account:\t{account}");
        if (spec?["initContainers"] is JsonArray { Count: > 0 } inits) ContainerDescription.Write(text, "Init Containers", inits, null, null, space);
        ContainerDescription.Write(text, "Containers", spec?["containers"] as JsonArray ?? [], null, null, space);
        VolumeDescription.Write(text, spec?["volumes"] as JsonArray, space);
        SpreadConstraints(text, spec?["topologySpreadConstraints"] as JsonArray, space);
        if ((string?)spec?["priorityClassName"] is { Length: > 0 } priorityClass) text.Line(1, $"Priority Class Name:\t{priorityClass}");
        FieldDescription.Map(text, 1, "Node-Selectors", spec?["nodeSelector"]);
        Tolerations(text, spec?["tolerations"] as JsonArray, space);
    }

    private static void Tolerations(TabbedText text, JsonArray? tolerations, string space)
    {
        if (tolerations is not { Count: > 0 })
        {
            text.Line(0, $"{space}Tolerations:\t<none>");
            return;
        }
        var title = $"{space}Tolerations:";
        foreach (var toleration in tolerations.OfType<JsonObject>().OrderBy(t => (string?)t["key"] ?? "", StringComparer.Ordinal))
        {
            text.Line(0, $"{title}\t{Toleration(toleration)}");
            title = space;
        }
    }

    private static string Toleration(JsonObject t)
    {
        var shown = (string?)t["key"] ?? "";
        if ((string?)t["value"] is { Length: > 0 } value) shown += $"={value}";
        if ((string?)t["effect"] is { Length: > 0 } effect) shown += $":{effect}";
        if ((string?)t["operator"] == "Exists" && (string?)t["value"] is null or "") shown += shown.Length > 0 ? " op=Exists" : "op=Exists";
        return t["tolerationSeconds"] is { } seconds ? $"{shown} for {seconds}s" : shown;
    }

    private static void SpreadConstraints(TabbedText text, JsonArray? constraints, string space)
    {
        if (constraints is not { Count: > 0 }) return;
        var title = $"{space}Topology Spread Constraints:";
        foreach (var constraint in constraints.OrderBy(c => (string?)c?["topologyKey"], StringComparer.Ordinal))
        {
            var selector = constraint?["labelSelector"] is { } given ? $" for selector {FieldDescription.Selector(given)}" : "";
            text.Line(0, $"{title}\t{(string?)constraint?["topologyKey"]}:{(string?)constraint?["whenUnsatisfiable"]} when max skew {constraint?["maxSkew"]} is exceeded{selector}");
            title = space;
        }
    }
}
