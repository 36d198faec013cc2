using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>flannel's host-gw: nodes of one Ethernet segment are each other's gateways, and no tunnel is made.</summary>
public sealed class HostGatewayTests
{
    private const string Token = "token-of-neighbours";

    [Fact]
    public async Task Pods_reach_each_other_by_routes_alone_and_a_node_that_goes_takes_its_route_along()
    {
        await using var second = await TestHost.Up("gateway2", 46);
        await using var cluster = await Cluster.Start("gateway1", 45, "--token", Token, "--flannel-backend", "host-gw");
        await Agent.Start(second, "https://10.201.0.45:6443", Token);
        await cluster.WaitForNode("gateway2");
        await cluster.KubectlWithInput(ThreeNodes.WebPods("8080"), "apply", "-f", "-");
        await cluster.Kubectl("create", "service", "clusterip", "web", "--tcp=80:8080");
        await cluster.Kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
        var desk = new Desk(cluster, [second], "");
        await desk.FindPods();
        Assert.Equal(2, desk.Pods.Count);
        foreach (var from in desk.Pods)
        {
            foreach (var to in desk.Pods) await Answers(Desk.CurlInPod(from, $"http://{to.Address}:8080/"), to.Name);
            Assert.Contains((await Desk.CurlInPod(from, $"http://{desk.ServiceAddress}/")).Succeeded().Trim(), desk.Pods.Select(pod => pod.Name));
        }

        var network = await cluster.Kubectl("get", "node", "gateway2", "-o", "jsonpath={.spec.podCIDR}");
        Assert.StartsWith($"{network} via 10.201.0.46 dev eth0", (await cluster.Host.Run("ip", "route", "show", network)).Output);
        Assert.DoesNotContain("flannel", (await cluster.Host.Run("ip", "link")).Output);
        // As many bytes as the Ethernet carries: nothing is wrapped.
        Assert.Contains("mtu 1500", (await cluster.Host.Run("ip", "link", "show", "cni0")).Output);

        await Agent.Stop(second);
        await cluster.Kubectl("delete", "node", "gateway2");
        await Eventually.Becomes(() => cluster.Host.Run("ip", "route", "show", network), routes => routes.Output.Length == 0, "the route of the node is gone");

        static async Task Answers(Task<CommandResult> asked, string name) => Assert.Equal(name, (await asked).Succeeded().Trim());
    }
}
