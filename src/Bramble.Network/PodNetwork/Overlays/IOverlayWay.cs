using System.Net;
using Bramble.Network.Netlink;
using k8s.Models;

namespace Bramble.Network.PodNetwork.Overlays;

/// <summary>How one family's packets get to the pods of other nodes: through a tunnel or by plain routes. Level-triggered: everything may be asked for again.</summary>
internal interface IOverlayWay
{
    bool IsV6 { get; }

    /// <summary>The interface that it makes; null: it uses the uplink.</summary>
    string? LinkName { get; }

    /// <summary>Makes what it needs here, or finds it as it should be.</summary>
    OverlayEnd Ensure(RouteNetlink routes, OverlaySelf self);

    /// <summary>The route to a peer's pods.</summary>
    OverlayHop HopTo(OverlayPeer peer, int link);

    /// <summary>Tells the interface of a peer, before the route leads there.</summary>
    void Reach(RouteNetlink routes, int link, OverlayPeer peer);

    /// <summary>Makes it forget one.</summary>
    void Leave(RouteNetlink routes, int link, OverlayPeer peer);

    /// <summary>Makes it forget everybody else, of whom an earlier run told it.</summary>
    void LeaveOthers(RouteNetlink routes, int link, IReadOnlyCollection<OverlayPeer> peers);
}

/// <summary>This node, for one family. <c>PublicIp</c>: what others send to. <c>Mtu</c>: of pods' packets.</summary>
internal sealed record OverlaySelf(V1Node Node, IPNetwork PodCidr, IPAddress Address, IPAddress PublicIp, Link? Uplink, int Mtu);

/// <summary>Where packets go next. <c>Gateway</c> null: the interface itself knows. <c>IsOnLink</c>: no other route leads to the gateway.</summary>
internal readonly struct OverlayHop(int link, IPAddress? gateway, bool isOnLink)
{
    public int Link => link;
    public IPAddress? Gateway => gateway;
    public bool IsOnLink => isOnLink;
}

/// <summary>This node's end. <c>Data</c>: what the others must know of it. <c>IsNew</c>: it knows no peer.</summary>
internal readonly record struct OverlayEnd(int Link, string? Data, bool IsNew);
