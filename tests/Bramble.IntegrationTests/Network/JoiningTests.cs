using System.Security.Cryptography;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>How a machine gets in, how one does not, and what an agent may do.</summary>
public sealed class JoiningTests(ThreeNodes nodes)
{
    private const string Server = "https://10.201.0.201:6443";

    [Fact]
    public async Task Nodes_are_shown_as_K3s_shows_them()
    {
        var cluster = (await nodes.Get()).Cluster;
        var lines = (await cluster.Kubectl("get", "nodes", "--no-headers", "-o", "wide")).Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToDictionary(words => words[0]);
        Assert.Equal(["Ready", "control-plane"], lines["desk1"][1..3]);
        Assert.Equal(["Ready", "<none>"], lines["desk2"][1..3]);
        Assert.Equal("10.201.0.203", lines["desk3"][5]);
        Assert.Equal("ssd k3s slow=yes:PreferNoSchedule", await cluster.Kubectl("get", "node", "desk3", "-o",
            "jsonpath={.metadata.labels.disk} {.metadata.labels.node\\.kubernetes\\.io/instance-type} {.spec.taints[0].key}={.spec.taints[0].value}:{.spec.taints[0].effect}"));
    }

    [Fact]
    public async Task The_kubelet_is_reached_through_the_agents_tunnel()
    {
        var desk = await nodes.Get();
        var pod = desk.Pods[1];
        try
        {
            (await pod.Host.Shell("nft 'add table inet closed; add chain inet closed i { type filter hook input priority 0; policy accept; }; add rule inet closed i iifname eth0 tcp dport 10250 drop'")).Succeeded();
            // After a restart of the server, in another test, the tunnel takes some seconds to be there again.
            await Eventually.Becomes(() => desk.Cluster.TryKubectl("logs", pod.Name), result => result.Output.Trim() == $"up on {pod.Name}", "the logs come through the tunnel");
            var bytes = RandomNumberGenerator.GetBytes(5 << 20);
            var sum = (await desk.Cluster.KubectlWithInput(new MemoryStream(bytes), "exec", "-i", pod.Name, "--", "busybox", "sha256sum")).Succeeded();
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), sum.Split(' ')[0]);
        }
        finally
        {
            await pod.Host.Shell("nft delete table inet closed");
        }
    }

    [Fact]
    public async Task An_agent_has_the_rights_of_its_node_and_no_more()
    {
        var desk = await nodes.Get();
        await desk.Cluster.Kubectl("create", "secret", "generic", "not-for-desk2", "--from-literal=a=b");
        async Task<string> As(string who, params string[] arguments)
        {
            var result = await desk.Agents[0].Run([TestFiles.Kubectl, "--kubeconfig", $"/var/lib/rancher/k3s/agent/{who}.kubeconfig", .. arguments]);
            return result.ExitCode == 0 ? "ok" : result.Errors;
        }
        Assert.Equal("ok", await As("kubelet", "get", "node", "desk2"));
        Assert.Contains("(Forbidden)", await As("kubelet", "get", "secret", "not-for-desk2"));
        Assert.Contains("(Forbidden)", await As("kubelet", "get", "secrets", "-A"));
        Assert.Contains("Forbidden", await As("kubelet", "label", "node", "desk3", "mine=yes"));
        Assert.Equal("ok", await As("k3scontroller", "get", "networkpolicies", "-A"));
        Assert.Contains("(Forbidden)", await As("k3scontroller", "get", "secrets", "-A"));
        Assert.Contains("(Forbidden)", await As("kubeproxy", "delete", "service", "web"));
        // Of ConfigMaps only what people add to the cluster DNS.
        Assert.Equal("ok", await As("k3scontroller", "get", "configmap", "-n", "kube-system", "coredns-custom", "--ignore-not-found"));
        Assert.Contains("(Forbidden)", await As("k3scontroller", "get", "configmaps", "-n", "kube-system"));
        await desk.Cluster.Kubectl("delete", "secret", "not-for-desk2");
    }

    [Fact]
    public async Task A_stranger_is_told_why_and_gets_in_with_a_bootstrap_token()
    {
        var desk = await nodes.Get();
        await using var stranger = await TestHost.Up("desk4", 204);
        async Task Refused(string why, string server, string token, params string[] arguments)
        {
            await Agent.Start(stranger, server, token, arguments);
            await Agent.Logs(stranger, why);
            await Agent.Stop(stranger);
        }
        await Refused("does not accept the token", Server, "wrong");
        await Refused("the token belongs to another cluster", Server, $"K10{new string('0', 64)}::node:token-of-the-desk");
        await Refused("another machine has joined under this name", Server, "token-of-the-desk", "--node-name", "desk2");
        await Refused("nothing listens on port 6444 there", "https://10.201.0.201:6444", "token-of-the-desk");
        (await stranger.Shell("nft 'add table inet closed; add chain inet closed o { type filter hook output priority 0; policy accept; }; add rule inet closed o tcp dport 6443 drop'")).Succeeded();
        await Refused("does its firewall let TCP 6443 through (ufw allow 6443/tcp)?", Server, "token-of-the-desk");
        (await stranger.Shell("nft delete table inet closed")).Succeeded();
        Assert.Contains("an agent needs the cluster's token", (await stranger.Run(TestFiles.Bramble, "agent", "--server", Server)).Failed());
        Assert.Contains("--docker", (await stranger.Run(TestFiles.Bramble, "agent", "--docker", "--server", Server, "--token", "x")).Failed());

        var token = (await desk.Cluster.Host.Run(TestFiles.Bramble, "token", "create", "--description", "for the stranger", "--ttl", "10m")).Succeeded();
        Assert.Contains("for the stranger", (await desk.Cluster.Host.Run(TestFiles.Bramble, "token", "list")).Succeeded());
        await Agent.Start(stranger, Server, token, "--with-node-id");
        var id = await Eventually.Becomes(async () => (await stranger.Run("cat", "/etc/rancher/node/id")).Output.Trim(), text => text.Length == 8, "the machine has an id");
        await desk.Cluster.WaitForNode($"desk4-{id}");
        // A block that another node gave back rests: which one it gets depends on who was here before.
        var network = await Eventually.Becomes(() => desk.Cluster.Kubectl("get", "node", $"desk4-{id}", "-o", "jsonpath={.spec.podCIDR}"), block => block != "", "the node has its pods' addresses");
        var route = await Eventually.Becomes(() => RoutesTo(desk.Agents[0], network), found => found != "", "desk2 knows the way to the new node's pods");
        Assert.Contains("dev flannel.1", route);

        // The token ends, as all of them do; who is in comes back by its certificate.
        Assert.Contains("deleted", (await desk.Cluster.Host.Run(TestFiles.Bramble, "token", "delete", token.Split("::")[1][..6])).Succeeded());
        await Agent.Stop(stranger);
        await Agent.Start(stranger, Server, token, "--with-node-id");
        await Agent.Logs(stranger, "Joined the cluster at");

        await Agent.Stop(stranger);
        await desk.Cluster.Kubectl("delete", "node", $"desk4-{id}");
        await Eventually.Becomes(() => RoutesTo(desk.Agents[0], network), found => found == "", "the way to the deleted node is gone", TimeSpan.FromSeconds(5));
        await Eventually.Becomes(() => desk.Cluster.TryKubectl("get", "secret", "-n", "kube-system", $"desk4-{id}.node-password.k3s"), result => result.ExitCode != 0, "its name is free");
        await Refused("has expired or was deleted", Server, token);
        await ItsPodIsGone(desk);
    }

    /// <summary>A deleted node's Pod of the DaemonSet goes 40 seconds later; until then it would be among the others' backends.</summary>
    private static Task ItsPodIsGone(Desk desk) =>
        Eventually.Becomes(() => desk.Cluster.Kubectl("get", "pods", "-l", "app=web", "-o", "name"), pods => pods.Split('\n').Length == 3, "its pod is gone", TimeSpan.FromMinutes(2));

    [Fact]
    public async Task An_agent_whose_machine_gets_another_address_is_reached_there()
    {
        var desk = await nodes.Get();
        await using var board = await TestHost.Up("net-move", 150);
        try
        {
            await MoveAsync(desk, board);
        }
        finally
        {
            await desk.Cluster.TryKubectl("delete", "pod", "mover", "--force", "--grace-period=0");
            await Agent.Stop(board);
            await desk.Cluster.TryKubectl("delete", "node", "net-move");
            await ItsPodIsGone(desk);
        }
    }

    private static async Task MoveAsync(Desk desk, TestHost board)
    {
        await Agent.Start(board, Server, desk.PinnedToken);
        await desk.Cluster.WaitForNode("net-move");
        await desk.Cluster.Kubectl("run", "mover", "--image=busybox:1", "--overrides", """{"spec":{"nodeName":"net-move"}}""", "--", "sleep", "10000");
        await desk.Cluster.Kubectl("wait", "--for=condition=Ready", "pod/mover", "--timeout=60s");
        (await board.Shell("ip address delete 10.201.0.150/24 dev eth0; ip address add 10.201.0.151/24 dev eth0; ip route replace default via 10.201.0.1")).Succeeded();
        await Agent.Logs(board, "This machine has moved from [10.201.0.150] to [10.201.0.151]");
        await Eventually.Becomes(() => desk.Cluster.Kubectl("get", "node", "net-move", "-o", "jsonpath={.status.addresses[?(@.type==\"InternalIP\")].address} {.metadata.annotations.flannel\\.alpha\\.coreos\\.com/public-ip}"),
            addresses => addresses == "10.201.0.151 10.201.0.151", "the node says its new address");
        await Eventually.Becomes(async () => (await desk.Cluster.Host.Run("bridge", "fdb", "show", "dev", "flannel.1")).Output,
            entries => entries.Contains("dst 10.201.0.151") && !entries.Contains("dst 10.201.0.150"), "the server's tunnel leads to the new address and to the new one only", TimeSpan.FromSeconds(5));
        var pod = new WebPod("mover", board, await desk.Cluster.Kubectl("get", "pod", "mover", "-o", "jsonpath={.status.podIP}"), await Desk.PidOf(board, "mover", "mover"));
        Assert.Equal(desk.Pods[0].Name, (await Desk.CurlInPod(pod, $"http://{desk.Pods[0].Address}:8080/")).Succeeded());
        await Eventually.Becomes(() => desk.Cluster.TryKubectl("exec", "mover", "--", "busybox", "hostname"), result => result.Output.Trim() == "mover", "exec reaches the pod");
    }

    [Fact]
    public async Task Agents_go_on_while_the_server_is_away()
    {
        var desk = await nodes.Get();
        await desk.Cluster.StopServer("KILL");
        Assert.Equal(desk.Pods[2].Name, (await Desk.CurlInPod(desk.Pods[1], $"http://{desk.Pods[2].Address}:8080/")).Succeeded());
        (await Desk.CurlInPod(desk.Pods[1], "http://web/")).Succeeded();
        await Agent.Logs(desk.Agents[0], "No server is reached");
        await desk.Cluster.StartServer("--token", "token-of-the-desk");
        foreach (var host in desk.Hosts) await desk.Cluster.WaitForNode(host.Name);
        await Eventually.Becomes(() => desk.Cluster.TryKubectl("exec", desk.Pods[1].Name, "--", "busybox", "hostname"), result => result.Output.Trim() == desk.Pods[1].Name, "exec reaches the agent again");
    }

    [Fact]
    public async Task An_agent_that_lost_its_power_comes_back_with_its_pods()
    {
        var desk = await nodes.Get();
        var board = desk.Agents[1];
        await board.PowerOff();
        await board.Boot();
        await Agent.Start(board, Server, desk.PinnedToken);
        await Eventually.Becomes(async () =>
        {
            await desk.FindPods();
            return desk.Pods.Count == 3 && desk.Pods[2].Pid != "" ? (await Desk.CurlInPod(desk.Pods[0], $"http://{desk.Pods[2].Address}:8080/")).Output.Trim() : "";
        }, answer => answer != "" && answer == desk.Pods[2].Name, "the pod on the board that was off answers a pod on the server", TimeSpan.FromMinutes(2));
        await desk.Cluster.Kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
    }

    private static async Task<string> RoutesTo(TestHost host, string cidr) => (await host.Run("ip", "route", "show", cidr)).Output.Trim();
}
