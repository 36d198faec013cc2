using System.Net;
using Bramble.Network.Netlink;

namespace Bramble.Network.PodNetwork;

/// <summary>The link that carries this node's traffic to other nodes, and what it means for the size of pods' packets.</summary>
internal static class Uplink
{
    private const int EthernetMtu = 1500;

    /// <summary>The named link; else the one with the default route; else the one with the node's first address; null when there is none.</summary>
    public static Link? Find(RouteNetlink routes, string? name, IReadOnlyList<IPAddress> nodeIps)
    {
        var links = routes.ListLinks();
        if (name is not null) return links.FirstOrDefault(l => l.Name == name);
        var byDefault = routes.ListRoutes().FirstOrDefault(r => r.Destination.PrefixLength == 0);
        if (byDefault is not null && links.FirstOrDefault(l => l.Index == byDefault.LinkIndex) is { } link) return link;
        var byAddress = routes.ListAddresses().FirstOrDefault(a => nodeIps.Contains(a.Address));
        return links.FirstOrDefault(l => l.Index == byAddress.LinkIndex);
    }

    /// <summary>What fits into a pod's packet, so that it and the overlay's header fit into the uplink's. Examples: 1500 and VXLAN's 50 bytes: 1450; with
    /// IPv6, whose outer header is 20 bytes longer: 1430. Ethernet's smallest MTU for IPv6 is the floor.</summary>
    public static int PodMtu(Link? uplink, NetworkConfig config)
    {
        var hasV6 = config.ClusterCidrs.Any(cidr => cidr.BaseAddress.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6);
        var mtu = (uplink?.Mtu ?? EthernetMtu) - config.Backend switch
        {
            FlannelBackend.Vxlan => hasV6 ? 70 : 50,
            FlannelBackend.WireguardNative => 80,
            _ => 0,
        };
        return hasV6 ? Math.Max(mtu, 1280) : mtu;
    }
}
