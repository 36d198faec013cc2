using Bramble.Network.Netlink;

namespace Bramble.Network.PodNetwork.Overlays;

/// <summary>host-gw: the other node is a neighbour, so it is the gateway.</summary>
internal sealed class DirectWay(bool isV6) : IOverlayWay
{
    public bool IsV6 => isV6;
    public string? LinkName => null;

    public OverlayEnd Ensure(RouteNetlink routes, OverlaySelf self) =>
        new(self.Uplink?.Index ?? throw new InvalidOperationException("no network interface leads to other nodes; name one with --flannel-iface"), null, IsNew: false);

    public OverlayHop HopTo(OverlayPeer peer, int link) => new(link, peer.PublicIp, isOnLink: false);

    public void Reach(RouteNetlink routes, int link, OverlayPeer peer) { }

    public void Leave(RouteNetlink routes, int link, OverlayPeer peer) { }

    public void LeaveOthers(RouteNetlink routes, int link, IReadOnlyCollection<OverlayPeer> peers) { }
}
