using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>An agent's process starts anew while the only server is away: what it knew is enough for the pods that run there.</summary>
/// <remarks>A desk of its own: its agent has a resolver of its own.</remarks>
public sealed class AloneTests
{
    private const string Server = "https://10.201.0.55:6443";
    private const string Token = "token-of-the-lonely";

    [Fact]
    public async Task An_agent_that_starts_without_a_server_keeps_its_pods_connected_and_joins_again()
    {
        await using var cluster = await Cluster.Start("alone1", 55, "--token", Token);
        await using var agent = await TestHost.Up("alone2", 56);
        (await agent.Shell("echo nameserver 10.201.0.56 >/run/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf")).Succeeded();
        (await agent.Run("bash", "-c", "setsid python3 -c \"$1\" >/run/dns.log 2>&1 </dev/null &", "start", IsletTests.Resolver)).Succeeded();
        await Agent.Start(agent, Server, Token);
        await cluster.WaitForNode("alone2");
        await cluster.KubectlWithInput(ThreeNodes.WebPods("8080"), "apply", "-f", "-");
        await cluster.Kubectl("create", "service", "clusterip", "web", "--tcp=80:8080");
        await cluster.Kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
        var service = await cluster.Kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}");
        var name = await cluster.Kubectl("get", "pods", "-l", "app=web", "--field-selector=spec.nodeName=alone2", "-o", "jsonpath={.items[0].metadata.name}");
        var neighbour = await cluster.Kubectl("get", "pods", "-l", "app=web", "--field-selector=spec.nodeName=alone1", "-o", "jsonpath={.items[0].status.podIP}");
        var pod = new WebPod(name, agent, "", await Desk.PidOf(agent, name));

        await cluster.StopServer("KILL");
        (await agent.Shell("pid=$(cat /run/agent.pid); kill -9 $pid; while [ -d /proc/$pid ]; do sleep 0.02; done")).Succeeded();
        await Agent.Start(agent, Server, Token);
        await Agent.Logs(agent, "Until then this node goes on with what the cluster said last");
        await Eventually.Becomes(() => Look(pod, "elsewhere.example"), answer => answer.Contains("192.0.2.77"), "names of elsewhere are answered");
        Assert.DoesNotContain("NXDOMAIN", await Look(pod, "web.default.svc.cluster.local"));
        (await Desk.CurlInPod(pod, $"http://{neighbour}:8080/")).Succeeded();
        (await Desk.CurlInPod(pod, $"http://{service}/")).Succeeded();
        Assert.Equal(pod.Pid, await Desk.PidOf(agent, name));

        await cluster.StartServer("--token", Token);
        await Agent.Logs(agent, "Joined the cluster at");
        await Eventually.Becomes(() => Look(pod, "web.default.svc.cluster.local"), answer => answer.Contains(service), "names of the cluster are answered again");
        await Eventually.Becomes(() => cluster.TryKubectl("exec", name, "--", "busybox", "hostname"), result => result.Output.Trim() == name, "exec reaches the agent");
        Assert.Equal(pod.Pid, await Desk.PidOf(agent, name));
        Assert.Equal("0", await cluster.Kubectl("get", "pod", name, "-o", "jsonpath={.status.containerStatuses[0].restartCount}"));
        // New work comes again.
        await cluster.Kubectl("run", "new", "--image=busybox:1", "--overrides", """{"spec":{"nodeName":"alone2","terminationGracePeriodSeconds":1}}""", "--", "sleep", "10000");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/new", "--timeout=60s");
    }

    private static async Task<string> Look(WebPod pod, string name) => (await pod.Host.Run("nsenter", "--target", pod.Pid, "--net", "--", "busybox", "nslookup", name, "10.43.0.10")).Output;
}
