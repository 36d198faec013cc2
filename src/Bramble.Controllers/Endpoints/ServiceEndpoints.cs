using System.Net;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>A port as Pods serve it.</summary>
internal sealed record ServedPort(string Name, string Protocol, int Port, string? AppProtocol)
{
    public JsonObject ToSlicePort()
    {
        var port = new JsonObject { ["name"] = Name, ["protocol"] = Protocol, ["port"] = Port };
        if (AppProtocol is not null) port["appProtocol"] = AppProtocol;
        return port;
    }

    public JsonObject ToEndpointsPort()
    {
        var port = new JsonObject();
        if (Name.Length > 0) port["name"] = Name;
        port["port"] = Port;
        port["protocol"] = Protocol;
        if (AppProtocol is not null) port["appProtocol"] = AppProtocol;
        return port;
    }
}

/// <summary>A Pod behind a Service, and the ports that it serves (a named target port may differ from Pod to Pod).</summary>
internal sealed record ServiceEndpoint(V1Pod Pod, IReadOnlyList<ServedPort> Ports, string Address, bool IsReady, bool IsServing, bool IsTerminating, string? Zone)
{
    public JsonObject Target() => new()
    {
        ["kind"] = "Pod",
        ["namespace"] = Pod.Metadata.NamespaceProperty,
        ["name"] = Pod.Metadata.Name,
        ["uid"] = Pod.Metadata.Uid,
    };

    /// <summary>The name by which DNS finds the Pod in this headless Service; null: none.</summary>
    public string? HostnameIn(string service) => !string.IsNullOrEmpty(Pod.Spec.Hostname) && Pod.Spec.Subdomain == service ? Pod.Spec.Hostname : null;

    public JsonObject ToSliceEndpoint(string service)
    {
        var endpoint = new JsonObject
        {
            ["addresses"] = new JsonArray(Address),
            ["conditions"] = new JsonObject { ["ready"] = IsReady, ["serving"] = IsServing, ["terminating"] = IsTerminating },
        };
        if (HostnameIn(service) is { } hostname) endpoint["hostname"] = hostname;
        endpoint["targetRef"] = Target();
        if (!string.IsNullOrEmpty(Pod.Spec.NodeName)) endpoint["nodeName"] = Pod.Spec.NodeName;
        if (!string.IsNullOrEmpty(Zone)) endpoint["zone"] = Zone;
        return endpoint;
    }
}

/// <summary>Which Pods stand behind a Service.</summary>
internal static class ServiceEndpoints
{
    /// <param name="family"><c>IPv4</c> or <c>IPv6</c>.</param>
    public static List<ServiceEndpoint> Of(V1Service service, IEnumerable<V1Pod> pods, string family, Func<string, string?> zoneOfNode)
    {
        var endpoints = new List<ServiceEndpoint>();
        foreach (var pod in pods.OrderBy(p => p.Metadata.Name, StringComparer.Ordinal))
        {
            if (pod.IsFinished() || AddressOf(pod, family) is not { } address) continue;
            var isServing = pod.IsReady();
            var isTerminating = pod.IsBeingDeleted();
            var isReady = service.Spec.PublishNotReadyAddresses == true || (isServing && !isTerminating);
            endpoints.Add(new ServiceEndpoint(
                pod, PortsOf(service, pod), address, isReady, isServing, isTerminating, string.IsNullOrEmpty(pod.Spec.NodeName) ? null : zoneOfNode(pod.Spec.NodeName)));
        }
        return endpoints;
    }

    /// <summary>It has no address of its own (not yet, or by choice).</summary>
    public static bool IsHeadless(V1Service service) => service.Spec.ClusterIP is null or "" or "None";

    public static IReadOnlyList<string> Families(V1Service service) =>
        service.Spec.IpFamilies is { Count: > 0 } families ? [.. families] : [service.Spec.ClusterIP?.Contains(':') == true ? "IPv6" : "IPv4"];

    private static string? AddressOf(V1Pod pod, string family)
    {
        var wantsV6 = family == "IPv6";
        foreach (var ip in pod.Status?.PodIPs ?? [])
            if (ip.Ip.Contains(':') == wantsV6) return Canonical(ip.Ip);
        return pod.Status?.PodIP is { Length: > 0 } only && only.Contains(':') == wantsV6 ? Canonical(only) : null;
    }

    /// <summary>Of an IPv6 address a Pod's status may have any form.</summary>
    private static string Canonical(string ip) => ip.Contains(':') && IPAddress.TryParse(ip, out var parsed) ? parsed.ToString() : ip;

    /// <summary>A named target port that the Pod does not have is left out.</summary>
    private static List<ServedPort> PortsOf(V1Service service, V1Pod pod)
    {
        var ports = new List<ServedPort>();
        foreach (var port in service.Spec.Ports ?? [])
            if (TargetPort(port, pod) is { } number) ports.Add(new ServedPort(port.Name ?? "", port.Protocol ?? "TCP", number, port.AppProtocol));
        return ports;
    }

    private static int? TargetPort(V1ServicePort port, V1Pod pod)
    {
        var target = port.TargetPort?.ToString();
        if (string.IsNullOrEmpty(target) || target == "0") return port.Port;
        if (int.TryParse(target, out var number)) return number;
        var containers = pod.Spec.Containers.Concat((pod.Spec.InitContainers ?? []).Where(c => c.RestartPolicy == "Always"));
        return containers.SelectMany(c => c.Ports ?? []).FirstOrDefault(p => p.Name == target && (p.Protocol ?? "TCP") == (port.Protocol ?? "TCP"))?.ContainerPort;
    }
}
