using System.Net;
using System.Security.Cryptography;
using Bramble.Network.Netlink;

namespace Bramble.Network.PodNetwork.Overlays;

/// <summary>flannel's VXLAN: learns nothing, every peer's MAC and address is written from its annotations, so nobody ever asks for it.</summary>
/// <param name="routesDirectly">flannel's DirectRouting: peers on the same segment get plain routes, and only the others the tunnel.</param>
internal sealed class VxlanWay(bool isV6, int id, int port, bool routesDirectly) : IOverlayWay
{
    private byte[]? _mac;
    private IReadOnlyList<Route> _routes = [];

    public bool IsV6 => isV6;

    public string LinkName => isV6 ? $"flannel-v6.{id}" : $"flannel.{id}";

    public OverlayEnd Ensure(RouteNetlink routes, OverlaySelf self)
    {
        var ends = new TunnelEnds(id, port, self.Uplink?.Index ?? 0, self.Address);
        var link = routes.FindLink(LinkName);
        // The MAC said before is used again: the other nodes have it in their tables.
        var mac = _mac ??= OverlayPeers.VtepMac(self.Node, isV6) is { } said && OverlayPeers.TryParseMac(said, out var bytes) ? bytes : link?.Mac ?? NewMac();
        var isFitting = link is not null && link.Mac.AsSpan().SequenceEqual(mac) && link.Tunnel == ends;
        if (link is not null && !isFitting)
        {
            routes.DeleteLink(link.Index);
            link = null;
        }
        link ??= routes.CreateVxlan(LinkName, mac, self.Mtu, ends);
        routes.EnsureAddress(link.Index, self.PodCidr.BaseAddress, self.PodCidr.BaseAddress.GetAddressBytes().Length * 8);
        if (!link.IsUp || link.Mtu != self.Mtu) routes.SetUp(link.Index, self.Mtu);
        if (routesDirectly) _routes = routes.ListRoutes();
        return new OverlayEnd(link.Index, OverlayPeers.FormatMac(mac), IsNew: !isFitting || !link.IsUp);
    }

    /// <summary>The peer's tunnel end is the first address of its pod network.</summary>
    public OverlayHop HopTo(OverlayPeer peer, int link) =>
        routesDirectly && NearestTo(peer.PublicIp) is { Gateway: null } near ? new(near.LinkIndex, peer.PublicIp, isOnLink: false) : new(link, peer.PodCidr.BaseAddress, isOnLink: true);

    // As the kernel looks it up: the longest prefix.
    private Route? NearestTo(IPAddress address) =>
        _routes.Where(route => route.Destination.BaseAddress.AddressFamily == address.AddressFamily && route.Destination.Contains(address)).MaxBy(route => route.Destination.PrefixLength);

    public void Reach(RouteNetlink routes, int link, OverlayPeer peer)
    {
        if (!OverlayPeers.TryParseMac(peer.Data ?? "", out var mac)) return;
        routes.SetNeighbour(link, peer.PodCidr.BaseAddress, mac, isForwarding: false);
        routes.SetNeighbour(link, peer.PublicIp, mac, isForwarding: true);
    }

    public void Leave(RouteNetlink routes, int link, OverlayPeer peer)
    {
        if (!OverlayPeers.TryParseMac(peer.Data ?? "", out var mac)) return;
        routes.DeleteNeighbour(link, peer.PodCidr.BaseAddress, mac, isForwarding: false);
        routes.DeleteNeighbour(link, peer.PublicIp, mac, isForwarding: true);
    }

    public void LeaveOthers(RouteNetlink routes, int link, IReadOnlyCollection<OverlayPeer> peers)
    {
        foreach (var isForwarding in new[] { false, true })
            foreach (var (address, mac) in routes.ListNeighbours(link, isForwarding, isV6))
            {
                var text = OverlayPeers.FormatMac(mac);
                if (!peers.Any(peer => peer.Data == text && (isForwarding ? peer.PublicIp : peer.PodCidr.BaseAddress).Equals(address))) routes.DeleteNeighbour(link, address, mac, isForwarding);
            }
    }

    private static byte[] NewMac()
    {
        var mac = RandomNumberGenerator.GetBytes(6);
        // Locally administered, for one receiver.
        mac[0] = (byte)(mac[0] & 0xfe | 0x02);
        return mac;
    }
}
