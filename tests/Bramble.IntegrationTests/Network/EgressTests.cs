using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>Webhooks and aggregated APIs whose pods a server that is no node reaches only through their agents' tunnels, if at all.</summary>
public sealed class EgressTests
{
    private static string Manifest(ExtensionServer far) => $$$"""
        apiVersion: v1
        kind: Pod
        metadata: {name: far, namespace: default, labels: {app: far}}
        spec:
          terminationGracePeriodSeconds: 0
          containers:
          - name: far
            image: busybox:1
            command: [nc, -ll, -p, "8443", -e, nc, "10.201.0.1", "{{{far.Port}}}"]
            readinessProbe: {tcpSocket: {port: 8443}, periodSeconds: 1}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: far, namespace: default}
        spec: {selector: {app: far}, ports: [{name: https, port: 443, targetPort: 8443}]}
        ---
        apiVersion: apiregistration.k8s.io/v1
        kind: APIService
        metadata: {name: v1.far.example}
        spec: {group: far.example, version: v1, groupPriorityMinimum: 1000, versionPriority: 15, caBundle: {{{far.CaBundle}}}, service: {name: far, namespace: default}}
        ---
        apiVersion: admissionregistration.k8s.io/v1
        kind: MutatingWebhookConfiguration
        metadata: {name: far}
        webhooks:
        - name: hook.far.example
          clientConfig: {caBundle: {{{far.CaBundle}}}, service: {name: far, namespace: default, path: /admit}}
          rules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}]
          objectSelector: {matchExpressions: [{key: near, operator: DoesNotExist}]}
          namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}
          admissionReviewVersions: [v1]
          sideEffects: None
          timeoutSeconds: 3
        """;

    [Theory]
    [InlineData("cluster", 243)]
    [InlineData("pod", 245)]
    public async Task A_server_without_a_node_asks_webhooks_and_APIs_through_their_nodes_tunnel(string mode, int number)
    {
        await using var far = await ExtensionServer.Start("far.default.svc");
        await using var cluster = await Cluster.StartWithoutNode("egress1", number, $"--egress-selector-mode={mode}", "--token", "token-of-servers");
        await using var agent = await TestHost.Up("egress2", number + 1);
        await Join(cluster, agent, far);

        await Eventually.Becomes(() => cluster.Kubectl("get", "apiservice", "v1.far.example", "-o", "jsonpath={.status.conditions[0].status} {.status.conditions[0].reason}"), status => status == "True Passed", "the API of a pod behind the tunnel is available");
        Assert.Contains("\"askedBy\":\"system:admin\"", await cluster.Kubectl("get", "--raw", "/apis/far.example/v1/stones/one"));
        await Eventually.Becomes(() => cluster.Kubectl("api-resources", "--api-group=far.example", "-o", "name"), names => names == "stones.far.example", "the API is discovered");

        await cluster.Kubectl("create", "configmap", "good");
        Assert.Equal("far-away", await cluster.Kubectl("get", "configmap", "good", "-o", "jsonpath={.metadata.labels.seen}"));
        Assert.Contains("admission webhook \"hook.far.example\" denied the request: the far server says no", (await cluster.TryKubectl("create", "configmap", "bad")).Failed());
        // All of it came by way of the pod's node.
        Assert.All(far.Requests, request => Assert.StartsWith($"{agent.Address} ", request.Replace("::ffff:", "")));

        // A pod that comes again has another address.
        await cluster.Kubectl("delete", "pod", "far", "--now");
        var refused = (await cluster.TryKubectl("create", "configmap", "orphan")).Failed();
        Assert.Contains("failed calling webhook \"hook.far.example\": failed to call webhook", refused);
        await cluster.KubectlWithInput(Manifest(far), "apply", "-f", "-");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/far", "--timeout=30s");
        await Eventually.Becomes(() => cluster.TryKubectl("create", "configmap", "later"), result => result.ExitCode == 0, "the webhook is asked at its new address");
    }

    [Fact]
    public async Task By_default_only_kubelets_are_reached_through_tunnels_and_a_webhook_without_a_way_says_so()
    {
        await using var far = await ExtensionServer.Start("far.default.svc");
        await using var cluster = await Cluster.StartWithoutNode("egress3", 247, "--token", "token-of-servers");
        await using var agent = await TestHost.Up("egress4", 248);
        await Join(cluster, agent, far);
        Assert.Matches("failed calling webhook \"hook.far.example\": failed to call webhook: Post \"https://far.default.svc:443/admit\\?timeout=3s\": (context deadline exceeded|dial tcp .*unreachable|dial tcp .*no route to host|dial tcp .*refused)",
            (await cluster.TryKubectl("create", "configmap", "good")).Failed());
        await Eventually.Becomes(() => cluster.Kubectl("get", "apiservice", "v1.far.example", "-o", "jsonpath={.status.conditions[0].status} {.status.conditions[0].reason}"), status => status == "False FailedDiscoveryCheck", "the API is not available");
        Assert.Empty(far.Requests);
        // What does not ask them works, and so do kubelets.
        await cluster.Kubectl("create", "namespace", "elsewhere");
        await cluster.Kubectl("create", "configmap", "good", "-n", "elsewhere");
        Assert.Contains("eth", await cluster.Kubectl("exec", "far", "--", "ls", "/sys/class/net"));
    }

    private static async Task Join(Cluster cluster, TestHost agent, ExtensionServer far)
    {
        await Agent.Start(agent, $"https://{cluster.Host.Address}:6443", "token-of-servers");
        await cluster.WaitForNode(agent.Name);
        await cluster.KubectlWithInput(Manifest(far), "apply", "-f", "-");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/far", "--timeout=30s");
        // The server has no way of its own to 10.42.0.0/16.
        var address = await cluster.Kubectl("get", "pod", "far", "-o", "jsonpath={.status.podIP}");
        Assert.NotEqual(0, (await cluster.Host.Run("curl", "-sSk", "-m", "1", $"https://{address}:8443/")).ExitCode);
    }
}
