using Bramble.Client;
using Bramble.Network.Dns;
using Bramble.Network.Netlink;
using Bramble.Network.Tests.Support;
using k8s.Models;

namespace Bramble.Network.Tests.Traffic;

/// <summary>IPv6 beside IPv4: services, names, policies and the way to another board.</summary>
[Collection(nameof(Board))]
public sealed class DualStackTrafficTests(BoardFixture board)
{
    private void NeedsKernel()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        Assert.True(board.Warnings.Count == 0, string.Join("\n", board.Warnings));
    }

    private static V1Service Both(string name, string v4, string v6, int nodePort = 0)
    {
        var service = Make.Service(name, v4, Make.Port(80, nodePort));
        service.Spec.ClusterIPs = [v4, v6];
        if (nodePort > 0) service.Spec.Type = "NodePort";
        return service;
    }

    private async Task ServeBothAsync(V1Service service, params string[] pods)
    {
        board.Cluster.Objects(Resources.EndpointSlices).Set(Make.SliceV6(service.Metadata.Name, 8086, [.. pods.Select(ip => Make.Endpoint(ip))]));
        await board.ServeAsync(service, Make.Slice(service.Metadata.Name, 8080, Make.Endpoint("10.42.0.6")));
    }

    [Fact]
    public async Task A_service_answers_in_both_families()
    {
        NeedsKernel();
        await ServeBothAsync(Both("both", "10.43.6.1", "fd00:43::61", nodePort: 30161), "fd00:42::6");
        Assert.Equal("b 10.42.0.5", Talk.Ask(board.PodA, "10.43.6.1", 80));
        Assert.Equal("b6 fd00:42::5", Talk.Ask(board.PodA, "fd00:43::61", 80));
        Assert.StartsWith("b6 ", Talk.Ask(null, "fd00:43::61", 80), StringComparison.Ordinal);
        Assert.Equal("b6 fd00:42::1", Talk.Ask(board.Lan, "fd00:43::61", 80));
        Assert.Equal("b6 fd00:42::1", Talk.Ask(board.Lan, "fd00:2::2", 30161));
        Assert.Equal("b6 fd00:42::5", Talk.Ask(board.PodA, "fd00:2::2", 30161));
        // As with kube-proxy nothing sends ::1 on; there is nobody, and that is said at once.
        Assert.Equal("refused", Talk.Ask(null, "::1", 30161));
    }

    [Fact]
    public void The_board_still_hears_its_router_and_no_pod_plays_one()
    {
        NeedsKernel();
        Assert.Equal("2", File.ReadAllText("/proc/sys/net/ipv6/conf/eth0/accept_ra").Trim());
        Assert.NotEqual("2", File.ReadAllText("/proc/sys/net/ipv6/conf/cni0/accept_ra").Trim());
        Assert.NotEqual("2", File.ReadAllText("/proc/sys/net/ipv6/conf/vetha/accept_ra").Trim());
    }

    [Fact]
    public async Task A_pod_reaches_itself_and_nobody_is_refused_in_IPv6_too()
    {
        NeedsKernel();
        await ServeBothAsync(Both("both-self", "10.43.6.2", "fd00:43::62"), "fd00:42::5");
        Assert.Equal("a6 fd00:42::1", Talk.Ask(board.PodA, "fd00:43::62", 80));
        await board.ServeAsync(Both("both-none", "10.43.6.3", "fd00:43::63"), null);
        Assert.Equal("refused", Talk.Ask(board.PodA, "fd00:43::63", 80));
        Assert.Equal("refused", Talk.Ask(null, "fd00:43::7777", 80));
    }

    [Fact]
    public async Task The_local_policy_keeps_an_IPv6_clients_address_and_affinity_its_backend()
    {
        NeedsKernel();
        var service = Both("both-local", "10.43.6.4", "fd00:43::64", nodePort: 30164);
        service.Spec.ExternalTrafficPolicy = "Local";
        service.Spec.SessionAffinity = "ClientIP";
        await ServeBothAsync(service, "fd00:42::5", "fd00:42::6");
        var first = Talk.Ask(board.Lan, "fd00:2::2", 30164);
        Assert.Matches("^[ab]6 fd00:2::9$", first);
        for (var i = 0; i < 8; i++) Assert.Equal(first, Talk.Ask(board.Lan, "fd00:2::2", 30164));
    }

    [Fact]
    public async Task Names_have_both_addresses_and_are_answered_over_IPv6()
    {
        NeedsKernel();
        board.Cluster.Objects(Resources.Namespaces).Set(new V1Namespace { Metadata = new() { Name = "default" } });
        await ServeBothAsync(Both("both-named", "10.43.6.5", "fd00:43::65"), "fd00:42::6");
        const string name = "both-named.default.svc.cluster.local";
        await board.EventuallyAsync(() => DnsClient.Ask(null, "10.43.0.10", name, DnsType.Aaaa) == "NoError AAAA fd00:43::65", "the IPv6 address");
        foreach (var byTcp in new[] { false, true })
            foreach (var place in new[] { board.PodA, null })
            {
                Assert.Equal("NoError A 10.43.6.5", DnsClient.Ask(place, "fd00:43::a", name, DnsType.A, byTcp));
                Assert.Equal("NoError AAAA fd00:43::65", DnsClient.Ask(place, "fd00:43::a", name, DnsType.Aaaa, byTcp));
            }
        Assert.Equal($"NoError PTR {name}", DnsClient.Ask(board.PodA, "fd00:43::a", ClusterNames.ReverseName(System.Net.IPAddress.Parse("fd00:43::65")), DnsType.Ptr));
        Assert.Equal("NameError (SOA)", DnsClient.Ask(board.PodA, "fd00:43::a", ClusterNames.ReverseName(System.Net.IPAddress.Parse("fd00:43::99")), DnsType.Ptr));
    }

    [Fact]
    public async Task A_policy_holds_in_IPv6_and_leaves_neighbour_discovery_alone()
    {
        NeedsKernel();
        V1Pod Pod(string name, string ip) => new()
        {
            Metadata = new() { Name = name, NamespaceProperty = "default", Labels = new Dictionary<string, string> { ["app"] = name } },
            Spec = new() { NodeName = Make.Node, Containers = [] },
            Status = new() { Phase = "Running", PodIP = ip, PodIPs = [new() { Ip = ip }] },
        };
        var policy = new V1NetworkPolicy
        {
            Metadata = new() { Name = "only-host", NamespaceProperty = "default" },
            Spec = new()
            {
                PodSelector = new() { MatchLabels = new Dictionary<string, string> { ["app"] = "b" } },
                PolicyTypes = ["Ingress"],
                Ingress = [new() { FromProperty = [new() { IpBlock = new() { Cidr = "fd00::/16", Except = ["fd00:42::/64"] } }], Ports = [new() { Protocol = "TCP", Port = "8000", EndPort = 8100 }] }],
            },
        };
        foreach (var pod in new[] { Pod("a", "fd00:42::5"), Pod("b", "fd00:42::6") }) board.Cluster.Objects(Resources.Pods).Set(pod);
        board.Cluster.Objects(Resources.NetworkPolicies).Set(policy);
        try
        {
            await board.EventuallyAsync(() => Talk.Ask(board.PodA, "fd00:42::6", 8086) == "timeout", "the pod to be isolated");
            Assert.Equal("b6 fd00:2::9", Talk.Ask(board.Lan, "fd00:42::6", 8086));
            Assert.Equal("a6 fd00:42::6", Talk.Ask(board.PodB, "fd00:42::5", 8086));
        }
        finally
        {
            board.Cluster.Objects(Resources.NetworkPolicies).Delete(policy);
            foreach (var pod in new[] { Pod("a", "fd00:42::5"), Pod("b", "fd00:42::6") }) board.Cluster.Objects(Resources.Pods).Delete(pod);
        }
        await board.EventuallyAsync(() => Talk.Ask(board.PodA, "fd00:42::6", 8086) == "b6 fd00:42::5", "the pod to be open again");
    }

    [Fact]
    public async Task Pods_of_two_boards_reach_each_other_by_flannels_IPv6_tunnel()
    {
        NeedsKernel();
        const string peerMac = "0e:11:22:33:44:66";
        await board.EventuallyAsync(() => board.Cluster.Written.ContainsKey("/api/v1/nodes/" + Make.Node), "the node's annotations");
        var annotations = board.Cluster.Written["/api/v1/nodes/" + Make.Node]["metadata"]!["annotations"]!;
        Assert.Equal("fd00:2::2", annotations["flannel.alpha.coreos.com/public-ipv6"]!.GetValue<string>());
        var mac = System.Text.Json.Nodes.JsonNode.Parse(annotations["flannel.alpha.coreos.com/backend-v6-data"]!.GetValue<string>())!["VtepMAC"]!.GetValue<string>();

        // As flannel would set it up on a second board, whose underlay is the LAN's neighbour.
        board.Lan.Ip($"link add flannel-v6.1 address {peerMac} type vxlan id 1 dev eth0 local fd00:2::9 dstport 8472 nolearning");
        board.Lan.Ip("addr add fd00:42:0:1::/128 dev flannel-v6.1 nodad");
        board.Lan.Ip("addr add fd00:42:0:1::7/128 dev lo nodad");
        board.Lan.Ip("link set flannel-v6.1 up");
        board.Lan.Ip("route add fd00:42::/64 via fd00:42:: dev flannel-v6.1 onlink src fd00:42:0:1::7");
        board.Lan.Ip($"neigh add fd00:42:: lladdr {mac} dev flannel-v6.1 nud permanent");
        NetworkNamespace.Run("nsenter", $"--net={board.Lan.Path} bridge fdb add {mac} dev flannel-v6.1 dst fd00:2::2");
        using var server = Talk.Serve(board.Lan, "far6", 8086, "fd00:42:0:1::7");
        var node = new V1Node
        {
            Metadata = new()
            {
                Name = "board6",
                Annotations = new Dictionary<string, string>
                {
                    ["flannel.alpha.coreos.com/backend-type"] = "vxlan",
                    ["flannel.alpha.coreos.com/backend-v6-data"] = $$"""{"VNI":1,"VtepMAC":"{{peerMac}}"}""",
                    ["flannel.alpha.coreos.com/public-ipv6"] = "fd00:2::9",
                },
            },
            Spec = new() { PodCIDR = "10.42.6.0/24", PodCIDRs = ["10.42.6.0/24", "fd00:42:0:1::/64"] },
        };
        board.Cluster.Objects(Resources.Nodes).Set(node);
        await board.EventuallyAsync(() => Talk.Ask(board.PodA, "fd00:42:0:1::7", 8086) == "far6 fd00:42::5", "the pod of the other board, which sees the pod's own address");
        Assert.Equal("a6 fd00:42:0:1::7", Talk.Ask(board.Lan, "fd00:42::5", 8086));

        // Somebody takes the route away, then the whole link: both come back by themselves.
        NetworkNamespace.Run("ip", "-6 route del fd00:42:0:1::/64");
        await board.EventuallyAsync(() => Talk.Ask(board.PodA, "fd00:42:0:1::7", 8086) == "far6 fd00:42::5", "the route to be back");
        NetworkNamespace.Run("ip", "link delete flannel-v6.1");
        await board.EventuallyAsync(() => NetworkNamespace.Run("ip", "-d link show").Contains("flannel-v6.1", StringComparison.Ordinal), "the link to be back");

        board.Cluster.Objects(Resources.Nodes).Delete(node);
        using var routes = new RouteNetlink();
        await board.EventuallyAsync(() => !routes.ListRoutes().Any(r => r.Destination.ToString() == "fd00:42:0:1::/64"), "the route to be gone");
        Assert.DoesNotContain(peerMac, NetworkNamespace.Run("ip", "neigh show dev flannel-v6.1") + NetworkNamespace.Run("bridge", "fdb show dev flannel-v6.1"));
        board.Lan.Ip("link delete flannel-v6.1");
    }
}
