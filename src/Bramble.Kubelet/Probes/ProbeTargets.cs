using System.Net;
using k8s.Models;

namespace Bramble.Kubelet.Probes;

/// <summary>Result of one probe or hook: whether it succeeded, and what was seen.</summary>
internal readonly record struct ProbeOutcome(bool IsSuccess, string Output);

/// <summary>Addresses that probes and hooks go to. Pure.</summary>
internal static class ProbeTargets
{
    public static int Port(V1Container container, IntOrString port)
    {
        if (int.TryParse(port.Value, out var number)) return number;
        return container.Ports?.FirstOrDefault(p => p.Name == port.Value)?.ContainerPort
            ?? throw new FormatException($"couldn't find port: {port.Value}");
    }

    public static Uri Url(V1HTTPGetAction get, V1Container container, string podIp)
    {
        var host = string.IsNullOrEmpty(get.Host) ? podIp : get.Host;
        if (IPAddress.TryParse(host, out var ip) && ip.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6) host = $"[{host}]";
        var path = get.Path ?? "/";
        if (!path.StartsWith('/')) path = "/" + path;
        return new Uri($"{(get.Scheme ?? "HTTP").ToLowerInvariant()}://{host}:{Port(container, get.Port)}{path}");
    }
}
