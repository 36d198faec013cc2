using System.Net;
using Bramble.Network.Netlink;

namespace Bramble.Network.PodNetwork;

/// <summary>The link that carries this node's traffic to other nodes, and what it means for the size of pods' packets.</summary>
internal static class Uplink
{
    private const int EthernetMtu = 1500;

    /// <summary>The named link; else the one with the node's first address; else the one with the default route; null when there is none.</summary>
    public static Link? Find(RouteNetlink routes, string? name, IReadOnlyList<IPAddress> nodeIps) => Choose(routes.ListLinks(), routes.ListAddresses(), routes.ListRoutes(), name, nodeIps);

    internal static Link? Choose(IReadOnlyList<Link> links, IReadOnlyList<(int LinkIndex, IPAddress Address, int PrefixLength)> addresses, IReadOnlyList<Route> routes, string? name, IReadOnlyList<IPAddress> nodeIps)
    {
        if (name is not null) return links.FirstOrDefault(l => l.Name == name);
        // An address that no link has is one that a router translates: the way out is the way to others then.
        var index = nodeIps.Select(ip => addresses.FirstOrDefault(a => a.Address.Equals(ip)).LinkIndex).FirstOrDefault(i => i != 0);
        if (index == 0) index = routes.FirstOrDefault(r => r.Destination.PrefixLength == 0)?.LinkIndex ?? 0;
        return links.FirstOrDefault(l => l.Index == index);
    }

    /// <summary>Where other nodes' packets for this node's pods go: the addresses of a link that was named (with K3s' <c>--flannel-iface</c> the overlay may run
    /// over another network than the node's address), else the node's.</summary>
    public static IReadOnlyList<IPAddress> Ends(RouteNetlink routes, Link? uplink, NetworkConfig config) =>
        config.FlannelInterface is null ? config.NodeIps : [.. routes.ListAddresses().Where(a => a.LinkIndex == uplink?.Index && !a.Address.IsIPv6LinkLocal).Select(a => a.Address)];

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
