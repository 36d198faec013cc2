using System.Text.Json.Nodes;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;

namespace Bramble.Kubelet.Node;

/// <summary>What the node's conditions are made from.</summary>
/// <param name="Problem">Null: ready. Else the message of NotReady.</param>
internal readonly record struct NodeHealth(string? Problem, bool HasMemoryPressure, bool HasDiskPressure, bool HasPidPressure);

/// <summary>The node's status as the API writes it. Pure; reasons and messages are upstream's.</summary>
internal static class NodeStatus
{
    private const int ImagesMax = 50;

    /// <summary>What this kubelet can do that others may not (KEP-5328), in order: the scheduler and the API look there.</summary>
    private static readonly string[] DeclaredFeatures = ["ExtendWebSocketsToKubelet", "InPlacePodLevelResourcesVerticalScaling", "InPlacePodVerticalScalingInitContainers", "RestartAllContainersOnContainerExits"];

    public static JsonObject Decide(
        KubeletConfig config, Machine machine, NodeResources resources, string runtimeVersion, NodeHealth health, IEnumerable<Image> images, DateTimeOffset now)
    {
        var addresses = new JsonArray();
        foreach (var ip in config.NodeIps) addresses.Add((JsonNode)Address("InternalIP", ip.ToString()));
        foreach (var ip in config.NodeExternalIps) addresses.Add((JsonNode)Address("ExternalIP", ip.ToString()));
        foreach (var name in config.NodeInternalDns) addresses.Add((JsonNode)Address("InternalDNS", name));
        foreach (var name in config.NodeExternalDns) addresses.Add((JsonNode)Address("ExternalDNS", name));
        addresses.Add((JsonNode)Address("Hostname", config.NodeName));
        var status = new JsonObject
        {
            ["capacity"] = Amounts(resources.Capacity),
            ["allocatable"] = Amounts(resources.Allocatable),
            ["conditions"] = new JsonArray(
                Condition("MemoryPressure", health.HasMemoryPressure, health.HasMemoryPressure ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory",
                    health.HasMemoryPressure ? "kubelet has insufficient memory available" : "kubelet has sufficient memory available", now),
                Condition("DiskPressure", health.HasDiskPressure, health.HasDiskPressure ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure",
                    health.HasDiskPressure ? "kubelet has disk pressure" : "kubelet has no disk pressure", now),
                Condition("PIDPressure", health.HasPidPressure, health.HasPidPressure ? "KubeletHasInsufficientPID" : "KubeletHasSufficientPID",
                    health.HasPidPressure ? "kubelet has insufficient PID available" : "kubelet has sufficient PID available", now),
                Condition("Ready", health.Problem is null, health.Problem is null ? "KubeletReady" : "KubeletNotReady",
                    health.Problem ?? "kubelet is posting ready status", now)),
            ["addresses"] = addresses,
            ["daemonEndpoints"] = new JsonObject { ["kubeletEndpoint"] = new JsonObject { ["Port"] = config.ServerPort } },
            ["nodeInfo"] = new JsonObject
            {
                ["machineID"] = machine.MachineId,
                ["systemUUID"] = machine.SystemUuid,
                ["bootID"] = machine.BootId,
                ["kernelVersion"] = machine.KernelVersion,
                ["osImage"] = machine.OsImage,
                ["containerRuntimeVersion"] = runtimeVersion,
                ["kubeletVersion"] = config.KubeletVersion,
                ["kubeProxyVersion"] = "",
                ["operatingSystem"] = "linux",
                ["architecture"] = machine.Architecture,
            },
            ["images"] = Images(images),
            ["declaredFeatures"] = new JsonArray([.. DeclaredFeatures.Select(f => (JsonNode)f)]),
        };
        // A board without swap says nothing of it: a capacity of 0 is invalid.
        if (machine.SwapBytes > 0) status["nodeInfo"]!["swap"] = new JsonObject { ["capacity"] = machine.SwapBytes };
        return status;
    }

    /// <summary>What the runtime has said it can do; nothing where it says nothing.</summary>
    public static void AddRuntime(JsonObject status, RuntimeSupport support)
    {
        var handlers = new JsonArray();
        foreach (var handler in support.Handlers)
        {
            var features = new JsonObject { ["recursiveReadOnlyMounts"] = handler.Features?.RecursiveReadOnlyMounts == true, ["userNamespaces"] = handler.Features?.UserNamespaces == true };
            handlers.Add((JsonNode)(handler.Name.Length == 0 ? new JsonObject { ["features"] = features } : new JsonObject { ["name"] = handler.Name, ["features"] = features }));
        }
        if (handlers.Count > 0) status["runtimeHandlers"] = handlers;
        if (support.SupplementalGroupsPolicy is { } groups) status["features"] = new JsonObject { ["supplementalGroupsPolicy"] = groups };
    }

    /// <summary>Labels every node has.</summary>
    public static Dictionary<string, string> Labels(KubeletConfig config, Machine machine)
    {
        var labels = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["beta.kubernetes.io/arch"] = machine.Architecture,
            ["beta.kubernetes.io/os"] = "linux",
            ["kubernetes.io/arch"] = machine.Architecture,
            ["kubernetes.io/hostname"] = config.NodeName,
            ["kubernetes.io/os"] = "linux",
        };
        foreach (var (key, value) in config.NodeLabels) labels[key] = value;
        return labels;
    }

    /// <summary>What of <paramref name="wanted"/> is to be written over <paramref name="current"/>: a strategic merge patch of the status.</summary>
    /// <param name="isReportDue">Also when only the heartbeat times would change.</param>
    public static JsonObject? Patch(JsonObject? current, JsonObject wanted, bool isReportDue)
    {
        var patch = new JsonObject();
        foreach (var (name, value) in wanted)
        {
            if (name == "conditions")
            {
                var changed = new JsonArray();
                foreach (var condition in value!.AsArray())
                {
                    var old = current?["conditions"]?.AsArray().FirstOrDefault(c => (string?)c?["type"] == (string?)condition!["type"]);
                    var next = condition!.DeepClone().AsObject();
                    var isSameState = old is not null && (string?)old["status"] == (string?)next["status"];
                    if (isSameState) next["lastTransitionTime"] = old!["lastTransitionTime"]?.DeepClone();
                    var isSame = isSameState && (string?)old!["reason"] == (string?)next["reason"] && (string?)old["message"] == (string?)next["message"];
                    if (!isSame || isReportDue) changed.Add((JsonNode)next);
                }
                if (changed.Count > 0) patch[name] = changed;
                continue;
            }
            if (JsonNode.DeepEquals(current?[name], value)) continue;
            var copy = value!.DeepClone();
            // What is no longer there (swap that was switched off) is taken away.
            if (copy is JsonObject fields && current?[name] is JsonObject had)
                foreach (var (gone, _) in had)
                    if (!fields.ContainsKey(gone)) fields[gone] = null;
            // Several addresses have one type, the list's merge key: it is replaced whole.
            if (name == "addresses") copy.AsArray().Insert(0, new JsonObject { ["$patch"] = "replace" });
            patch[name] = copy;
        }
        return patch.Count == 0 ? null : new JsonObject { ["status"] = patch };
    }

    private static JsonObject Address(string type, string address) => new() { ["type"] = type, ["address"] = address };

    private static JsonObject Amounts(IReadOnlyDictionary<string, decimal> amounts)
    {
        var tree = new JsonObject();
        foreach (var (name, amount) in amounts.OrderBy(p => p.Key, StringComparer.Ordinal)) tree[name] = NodeResources.Show(name, amount);
        return tree;
    }

    private static JsonObject Condition(string type, bool value, string reason, string message, DateTimeOffset now) => new()
    {
        ["type"] = type,
        ["status"] = value ? "True" : "False",
        ["lastHeartbeatTime"] = PodStatusTree.Time(now.UtcDateTime),
        ["lastTransitionTime"] = PodStatusTree.Time(now.UtcDateTime),
        ["reason"] = reason,
        ["message"] = message,
    };

    /// <summary>The largest first, digests before tags.</summary>
    private static JsonArray Images(IEnumerable<Image> images)
    {
        var list = new JsonArray();
        foreach (var image in images.OrderByDescending(i => i.Size).ThenBy(i => i.Id, StringComparer.Ordinal).Take(ImagesMax))
        {
            var names = new JsonArray();
            foreach (var name in image.RepoDigests.Concat(image.RepoTags).Take(5)) names.Add((JsonNode)name);
            list.Add((JsonNode)new JsonObject { ["names"] = names, ["sizeBytes"] = image.Size });
        }
        return list;
    }
}
