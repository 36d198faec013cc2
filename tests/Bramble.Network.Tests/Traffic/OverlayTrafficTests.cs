using System.Net;
using Bramble.Client;
using Bramble.Network.Netlink;
using Bramble.Network.PodNetwork.Overlays;
using Bramble.Network.Tests.Support;
using k8s.Models;

namespace Bramble.Network.Tests.Traffic;

/// <summary>A second board as flannel would set it up (by hand, with <c>ip</c>), and ours beside it: pods of both reach each other.</summary>
[Collection(nameof(Board))]
public sealed class OverlayTrafficTests(BoardFixture board)
{
    private const string PeerMac = "0e:11:22:33:44:55";

    [Fact]
    public async Task Pods_of_two_boards_reach_each_other_by_vxlan_and_a_board_that_goes_leaves_nothing()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        await board.EventuallyAsync(() => board.Cluster.Written.ContainsKey("/api/v1/nodes/" + Make.Node), "the node's annotations");
        var annotations = board.Cluster.Written["/api/v1/nodes/" + Make.Node]["metadata"]!["annotations"]!;
        Assert.Equal("vxlan", annotations["flannel.alpha.coreos.com/backend-type"]!.GetValue<string>());
        Assert.Equal("192.0.2.2", annotations["flannel.alpha.coreos.com/public-ip"]!.GetValue<string>());
        var mac = System.Text.Json.Nodes.JsonNode.Parse(annotations["flannel.alpha.coreos.com/backend-data"]!.GetValue<string>())!["VtepMAC"]!.GetValue<string>();

        using var second = new NetworkNamespace();
        NetworkNamespace.Run("ip", $"link add eth1 type veth peer name eth0 netns {second.Path}");
        NetworkNamespace.Run("ip", "addr add 192.0.2.2/32 dev eth1");
        NetworkNamespace.Run("ip", "link set eth1 up");
        NetworkNamespace.Run("ip", "route add 192.0.2.3/32 dev eth1");
        second.Ip("addr add 192.0.2.3/24 dev eth0");
        second.Ip("link set eth0 up");
        second.Ip($"link add flannel.1 address {PeerMac} type vxlan id 1 dev eth0 local 192.0.2.3 dstport 8472 nolearning");
        second.Ip("addr add 10.42.1.0/32 dev flannel.1");
        second.Ip("addr add 10.42.1.7/32 dev lo");
        second.Ip("link set flannel.1 up");
        second.Ip("route add 10.42.0.0/24 via 10.42.0.0 dev flannel.1 onlink src 10.42.1.7");
        second.Ip($"neigh add 10.42.0.0 lladdr {mac} dev flannel.1 nud permanent");
        NetworkNamespace.Run("nsenter", $"--net={second.Path} bridge fdb add {mac} dev flannel.1 dst 192.0.2.2");
        using var server = Talk.Serve(second, "far", 8080);

        var node = new V1Node
        {
            Metadata = new()
            {
                Name = "board2",
                Annotations = new Dictionary<string, string>
                {
                    ["flannel.alpha.coreos.com/backend-type"] = "vxlan",
                    ["flannel.alpha.coreos.com/backend-data"] = $$"""{"VNI":1,"VtepMAC":"{{PeerMac}}"}""",
                    ["flannel.alpha.coreos.com/public-ip"] = "192.0.2.3",
                },
            },
            Spec = new() { PodCIDR = "10.42.1.0/24" },
        };
        board.Cluster.Objects(Resources.Nodes).Set(node);
        await board.EventuallyAsync(() => Talk.Ask(board.PodA, "10.42.1.7", 8080) == "far 10.42.0.5", "the pod of the other board, which sees the pod's own address");
        Assert.Equal("a 10.42.1.7", Talk.Ask(second, "10.42.0.5", 8080));
        await board.ServeAsync(Make.Service("across", "10.43.4.1", Make.Port(80)), Make.Slice("across", 8080, Make.Endpoint("10.42.1.7", node: "board2")));
        Assert.Equal("far 10.42.0.5", Talk.Ask(board.PodA, "10.43.4.1", 80));
        Assert.StartsWith("far 10.42.0.", Talk.Ask(null, "10.43.4.1", 80), StringComparison.Ordinal);

        board.Cluster.Objects(Resources.Nodes).Delete(node);
        using var routes = new RouteNetlink();
        await board.EventuallyAsync(() => !routes.ListRoutes().Any(r => r.Destination.ToString() == "10.42.1.0/24"), "the route to be gone");
        Assert.DoesNotContain(PeerMac, NetworkNamespace.Run("ip", "neigh show dev flannel.1") + NetworkNamespace.Run("bridge", "fdb show dev flannel.1"));
        NetworkNamespace.Run("ip", "link delete eth1");
    }

    [Fact]
    public async Task With_direct_routing_only_boards_behind_a_router_get_the_tunnel()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        await board.SettledAsync();
        NetworkNamespace.Run("ip", "link add direct0 type bridge");
        try
        {
            NetworkNamespace.Run("ip", "addr add 198.18.0.2/24 dev direct0");
            NetworkNamespace.Run("ip", "link set direct0 up");
            NetworkNamespace.Run("ip", "route add 198.19.0.0/24 via 198.18.0.1");
            using var routes = new RouteNetlink();
            var uplink = routes.FindLink("direct0")!;
            var way = new VxlanWay(isV6: false, id: 9, port: 8479, routesDirectly: true);
            var end = way.Ensure(routes, new OverlaySelf(new V1Node { Metadata = new() { Name = "direct" } }, IPNetwork.Parse("10.99.0.0/24"), IPAddress.Parse("198.18.0.2"), IPAddress.Parse("198.18.0.2"), uplink, Mtu: 1450));
            foreach (var (peer, expected) in new[] { ("198.18.0.3", "10.99.1.0/24 via 198.18.0.3 dev direct0"), ("198.19.0.3", "10.99.1.0/24 via 10.99.1.0 dev flannel.9") })
            {
                var hop = way.HopTo(new OverlayPeer("board3", IPNetwork.Parse("10.99.1.0/24"), IPAddress.Parse(peer), PeerMac), end.Link);
                routes.SetRoute(IPNetwork.Parse("10.99.1.0/24"), hop.Link, hop.Gateway, isOnLink: hop.IsOnLink);
                Assert.StartsWith(expected, NetworkNamespace.Run("ip", "route show 10.99.1.0/24"), StringComparison.Ordinal);
            }
            routes.DeleteLink(end.Link);
        }
        finally
        {
            NetworkNamespace.Run("ip", "link delete direct0");
        }
    }
}
