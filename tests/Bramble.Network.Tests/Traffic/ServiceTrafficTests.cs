using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Bramble.Client;
using Bramble.Network.Nftables;
using Bramble.Network.Services;
using Bramble.Network.Tests.Support;
using k8s.Models;

namespace Bramble.Network.Tests.Traffic;

/// <summary>Packets through the real rules: who answers, and which client address it sees.</summary>
[Collection(nameof(Board))]
public sealed class ServiceTrafficTests(BoardFixture board)
{
    private void NeedsKernel()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        Assert.True(board.Warnings.Count == 0, string.Join("\n", board.Warnings));
    }

    private static V1Service NodePort(string name, string ip, int nodePort, string policy = "Cluster")
    {
        var service = Make.Service(name, ip, Make.Port(80, nodePort));
        service.Spec.Type = "NodePort";
        service.Spec.ExternalTrafficPolicy = policy;
        return service;
    }

    [Fact]
    public async Task A_cluster_ip_answers_pods_the_host_and_the_lan()
    {
        NeedsKernel();
        await board.ServeAsync(Make.Service("one", "10.43.1.1", Make.Port(80)), Make.Slice("one", 8080, Make.Endpoint("10.42.0.6")));
        Assert.Equal("b 10.42.0.5", Talk.Ask(board.PodA, "10.43.1.1", 80));
        Assert.StartsWith("b ", Talk.Ask(null, "10.43.1.1", 80), StringComparison.Ordinal);
        Assert.Equal("b 10.42.0.1", Talk.Ask(board.Lan, "10.43.1.1", 80));
    }

    [Fact]
    public async Task A_pod_that_is_its_own_backend_reaches_itself()
    {
        NeedsKernel();
        await board.ServeAsync(Make.Service("self", "10.43.1.2", Make.Port(80)), Make.Slice("self", 8080, Make.Endpoint("10.42.0.5")));
        Assert.Equal("a 10.42.0.1", Talk.Ask(board.PodA, "10.43.1.2", 80));
    }

    [Fact]
    public async Task All_backends_get_their_share()
    {
        NeedsKernel();
        await board.ServeAsync(Make.Service("two", "10.43.1.3", Make.Port(80)), Make.Slice("two", 8080, Make.Endpoint("10.42.0.5"), Make.Endpoint("10.42.0.6")));
        var answers = Enumerable.Range(0, 40).Select(_ => Talk.Ask(null, "10.43.1.3", 80)[0]).ToList();
        Assert.Equal(['a', 'b'], answers.Distinct().Order());
    }

    [Fact]
    public async Task A_node_port_answers_on_every_address_of_the_node_and_on_its_loopback()
    {
        NeedsKernel();
        await board.ServeAsync(NodePort("np", "10.43.1.4", 30080), Make.Slice("np", 8080, Make.Endpoint("10.42.0.6")));
        Assert.Equal("b 10.42.0.1", Talk.Ask(board.Lan, "192.0.2.2", 30080));
        Assert.StartsWith("b ", Talk.Ask(null, "127.0.0.1", 30080), StringComparison.Ordinal);
        Assert.StartsWith("b ", Talk.Ask(null, "192.0.2.2", 30080), StringComparison.Ordinal);
        Assert.Equal("b 10.42.0.5", Talk.Ask(board.PodA, "192.0.2.2", 30080));
        Assert.StartsWith("b ", Talk.Ask(null, "10.42.0.1", 30080), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Node_ports_can_be_limited_to_some_addresses_and_host_ports_are_not()
    {
        NeedsKernel();
        await board.ServeAsync(Make.Service("whole", "10.43.1.14", Make.Port(80)), Make.Slice("whole", 8080, Make.Endpoint("10.42.0.6")));
        var rules = new RuleSet(IpFamily.V4);
        var place = new NodePlace(Make.Node, Zone: null);
        rules.Set(ClaimRank.Service, "np", ServiceFrontEnds.Decide(NodePort("np", "10.43.1.15", 30095), [Make.Slice("np", 8080, Make.Endpoint("10.42.0.6"))], place));
        rules.Set(ClaimRank.HostPort, "b", PodFrontEnds.Decide(PodWithHostPort(8082)));
        using var nftables = new NftablesLibrary();
        var plan = new BasePlan(board.Config.ClusterCidrs, board.Config.ServiceCidrs) { MasqueradesPods = true, NodePortAddresses = [IPNetwork.Parse("192.0.2.0/24")] };
        try
        {
            foreach (var part in rules.TakeAll(BaseRules.Of(IpFamily.V4, plan))) nftables.Apply(part);
            Assert.Equal("b 10.42.0.1", Talk.Ask(board.Lan, "192.0.2.2", 30095));
            Assert.Equal("refused", Talk.Ask(null, "127.0.0.1", 30095));
            Assert.Equal("refused", Talk.Ask(board.PodA, "10.42.0.1", 30095));
            Assert.StartsWith("b ", Talk.Ask(null, "127.0.0.1", 8082), StringComparison.Ordinal);
            Assert.Equal("b 192.0.2.9", Talk.Ask(board.Lan, "192.0.2.2", 8082));
        }
        finally
        {
            nftables.Apply("flush ruleset");
        }
        await board.EventuallyAsync(() => Talk.Ask(board.PodA, "10.43.1.14", 80) == "b 10.42.0.5", "the rules as they were");
    }

    private static V1Pod PodWithHostPort(int port) => new()
    {
        Metadata = new() { Name = "b", NamespaceProperty = "default" },
        Spec = new() { NodeName = Make.Node, Containers = [new() { Name = "c", Ports = [new() { ContainerPort = 8080, HostPort = port }] }] },
        Status = new() { Phase = "Running", PodIP = "10.42.0.6", PodIPs = [new() { Ip = "10.42.0.6" }] },
    };

    [Fact]
    public async Task The_proxys_own_state_is_on_the_loopback_where_kube_proxy_has_it()
    {
        NeedsKernel();
        await board.SettledAsync();
        using var http = new HttpClient();
        var health = System.Text.Json.Nodes.JsonNode.Parse(await http.GetStringAsync("http://127.0.0.1:10256/healthz"))!;
        Assert.True(health["nodeEligible"]!.GetValue<bool>());
        Assert.Equal("nftables", await http.GetStringAsync("http://127.0.0.1:10249/proxyMode"));
        Assert.Contains("kubeproxy_sync_proxy_rules_last_timestamp_seconds", await http.GetStringAsync("http://127.0.0.1:10249/metrics"));
        Assert.Equal("refused", Talk.Ask(board.Lan, "192.0.2.2", 10256));
    }

    [Fact]
    public void Packets_from_outside_to_the_loopback_are_dropped()
    {
        NeedsKernel();
        board.Lan.Ip("route add 127.0.0.9 via 192.0.2.2 table 7");
        board.Lan.Ip("rule add to 127.0.0.9 lookup 7 pref 1");
        board.Lan.Ip("rule add lookup local pref 2");
        board.Lan.Ip("rule del lookup local pref 0");
        File.WriteAllText("/proc/sys/net/ipv4/conf/eth0/route_localnet", "1");
        board.Lan.Inside(() =>
        {
            File.WriteAllText("/proc/sys/net/ipv4/conf/all/route_localnet", "1");
            return 0;
        });
        Assert.Equal("host 127.0.0.1", Talk.Ask(null, "127.0.0.9", 9090));
        Assert.Equal("timeout", Talk.Ask(board.Lan, "127.0.0.9", 9090));
    }

    [Fact]
    public async Task External_traffic_policy_local_keeps_the_clients_address()
    {
        NeedsKernel();
        await board.ServeAsync(NodePort("local", "10.43.1.5", 30085, "Local"), Make.Slice("local", 8080, Make.Endpoint("10.42.0.6"), Make.Endpoint("10.42.9.6", node: "board9")));
        for (var i = 0; i < 8; i++) Assert.Equal("b 192.0.2.9", Talk.Ask(board.Lan, "192.0.2.2", 30085));
    }

    [Fact]
    public async Task An_outside_load_balancer_learns_whether_this_node_has_endpoints()
    {
        NeedsKernel();
        var service = Make.Service("checked", "10.43.1.11", Make.Port(80));
        service.Spec.Type = "LoadBalancer";
        service.Spec.ExternalTrafficPolicy = "Local";
        service.Spec.HealthCheckNodePort = 31999;
        using var http = new HttpClient();
        await board.ServeAsync(service, Make.Slice("checked", 8080, Make.Endpoint("10.42.0.6"), Make.Endpoint("10.42.9.6", node: "board9")));
        using var good = await http.GetAsync("http://192.0.2.2:31999/healthz");
        Assert.Equal(HttpStatusCode.OK, good.StatusCode);
        Assert.Equal("{\n\t\"service\": {\n\t\t\"namespace\": \"default\",\n\t\t\"name\": \"checked\"\n\t},\n\t\"localEndpoints\": 1,\n\t\"serviceProxyHealthy\": true\n}", await good.Content.ReadAsStringAsync());
        await board.ServeAsync(service, Make.Slice("checked", 8080, Make.Endpoint("10.42.9.6", node: "board9")));
        using var bad = await http.GetAsync("http://192.0.2.2:31999/healthz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, bad.StatusCode);
        board.Cluster.Objects(Resources.Services).Delete(service);
        await board.SettledAsync();
        Assert.Equal("refused", Talk.Ask(null, "192.0.2.2", 31999));
    }

    [Fact]
    public async Task External_traffic_policy_local_without_a_backend_here_drops()
    {
        NeedsKernel();
        await board.ServeAsync(NodePort("far", "10.43.1.6", 30086, "Local"), Make.Slice("far", 8080, Make.Endpoint("10.42.9.6", node: "board9")));
        Assert.Equal("timeout", Talk.Ask(board.Lan, "192.0.2.2", 30086));
    }

    [Fact]
    public async Task Without_backends_a_connection_is_refused_at_once()
    {
        NeedsKernel();
        await board.ServeAsync(NodePort("none", "10.43.1.7", 30087), null);
        Assert.Equal("refused", Talk.Ask(null, "10.43.1.7", 80));
        Assert.Equal("refused", Talk.Ask(board.PodA, "10.43.1.7", 80));
        Assert.Equal("refused", Talk.Ask(board.Lan, "192.0.2.2", 30087));
        Assert.Equal("refused", Talk.Ask(board.PodA, "10.43.77.77", 80));
        Assert.Equal("refused", Talk.Ask(null, "10.43.77.77", 80));
    }

    [Fact]
    public async Task External_and_load_balancer_addresses_work_from_everywhere_and_obey_source_ranges()
    {
        NeedsKernel();
        var service = Make.Service("lb", "10.43.1.8", Make.Port(80));
        service.Spec.Type = "LoadBalancer";
        service.Spec.ExternalIPs = ["198.51.100.1"];
        service.Spec.LoadBalancerSourceRanges = ["10.42.0.0/16", "203.0.113.0/24"];
        service.Status = new() { LoadBalancer = new() { Ingress = [new() { Ip = "198.51.100.2" }] } };
        await board.ServeAsync(service, Make.Slice("lb", 8080, Make.Endpoint("10.42.0.6")));
        Assert.Equal("b 10.42.0.5", Talk.Ask(board.PodA, "198.51.100.1", 80));
        Assert.Equal("b 10.42.0.1", Talk.Ask(board.Lan, "198.51.100.1", 80));
        Assert.Equal("b 10.42.0.5", Talk.Ask(board.PodA, "198.51.100.2", 80));
        Assert.Equal("timeout", Talk.Ask(board.Lan, "198.51.100.2", 80));
        // The node's own processes too; to an address that the node has a route to.
        service.Status.LoadBalancer.Ingress[0].Ip = "192.0.2.60";
        await board.ServeAsync(service, Make.Slice("lb", 8080, Make.Endpoint("10.42.0.6")));
        Assert.NotEqual("b ", Talk.Ask(null, "192.0.2.60", 80)[..2]);
        service.Spec.LoadBalancerSourceRanges = ["192.0.2.2/32"];
        await board.ServeAsync(service, Make.Slice("lb", 8080, Make.Endpoint("10.42.0.6")));
        Assert.StartsWith("b ", Talk.Ask(null, "192.0.2.60", 80), StringComparison.Ordinal);
        Assert.Equal("timeout", Talk.Ask(board.PodA, "192.0.2.60", 80));
    }

    [Fact]
    public async Task A_host_port_keeps_the_clients_address_and_answers_on_the_loopback()
    {
        NeedsKernel();
        var pod = PodWithHostPort(8081);
        board.Cluster.Objects(Resources.Pods).Set(pod);
        await board.SettledAsync();
        Assert.Equal("b 192.0.2.9", Talk.Ask(board.Lan, "192.0.2.2", 8081));
        Assert.StartsWith("b ", Talk.Ask(null, "127.0.0.1", 8081), StringComparison.Ordinal);
        board.Cluster.Objects(Resources.Pods).Delete(pod);
        await board.SettledAsync();
        Assert.Equal("refused", Talk.Ask(board.Lan, "192.0.2.2", 8081));
    }

    [Fact]
    public async Task A_client_stays_with_its_backend_while_others_come_and_go()
    {
        NeedsKernel();
        var service = Make.Service("sticky", "10.43.1.9", Make.Port(80));
        service.Spec.SessionAffinity = "ClientIP";
        await board.ServeAsync(service, Make.Slice("sticky", 8080, Make.Endpoint("10.42.0.5"), Make.Endpoint("10.42.0.6")));
        var first = Talk.Ask(board.Lan, "10.43.1.9", 80);
        Assert.Matches("^[ab] ", first);
        for (var i = 0; i < 12; i++) Assert.Equal(first, Talk.Ask(board.Lan, "10.43.1.9", 80));
        await board.ServeAsync(service, Make.Slice("sticky", 8080, Make.Endpoint("10.42.0.5"), Make.Endpoint("10.42.0.6"), Make.Endpoint("10.42.0.77")));
        for (var i = 0; i < 12; i++) Assert.Equal(first, Talk.Ask(board.Lan, "10.43.1.9", 80));
        var other = first[0] == 'a' ? "10.42.0.6" : "10.42.0.5";
        await board.ServeAsync(service, Make.Slice("sticky", 8080, Make.Endpoint(other)));
        Assert.NotEqual(first[0], Talk.Ask(board.Lan, "10.43.1.9", 80)[0]);
    }

    [Fact]
    public async Task A_udp_client_with_a_fixed_port_follows_when_its_backend_goes()
    {
        NeedsKernel();
        var service = Make.Service("udp", "10.43.1.10", Make.Port(53, protocol: "UDP"));
        await board.ServeAsync(service, null);
        Assert.Equal("refused", Talk.AskUdp(board.PodA, "10.43.1.10", 53, fromPort: 4444));
        await board.ServeAsync(service, Make.Udp(Make.Slice("udp", 8080, Make.Endpoint("10.42.0.6"))));
        Assert.Equal("b 10.42.0.5", Talk.AskUdp(board.PodA, "10.43.1.10", 53, fromPort: 4444));
        await board.ServeAsync(service, Make.Udp(Make.Slice("udp", 7070, Make.Endpoint("192.0.2.9"))));
        // The rules come first, then the kernel is told to forget the flow.
        await board.EventuallyAsync(() => Talk.AskUdp(board.PodA, "10.43.1.10", 53, fromPort: 4444).StartsWith("lan ", StringComparison.Ordinal), "the other backend");
    }

    [Fact]
    public async Task A_slice_that_says_it_is_headless_serves_nobody()
    {
        NeedsKernel();
        var slice = Make.Slice("unheaded", 8080, Make.Endpoint("10.42.0.6"));
        await board.ServeAsync(Make.Service("unheaded", "10.43.1.41", Make.Port(80)), slice);
        Assert.Equal("b 10.42.0.5", Talk.Ask(board.PodA, "10.43.1.41", 80));
        var headless = Make.Slice("unheaded", 8080, Make.Endpoint("10.42.0.6"));
        headless.Metadata.Labels["service.kubernetes.io/headless"] = "";
        await board.ServeAsync(Make.Service("unheaded", "10.43.1.41", Make.Port(80)), headless);
        Assert.Equal("refused", Talk.Ask(board.PodA, "10.43.1.41", 80));
    }

    /// <summary>Upstream's issue 74839: such a packet is not translated back, and the client, to whom its sender is a stranger, resets the backend's connection.</summary>
    [Fact]
    public async Task A_backends_packet_outside_its_connections_window_does_not_reach_the_client()
    {
        NeedsKernel();
        using var listener = Talk.In(board.PodB, () =>
        {
            var open = new TcpListener(IPAddress.Any, 8181);
            open.Start();
            return open;
        });
        await board.ServeAsync(Make.Service("window", "10.43.1.42", Make.Port(80)), Make.Slice("window", 8181, Make.Endpoint("10.42.0.6")));
        using var client = Talk.In(board.PodA, () => new TcpClient("10.43.1.42", 80));
        using var backend = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        var seen = (IPEndPoint)backend.Client.RemoteEndPoint!;
        // Without a translation of the client's address the backend talks to it directly.
        Assert.Equal("10.42.0.5", seen.Address.ToString());
        using var wire = Talk.In(board.PodA, () => RawTcp());
        using var sender = Talk.In(board.PodB, () => RawTcp());
        const byte acknowledges = 0x10, begins = 0x02;
        for (uint window = 1; window <= 3; window++) sender.SendTo(Segment(8181, seen.Port, window << 30, acknowledges), new IPEndPoint(seen.Address, 0));
        // A stranger's first packet shows that what is sent so arrives.
        sender.SendTo(Segment(8182, 4444, 1, begins), new IPEndPoint(seen.Address, 0));
        var packet = new byte[2048];
        int From() => BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(20));
        do
        {
            wire.Receive(packet);
            Assert.False(From() == 8181 && new IPAddress(packet.AsSpan(12, 4)).ToString() == "10.42.0.6", "the client got a packet of a stranger");
        } while (From() != 8182);
        await client.GetStream().WriteAsync("still there"u8.ToArray(), TestContext.Current.CancellationToken);
        var text = new byte[32];
        Assert.Equal(11, await backend.GetStream().ReadAsync(text, TestContext.Current.CancellationToken));

        static Socket RawTcp() => new(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Tcp) { ReceiveTimeout = 5000 };
    }

    // From 10.42.0.6 to 10.42.0.5, with its checksum: the kernel believes no other.
    private static byte[] Segment(int from, int to, uint sequence, byte flags)
    {
        var bytes = new byte[20];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)from);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)to);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), sequence);
        bytes[12] = 5 << 4;
        bytes[13] = flags;
        bytes[14] = 16;
        byte[] summed = [10, 42, 0, 6, 10, 42, 0, 5, 0, 6, 0, 20, .. bytes];
        var sum = 0;
        for (var i = 0; i < summed.Length; i += 2) sum += summed[i] << 8 | summed[i + 1];
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(16), (ushort)~sum);
        return bytes;
    }

    [Fact]
    public async Task A_backend_in_the_hosts_network_answers_pods_and_the_host_itself()
    {
        NeedsKernel();
        await board.ServeAsync(Make.Service("kubernetes", "10.43.0.1", Make.Port(443)), Make.Slice("kubernetes", 9090, Make.Endpoint("192.0.2.2")));
        Assert.StartsWith("host ", Talk.Ask(board.PodA, "10.43.0.1", 443), StringComparison.Ordinal);
        Assert.StartsWith("host ", Talk.Ask(null, "10.43.0.1", 443), StringComparison.Ordinal);
    }

    [Fact]
    public void Pods_reach_each_other_the_host_and_the_lan()
    {
        NeedsKernel();
        Assert.Equal("b 10.42.0.5", Talk.Ask(board.PodA, "10.42.0.6", 8080));
        Assert.Equal("host 10.42.0.5", Talk.Ask(board.PodA, "192.0.2.2", 9090));
        Assert.Equal("lan 192.0.2.2", Talk.Ask(board.PodA, "192.0.2.9", 7070));
        Assert.Equal("b 10.42.0.1", Talk.Ask(null, "10.42.0.6", 8080));
    }

    [Fact]
    public void The_runtime_finds_its_configuration()
    {
        NeedsKernel();
        var conflist = File.ReadAllText(Path.Combine(board.Config.CniConfDir, "10-flannel.conflist"));
        Assert.Contains("\"subnet\":\"10.42.0.0/24\"", conflist);
        Assert.Contains("\"mtu\":1430", conflist);
        Assert.Equal("FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.0.1/24\nFLANNEL_IPV6_NETWORK=fd00:42::/56\nFLANNEL_IPV6_SUBNET=fd00:42::1/64\nFLANNEL_MTU=1430\nFLANNEL_IPMASQ=true\n", File.ReadAllText(board.Config.SubnetFile));
    }
}
