using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>Traffic goes on: while what made its rules is killed and comes back, while pods are replaced, on a bad line.</summary>
public sealed class TrafficTests(ThreeNodes nodes, ITestOutputHelper output)
{
    private const string Server = "https://10.201.0.201:6443";

    [Fact]
    public async Task Not_a_request_fails_while_agents_and_server_are_killed_and_start_again()
    {
        var desk = await nodes.Get();
        using var toService = Requests.From(desk.Pods[1], desk.ServiceAddress, 80, rate: 50);
        using var toPod = Requests.From(desk.Pods[2], desk.Pods[1].Address, 8080, rate: 20);
        foreach (var agent in desk.Agents)
        {
            (await agent.Shell("pid=$(cat /run/agent.pid); kill -9 $pid; while [ -d /proc/$pid ]; do sleep 0.02; done")).Succeeded();
            await Task.Delay(1000);
            await Agent.Start(agent, Server, desk.PinnedToken);
        }
        await desk.Cluster.StopServer("KILL");
        await Task.Delay(1000);
        await desk.Cluster.StartServer("--token", "token-of-the-desk");
        foreach (var host in desk.Hosts) await desk.Cluster.WaitForNode(host.Name);
        // A clean stop and start, as an upgrade does.
        await Agent.Stop(desk.Agents[0]);
        await Agent.Start(desk.Agents[0], Server, desk.PinnedToken);
        await Task.Delay(3000);
        await ExpectNoFailure("pod to service", toService, least: 200);
        await ExpectNoFailure("pod to pod of another node", toPod, least: 100);
    }

    [Fact]
    public async Task Not_a_request_fails_while_a_Deployments_pods_are_replaced_at_500_a_second()
    {
        var desk = await nodes.Get();
        await desk.Cluster.KubectlWithInput("""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: rolled, namespace: default}
            spec:
              replicas: 4
              selector: {matchLabels: {app: rolled}}
              strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
              template:
                metadata: {labels: {app: rolled}}
                spec:
                  terminationGracePeriodSeconds: 15
                  containers:
                  - name: web
                    image: busybox:1
                    command: [sh, -c, 'mkdir /w; hostname > /w/index.html; httpd -p 8080 -h /w; trap "sleep 5; exit 0" TERM; sleep 100000 & wait']
                    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: rolled, namespace: default}
            spec: {selector: {app: rolled}, ports: [{port: 80, targetPort: 8080}]}
            """, "apply", "-f", "-");
        try
        {
            await desk.Cluster.Kubectl("rollout", "status", "deployment/rolled", "--timeout=90s");
            var address = await desk.Cluster.Kubectl("get", "service", "rolled", "-o", "jsonpath={.spec.clusterIP}");
            await Eventually.Becomes(() => Desk.CurlInPod(desk.Pods[1], $"http://{address}/"), result => result.ExitCode == 0, "the service answers");
            using var requests = Requests.From(desk.Pods[1], address, 80, rate: 500);
            await desk.Cluster.Kubectl("patch", "deployment", "rolled", "-p", """{"spec":{"template":{"metadata":{"annotations":{"turn":"2"}}}}}""");
            await desk.Cluster.Kubectl("rollout", "status", "deployment/rolled", "--timeout=120s");
            await Task.Delay(6000);
            await ExpectNoFailure("rolling update", requests, least: 2000);
        }
        finally
        {
            await desk.Cluster.Kubectl("delete", "deployment,service", "rolled", "--wait=false");
        }
    }

    [Fact]
    public async Task Five_packets_in_a_hundred_are_lost_and_every_request_is_answered()
    {
        var desk = await nodes.Get();
        try
        {
            foreach (var host in desk.Hosts)
                (await host.Shell("nft 'add table inet lossy; add chain inet lossy i { type filter hook prerouting priority -300; policy accept; }; add rule inet lossy i iifname eth0 numgen random mod 100 < 5 drop'")).Succeeded();
            using var toService = Requests.From(desk.Pods[1], desk.ServiceAddress, 80, rate: 20, patience: 30);
            using var toPod = Requests.From(desk.Pods[2], desk.Pods[0].Address, 8080, rate: 20, patience: 30);
            await Task.Delay(15000);
            await ExpectNoFailure("pod to service with loss", toService, least: 200);
            await ExpectNoFailure("pod to pod with loss", toPod, least: 200);
            foreach (var host in desk.Hosts) await desk.Cluster.WaitForNode(host.Name);
        }
        finally
        {
            foreach (var host in desk.Hosts) await host.Shell("nft delete table inet lossy");
        }
    }

    [Fact]
    public async Task A_link_that_flaps_leaves_every_path_open()
    {
        var desk = await nodes.Get();
        for (var i = 0; i < 5; i++)
        {
            (await Command.Run("ip", ["link", "set", "v-desk2", "down"])).Succeeded();
            await Task.Delay(300);
            (await Command.Run("ip", ["link", "set", "v-desk2", "up"])).Succeeded();
            await Task.Delay(300);
        }
        await Eventually.Becomes(() => PathTests.Failures(desk), failures => failures == "", "every path is open after the link flapped", TimeSpan.FromSeconds(30));

        // Down by hand on the node itself: the kernel forgets what led through the link.
        var before = (await desk.Agents[0].Run("ip", "route")).Output;
        (await desk.Agents[0].Shell("ip link set flannel.1 down; sleep 0.3; ip link set flannel.1 up")).Succeeded();
        await Eventually.Becomes(async () => (await desk.Agents[0].Run("ip", "route")).Output, routes => routes == before, "the routes are back", TimeSpan.FromSeconds(5));
        await Eventually.Becomes(() => PathTests.Failures(desk), failures => failures == "", "every path is open after the tunnel was down", TimeSpan.FromSeconds(30));
    }

    private async Task ExpectNoFailure(string what, Requests requests, int least)
    {
        var (sent, failed, story) = await requests.Count();
        output.WriteLine($"{what}: sent, failed, slowest, first failure: {story}");
        Assert.True(failed == 0, $"{what}: {story}");
        Assert.True(sent >= least, $"{what}: only {sent} requests were sent");
    }
}
