using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Network.PodNetwork;
using Bramble.Network.Tests.Support;
using k8s.Models;

namespace Bramble.Network.Tests.Traffic;

/// <summary>The distribution's own CNI plugins with the configuration that we write, on the bridge that we made.</summary>
[Collection(nameof(Board))]
public sealed class CniPluginTests(BoardFixture board)
{
    private static readonly string? Plugins = new[] { "/usr/lib/cni", "/opt/cni/bin" }.FirstOrDefault(d => File.Exists(Path.Combine(d, "bridge")));

    [Fact]
    public async Task The_bridge_plugin_connects_a_pod()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        Assert.SkipWhen(Plugins is null, "needs the CNI plugins (apt install containernetworking-plugins)");
        var plugin = PluginOf(File.ReadAllText(Path.Combine(board.Config.CniConfDir, "10-flannel.conflist")));
        using var pod = new NetworkNamespace();
        var answer = JsonNode.Parse(await CallAsync("ADD", pod, plugin))!;
        Assert.Equal("10.42.0.1", answer["ips"]![0]!["gateway"]!.GetValue<string>());
        Assert.Equal("host " + answer["ips"]![0]!["address"]!.GetValue<string>().Split('/')[0], Talk.Ask(pod, "192.0.2.2", 9090));
        Assert.Contains("mtu 1430", pod.Ip("link show eth0"));
        Assert.Contains("0a:58:0a:2a:00:01", NetworkNamespace.Run("ip", "link show cni0"));
        await CallAsync("DEL", pod, plugin);
    }

    [Fact]
    public async Task Without_bridge_netfilter_pods_are_no_neighbours_so_services_and_policies_see_their_packets()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        Assert.SkipWhen(Plugins is null, "needs the CNI plugins (apt install containernetworking-plugins)");
        const string setting = "/proc/sys/net/bridge/bridge-nf-call-iptables";
        var plugin = PluginOf(CniConfiguration.Conflist([IPNetwork.Parse("10.42.0.0/24")], 1450, board.Config.CniStateDir, isBridged: false));
        if (File.Exists(setting)) File.WriteAllText(setting, "0");
        using var asks = new NetworkNamespace();
        using var answers = new NetworkNamespace();
        var (from, to) = (await AddAsync(asks), await AddAsync(answers));
        using var server = Talk.Serve(answers, "other", 8080);
        var alone = new V1NetworkPolicy
        {
            Metadata = new() { Name = "alone", NamespaceProperty = "default" },
            Spec = new() { PodSelector = new() { MatchLabels = new Dictionary<string, string> { ["app"] = "other" } }, PolicyTypes = ["Ingress"] },
        };
        var pod = new V1Pod
        {
            Metadata = new() { Name = "other", NamespaceProperty = "default", Labels = new Dictionary<string, string> { ["app"] = "other" } },
            Spec = new() { NodeName = Make.Node, Containers = [] },
            Status = new() { Phase = "Running", PodIP = to, PodIPs = [new() { Ip = to }] },
        };
        try
        {
            await board.ServeAsync(Make.Service("ptp", "10.43.3.7", Make.Port(80)), Make.Slice("ptp", 8080, Make.Endpoint(to)));
            Assert.Equal($"other {from}", Talk.Ask(asks, to, 8080));
            Assert.Equal($"other {from}", Talk.Ask(asks, "10.43.3.7", 80));
            Assert.Equal("other 10.42.0.1", Talk.Ask(answers, "10.43.3.7", 80));
            Assert.StartsWith("other ", Talk.Ask(board.Lan, "10.43.3.7", 80), StringComparison.Ordinal);
            board.Cluster.Objects(Resources.Pods).Set(pod);
            board.Cluster.Objects(Resources.NetworkPolicies).Set(alone);
            await board.EventuallyAsync(() => Talk.Ask(asks, to, 8080) == "timeout", "the neighbour to be out of reach");
            Assert.Equal("timeout", Talk.Ask(asks, "10.43.3.7", 80));
            Assert.StartsWith("other ", Talk.Ask(null, to, 8080), StringComparison.Ordinal);
        }
        finally
        {
            board.Cluster.Objects(Resources.NetworkPolicies).Delete(alone);
            board.Cluster.Objects(Resources.Pods).Delete(pod);
            if (File.Exists(setting)) File.WriteAllText(setting, "1");
        }
        await CallAsync("DEL", asks, plugin);
        await CallAsync("DEL", answers, plugin);

        async Task<string> AddAsync(NetworkNamespace pod) => JsonNode.Parse(await CallAsync("ADD", pod, plugin))!["ips"]![0]!["address"]!.GetValue<string>().Split('/')[0];
    }

    private static JsonNode PluginOf(string conflist)
    {
        var list = JsonNode.Parse(conflist)!;
        var plugin = list["plugins"]![0]!.DeepClone();
        foreach (var field in new[] { "name", "cniVersion" }) plugin[field] = list[field]!.DeepClone();
        return plugin;
    }

    private static async Task<string> CallAsync(string command, NetworkNamespace pod, JsonNode config)
    {
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(Plugins!, config["type"]!.GetValue<string>()))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment = { ["CNI_COMMAND"] = command, ["CNI_CONTAINERID"] = "test-" + pod.Path.Split('/')[^1], ["CNI_NETNS"] = pod.Path, ["CNI_IFNAME"] = "eth0", ["CNI_PATH"] = Plugins },
        })!;
        await process.StandardInput.WriteAsync(config.ToJsonString());
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output);
        return output;
    }
}
