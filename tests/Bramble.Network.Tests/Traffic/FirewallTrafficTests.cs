using Bramble.Network.Dns;
using Bramble.Network.Tests.Support;

namespace Bramble.Network.Tests.Traffic;

/// <summary>Other people's firewalls that drop: pods and services work all the same, also after a reload; nothing stays when we go.</summary>
[Collection(nameof(Board))]
public sealed class FirewallTrafficTests(BoardFixture board)
{
    private const string Docker = """
        table ip filter {
          chain FORWARD { type filter hook forward priority filter; policy drop; }
          chain INPUT { type filter hook input priority filter; policy drop; iifname "lo" accept; ct state established,related accept; }
        }
        """;

    [Fact]
    public async Task Pods_and_services_work_behind_drop_policies_also_after_a_reload()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        await board.ServeAsync(Make.Service("fw", "10.43.2.1", Make.Port(80, 30099)), Make.Slice("fw", 8080, Make.Endpoint("10.42.0.6")));
        var nodePort = Make.Service("fw", "10.43.2.1", Make.Port(80, 30099));
        nodePort.Spec.Type = "NodePort";
        await board.ServeAsync(nodePort, null);
        try
        {
            for (var round = 0; round < 2; round++)
            {
                Nft("destroy-if-there");
                Nft(Docker);
                await board.EventuallyAsync(() => NetworkNamespace.Run("nft", "list table ip filter").Split("comment \"bramble\"").Length == 4, "three accepts in the foreign chains");
                Assert.Equal("b 10.42.0.5", Talk.Ask(board.PodA, "10.43.2.1", 80));
                Assert.Equal("b 10.42.0.1", Talk.Ask(board.Lan, "192.0.2.2", 30099));
                Assert.StartsWith("b ", Talk.Ask(null, "127.0.0.1", 30099), StringComparison.Ordinal);
                Assert.Equal("host 10.42.0.5", Talk.Ask(board.PodA, "192.0.2.2", 9090));
                Assert.Equal("lan 192.0.2.2", Talk.Ask(board.PodA, "192.0.2.9", 7070));
                Assert.Equal("NoError A 10.43.0.10", DnsClient.Ask(board.PodA, "10.43.0.10", "ns.dns.cluster.local", DnsType.A));
                Assert.Equal("timeout", Talk.Ask(board.Lan, "192.0.2.2", 9090));
            }
        }
        finally
        {
            Nft("destroy-if-there");
        }
    }

    [Fact]
    public async Task A_flush_of_all_rules_is_repaired()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        await board.ServeAsync(Make.Service("flush", "10.43.2.2", Make.Port(80)), Make.Slice("flush", 8080, Make.Endpoint("10.42.0.6")));
        Nft("flush ruleset");
        await board.EventuallyAsync(() => Talk.Ask(board.PodA, "10.43.2.2", 80) == "b 10.42.0.5", "the service after nft flush ruleset");
    }

    [Fact]
    public void Dockers_published_ports_keep_their_clients_addresses()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        using var container = new NetworkNamespace();
        NetworkNamespace.Run("ip", $"link add docker0 type veth peer name eth0 netns {container.Path}");
        NetworkNamespace.Run("ip", "addr add 172.17.0.1/16 dev docker0");
        NetworkNamespace.Run("ip", "link set docker0 up");
        container.Ip("addr add 172.17.0.2/16 dev eth0");
        container.Ip("link set eth0 up");
        container.Ip("route add default via 172.17.0.1");
        using var server = Talk.Serve(container, "container", 80);
        Nft("table ip docker-nat { chain prerouting { type nat hook prerouting priority dstnat; tcp dport 8888 dnat to 172.17.0.2:80; }; }");
        try
        {
            Assert.Equal("container 192.0.2.9", Talk.Ask(board.Lan, "192.0.2.2", 8888));
        }
        finally
        {
            Nft("delete table ip docker-nat");
            NetworkNamespace.Run("ip", "link delete docker0");
        }
    }

    private static void Nft(string commands)
    {
        if (commands == "destroy-if-there") commands = "add table ip filter; delete table ip filter";
        var file = Path.GetTempFileName();
        File.WriteAllText(file, commands);
        NetworkNamespace.Run("nft", "-f " + file);
        File.Delete(file);
    }
}
