using System.Net;
using Bramble.Network.Netlink;
using Bramble.Network.Tests.Support;

namespace Bramble.Network.Tests.Netlink;

/// <summary>The messages that <c>wg set</c> would send; a kernel that has WireGuard is met in the VM only.</summary>
public sealed class WireguardNetlinkTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    [Fact]
    public void A_peer_is_its_key_its_endpoint_and_its_pods()
    {
        var message = WireguardNetlink.PeerMessage(7, Key, new IPEndPoint(IPAddress.Parse("192.0.2.3"), 51820), IPNetwork.Parse("10.42.1.0/24")).Body;
        Assert.Equal([1, 1, 0, 0], message[..4].ToArray());
        Assert.Equal([7, 0, 0, 0], NetlinkAttributes.Find(message[4..], 1).ToArray());
        var peer = NetlinkAttributes.Find(NetlinkAttributes.Find(message[4..], 8), 0);
        Assert.Equal(Key, NetlinkAttributes.Find(peer, 1).ToArray());
        Assert.Equal([2, 0, 0, 0], NetlinkAttributes.Find(peer, 3).ToArray());
        Assert.Equal([2, 0, 0xca, 0x6c, 192, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0], NetlinkAttributes.Find(peer, 4).ToArray());
        Assert.Equal([25, 0], NetlinkAttributes.Find(peer, 5).ToArray());
        var allowed = NetlinkAttributes.Find(NetlinkAttributes.Find(peer, 9), 0);
        Assert.Equal([2, 0], NetlinkAttributes.Find(allowed, 1).ToArray());
        Assert.Equal([10, 42, 1, 0], NetlinkAttributes.Find(allowed, 2).ToArray());
        Assert.Equal([24], NetlinkAttributes.Find(allowed, 3).ToArray());
    }

    [Fact]
    public void An_IPv6_endpoint_is_a_sockaddr_in6()
    {
        var bytes = WireguardNetlink.SocketAddress(new IPEndPoint(IPAddress.Parse("fd00:2::9"), 51821));
        Assert.Equal(28, bytes.Length);
        Assert.Equal([10, 0, 0xca, 0x6d], bytes[..4]);
        Assert.Equal(IPAddress.Parse("fd00:2::9"), new IPAddress(bytes.AsSpan(8, 16)));
    }

    [Fact]
    public void A_kernel_without_it_says_so()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        using var routes = new RouteNetlink();
        try
        {
            var link = routes.CreateWireguard("wg-test", 1420);
            using var wireguard = new WireguardNetlink();
            wireguard.SetDevice(link.Index, Key, 51999);
            Assert.Equal(32, wireguard.PublicKey(link.Index).Length);
            wireguard.SetPeer(link.Index, Key, new IPEndPoint(IPAddress.Parse("192.0.2.3"), 51820), IPNetwork.Parse("10.42.1.0/24"));
            Assert.Equal(Key, Assert.Single(wireguard.PeerKeys(link.Index)));
            wireguard.RemovePeer(link.Index, Key);
            Assert.Empty(wireguard.PeerKeys(link.Index));
            routes.DeleteLink(link.Index);
        }
        catch (NetlinkException refused)
        {
            Assert.Equal(95, refused.Errno);
        }
    }
}
