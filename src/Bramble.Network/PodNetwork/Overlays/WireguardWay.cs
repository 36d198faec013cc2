using System.Net;
using System.Security.Cryptography;
using Bramble.Network.Netlink;

namespace Bramble.Network.PodNetwork.Overlays;

/// <summary>flannel's WireGuard backend: packets between nodes are encrypted by the kernel. The private key stays on the node, in flannel's own place; the
/// public one is in the annotations.</summary>
internal sealed class WireguardWay(bool isV6, string keyFolder) : IOverlayWay
{
    /// <summary>UDP port of IPv4's interface; IPv6's is the next.</summary>
    public const int Port = 51820;

    private const int NotSupported = 95;

    public bool IsV6 => isV6;

    public string LinkName => isV6 ? "flannel-wg-v6" : "flannel-wg";

    private int OwnPort => isV6 ? Port + 1 : Port;

    public OverlayEnd Ensure(RouteNetlink routes, OverlaySelf self)
    {
        var link = routes.FindLink(LinkName);
        var isNew = link is null;
        try
        {
            link ??= routes.CreateWireguard(LinkName, self.Mtu);
        }
        catch (NetlinkException refused) when (refused.Errno == NotSupported)
        {
            throw new InvalidOperationException("this kernel has no WireGuard (modprobe wireguard says why); use --flannel-backend=vxlan on all nodes, or a kernel that has it", refused);
        }
        using var wireguard = new WireguardNetlink();
        if (isNew) wireguard.SetDevice(link.Index, PrivateKey(), OwnPort);
        routes.EnsureAddress(link.Index, self.PodCidr.BaseAddress, self.PodCidr.BaseAddress.GetAddressBytes().Length * 8);
        if (!link.IsUp || link.Mtu != self.Mtu) routes.SetUp(link.Index, self.Mtu);
        return new OverlayEnd(link.Index, Convert.ToBase64String(wireguard.PublicKey(link.Index)), isNew);
    }

    public OverlayHop HopTo(OverlayPeer peer, int link) => new(link, null, isOnLink: false);

    public void Reach(RouteNetlink routes, int link, OverlayPeer peer)
    {
        using var wireguard = new WireguardNetlink();
        wireguard.SetPeer(link, Convert.FromBase64String(peer.Data!), new IPEndPoint(peer.PublicIp, peer.Port ?? OwnPort), peer.PodCidr);
    }

    public void Leave(RouteNetlink routes, int link, OverlayPeer peer)
    {
        using var wireguard = new WireguardNetlink();
        wireguard.RemovePeer(link, Convert.FromBase64String(peer.Data!));
    }

    public void LeaveOthers(RouteNetlink routes, int link, IReadOnlyCollection<OverlayPeer> peers)
    {
        using var wireguard = new WireguardNetlink();
        foreach (var key in wireguard.PeerKeys(link))
            if (!peers.Any(peer => peer.Data == Convert.ToBase64String(key))) wireguard.RemovePeer(link, key);
    }

    private byte[] PrivateKey()
    {
        var path = Path.Combine(keyFolder, isV6 ? "wgkeyv6" : "wgkey");
        if (File.Exists(path)) return Convert.FromBase64String(File.ReadAllText(path).Trim());
        var key = RandomNumberGenerator.GetBytes(WireguardNetlink.KeyBytes);
        // Curve25519's form of a secret (RFC 7748, section 5).
        key[0] &= 248;
        key[31] = (byte)(key[31] & 127 | 64);
        Directory.CreateDirectory(keyFolder);
        using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        file.Write(System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(key)));
        return key;
    }
}
