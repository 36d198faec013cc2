using System.Diagnostics;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>One agent loses its power and another its cable, with upstream's default times: what ran there runs elsewhere, and both come back.</summary>
/// <remarks>A desk of its own: it is broken for more than a minute.</remarks>
public sealed class NodeLossTests(ITestOutputHelper output)
{
    private const string Token = "token-of-the-loss";
    private const string Server = "https://10.201.0.52:6443";

    // patient has the 300 seconds that admission gives, which the test does not wait for (the controllers' tests do, with a clock of their own).
    private const string Workloads = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: hasty, namespace: default}
        spec:
          replicas: 3
          selector: {matchLabels: {app: hasty}}
          template:
            metadata: {labels: {app: hasty}}
            spec:
              terminationGracePeriodSeconds: 1
              tolerations:
              - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 3}
              - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 3}
              topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: hasty}}}]
              containers:
              - name: web
                image: busybox:1
                command: [sh, -c, 'mkdir /w; hostname > /w/index.html; exec httpd -f -p 8080 -h /w']
                readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: hasty, namespace: default}
        spec: {selector: {app: hasty}, ports: [{port: 80, targetPort: 8080}]}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: patient, namespace: default}
        spec:
          nodeSelector: {kubernetes.io/hostname: loss3}
          terminationGracePeriodSeconds: 1
          containers: [{name: web, image: busybox:1, command: [sleep, "100000"]}]
        """;

    [Fact]
    public async Task Pods_of_dead_nodes_run_elsewhere_in_upstreams_time_and_the_nodes_come_back()
    {
        await using var cluster = await Cluster.Start("loss1", 52, "--token", Token);
        await using var unplugged = await TestHost.Up("loss2", 53);
        await using var dead = await TestHost.Up("loss3", 54);
        foreach (var agent in new[] { unplugged, dead }) await Agent.Start(agent, Server, Token);
        foreach (var agent in new[] { unplugged, dead }) await cluster.WaitForNode(agent.Name);
        await cluster.KubectlWithInput(Workloads, "apply", "-f", "-");
        await cluster.Kubectl("rollout", "status", "deployment/hasty", "--timeout=60s");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/patient", "--timeout=60s");
        var before = await Pods(cluster);
        Assert.Equal(["loss1", "loss2", "loss3"], before.Where(pod => pod.IsHasty).Select(pod => pod.Node).Order());
        var patient = before.Single(pod => !pod.IsHasty);
        var lonely = before.Single(pod => pod.IsHasty && pod.Node == "loss2");

        var clock = Stopwatch.StartNew();
        await dead.PowerOff();
        (await Command.Run("ip", ["link", "set", "v-loss2", "down"])).Succeeded();
        // 50 s until a node counts as lost, 3 s that the Pods tolerate it, 10 s between the evictions of two nodes of a zone; the rest is for a busy machine.
        var after = await Eventually.Becomes(() => Pods(cluster), pods => pods.Count(pod => pod is { IsHasty: true, IsReady: true, IsLeaving: false, Node: "loss1" }) == 3, "all three run on the node that is left", TimeSpan.FromSeconds(120));
        output.WriteLine($"Replaced and Ready {clock.Elapsed.TotalSeconds:F0} s after the loss.");
        Assert.Equal(["loss2", "loss3"], after.Where(pod => pod is { IsHasty: true, IsLeaving: true }).Select(pod => pod.Node).Order());
        Assert.Equal("DeletionByTaintManager", await cluster.Kubectl("get", "pod", lonely.Name, "-o", "jsonpath={.status.conditions[?(@.type==\"DisruptionTarget\")].reason}"));
        // It has time, but serves nobody.
        Assert.Equal(patient with { IsReady = false }, after.Single(pod => !pod.IsHasty));
        foreach (var node in new[] { "loss2", "loss3" })
        {
            Assert.Equal("Unknown NodeStatusUnknown", await cluster.Kubectl("get", "node", node, "-o", "jsonpath={.status.conditions[?(@.type==\"Ready\")]['status','reason']}"));
            Assert.Equal("node.kubernetes.io/unreachable:NoExecute node.kubernetes.io/unreachable:NoSchedule", string.Join(' ', (await Taints(cluster, node)).Order()));
        }
        await Eventually.Becomes(() => ServingAddresses(cluster), addresses => addresses.Count == 3 && addresses.All(address => address.StartsWith("10.42.0.", StringComparison.Ordinal)), "the Service leads to the living only");
        // What the unplugged node runs it runs on: nobody could tell it.
        Assert.NotEqual("", await Desk.PidOf(unplugged, lonely.Name));

        (await Command.Run("ip", ["link", "set", "v-loss2", "up"])).Succeeded();
        await dead.Boot();
        await Agent.Start(dead, Server, Token);
        foreach (var node in new[] { "loss2", "loss3" })
            await Eventually.Becomes(() => Taints(cluster, node), taints => taints.Count == 0, $"{node} is back", TimeSpan.FromMinutes(2));
        await Eventually.Becomes(() => Pods(cluster), pods => pods.Count == 4 && pods.All(pod => !pod.IsLeaving), "the old Pods are gone");
        await Eventually.Becomes(() => Desk.PidOf(unplugged, lonely.Name), pid => pid == "", "and their containers on the node that has its cable again");
        // The patient one is the same, started again where it was.
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/patient", "--timeout=60s");
        Assert.Equal(patient, (await Pods(cluster)).Single(pod => !pod.IsHasty));

        // Both nodes take Pods again, and the Service leads there.
        await cluster.Kubectl("scale", "deployment/hasty", "--replicas=5");
        await cluster.Kubectl("rollout", "status", "deployment/hasty", "--timeout=60s");
        Assert.Equal(["loss1", "loss2", "loss3"], (await Pods(cluster)).Where(pod => pod.IsHasty).Select(pod => pod.Node).Distinct().Order());
        var service = await cluster.Kubectl("get", "service", "hasty", "-o", "jsonpath={.spec.clusterIP}");
        foreach (var host in new[] { cluster.Host, unplugged, dead })
            await Eventually.Becomes(() => Answers(host, service), names => names.Count == 5, $"{host.Name} reaches all five");
    }

    private static async Task<List<PodSeen>> Pods(Cluster cluster) =>
        [.. (await cluster.Get("pods"))["items"]!.AsArray().Select(pod => new PodSeen(
            (string)pod!["metadata"]!["name"]!, (string?)pod["spec"]!["nodeName"] ?? "", (string)pod["metadata"]!["uid"]!, pod["metadata"]!["labels"]?["app"] is not null,
            pod["status"]!["conditions"]?.AsArray().Any(c => (string?)c!["type"] == "Ready" && (string?)c["status"] == "True") == true, pod["metadata"]!["deletionTimestamp"] is not null))];

    private static async Task<List<string>> Taints(Cluster cluster, string node) =>
        [.. ((await cluster.Get("node", node))["spec"]!["taints"]?.AsArray() ?? []).Select(taint => $"{taint!["key"]}:{taint["effect"]}")];

    private static async Task<List<string>> ServingAddresses(Cluster cluster) =>
        [.. (await cluster.Get("endpointslices", "-l", "kubernetes.io/service-name=hasty"))["items"]!.AsArray()
            .SelectMany(slice => slice!["endpoints"]?.AsArray() ?? []).Where(endpoint => (bool?)endpoint!["conditions"]!["ready"] == true).Select(endpoint => (string)endpoint!["addresses"]![0]!)];

    private static async Task<HashSet<string>> Answers(TestHost host, string service) =>
        [.. (await host.Shell($"for i in $(seq 40); do curl -s -m 2 http://{service}/; done")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)];

    private sealed record PodSeen(string Name, string Node, string Uid, bool IsHasty, bool IsReady, bool IsLeaving);
}
