using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Commands;

/// <summary>Deployments and services, as kubectl describes them.</summary>
internal static class WorkloadDescription
{
    public static void Deployment(TabbedText text, JsonObject deployment, DateTimeOffset now)
    {
        var metadata = deployment["metadata"]!;
        var spec = deployment["spec"]!;
        var status = deployment["status"] as JsonObject ?? [];
        text.Line(0, $"Name:\t{(string?)metadata["name"]}");
        text.Line(0, $"Namespace:\t{(string?)metadata["namespace"]}");
        text.Line(0, $"CreationTimestamp:\t{PodDescription.Time((string?)metadata["creationTimestamp"])}");
        FieldDescription.Map(text, 0, "Labels", metadata["labels"]);
        FieldDescription.Map(text, 0, "Annotations", metadata["annotations"]);
        text.Line(0, $"Selector:\t{Selector(spec["selector"]?["matchLabels"])}");
        text.Line(0, $"Replicas:\t{(long?)spec["replicas"] ?? 1} desired | {(long?)status["updatedReplicas"] ?? 0} updated | {(long?)status["replicas"] ?? 0} total | "
            + $"{(long?)status["availableReplicas"] ?? 0} available | {(long?)status["unavailableReplicas"] ?? 0} unavailable");
        text.Line(0, $"StrategyType:\t{(string?)spec["strategy"]?["type"]}");
        text.Line(0, $"MinReadySeconds:\t{(long?)spec["minReadySeconds"] ?? 0}");
        if (spec["strategy"]?["rollingUpdate"] is { } rolling) text.Line(0, $"RollingUpdateStrategy:\t{rolling["maxUnavailable"]} max unavailable, {rolling["maxSurge"]} max surge");
        text.Line(0, "Pod Template:");
        var template = spec["template"]!;
        FieldDescription.Map(text, 1, "Labels", template["metadata"]?["labels"]);
        if (template["metadata"]?["annotations"] is JsonObject { Count: > 0 } annotations) FieldDescription.Map(text, 1, "Annotations", annotations);
        text.Line(1, "Containers:");
        foreach (var container in template["spec"]?["containers"] as JsonArray ?? [])
        {
            text.Line(2, $"{(string?)container?["name"]}:");
            text.Line(3, $"Image:\t{(string?)container?["image"]}");
            var ports = (container?["ports"] as JsonArray ?? []).Select(p => $"{p?["containerPort"]}/{(string?)p?["protocol"]}").ToList();
            text.Line(3, $"{(ports.Count > 1 ? "Ports" : "Port")}:\t{(ports.Count > 0 ? string.Join(", ", ports) : "<none>")}");
            text.Line(3, $"{(ports.Count > 1 ? "Host Ports" : "Host Port")}:\t{(ports.Count > 0 ? string.Join(", ", ports.Select(p => "0/" + p.Split('/')[1])) : "<none>")}");
            var env = container?["env"] as JsonArray ?? [];
            text.Line(3, env.Count > 0 ? "Environment:" : "Environment:\t<none>");
            foreach (var variable in env) text.Line(4, $"{(string?)variable?["name"]}:\t{(string?)variable?["value"]}");
            var mounts = container?["volumeMounts"] as JsonArray ?? [];
            text.Line(3, mounts.Count > 0 ? "Mounts:" : "Mounts:\t<none>");
            foreach (var mount in mounts) text.Line(4, $"{(string?)mount?["mountPath"]} from {(string?)mount?["name"]} ({((bool?)mount?["readOnly"] == true ? "ro" : "rw")})");
        }
        var volumes = template["spec"]?["volumes"] as JsonArray ?? [];
        text.Line(1, volumes.Count > 0 ? "Volumes:" : "Volumes:\t<none>");
        foreach (var volume in volumes) text.Line(2, $"{(string?)volume?["name"]}:");
        FieldDescription.Map(text, 1, "Node-Selectors", template["spec"]?["nodeSelector"]);
        text.Line(1, "Tolerations:\t<none>");
        if (status["conditions"] is JsonArray { Count: > 0 } conditions)
        {
            text.Line(0, "Conditions:");
            text.Line(1, "Type\tStatus\tReason");
            text.Line(1, "----\t------\t------");
            foreach (var condition in conditions) text.Line(1, $"{(string?)condition?["type"]} \t{(string?)condition?["status"]}\t{(string?)condition?["reason"]}");
        }
    }

    public static void Service(TabbedText text, JsonObject service)
    {
        var metadata = service["metadata"]!;
        var spec = service["spec"]!;
        text.Line(0, $"Name:\t{(string?)metadata["name"]}");
        text.Line(0, $"Namespace:\t{(string?)metadata["namespace"]}");
        FieldDescription.Map(text, 0, "Labels", metadata["labels"]);
        FieldDescription.Map(text, 0, "Annotations", metadata["annotations"]);
        text.Line(0, $"Selector:\t{Selector(spec["selector"])}");
        text.Line(0, $"Type:\t{(string?)spec["type"]}");
        if ((string?)spec["ipFamilyPolicy"] is { } policy) text.Line(0, $"IP Family Policy:\t{policy}");
        if (spec["ipFamilies"] is JsonArray families) text.Line(0, $"IP Families:\t{string.Join(',', families.Select(f => f?.ToString()))}");
        text.Line(0, $"IP:\t{(string?)spec["clusterIP"]}");
        if (spec["clusterIPs"] is JsonArray addresses) text.Line(0, $"IPs:\t{string.Join(',', addresses.Select(a => a?.ToString()))}");
        if (spec["externalIPs"] is JsonArray { Count: > 0 } external) text.Line(0, $"External IPs:\t{string.Join(',', external.Select(a => a?.ToString()))}");
        if ((string?)spec["externalName"] is { Length: > 0 } name) text.Line(0, $"External Name:\t{name}");
        if (service["status"]?["loadBalancer"]?["ingress"] is JsonArray { Count: > 0 } ingress)
            text.Line(0, $"LoadBalancer Ingress:\t{string.Join(", ", ingress.Select(i => (string?)i?["ip"] ?? (string?)i?["hostname"]))}");
        foreach (var port in spec["ports"] as JsonArray ?? [])
        {
            var title = (string?)port?["name"] is { Length: > 0 } portName ? portName : "<unset>";
            text.Line(0, $"Port:\t{title}\t{port?["port"]}/{(string?)port?["protocol"]}");
            text.Line(0, $"TargetPort:\t{port?["targetPort"]}/{(string?)port?["protocol"]}");
            if ((long?)port?["nodePort"] is > 0) text.Line(0, $"NodePort:\t{title}\t{port?["nodePort"]}/{(string?)port?["protocol"]}");
        }
        text.Line(0, $"Session Affinity:\t{(string?)spec["sessionAffinity"]}");
        if ((string?)spec["externalTrafficPolicy"] is { } externalPolicy) text.Line(0, $"External Traffic Policy:\t{externalPolicy}");
        if ((string?)spec["internalTrafficPolicy"] is { } internalPolicy) text.Line(0, $"Internal Traffic Policy:\t{internalPolicy}");
    }

    private static string Selector(JsonNode? labels) => labels is JsonObject { Count: > 0 } map ? string.Join(',', map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={p.Value}")) : "<none>";
}
