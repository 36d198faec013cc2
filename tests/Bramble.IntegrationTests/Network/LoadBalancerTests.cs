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
}
