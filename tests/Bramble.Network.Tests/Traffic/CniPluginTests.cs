using System.Diagnostics;
using System.Text.Json.Nodes;
using Bramble.Network.Tests.Support;

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
        var conflist = JsonNode.Parse(File.ReadAllText(Path.Combine(board.Config.CniConfDir, "10-flannel.conflist")))!;
        var plugin = conflist["plugins"]![0]!.DeepClone();
        plugin["name"] = conflist["name"]!.DeepClone();
        plugin["cniVersion"] = conflist["cniVersion"]!.DeepClone();
        using var pod = new NetworkNamespace();
        var answer = JsonNode.Parse(await CallAsync("ADD", pod, plugin.ToJsonString()))!;
        Assert.Equal("10.42.0.1", answer["ips"]![0]!["gateway"]!.GetValue<string>());
        Assert.Equal("host " + answer["ips"]![0]!["address"]!.GetValue<string>().Split('/')[0], Talk.Ask(pod, "192.0.2.2", 9090));
        Assert.Contains("mtu 1450", pod.Ip("link show eth0"));
        Assert.Contains("0a:58:0a:2a:00:01", NetworkNamespace.Run("ip", "link show cni0"));
        await CallAsync("DEL", pod, plugin.ToJsonString());
    }

    private static async Task<string> CallAsync(string command, NetworkNamespace pod, string config)
    {
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(Plugins!, "bridge"))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment = { ["CNI_COMMAND"] = command, ["CNI_CONTAINERID"] = "test", ["CNI_NETNS"] = pod.Path, ["CNI_IFNAME"] = "eth0", ["CNI_PATH"] = Plugins },
        })!;
        await process.StandardInput.WriteAsync(config);
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output);
        return output;
    }
}
