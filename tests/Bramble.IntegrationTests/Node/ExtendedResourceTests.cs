using System.Text.Json.Nodes;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>Extended resources that a DeviceClass serves: what kubectl sees of them, from the server's own scheduler and controllers. The node is only said to be there.</summary>
public sealed class ExtendedResourceTests(SharedCluster shared)
{
    private readonly Cluster _cluster = shared.Cluster;

    [Fact]
    public async Task A_Pod_asks_for_a_resource_and_gets_devices_until_it_ends()
    {
        var space = await _cluster.NewNamespace("devices");
        await Apply(space, $$"""
            apiVersion: v1
            kind: Node
            metadata: {name: {{space}}, labels: {only: {{space}}} }
            ---
            apiVersion: resource.k8s.io/v1
            kind: DeviceClass
            metadata: {name: {{space}}}
            spec:
              extendedResourceName: {{space}}.example.com/gpu
              selectors: [{cel: {expression: "device.driver == '{{space}}.example.com'"} }]
            ---
            apiVersion: resource.k8s.io/v1
            kind: ResourceSlice
            metadata: {name: {{space}}}
            spec:
              driver: {{space}}.example.com
              nodeName: {{space}}
              pool: {name: pool, generation: 1, resourceSliceCount: 1}
              devices: [{name: g0}, {name: g1}]
            ---
            apiVersion: v1
            kind: ResourceQuota
            metadata: {name: quota}
            spec: {hard: {"requests.{{space}}.example.com/gpu": "2"} }
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: user}
            spec:
              nodeSelector: {only: {{space}}}
              containers:
              - {name: main, image: "busybox:1", command: [sleep, "1000"], resources: {limits: {"{{space}}.example.com/gpu": 2} } }
            """);
        await _cluster.Kubectl("patch", "node", space, "--subresource=status", "-p", """
            {"status":{"allocatable":{"cpu":"4","memory":"4Gi","pods":"10"},"conditions":[{"type":"Ready","status":"True","reason":"KubeletReady"}]}}
            """);
        var pod = await Eventually.Becomes(() => _cluster.Get("-n", space, "pod", "user"), p => p["spec"]!["nodeName"] is not null, "the Pod has a node");
        var told = pod["status"]!["extendedResourceClaimStatus"]!;
        Assert.Equal("main container-0-request-0", $"{told["requestMappings"]![0]!["containerName"]} {told["requestMappings"]![0]!["requestName"]}");
        var claim = await _cluster.Get("-n", space, "resourceclaim", (string)told["resourceClaimName"]!);
        Assert.Equal(["g0", "g1"], claim["status"]!["allocation"]!["devices"]!["results"]!.AsArray().Select(r => (string)r!["device"]!));
        Assert.Equal("user", (string?)claim["status"]!["reservedFor"]![0]!["name"]);
        await Eventually.Becomes(() => _cluster.Get("-n", space, "resourcequota", "quota"), q => (string?)q["status"]?["used"]?[$"requests.{space}.example.com/gpu"] == "2", "the quota counts the Pod's devices once");

        // The same devices by the name of their class: there are none left.
        await Apply(space, $$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: late}
            spec:
              nodeSelector: {only: {{space}}}
              containers:
              - {name: main, image: "busybox:1", resources: {limits: {"deviceclass.resource.kubernetes.io/{{space}}": 1} } }
            """);
        var late = await Eventually.Becomes(() => _cluster.Get("-n", space, "pod", "late"), p => Scheduled(p) is not null, "the Pod says why it waits");
        Assert.Equal("0/2 nodes are available: 1 cannot allocate all claims, 1 node(s) didn't match Pod's node affinity/selector. still not schedulable, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.", Scheduled(late));

        await _cluster.Kubectl("-n", space, "delete", "pod", "user", "--force", "--grace-period=0");
        await Eventually.Becomes(() => _cluster.Get("-n", space, "pod", "late"), p => p["spec"]!["nodeName"] is not null, "the other Pod has the devices");
        Assert.Equal("", await _cluster.Kubectl("-n", space, "get", "resourceclaim", (string)told["resourceClaimName"]!, "--ignore-not-found"));
        await _cluster.Kubectl("delete", "node,resourceslice,deviceclass", space);
        await _cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    private static string? Scheduled(JsonNode pod) =>
        (string?)(pod["status"]?["conditions"]?.AsArray().FirstOrDefault(c => (string?)c!["type"] == "PodScheduled" && (string?)c["status"] == "False")?["message"]);

    private Task Apply(string space, string manifest) => _cluster.KubectlWithInput(manifest, "-n", space, "apply", "-f", "-");
}
