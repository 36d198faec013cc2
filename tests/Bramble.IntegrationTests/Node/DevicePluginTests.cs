using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>Device plugins (v1beta1) and extended resources that an administrator tells: from the node's capacity to what a container sees.</summary>
public sealed class DevicePluginTests(SharedCluster shared)
{
    private readonly Cluster _cluster = shared.Cluster;

    [Fact]
    public async Task Containers_get_a_plugins_devices_and_keep_them_over_a_kill_of_the_node()
    {
        var space = await _cluster.NewNamespace("dongles");
        var resource = $"{space}.example.com/dongle";
        await using var plugin = new DevicePluginStandIn(_cluster.Host, resource, "a", "b", "c") { Preferred = "b" };
        await plugin.Start();
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => plugin.Register("cpu"));
        Assert.Equal("2 the ResourceName \"cpu\" is invalid", refused.Message);
        refused = await Assert.ThrowsAsync<InvalidOperationException>(() => plugin.Register(version: "v1"));
        Assert.Equal("2 requested API version \"v1\" is not supported by kubelet. Supported version is \"[v1beta1]\"", refused.Message);
        await plugin.Register();
        await Amounts(resource, "3 3");

        await Run(space, resource, "one", 1);
        await Running(space, "one");
        Assert.Equal($"b {_cluster.Host.Name}\n1", await _cluster.Kubectl("-n", space, "logs", "one"));
        Assert.Equal(["allocate b", "prestart b"], plugin.Calls);
        Assert.Equal($"{resource} b Healthy", await Health(space, "one"));
        plugin.Break("b");
        await Amounts(resource, "3 2");
        await Eventually.Becomes(() => Health(space, "one"), text => text == $"{resource} b Unhealthy", "the pod tells of its broken device");

        await Run(space, resource, "three", 3);
        await Eventually.Becomes(() => _cluster.Kubectl("-n", space, "get", "pod", "three", "-o", "jsonpath={.status.conditions[0].message}"),
            text => text.Contains($"Insufficient {resource}"), "more than there are is not scheduled");

        // The node is killed and comes back: its container goes on, and nobody gets its device.
        await _cluster.StopServer("KILL");
        await _cluster.StartServer();
        await _cluster.WaitForNode(_cluster.Host.Name);
        await Amounts(resource, "0 0");
        await plugin.Start();
        plugin.Break("");
        await plugin.Register();
        await Amounts(resource, "3 3");
        await Run(space, resource, "two", 2);
        await Running(space, "two");
        Assert.StartsWith("a,c ", await _cluster.Kubectl("-n", space, "logs", "two"));
        Assert.Equal("0", await _cluster.Kubectl("-n", space, "get", "pod", "one", "-o", "jsonpath={.status.containerStatuses[0].restartCount}"));

        // A pod that ends gives its device back; a plugin that goes leaves none to give.
        await _cluster.Kubectl("-n", space, "delete", "pod", "one", "three", "--now");
        await Run(space, resource, "again", 1);
        await Running(space, "again");
        Assert.StartsWith("b ", await _cluster.Kubectl("-n", space, "logs", "again"));
        await plugin.DisposeAsync();
        await Amounts(resource, "3 0");
        await _cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task What_an_administrator_writes_into_the_capacity_stays_and_can_be_asked_for()
    {
        var space = await _cluster.NewNamespace("told");
        var resource = $"{space}.example.com/told";
        await _cluster.Kubectl("patch", "node", _cluster.Host.Name, "--subresource=status", "-p", $$"""{"status":{"capacity":{"{{resource}}":"2"} } }""");
        await Amounts(resource, "2 2");
        await _cluster.Kubectl("-n", space, "run", "user", "--image=busybox:1", "--overrides", $$"""
            {"spec":{"terminationGracePeriodSeconds":0,"containers":[{"name":"user","image":"busybox:1","command":["sleep","1000000"],"resources":{"limits":{"{{resource}}":"2"} } }]} }
            """);
        await Running(space, "user");
        // A change of the node's own status leaves it alone.
        await _cluster.Kubectl("patch", "node", _cluster.Host.Name, "--subresource=status", "-p", """{"status":{"nodeInfo":{"machineID":"other"}}}""");
        await Eventually.Becomes(() => _cluster.Kubectl("get", "node", _cluster.Host.Name, "-o", "jsonpath={.status.nodeInfo.machineID}"), id => id != "other", "the node has written its status");
        await Amounts(resource, "2 2");
        await _cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    private Task Amounts(string resource, string expected) => Eventually.Becomes(async () =>
    {
        var status = (await _cluster.Get("node", _cluster.Host.Name))["status"]!;
        return $"{status["capacity"]![resource]} {status["allocatable"]![resource]}";
    }, text => text == expected, $"the node tells {expected} of {resource}");

    private Task Run(string space, string resource, string name, int count) => _cluster.KubectlWithInput($$"""
        apiVersion: v1
        kind: Pod
        metadata: {name: {{name}}, namespace: {{space}}}
        spec:
          terminationGracePeriodSeconds: 0
          containers:
          - name: main
            image: busybox:1
            command: [sh, -c, 'echo "$DONGLES $(cat /dongle-name)"; head -c 1 /dev/dongle | wc -c; exec sleep 1000000']
            resources: {limits: {"{{resource}}": {{count}} } }
        """, "apply", "-f", "-");

    private Task Running(string space, string name) => _cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", $"pod/{name}", "--timeout=60s");

    private Task<string> Health(string space, string name) => _cluster.Kubectl(
        "-n", space, "get", "pod", name, "-o", "jsonpath={range .status.containerStatuses[0].allocatedResourcesStatus[0]}{.name} {.resources[0].resourceID} {.resources[0].health}{end}");
}
