using System.Text.Json.Nodes;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>Running pods get other resources in place (KEP-1287): <c>kubectl patch --subresource resize</c> on a real node.</summary>
public sealed class ResizeTests(SharedCluster shared)
{
    private const string MemoryLimit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max";

    private readonly Cluster cluster = shared.Cluster;

    [Fact]
    public async Task A_container_runs_on_with_other_limits()
    {
        var space = await cluster.NewNamespace("resize");
        await Run(space, "live", """{"name":"c","image":"busybox:1","command":["sleep","1000000"],"resources":{"requests":{"cpu":"20m","memory":"20Mi"},"limits":{"cpu":"200m","memory":"64Mi"}}}""");
        var before = await Container(space, "live");

        await Resize(space, "live", """{"requests":{"cpu":"30m","memory":"30Mi"},"limits":{"cpu":"300m","memory":"96Mi"}}""");
        var after = await Shown(space, "live", """{"limits":{"cpu":"300m","memory":"96Mi"},"requests":{"cpu":"30m","memory":"30Mi"}}""");
        Assert.Equal((string)before["containerID"]!, (string)after["containerID"]!);
        Assert.Equal(0, (int)after["restartCount"]!);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse("""{"cpu":"30m","memory":"30Mi"}"""), after["allocatedResources"]), after.ToJsonString());
        Assert.Equal("100663296", await cluster.Kubectl("-n", space, "exec", "live", "--", "sh", "-c", MemoryLimit));
        await Becomes("ResizeStarted Normal Pod resize started", async () => await Event(space, "live", "ResizeStarted"));
        await Becomes("ResizeCompleted Normal Pod resize completed", async () => await Event(space, "live", "ResizeCompleted"));
        await Becomes("", async () => await Conditions(space, "live"));

        // And back: the pod's own cgroup shrinks with its container.
        await Resize(space, "live", """{"requests":{"cpu":"20m","memory":"20Mi"},"limits":{"cpu":"200m","memory":"64Mi"}}""");
        await Shown(space, "live", """{"limits":{"cpu":"200m","memory":"64Mi"},"requests":{"cpu":"20m","memory":"20Mi"}}""");
        Assert.Equal("67108864", await cluster.Kubectl("-n", space, "exec", "live", "--", "sh", "-c", MemoryLimit));
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task A_container_is_restarted_where_its_policy_says_so()
    {
        var space = await cluster.NewNamespace("resize");
        await Run(space, "again", """
            {"name":"c","image":"busybox:1","command":["sh","-c","trap 'exit 0' TERM; while true; do sleep 0.1; done"],"resizePolicy":[{"resourceName":"memory","restartPolicy":"RestartContainer"}],
             "resources":{"requests":{"cpu":"20m","memory":"20Mi"},"limits":{"memory":"64Mi"}}}
            """);
        var before = await Container(space, "again");
        await Resize(space, "again", """{"requests":{"cpu":"25m"}}""");
        var kept = await Shown(space, "again", """{"limits":{"memory":"64Mi"},"requests":{"cpu":"25m","memory":"20Mi"}}""");
        Assert.Equal((string)before["containerID"]!, (string)kept["containerID"]!);

        await Resize(space, "again", """{"limits":{"memory":"80Mi"}}""");
        await Becomes("1", async () => (string)(await Container(space, "again"))["restartCount"]!.ToJsonString());
        await Shown(space, "again", """{"limits":{"memory":"80Mi"},"requests":{"cpu":"25m","memory":"20Mi"}}""");
        Assert.Equal("83886080", await cluster.Kubectl("-n", space, "exec", "again", "--", "sh", "-c", MemoryLimit));
        await Becomes("", async () => await Conditions(space, "again"));
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task A_wish_waits_until_the_node_has_room()
    {
        var space = await cluster.NewNamespace("resize");
        var node = await cluster.Get("nodes");
        var allocatable = decimal.Parse(((string)node["items"]![0]!["status"]!["allocatable"]!["memory"]!).Replace("Ki", "")) / 1024;
        // Two pods fill three fifths of the node.
        var (big, small) = ($"{(int)(allocatable * 0.5m)}Mi", $"{(int)(allocatable * 0.1m)}Mi");
        await Run(space, "big", Sleeper(big));
        await Run(space, "waits", Sleeper(small));
        var wanted = $"{(int)(allocatable * 0.6m)}Mi";
        await Resize(space, "waits", Requests(wanted));
        await Becomes("PodResizePending True Deferred", async () => await Conditions(space, "waits"));
        var condition = (await cluster.Get("-n", space, "pod", "waits"))["status"]!["conditions"]!.AsArray().Single(c => (string)c!["type"]! == "PodResizePending")!;
        Assert.StartsWith("Node didn't have enough resource: memory, requested: ", (string)condition["message"]!);
        await Becomes("ResizeDeferred Warning Pod resize Deferred", async () => await Event(space, "waits", "ResizeDeferred"));
        await Shown(space, "waits", Requests(small));

        // A restart of the node forgets neither what was given nor what is wanted.
        await cluster.StopServer("KILL");
        await cluster.StartServer();
        await cluster.WaitForNode(cluster.Host.Name);
        await Shown(space, "waits", Requests(small));
        Assert.Equal("PodResizePending True Deferred", await Conditions(space, "waits"));

        await cluster.Kubectl("-n", space, "delete", "pod", "big", "--wait=false");
        await Shown(space, "waits", Requests(wanted));
        await Becomes("", async () => await Conditions(space, "waits"));
        Assert.Equal("0", (await Container(space, "waits"))["restartCount"]!.ToJsonString());
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task A_memory_limit_below_what_is_used_is_refused_with_the_reason()
    {
        var space = await cluster.NewNamespace("resize");
        await Run(space, "full", """
            {"name":"c","image":"busybox:1","command":["sh","-c","dd if=/dev/zero of=/m/f bs=1M count=40 2>/dev/null; touch /m/done; sleep 1000000"],"readinessProbe":{"exec":{"command":["test","-f","/m/done"]},"periodSeconds":1},
             "volumeMounts":[{"name":"m","mountPath":"/m"}],"resources":{"requests":{"memory":"10Mi"},"limits":{"memory":"128Mi"}}}
            """, """[{"name":"m","emptyDir":{"medium":"Memory"}}]""");
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/full", "--timeout=60s");
        await Resize(space, "full", """{"limits":{"memory":"16Mi"}}""");
        await Becomes("PodResizeInProgress True Error", async () => await Conditions(space, "full"));
        var condition = (await cluster.Get("-n", space, "pod", "full"))["status"]!["conditions"]!.AsArray().Single(c => (string)c!["type"]! == "PodResizeInProgress")!;
        Assert.Contains("attempting to set container \"c\" memory limit (16777216) below current usage", (string)condition["message"]!);
        await Becomes("ResizeError Warning Pod resize error", async () => await Event(space, "full", "ResizeError"));
        await Shown(space, "full", """{"limits":{"memory":"128Mi"},"requests":{"memory":"10Mi"}}""");

        // What is freed makes it possible: it is tried again.
        await cluster.Kubectl("-n", space, "exec", "full", "--", "rm", "/m/f");
        await Shown(space, "full", """{"limits":{"memory":"16Mi"},"requests":{"memory":"10Mi"}}""");
        await Becomes("", async () => await Conditions(space, "full"));
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    private static string Requests(string memory) => new JsonObject { ["requests"] = new JsonObject { ["cpu"] = "10m", ["memory"] = memory } }.ToJsonString();

    private static string Sleeper(string memory) => """{"name":"c","image":"busybox:1","command":["sleep","1000000"],"resources":""" + Requests(memory) + "}";

    private static Task Becomes(string expected, Func<Task<string>> ask) => Eventually.Becomes(ask, answer => answer == expected, expected.Length > 0 ? expected : "nothing is pending");

    private async Task Run(string space, string name, string container, string volumes = "[]")
    {
        await cluster.KubectlWithInput(
            $$$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"{{{name}}}","namespace":"{{{space}}}"},"spec":{"terminationGracePeriodSeconds":0,"volumes":{{{volumes}}},"containers":[{{{container}}}]}}""", "apply", "-f", "-");
        await Becomes("Running", async () => (string?)(await cluster.Get("-n", space, "pod", name))["status"]!["phase"] ?? "");
    }

    private async Task Resize(string space, string name, string resources) => await cluster.Kubectl(
        "-n", space, "patch", "pod", name, "--subresource", "resize", "-p", $$$"""{"spec":{"containers":[{"name":"c","resources":{{{resources}}}}]}}""");

    private async Task<JsonNode> Container(string space, string name) => (await cluster.Get("-n", space, "pod", name))["status"]!["containerStatuses"]![0]!;

    private async Task<JsonNode> Shown(string space, string name, string resources)
    {
        var wanted = JsonNode.Parse(resources)!.ToJsonString();
        await Becomes(wanted, async () => (await Container(space, name))["resources"]?.ToJsonString() ?? "");
        return await Container(space, name);
    }

    /// <summary>Conditions of a resize: type, status and reason of each.</summary>
    private async Task<string> Conditions(string space, string name) => string.Join(
        ", ", (await cluster.Get("-n", space, "pod", name))["status"]!["conditions"]!.AsArray().Where(c => ((string)c!["type"]!).StartsWith("PodResize"))
            .Select(c => $"{c!["type"]} {c["status"]} {c["reason"]}".Trim()));

    /// <summary>The event of a reason: reason, type and the words before its JSON.</summary>
    private async Task<string> Event(string space, string name, string reason)
    {
        var list = await cluster.Get("-n", space, "events", "--field-selector", $"involvedObject.name={name},reason={reason}");
        return list["items"]!.AsArray().LastOrDefault() is { } e ? $"{e["reason"]} {e["type"]} {((string)e["message"]!).Split(": {")[0]}" : "";
    }
}
