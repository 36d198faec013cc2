using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>Which pod of a Service answers, by where the client is and what it was told before: three hosts, the server in zone a, two agents in zone b.</summary>
public sealed class DistributionTests
{
    private const string Services = """
        apiVersion: v1
        kind: Service
        metadata: {name: same-zone, namespace: default}
        spec: {trafficDistribution: PreferSameZone, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: same-node, namespace: default}
        spec: {trafficDistribution: PreferSameNode, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: own-node, namespace: default}
        spec: {internalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: sticky, namespace: default}
        spec: {sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 5}}, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
        """;

    [Fact]
    public async Task Zones_nodes_and_what_a_client_had_before_choose_the_pod()
    {
        await using var cluster = await Cluster.Start("zones1", 240, "--token", "token-of-servers", "--node-label", "topology.kubernetes.io/zone=a");
        await using var second = await TestHost.Up("zones2", 241);
        await using var third = await TestHost.Up("zones3", 242);
        foreach (var agent in new[] { second, third }) await Agent.Start(agent, $"https://{cluster.Host.Address}:6443", "token-of-servers", "--node-label", "topology.kubernetes.io/zone=b");
        foreach (var agent in new[] { second, third }) await cluster.WaitForNode(agent.Name);
        await cluster.KubectlWithInput(ThreeNodes.WebPods("8080") + "\n---\n" + Services, "apply", "-f", "-");
        await cluster.Kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
        TestHost[] hosts = [cluster.Host, second, third];
        var pods = (await cluster.Kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={range .items[*]}{.spec.nodeName} {.metadata.name}{\"\\n\"}{end}")).Split('\n')
            .Select(line => line.Split(' ')).ToDictionary(words => words[0], words => words[1]);
        var nodes = pods.ToDictionary(pod => pod.Value, pod => pod.Key);
        var addresses = (await cluster.Kubectl("get", "services", "-o", "jsonpath={range .items[*]}{.metadata.name} {.spec.clusterIP}{\"\\n\"}{end}")).Split('\n').Select(line => line.Split(' ')).ToDictionary(words => words[0], words => words[1]);

        // The nodes whose pods answered, of many questions by a pod of a host and by the host itself.
        async Task<string> Answer(TestHost host, string service, int times = 24)
        {
            var ask = $"for i in $(seq {times}); do curl -sS -m 2 http://{addresses[service]}/ || echo nobody; done";
            var pid = await Desk.PidOf(host, pods[host.Name]);
            var answers = pid.Length == 0 ? "" : (await host.Run("nsenter", "--target", pid, "--net", "--", "sh", "-c", ask)).Output;
            answers += "\n" + (await host.Run("sh", "-c", ask)).Output;
            return string.Join(' ', answers.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(pod => nodes.GetValueOrDefault(pod, pod)).Distinct().Order(StringComparer.Ordinal));
        }
        Task Answers(TestHost host, string service, string expected) => Eventually.Becomes(() => Answer(host, service), answered => answered == expected, $"{service} is answered on {host.Name} by {expected}");

        await Answers(cluster.Host, "same-zone", "zones1");
        await Answers(second, "same-zone", "zones2 zones3");
        await Answers(third, "same-zone", "zones2 zones3");
        foreach (var host in hosts)
        {
            await Answers(host, "same-node", host.Name);
            await Answers(host, "own-node", host.Name);
        }

        // A node in a zone that nobody is hinted for asks anybody; the hints follow when their Service is looked at again (as upstream).
        await cluster.Kubectl("label", "node", "zones3", "topology.kubernetes.io/zone=c", "--overwrite");
        await Answers(third, "same-zone", "zones1 zones2 zones3");
        await cluster.Kubectl("annotate", "service", "same-zone", "looked-at=again");
        await Answers(second, "same-zone", "zones2");
        await Answers(third, "same-zone", "zones3");

        // A client stays with its pod, and is free again when it has said nothing for the time.
        var client = await Desk.PidOf(second, pods["zones2"]);
        async Task<string> Ask(int times) => (await second.Run("nsenter", "--target", client, "--net", "--", "sh", "-c", $"for i in $(seq {times}); do curl -sS -m 2 http://{addresses["sticky"]}/; done")).Succeeded();
        var first = (await Ask(12)).Split('\n').Distinct().ToList();
        Assert.Single(first);
        await Eventually.Becomes(async () =>
        {
            // As long as nobody asks: the time itself is what is shown.
            await Task.Delay(TimeSpan.FromSeconds(6));
            return await Ask(1);
        }, answer => answer != first[0], "another pod answers after the client's silence", TimeSpan.FromSeconds(150));

        // Without a pod near, any will do; with internalTrafficPolicy Local none.
        await cluster.Kubectl("patch", "daemonset", "web", "--patch", "{\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{\"kubernetes.io/hostname\":\"zones3\"}}}}}");
        await cluster.Kubectl("wait", "--for=delete", $"pod/{pods["zones1"]}", $"pod/{pods["zones2"]}", "--timeout=60s");
        await cluster.Kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
        nodes[await cluster.Kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}")] = "zones3";
        foreach (var service in new[] { "same-zone", "same-node" }) await Answers(cluster.Host, service, "zones3");
        await Eventually.Becomes(() => Answer(cluster.Host, "own-node", times: 1), answered => answered == "nobody", "a Service for this node only has nobody here");
    }
}
