using System.Net;
using Bramble.Network.Netlink;
using Bramble.Network.PodNetwork;
using Bramble.Network.PodNetwork.Overlays;
using k8s.Models;

namespace Bramble.Network.Tests.PodNetwork;

/// <summary>What a node reads from the others' annotations, as flannel and K3s write them.</summary>
public sealed class OverlayPeersTests
{
    private static V1Node Node(string type, params (string Key, string Value)[] annotations) => new()
    {
        Metadata = new()
        {
            Name = "board2",
            Annotations = annotations.Append(("backend-type", type)).ToDictionary(a => "flannel.alpha.coreos.com/" + a.Item1, a => a.Item2),
        },
        Spec = new() { PodCIDR = "10.42.1.0/24", PodCIDRs = ["10.42.1.0/24", "fd00:42:0:1::/64"] },
    };

    private static readonly string WgKey = Convert.ToBase64String(new byte[32]);

    public static TheoryData<string, FlannelBackend, bool, V1Node, string> Cases => new()
    {
        { "vxlan", FlannelBackend.Vxlan, false, Node("vxlan", ("public-ip", "192.0.2.3"), ("backend-data", """{"VNI":1,"VtepMAC":"0E:11:22:33:44:55"}""")), "10.42.1.0/24 at 192.0.2.3: 0e:11:22:33:44:55" },
        { "vxlan in IPv6", FlannelBackend.Vxlan, true, Node("vxlan", ("public-ipv6", "fd00:2::3"), ("backend-v6-data", """{"VNI":1,"VtepMAC":"0e:11:22:33:44:66"}""")), "fd00:42:0:1::/64 at fd00:2::3: 0e:11:22:33:44:66" },
        { "an external address is used where it is named", FlannelBackend.HostGw, false, Node("host-gw", ("public-ip", "192.0.2.3"), ("public-ip-overwrite", "198.51.100.3")), "10.42.1.0/24 at 198.51.100.3: " },
        { "wireguard", FlannelBackend.WireguardNative, false, Node("wireguard", ("public-ip", "192.0.2.3"), ("backend-data", $$"""{"PublicKey":"{{WgKey}}","Port":51999}""")), $"10.42.1.0/24 at 192.0.2.3: {WgKey} 51999" },
        { "a key that is none", FlannelBackend.WireguardNative, false, Node("wireguard", ("public-ip", "192.0.2.3"), ("backend-data", """{"PublicKey":"abc"}""")), "" },
        { "another backend", FlannelBackend.Vxlan, false, Node("host-gw", ("public-ip", "192.0.2.3")), "" },
        { "nothing said yet", FlannelBackend.Vxlan, false, Node("vxlan", ("public-ip", "192.0.2.3"), ("backend-data", "null")), "" },
        { "rubbish", FlannelBackend.Vxlan, false, Node("vxlan", ("public-ip", "192.0.2.3"), ("backend-data", "{{")), "" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_peer_is(string name, FlannelBackend backend, bool isV6, V1Node node, string expected)
    {
        Assert.NotEmpty(name);
        var peers = OverlayPeers.Decide([node], "board1", backend, isV6).Values;
        Assert.Equal(expected, string.Join(", ", peers.Select(p => $"{p.PodCidr} at {p.PublicIp}: {p.Data}{(p.Port is { } port ? $" {port}" : "")}")));
    }

    [Theory]
    [InlineData(FlannelBackend.Vxlan, "10.42.0.0/16", 1500, 1450)]
    [InlineData(FlannelBackend.Vxlan, "10.42.0.0/16 fd00:42::/56", 1500, 1430)]
    [InlineData(FlannelBackend.Vxlan, "10.42.0.0/16", 9000, 8950)]
    [InlineData(FlannelBackend.WireguardNative, "10.42.0.0/16", 1500, 1420)]
    [InlineData(FlannelBackend.HostGw, "10.42.0.0/16", 1492, 1492)]
    [InlineData(FlannelBackend.Vxlan, "fd00:42::/56", 1300, 1280)]
    public void The_MTU_fits_into_the_uplinks(FlannelBackend backend, string cidrs, int uplink, int expected)
    {
        var config = new NetworkConfig { NodeName = "board1", NodeIps = [], DataDir = "/d", Backend = backend, ClusterCidrs = [.. cidrs.Split(' ').Select(text => IPNetwork.Parse(text))] };
        Assert.Equal(expected, Uplink.PodMtu(new Link(2, "eth0", uplink, [], IsUp: true, 0), config));
    }
}
