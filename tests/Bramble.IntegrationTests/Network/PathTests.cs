using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>Every way a packet can go between pods, nodes, services and the LAN, on three nodes; then again with other people's firewalls in the way.</summary>
public sealed class PathTests(ThreeNodes nodes)
{
    /// <summary>Name, how the firewall comes, how it goes; on every node.</summary>
    public static TheoryData<string, string, string> Firewalls => new()
    {
        { "none", "true", "true" },
        {
            "nftables with policy drop",
            "nft 'add table inet strict; add chain inet strict i { type filter hook input priority 0; policy drop; }; add rule inet strict i iif lo accept; add rule inet strict i ct state established,related accept;"
            + "add rule inet strict i udp dport 8472 accept; add rule inet strict i tcp dport 6443 accept; add chain inet strict f { type filter hook forward priority 0; policy drop; }'",
            "nft delete table inet strict"
        },
        {
            "iptables with policy drop, as Docker and ufw leave it",
            "iptables -P FORWARD DROP; iptables -A FORWARD -m conntrack --ctstate INVALID -j DROP; iptables -P INPUT DROP; iptables -A INPUT -i lo -j ACCEPT;"
            + "iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; iptables -A INPUT -p udp --dport 8472 -j ACCEPT; iptables -A INPUT -p tcp --dport 6443 -j ACCEPT",
            "iptables -P FORWARD ACCEPT; iptables -P INPUT ACCEPT; iptables -F"
        },
        {
            "firewalld, which ends in reject",
            "nft 'add table inet firewalld; add chain inet firewalld i { type filter hook input priority 10; policy accept; }; add rule inet firewalld i iif lo accept; add rule inet firewalld i ct state established,related accept;"
            + "add rule inet firewalld i udp dport 8472 accept; add rule inet firewalld i tcp dport 6443 accept; add rule inet firewalld i reject with icmpx admin-prohibited;"
            + "add chain inet firewalld f { type filter hook forward priority 10; policy accept; }; add rule inet firewalld f ct state established,related accept; add rule inet firewalld f reject with icmpx admin-prohibited'",
            "nft delete table inet firewalld"
        },
        { "nothing, after somebody flushed every rule", "nft flush ruleset", "true" },
    };

    [Theory]
    [MemberData(nameof(Firewalls))]
    public async Task Packets_arrive(string firewall, string up, string down)
    {
        var desk = await nodes.Get();
        try
        {
            foreach (var host in desk.Hosts) (await host.Shell(up)).Succeeded();
            // The accepts come as soon as the kernel tells of the change; no packet is lost to a test that is too early.
            await Eventually.Becomes(() => Failures(desk), failures => failures == "", $"every path is open with this firewall: {firewall}", TimeSpan.FromSeconds(30));
        }
        finally
        {
            foreach (var host in desk.Hosts) await host.Shell(down);
        }
    }

    [Fact]
    public async Task Accepts_come_back_when_a_firewall_is_loaded_again()
    {
        var host = (await nodes.Get()).Cluster.Host;
        const string load = "nft 'add table inet again; add chain inet again f { type filter hook forward priority 0; policy drop; }'";
        const string accepts = "nft list chain inet again f | grep -c 'accept comment \"bramble\"'";
        try
        {
            for (var i = 0; i < 3; i++)
            {
                (await host.Shell($"nft delete table inet again 2>/dev/null; {load}")).Succeeded();
                await Eventually.Becomes(async () => (await host.Shell(accepts)).Output.Trim(), count => count == "2", "both accepts are in the chain");
            }
        }
        finally
        {
            await host.Shell("nft delete table inet again");
        }
    }

    [Fact]
    public async Task A_hostPort_on_127_0_0_1_is_for_this_node_only()
    {
        var desk = await nodes.Get();
        Assert.Equal(desk.Pods[0].Name, (await Desk.CurlOnHost(desk.Hosts[0], "http://127.0.0.1:8098/")).Succeeded());
        (await Desk.CurlOnHost(desk.Hosts[0], $"http://{desk.Hosts[0].Address}:8098/")).Failed();
        (await Desk.CurlOutside($"http://{desk.Hosts[0].Address}:8098/")).Failed();
    }

    internal static async Task<string> Failures(Desk desk) => string.Join('\n', (await Task.WhenAll(desk.Pods.Select(from => FailuresFrom(desk, from)))).SelectMany(lines => lines));

    // One after the other: two cores, and a curl that waits for its turn would look like a lost packet.
    private static async Task<List<string>> FailuresFrom(Desk desk, WebPod from)
    {
        var failures = new List<string>();
        async Task Check(string path, Task<CommandResult> answer, Func<string, bool> isRight)
        {
            var result = await answer;
            if (result.ExitCode != 0 || !isRight(result.Output.Trim())) failures.Add($"{path}: {result.Output.Trim()} {result.Errors.Trim()}");
        }
        bool IsWeb(string answer) => desk.Pods.Any(pod => pod.Name == answer);
        var node = from.Host.Name;
        foreach (var to in desk.Pods)
        {
            await Check($"pod on {node} → pod on {to.Host.Name}", Desk.CurlInPod(from, $"http://{to.Address}:8080/"), answer => answer == to.Name);
            await Check($"{node} → pod on {to.Host.Name}", Desk.CurlOnHost(from.Host, $"http://{to.Address}:8080/"), answer => answer == to.Name);
            await Check($"pod on {node} → NodePort of {to.Host.Name}", Desk.CurlInPod(from, $"http://{to.Host.Address}:30080/"), IsWeb);
            await Check($"pod on {node} → hostPort of {to.Host.Name}", Desk.CurlInPod(from, $"http://{to.Host.Address}:8099/"), answer => answer == to.Name);
        }
        // Three times: one of them is the pod itself, more often than not.
        for (var i = 0; i < 3; i++) await Check($"pod on {node} → service name", Desk.CurlInPod(from, "http://web/"), IsWeb);
        await Check($"pod on {node} → API server by name", Desk.CurlInPod(from, "https://kubernetes.default/ping"), answer => answer == "pong");
        await Check($"{node} → ClusterIP", Desk.CurlOnHost(from.Host, $"http://{desk.ServiceAddress}/"), IsWeb);
        await Check($"{node} → NodePort on 127.0.0.1", Desk.CurlOnHost(from.Host, "http://127.0.0.1:30080/"), IsWeb);
        await Check($"{node} → hostPort on 127.0.0.1", Desk.CurlOnHost(from.Host, "http://127.0.0.1:8099/"), answer => answer == from.Name);
        await Check($"LAN → NodePort of {node}", Desk.CurlOutside($"http://{from.Host.Address}:30080/"), IsWeb);
        await Check($"LAN → hostPort of {node}", Desk.CurlOutside($"http://{from.Host.Address}:8099/"), answer => answer == from.Name);
        await Check($"{node} → cluster DNS", from.Host.Run("busybox", "nslookup", "web.default.svc.cluster.local", "10.43.0.10"), answer => answer.Contains(desk.ServiceAddress));
        return failures;
    }
}
