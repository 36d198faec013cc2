using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Bramble.Network.PodNetwork;

/// <summary>The files that tell the runtime how to connect a pod. Pure. Names are K3s': tools look for them.</summary>
internal static class CniConfiguration
{
    public const string FileName = "10-flannel.conflist";
    public const string Bridge = "cni0";

    /// <summary>The bridge plugin with host-local addresses. hostPorts are elements of our own rules, so there is no portmap plugin (which would need iptables).</summary>
    /// <param name="isBridged">False: the ptp plugin gives each pod a link of its own, so that packets between neighbours are routed and meet the rules,
    /// where the kernel does not show bridged ones to them.</param>
    public static string Conflist(IReadOnlyList<IPNetwork> podCidrs, int mtu, string stateDir, bool isBridged = true)
    {
        var ranges = new JsonArray();
        foreach (var cidr in podCidrs) ranges.Add((JsonNode)new JsonArray(new JsonObject { ["subnet"] = cidr.ToString() }));
        var plugin = new JsonObject { ["type"] = isBridged ? "bridge" : "ptp", ["mtu"] = mtu, ["ipMasq"] = false };
        var ipam = new JsonObject { ["type"] = "host-local", ["dataDir"] = stateDir, ["ranges"] = ranges };
        plugin["ipam"] = ipam;
        if (isBridged)
        {
            plugin["bridge"] = Bridge;
            plugin["hairpinMode"] = true;
            plugin["forceAddress"] = true;
            plugin["isDefaultGateway"] = true;
        }
        // The bridge plugin adds these itself, ptp does not.
        else ipam["routes"] = new JsonArray([.. podCidrs.Select(cidr => (JsonNode)new JsonObject { ["dst"] = cidr.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6 ? "::/0" : "0.0.0.0/0" })]);
        return new JsonObject { ["name"] = "cbr0", ["cniVersion"] = "1.0.0", ["plugins"] = new JsonArray(plugin) }.ToJsonString() + "\n";
    }

    /// <summary>flannel's subnet.env, line by line as flannel writes it.</summary>
    public static string SubnetFile(IReadOnlyList<IPNetwork> clusterCidrs, IReadOnlyList<IPNetwork> podCidrs, int mtu)
    {
        var lines = new List<string>();
        foreach (var (family, prefix) in new[] { (AddressFamily.InterNetwork, "FLANNEL"), (AddressFamily.InterNetworkV6, "FLANNEL_IPV6") })
        {
            var cluster = clusterCidrs.Where(c => c.BaseAddress.AddressFamily == family).ToList();
            var pods = podCidrs.Where(c => c.BaseAddress.AddressFamily == family).ToList();
            if (cluster.Count == 0 || pods.Count == 0) continue;
            lines.Add($"{prefix}_NETWORK={cluster[0]}");
            lines.Add($"{prefix}_SUBNET={Gateway(pods[0])}/{pods[0].PrefixLength.ToString(CultureInfo.InvariantCulture)}");
        }
        lines.Add("FLANNEL_MTU=" + mtu.ToString(CultureInfo.InvariantCulture));
        lines.Add("FLANNEL_IPMASQ=true");
        return string.Join('\n', lines) + "\n";
    }

    /// <summary>The bridge's own address: the first of the subnet. 10.42.3.0/24 gives 10.42.3.1.</summary>
    public static IPAddress Gateway(IPNetwork podCidr)
    {
        var bytes = podCidr.BaseAddress.GetAddressBytes();
        bytes[^1] |= 1;
        return new IPAddress(bytes);
    }

    /// <summary>The bridge's MAC: locally administered, the same after each start. 10.42.3.1 gives 0a:58:0a:2a:03:01.</summary>
    public static byte[] BridgeMac(IPAddress gateway) => [0x0a, 0x58, .. gateway.GetAddressBytes()[^4..]];
}
