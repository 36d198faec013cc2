using System.Net;
using k8s.Models;

namespace Bramble.Network.Services;

/// <summary>hostPort and hostIP of a Pod of this node. Pure. They live beside Services, which win when both want a port.</summary>
internal static class PodFrontEnds
{
    public static Dictionary<FrontKey, FrontEnd> Decide(V1Pod pod)
    {
        var fronts = new Dictionary<FrontKey, FrontEnd>();
        // A pod in the host's network listens on the port itself.
        if (pod.Spec is null || pod.Spec.HostNetwork == true || pod.Status?.Phase is "Succeeded" or "Failed") return fronts;
        foreach (var container in pod.Spec.Containers.Concat(pod.Spec.InitContainers ?? []))
            foreach (var port in container.Ports ?? [])
            {
                if (port.HostPort is not > 0) continue;
                foreach (var podIp in PodIps(pod.Status))
                {
                    var family = ServiceFrontEnds.FamilyOf(podIp);
                    var address = "";
                    if (!string.IsNullOrEmpty(port.HostIP) && IPAddress.TryParse(port.HostIP, out var hostIp) && !hostIp.Equals(IPAddress.Any) && !hostIp.Equals(IPAddress.IPv6Any))
                    {
                        if (ServiceFrontEnds.FamilyOf(hostIp) != family) continue;
                        address = hostIp.ToString();
                    }
                    var key = new FrontKey(family, address.Length == 0 ? TrafficScope.HostPort : TrafficScope.All, address, (port.Protocol ?? "TCP").ToLowerInvariant(), port.HostPort.Value);
                    fronts[key] = new FrontEnd(FrontVerdict.Balance, [new Backend(podIp.ToString(), port.ContainerPort, IsLocal: true)], KeepsSource: true, IsExternal: true);
                }
            }
        return fronts;
    }

    private static IEnumerable<IPAddress> PodIps(V1PodStatus? status)
    {
        if (status?.PodIPs is { Count: > 0 } all)
        {
            foreach (var ip in all)
                if (IPAddress.TryParse(ip.Ip, out var address)) yield return address;
        }
        else if (IPAddress.TryParse(status?.PodIP, out var single)) yield return single;
    }
}
