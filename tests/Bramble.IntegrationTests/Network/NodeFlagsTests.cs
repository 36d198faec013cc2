using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>What an agent is told of itself: from where it pulls, where it listens, by which names it is known, how it goes to its server.</summary>
public sealed class NodeFlagsTests
{
    [Fact]
    public async Task An_agent_pulls_by_its_registries_listens_at_its_address_and_goes_straight_to_its_server()
    {
        await using var registry = new Registry();
        await using var cluster = await Cluster.StartWithoutNode("nodeflags1", 240, "--token", "token-of-servers");
        await using var agent = await TestHost.Up("nodeflags2", 241);
        // Names below private/ want a password: the rewrite and the credentials both count.
        var file = $$$"""
            mirrors:
              images.example: {endpoint: ["http://{{{registry.Name}}}"], rewrite: {"^(.*)$": "private/$1"}}
            configs:
              "{{{registry.Name}}}": {auth: {username: {{{Registry.User}}}, password: "{{{Registry.Password}}}"}}
            """;
        (await agent.Run("bash", "-c", "printf %s \"$1\" >/etc/registries-of-mine.yaml", "write", file)).Succeeded();
        await Agent.Start(agent, $"https://{cluster.Host.Address}:6443", "token-of-servers", "--private-registry=/etc/registries-of-mine.yaml", $"--bind-address={agent.Address}",
            "--node-internal-dns=board.lan", "--node-external-dns=board.example,www.example", "--disable-apiserver-lb", "--selinux");
        await cluster.WaitForNode("nodeflags2");

        Assert.Equal($"InternalIP {agent.Address} InternalDNS board.lan ExternalDNS board.example ExternalDNS www.example Hostname nodeflags2",
            await cluster.Kubectl("get", "node", "nodeflags2", "-o", "jsonpath={range .status.addresses[*]}{.type} {.address} {end}"));
        Assert.Equal("board.lan board.example,www.example", await cluster.Kubectl("get", "node", "nodeflags2", "-o", "jsonpath={.metadata.annotations.k3s\\.io/internal-dns} {.metadata.annotations.k3s\\.io/external-dns}"));

        await cluster.Kubectl("run", "pulled", "--image=images.example/busybox:one", "--restart=Never", "--", "sh", "-c", "echo pulled; exec sleep 1000000");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/pulled", "--timeout=60s");
        Assert.Contains("GET /v2/private/busybox/manifests/one", registry.Requests.Concat(registry.Requests.Select(request => request.Replace("HEAD", "GET"))));
        // The server comes through the tunnel to a kubelet that is not on 127.0.0.1.
        Assert.Equal("pulled", await cluster.Kubectl("logs", "pulled"));
        var listeners = (await agent.Run("ss", "-Hltn")).Succeeded();
        Assert.Contains($" {agent.Address}:10250 ", listeners);
        Assert.DoesNotContain(":6444 ", listeners);
        Assert.Contains($"server: https://{cluster.Host.Address}:6443", (await agent.Run("cat", "/var/lib/rancher/k3s/agent/kubelet.kubeconfig")).Succeeded());
        await Agent.Logs(agent, "--selinux: SELinux is not enabled on this machine");
        Assert.Contains("enable_selinux = true", (await agent.Run("cat", "/var/lib/rancher/k3s/agent/etc/containerd/config.toml")).Succeeded());
    }

    [Fact]
    public async Task A_server_that_listens_at_one_address_reaches_its_own_kubelet_there()
    {
        await using var cluster = await Cluster.Start("nodeflags3", 242, "--bind-address=10.201.0.242", "--node-external-dns=server.example");
        await cluster.Kubectl("run", "talker", "--image=busybox:1", "--restart=Never", "--", "sh", "-c", "echo said; exec sleep 1000000");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/talker", "--timeout=60s");
        Assert.Equal("said", await cluster.Kubectl("logs", "talker"));
        Assert.Contains(" 10.201.0.242:10250 ", (await cluster.Host.Run("ss", "-Hltn")).Succeeded());
        Assert.Equal("server.example", await cluster.Kubectl("get", "node", "nodeflags3", "-o", "jsonpath={.status.addresses[?(@.type==\"ExternalDNS\")].address}"));
    }
}
