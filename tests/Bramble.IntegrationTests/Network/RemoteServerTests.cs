using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>A server that is no node, somewhere else, and an agent behind a router that holds its external address: what the tunnel and the flags are for.</summary>
public sealed class RemoteServerTests
{
    private const string AgentToken = "token-of-agents-only", ExternalIp = "203.0.113.47";

    private const string Web = """
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: default, labels: {app: web}}
        spec:
          terminationGracePeriodSeconds: 1
          containers:
          - name: web
            image: busybox:1
            command: [sh, -c, 'mkdir /w; echo from a pod > /w/index.html; echo started; exec httpd -f -p 8080 -h /w']
            readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: default}
        spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 8077, targetPort: 8080}]}
        """;

    private const string Route = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: door, namespace: default}
        spec: {gatewayClassName: traefik, listeners: [{name: web, port: 80, protocol: HTTP}]}
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: web, namespace: default}
        spec: {parentRefs: [{name: door}], hostnames: [route.example], rules: [{backendRefs: [{name: web, port: 8077}]}]}
        """;

    [Fact]
    public async Task A_server_that_is_no_node_reaches_pods_through_their_agents_tunnel()
    {
        await using var cluster = await Cluster.StartWithoutNode("remote1", 46, "--egress-selector-mode=cluster", "--token", "token-of-servers", "--agent-token", AgentToken);
        await using var agent = await TestHost.Up("remote2", 47);
        Task Start(TestHost host, string token, string label) => Agent.Start(host, $"https://{cluster.Host.Address}:6443", token, "--node-label", $"shelf={label}", "--node-external-ip", ExternalIp);
        await Start(agent, AgentToken, "one");
        await cluster.WaitForNode("remote2");
        Task<string> Labels() => cluster.Kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name} {.items[0].metadata.labels.shelf} {.items[0].metadata.labels.egress\\.k3s\\.io/cluster}");
        Assert.Equal("remote2 one true", await Labels());
        await cluster.KubectlWithInput(Web, "apply", "-f", "-");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=60s");

        // The server has no way of its own to 10.42.0.0/16.
        Assert.NotEqual(0, (await cluster.Host.Run("curl", "-sS", "-m", "1", $"http://{await cluster.Kubectl("get", "pod", "web", "-o", "jsonpath={.status.podIP}")}:8080/")).ExitCode);
        Assert.Equal("from a pod", (await cluster.Kubectl("get", "--raw", "/api/v1/namespaces/default/pods/web:8080/proxy/")).Trim());
        Assert.Equal("from a pod", (await cluster.Kubectl("get", "--raw", "/api/v1/namespaces/default/services/web:8077/proxy/")).Trim());
        Assert.Equal("started", await cluster.Kubectl("logs", "web"));

        // The router translates the external address, which no interface has, to the internal one.
        await Eventually.Becomes(() => cluster.Kubectl("get", "service", "web", "-o", "jsonpath={.status.loadBalancer.ingress[*].ip}"), address => address == ExternalIp, "the service has the external address");
        await Eventually.Becomes(() => Desk.CurlOutside($"http://{agent.Address}:8077/"), answer => answer.Output.Trim() == "from a pod", "the service is reached at the internal address too");
        Assert.Equal("from a pod", (await Desk.CurlOnHost(agent, "http://127.0.0.1:8077/")).Succeeded());

        // What a server does for the cluster's network does not need it to be a node.
        Assert.Equal($"10.43.0.10 {agent.Address}", await cluster.Kubectl("get", "service/kube-dns", "endpointslice/kube-dns-remote2-ipv4", "-n", "kube-system", "-o", "jsonpath={.items[0].spec.clusterIP} {.items[1].endpoints[0].addresses[0]}"));
        Assert.Contains($"{agent.Address} remote2", await cluster.Kubectl("get", "configmap", "coredns", "-n", "kube-system", "-o", "jsonpath={.data.NodeHosts}"));
        await cluster.Kubectl("create", "ingress", "web", "--rule=remote.example/*=web:8077");
        await cluster.KubectlWithInput(Route, "apply", "-f", "-");
        foreach (var host in new[] { "remote.example", "route.example" })
            await Eventually.Becomes(() => Command.Run("curl", ["-sS", "-m", "4", "-H", $"Host: {host}", $"http://{agent.Address}/"]), answer => answer.Output.Trim() == "from a pod", $"{host} is served");
        Assert.Equal($"{ExternalIp} True", await cluster.Kubectl("get", "ingress/web", "gateway/door", "-o", "jsonpath={.items[0].status.loadBalancer.ingress[0].ip} {.items[1].status.conditions[?(@.type==\"Programmed\")].status}"));

        // An agent's token is good for agents only, and one that has joined needs none to come back; its labels are those of the last start.
        Assert.Contains("does not accept the token", (await cluster.Host.Run(TestFiles.Bramble, "token", "rotate", "--token", AgentToken)).Failed());
        await Agent.Stop(agent);
        await Start(agent, "token-that-was-rotated-meanwhile", "two");
        await Agent.Logs(agent, "Joined the cluster at");
        await Eventually.Becomes(Labels, labels => labels == "remote2 two true", "the label of the last start");
        // kube-dns leads to a node that is there, whichever was the first.
        await using var second = await TestHost.Up("remote4", 49);
        await Start(second, AgentToken, "three");
        await cluster.WaitForNode("remote4");
        await Agent.Stop(agent);
        // As a Node of K3s' has it: nobody waits for K3s' own controller.
        await cluster.Kubectl("patch", "node", "remote2", "--type=merge", "-p", "{\"metadata\":{\"finalizers\":[\"wrangler.cattle.io/node\"]}}");
        await cluster.Kubectl("delete", "node", "remote2", "--timeout=30s");
        await Eventually.Becomes(() => cluster.Kubectl("get", "endpointslices", "-n", "kube-system", "-l", "kubernetes.io/service-name=kube-dns", "-o", "jsonpath={range .items[*]}{.metadata.name} {.endpoints[*].addresses[0]};{end}"),
            slices => slices == $"kube-dns-remote4-ipv4 {second.Address};", "kube-dns leads to the node that is left");
        Assert.Equal("10.43.0.10 cluster.local", await cluster.Kubectl("get", "configmap", "cluster-dns", "-n", "kube-system", "-o", "jsonpath={.data.clusterDNS} {.data.clusterDomain}"));
        await using var stranger = await TestHost.Up("remote3", 48);
        await Agent.Start(stranger, $"https://{cluster.Host.Address}:6443", "token-that-was-rotated-meanwhile");
        await Agent.Logs(stranger, "does not accept the token");
        var log = (await stranger.Run("cat", "/run/k3s.log")).Output;
        Assert.Equal(1, log.Split("does not pin the server's CA").Length - 1);
    }
}
