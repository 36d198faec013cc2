using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>LoadBalancer Services without a load balancer: the nodes' own addresses, as K3s' ServiceLB gives them, but without its pods.</summary>
public sealed class LoadBalancerTests(ThreeNodes nodes)
{
    [Fact]
    public async Task A_service_is_reached_at_every_nodes_address()
    {
        var desk = await nodes.Get();
        var cluster = desk.Cluster;
        await cluster.KubectlWithInput("""{"apiVersion":"v1","kind":"Service","metadata":{"name":"front","namespace":"default"},"spec":{"type":"LoadBalancer","selector":{"app":"web"},"ports":[{"port":8077,"targetPort":8080}]}}""", "apply", "-f", "-");
        try
        {
            await Eventually.Becomes(() => cluster.Kubectl("get", "service", "front", "-o", "jsonpath={.status.loadBalancer.ingress[*].ip}"),
                addresses => addresses == string.Join(' ', desk.Hosts.Select(host => host.Address)), "all nodes' addresses are in its status");
            foreach (var host in desk.Hosts)
                await Eventually.Becomes(() => Desk.CurlOutside($"http://{host.Address}:8077/"), result => desk.Pods.Any(pod => pod.Name == result.Output.Trim()), $"{host.Name} answers on the service's port");
            Assert.Equal("", await cluster.Kubectl("get", "pods", "-n", "kube-system", "-o", "name"));

            await cluster.Kubectl("patch", "service", "front", "-p", """{"spec":{"externalTrafficPolicy":"Local"}}""");
            foreach (var pod in desk.Pods)
                await Eventually.Becomes(async () => string.Join(' ', (await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Desk.CurlOutside($"http://{pod.Host.Address}:8077/")))).Select(r => r.Output.Trim()).Distinct()),
                    answers => answers == pod.Name, $"with the local policy {pod.Host.Name} asks its own pod only");
        }
        finally
        {
            await cluster.Kubectl("delete", "service", "front");
        }
        await Eventually.Becomes(() => Desk.CurlOutside($"http://{desk.Hosts[0].Address}:8077/"), result => result.ExitCode != 0, "the deleted service's port is closed");
    }

    [Fact]
    public async Task A_load_balancer_of_MetalLBs_shape_takes_the_place_of_ours()
    {
        await using var cluster = await Cluster.Start("lb1", 26, "--disable", "servicelb", "--token", "token-of-the-balancer");
        await using var agent = await TestHost.Up("lb2", 27);
        await Agent.Start(agent, $"https://{cluster.Host.Address}:6443", "token-of-the-balancer");
        await cluster.WaitForNode("lb2");
        // A neighbour on the same segment that is no node.
        await using var neighbour = await TestHost.Up("lb3", 28);
        await cluster.Kubectl("apply", "-f", Path.Combine(TestFiles.Repository, "tests/Bramble.IntegrationTests/Manifests/load-balancer.yaml"));
        await cluster.Kubectl("rollout", "status", "daemonset/speaker", "-n", "metallb-system", "--timeout=60s");
        await cluster.KubectlWithInput(ThreeNodes.WebPods("8080"), "apply", "-f", "-");
        await cluster.KubectlWithInput("""{"apiVersion":"v1","kind":"Service","metadata":{"name":"front","namespace":"default"},"spec":{"type":"LoadBalancer","selector":{"app":"web"},"ports":[{"port":8077,"targetPort":8080}]}}""", "apply", "-f", "-");
        await cluster.Kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
        Task<CommandResult> FromNeighbour() => neighbour.Run("curl", "-sS", "-m", "4", $"http://{LoadBalancerStandIn.Address}:8077/");
        async Task<string> Neighbour() => (await neighbour.Run("ip", "neigh", "show", LoadBalancerStandIn.Address)).Output;
        async Task<string> Link(TestHost host) => (await host.Run("cat", "/sys/class/net/eth0/address")).Succeeded();

        // Nobody gives an address, and nobody answers.
        Assert.Equal("", await cluster.Kubectl("get", "service", "front", "-o", "jsonpath={.status.loadBalancer.ingress}"));
        (await FromNeighbour()).Failed();

        var controller = await LoadBalancerStandIn.Start(cluster, cluster.Host, "controller");
        var speaker = await LoadBalancerStandIn.Start(cluster, agent, "speaker");
        try
        {
            await Eventually.Becomes(() => cluster.Kubectl("get", "service", "front", "-o", "jsonpath={.status.loadBalancer.ingress[*].ip}"), address => address == LoadBalancerStandIn.Address, "the controller's address is in the status");
            await Eventually.Becomes(FromNeighbour, result => result.Output.StartsWith("web-", StringComparison.Ordinal), "a neighbour reaches the service");
            Assert.Contains(await Link(agent), await Neighbour());
            // Within the cluster the address needs no ARP: the server's node does not announce it.
            Assert.StartsWith("web-", (await Desk.CurlOnHost(cluster.Host, $"http://{LoadBalancerStandIn.Address}:8077/")).Succeeded());

            // Another node takes over.
            speaker.Kill(entireProcessTree: true);
            speaker = await LoadBalancerStandIn.Start(cluster, cluster.Host, "speaker");
            var link = await Link(cluster.Host);
            await Eventually.Becomes(Neighbour, seen => seen.Contains(link), "the neighbour sends to the node that announces now");
            Assert.StartsWith("web-", (await FromNeighbour()).Succeeded());
        }
        finally
        {
            controller.Kill(entireProcessTree: true);
            speaker.Kill(entireProcessTree: true);
        }
    }
}
