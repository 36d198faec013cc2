using System.Net;
using System.Net.Sockets;
using Bramble.Client;
using Bramble.Network.Dns;
using Bramble.Network.Tests.Support;
using k8s.Models;

namespace Bramble.Network.Tests.Traffic;

/// <summary>The cluster DNS address from pods, from the host and from the LAN, while port 53 of the board belongs to somebody else.</summary>
[Collection(nameof(Board))]
public sealed class DnsTrafficTests(BoardFixture board)
{
    private const string Address = "10.43.0.10";

    private async Task PrepareAsync()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        Assert.True(board.Warnings.Count == 0, string.Join("\n", board.Warnings));
        board.Cluster.Objects(Resources.Namespaces).Set(new V1Namespace { Metadata = new() { Name = "default" } });
        await board.ServeAsync(Make.Service("web", "10.43.0.7", Make.Port(80, name: "http")), Make.Slice("web", 8080, Make.Endpoint("10.42.0.6")));
        await board.EventuallyAsync(() => DnsClient.Ask(null, Address, "web.default.svc.cluster.local", DnsType.A) == "NoError A 10.43.0.7", "web in the DNS");
    }

    // Pi-hole on the board: every address' port 53.
    private static Socket TakePort53()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Any, 53));
        return socket;
    }

    [Fact]
    public async Task Names_resolve_from_a_pod_the_host_and_the_lan_by_udp_and_tcp_with_port_53_taken()
    {
        await PrepareAsync();
        using var piHole = TakePort53();
        foreach (var place in new[] { board.PodA, null, board.Lan })
            foreach (var byTcp in new[] { false, true })
                Assert.Equal("NoError A 10.43.0.7", DnsClient.Ask(place, Address, "web.default.svc.cluster.local", DnsType.A, byTcp));
    }

    [Fact]
    public async Task The_address_in_the_endpoint_slice_answers_pods_but_not_the_lan()
    {
        await PrepareAsync();
        Assert.Equal("NoError A 10.43.0.7", DnsClient.Ask(board.PodA, "192.0.2.2", "web.default.svc.cluster.local", DnsType.A, port: board.Config.DnsPort));
        Assert.Equal("timeout", Talk.AskUdp(board.Lan, "192.0.2.2", board.Config.DnsPort));
    }

    // A DNS server on the LAN's neighbour that gives every name one address.
    private Socket Resolver(int port, byte[] address, Action asked)
    {
        var resolver = board.Lan.Inside(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            return socket;
        });
        _ = Task.Run(async () =>
        {
            var buffer = new byte[512];
            while (true)
            {
                SocketReceiveFromResult from;
                try
                {
                    from = await resolver.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                }
                catch (Exception closed) when (closed is SocketException or ObjectDisposedException) { return; }
                asked();
                var answer = new byte[512];
                DnsQuery.Read(buffer.AsSpan(0, from.ReceivedBytes), new char[DnsQuery.NameCharsMax], out var query);
                var writer = new DnsWriter(answer, buffer, query.QuestionEnd, query.HasEdns, 512);
                writer.Address(address, 300);
                await resolver.SendToAsync(answer.AsMemory(0, writer.Finish(DnsCode.NoError, false)), from.RemoteEndPoint);
            }
        });
        return resolver;
    }

    [Fact]
    public async Task A_stub_domain_of_coredns_custom_is_asked_at_its_own_server_from_the_moment_it_is_written()
    {
        await PrepareAsync();
        using var office = Resolver(5300, [198, 51, 100, 7], () => { });
        using var world = Resolver(5301, [198, 51, 100, 8], () => { });
        var map = new V1ConfigMap
        {
            Metadata = new() { Name = "coredns-custom", NamespaceProperty = "kube-system" },
            Data = new Dictionary<string, string> { ["office.server"] = "corp.example:53 {\n  forward . 192.0.2.9:5300\n}\n", ["names.override"] = "hosts {\n  192.0.2.77 printer.home\n  fallthrough\n}\nforward . 192.0.2.9:5301\n" },
        };
        board.Cluster.Objects(Resources.ConfigMaps).Set(map);
        await board.EventuallyAsync(() => DnsClient.Ask(board.PodA, Address, "www.corp.example", DnsType.A) == "NoError A 198.51.100.7", "the office's server");
        Assert.Equal("NoError A 198.51.100.8", DnsClient.Ask(board.PodA, Address, "www.example", DnsType.A));
        Assert.Equal("NoError A 192.0.2.77", DnsClient.Ask(board.PodA, Address, "printer.home", DnsType.A));
        Assert.Equal("NoError A 10.43.0.7", DnsClient.Ask(board.PodA, Address, "web.default.svc.cluster.local", DnsType.A));
        board.Cluster.Objects(Resources.ConfigMaps).Delete(map);
        await board.EventuallyAsync(() => DnsClient.Ask(board.PodA, Address, "www.corp.example", DnsType.A) == "ServerFailure", "nobody who knows the office");
    }

    [Fact]
    public async Task A_line_that_somebody_adds_to_NodeHosts_is_a_name()
    {
        await PrepareAsync();
        var map = new V1ConfigMap { Metadata = new() { Name = "coredns", NamespaceProperty = "kube-system" }, Data = new Dictionary<string, string> { ["NodeHosts"] = "192.0.2.78 nas.home\n" } };
        board.Cluster.Objects(Resources.ConfigMaps).Set(map);
        await board.EventuallyAsync(() => DnsClient.Ask(board.PodA, Address, "nas.home", DnsType.A) == "NoError A 192.0.2.78", "the name of the line");
        board.Cluster.Objects(Resources.ConfigMaps).Delete(map);
        await board.EventuallyAsync(() => DnsClient.Ask(board.PodA, Address, "nas.home", DnsType.A) == "ServerFailure", "nobody who knows it");
    }

    [Fact]
    public async Task Other_names_come_from_the_boards_resolver_once_and_then_from_the_cache()
    {
        await PrepareAsync();
        var questions = 0;
        using var resolver = Resolver(53, [203, 0, 113, 5], () => Interlocked.Increment(ref questions));
        Assert.Equal("NoError A 203.0.113.5", DnsClient.Ask(board.PodA, Address, "example.org", DnsType.A));
        Assert.Equal("NoError A 203.0.113.5", DnsClient.Ask(board.PodB, Address, "EXAMPLE.org", DnsType.A));
        Assert.Equal(1, questions);

        var external = Make.Service("ext", "", Make.Port(80));
        external.Spec.Type = "ExternalName";
        external.Spec.ExternalName = "example.org";
        await board.ServeAsync(external, null);
        await board.EventuallyAsync(
            () => DnsClient.Ask(board.PodA, Address, "ext.default.svc.cluster.local", DnsType.A) == "NoError CNAME example.org; A 203.0.113.5", "the ExternalName with its address");
    }

    [Fact]
    public async Task Nobody_upstream_is_a_server_failure()
    {
        await PrepareAsync();
        Assert.Equal("ServerFailure", DnsClient.Ask(board.PodA, Address, "nobody-knows.example", DnsType.A));
        var external = Make.Service("elsewhere", "", Make.Port(80));
        external.Spec.Type = "ExternalName";
        external.Spec.ExternalName = "nobody-knows.example";
        await board.ServeAsync(external, null);
        await board.EventuallyAsync(
            () => DnsClient.Ask(board.PodA, Address, "elsewhere.default.svc.cluster.local", DnsType.A) == "ServerFailure CNAME nobody-knows.example", "the ExternalName, and that nobody knows its target");
    }

    [Fact]
    public async Task Tools_find_kube_dns()
    {
        await PrepareAsync();
        await board.EventuallyAsync(() => board.Cluster.Written.ContainsKey("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns-board1-ipv4"), "the EndpointSlice");
        var service = board.Cluster.Written["/api/v1/namespaces/kube-system/services/kube-dns"];
        Assert.Equal(Address, service["spec"]!["clusterIP"]!.GetValue<string>());
        Assert.Equal("kube-dns", service["metadata"]!["labels"]!["k8s-app"]!.GetValue<string>());
    }
}
