using System.Text.Json.Nodes;
using Bramble.Api.Quantities;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Describing;

/// <summary>A node, as kubectl describes it: conditions, capacity, what its pods ask for.</summary>
internal static class NodeDescription
{
    public static void Write(TabbedText text, JsonObject node, JsonObject? lease, IReadOnlyList<JsonObject> pods, DateTimeOffset now)
    {
        var metadata = node["metadata"]!;
        var status = node["status"] as JsonObject ?? [];
        var labels = metadata["labels"] as JsonObject ?? [];
        text.Line(0, $"Name:\t{(string?)metadata["name"]}");
        var roles = labels.Where(l => l.Key.StartsWith("node-role.kubernetes.io/", StringComparison.Ordinal)).Select(l => l.Key["node-role.kubernetes.io/".Length..]).Order(StringComparer.Ordinal).ToList();
        text.Line(0, $"Roles:\t{(roles.Count > 0 ? string.Join(',', roles) : "<none>")}");
        FieldDescription.LabelsAndAnnotations(text, node);
        FieldDescription.Created(text, node);
        var taints = (node["spec"]?["taints"] as JsonArray ?? []).OrderBy(t => $"{(string?)t?["effect"]},{(string?)t?["key"]}", StringComparer.Ordinal).Select(t => $"{(string?)t?["key"]}{((string?)t?["value"] is { Length: > 0 } v ? "=" + v : "")}:{(string?)t?["effect"]}").ToList();
        text.Line(0, $"Taints:\t{taints.FirstOrDefault() ?? "<none>"}");
        foreach (var taint in taints.Skip(1)) text.Line(0, $"\t{taint}");
        text.Line(0, $"Unschedulable:\t{((bool?)node["spec"]?["unschedulable"] == true ? "true" : "false")}");
        Lease(text, lease);
        if (status["conditions"] is JsonArray { Count: > 0 } conditions)
        {
            text.Line(0, "Conditions:");
            text.Line(1, "Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
            text.Line(1, "----\t------\t-----------------\t------------------\t------\t-------");
            foreach (var c in conditions)
                text.Line(1, $"{(string?)c?["type"]} \t{(string?)c?["status"]} \t{FieldDescription.Time((string?)c?["lastHeartbeatTime"])} \t{FieldDescription.Time((string?)c?["lastTransitionTime"])} \t{(string?)c?["reason"]} \t{(string?)c?["message"]}");
        }
        text.Line(0, "Addresses:");
        foreach (var address in status["addresses"] as JsonArray ?? []) text.Line(1, $"{(string?)address?["type"]}:\t{(string?)address?["address"]}");
        Quantities(text, "Capacity", status["capacity"]);
        Quantities(text, "Allocatable", status["allocatable"]);
        text.Line(0, "System Info:");
        foreach (var (title, field) in ((string, string)[])
            [
                ("Machine ID", "machineID"), ("System UUID", "systemUUID"), ("Boot ID", "bootID"), ("Kernel Version", "kernelVersion"), ("OS Image", "osImage"), ("Operating System", "operatingSystem"),
                ("Architecture", "architecture"), ("Container Runtime Version", "containerRuntimeVersion"), ("Kubelet Version", "kubeletVersion"),
            ])
            text.Line(1, $"{title}:\t{(string?)status["nodeInfo"]?[field]}");
        if ((string?)node["spec"]?["podCIDR"] is { Length: > 0 } cidr) text.Line(0, $"PodCIDR:\t{cidr}");
        if (node["spec"]?["podCIDRs"] is JsonArray { Count: > 0 } cidrs) text.Line(0, $"PodCIDRs:\t{string.Join(',', cidrs.Select(c => c?.ToString()))}");
        if ((string?)node["spec"]?["providerID"] is { Length: > 0 } provider) text.Line(0, $"ProviderID:\t{provider}");
        Pods(text, status, pods, now);
    }

    /// <summary>The heartbeat by which the node shows that it lives.</summary>
    private static void Lease(TabbedText text, JsonObject? lease)
    {
        if (lease is null)
        {
            text.Line(0, "Lease:\tFailed to get lease: there is none");
            return;
        }
        text.Line(0, "Lease:");
        text.Line(1, $"HolderIdentity:\t{(string?)lease["spec"]?["holderIdentity"] ?? "<unset>"}");
        text.Line(1, $"AcquireTime:\t{((string?)lease["spec"]?["acquireTime"] is { } acquired ? FieldDescription.Time(acquired) : "<unset>")}");
        text.Line(1, $"RenewTime:\t{((string?)lease["spec"]?["renewTime"] is { } renewed ? FieldDescription.Time(renewed) : "<unset>")}");
    }

    private static void Quantities(TabbedText text, string title, JsonNode? resources)
    {
        if (resources is not JsonObject { Count: > 0 } map) return;
        text.Line(0, $"{title}:");
        foreach (var (name, quantity) in map.OrderBy(p => p.Key, StringComparer.Ordinal)) text.Line(1, $"{name}:\t{quantity}");
    }

    private static void Pods(TabbedText text, JsonObject status, IReadOnlyList<JsonObject> pods, DateTimeOffset now)
    {
        var sums = new Dictionary<(string Kind, string Resource), Quantity>();
        text.Line(0, $"Non-terminated Pods:\t({pods.Count} in total)");
        text.Line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
        text.Line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
        foreach (var pod in pods)
        {
            string Cell(string kind, string resource)
            {
                var sum = Sum(pod, kind, resource);
                sums[(kind, resource)] = sums.TryGetValue((kind, resource), out var before) ? before + sum : sum;
                return $"{sum} ({Percent(sum, status["allocatable"]?[resource])}%)";
            }

            text.Line(1, $"{(string?)pod["metadata"]?["namespace"]}\t{(string?)pod["metadata"]?["name"]}\t\t{Cell("requests", "cpu")}\t{Cell("limits", "cpu")}\t{Cell("requests", "memory")}\t{Cell("limits", "memory")}\t"
                + Age.Since((string?)pod["metadata"]?["creationTimestamp"], now));
        }
        text.Line(0, "Allocated resources:");
        text.Line(1, "(Total limits may be over 100 percent, i.e., overcommitted.)");
        text.Line(1, "Resource\tRequests\tLimits");
        text.Line(1, "--------\t--------\t------");
        foreach (var resource in (string[])["cpu", "memory", "ephemeral-storage"])
        {
            var requests = sums.GetValueOrDefault(("requests", resource));
            var limits = sums.GetValueOrDefault(("limits", resource));
            text.Line(1, $"{resource}\t{requests} ({Percent(requests, status["allocatable"]?[resource])}%)\t{limits} ({Percent(limits, status["allocatable"]?[resource])}%)");
        }
    }

    private static Quantity Sum(JsonObject pod, string kind, string resource)
    {
        var sum = Quantity.FromUnits(0);
        foreach (var container in pod["spec"]?["containers"] as JsonArray ?? [])
            if ((string?)container?["resources"]?[kind]?[resource] is { } text && Quantity.TryParse(text, out var quantity, out _)) sum += quantity;
        return sum;
    }

    private static long Percent(Quantity part, JsonNode? whole) =>
        whole is not null && Quantity.TryParse(whole.ToString(), out var all, out _) && !all.IsZero ? (long)(part.ToDouble() / all.ToDouble() * 100) : 0;
}
