using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests;

/// <summary>What README shows first: a Deployment, exposed, scaled, changed, restarted, undone.</summary>
public sealed class FirstDeploymentTests(SharedCluster shared)
{
    private readonly Cluster cluster = shared.Cluster;

    [Fact]
    public async Task The_node_is_ready_and_the_control_plane()
    {
        var line = (await cluster.Kubectl("get", "nodes", "--no-headers")).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal([cluster.Host.Name, "Ready", "control-plane"], line[..3]);
        Assert.Equal("v1.36.2+k3s1", line[4]);
    }

    [Fact]
    public async Task A_deployment_runs_scales_rolls_and_undoes()
    {
        var space = await cluster.NewNamespace("deployment");
        await cluster.Kubectl("-n", space, "create", "deployment", "web", "--image=busybox:1", "--replicas=2", "--", "sh", "-c", "echo one; httpd -f -p 8080");
        await cluster.Kubectl("-n", space, "rollout", "status", "deployment/web", "--timeout=60s");
        Assert.Equal("2/2", (await cluster.Kubectl("-n", space, "get", "deployment", "web", "--no-headers")).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);

        await cluster.Kubectl("-n", space, "scale", "deployment/web", "--replicas=3");
        await cluster.Kubectl("-n", space, "rollout", "status", "deployment/web", "--timeout=60s");
        var before = await PodNames(space);
        Assert.Equal(3, before.Length);

        await cluster.Kubectl("-n", space, "rollout", "restart", "deployment/web");
        await cluster.Kubectl("-n", space, "rollout", "status", "deployment/web", "--timeout=90s");
        await Eventually.Becomes(() => PodNames(space), names => names.Length == 3 && !names.Intersect(before).Any(), "only new pods after a restart");

        await cluster.Kubectl("-n", space, "set", "image", "deployment/web", "*=busybox:none");
        await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "pods", "--no-headers"), pods => pods.Contains("ErrImagePull") || pods.Contains("ImagePullBackOff"), "the missing image is named");
        await cluster.Kubectl("-n", space, "rollout", "undo", "deployment/web");
        await cluster.Kubectl("-n", space, "rollout", "status", "deployment/web", "--timeout=90s");
        Assert.Equal("busybox:1", await cluster.Kubectl("-n", space, "get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}"));

        await cluster.Kubectl("delete", "namespace", space, "--timeout=60s");
        Assert.Equal("", await cluster.Kubectl("get", "namespace", space, "--ignore-not-found"));
    }

    [Fact]
    public async Task A_pod_that_fits_nowhere_says_why()
    {
        var space = await cluster.NewNamespace("unschedulable");
        await cluster.Kubectl("-n", space, "run", "big", "--image=busybox:1", "--overrides={\"spec\":{\"containers\":[{\"name\":\"big\",\"image\":\"busybox:1\",\"resources\":{\"requests\":{\"cpu\":\"1000\"}}}]}}");
        var events = await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "events", "-o", "jsonpath={.items[?(@.reason==\"FailedScheduling\")].message}"), message => message != "", "a FailedScheduling event");
        Assert.Equal("0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.", events);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task The_server_tells_the_figures_of_its_parts()
    {
        var metrics = await cluster.Kubectl("get", "--raw", "/metrics");
        foreach (var name in (string[])["apiserver_request_total{", "workqueue_adds_total{name=\"deployment\"}", "scheduler_pending_pods{"])
            Assert.Contains($"\n{name}", metrics, StringComparison.Ordinal);
    }

    /// <summary>The pods that run and are to stay.</summary>
    private async Task<string[]> PodNames(string space) =>
    [
        .. (await cluster.Get("-n", space, "pods", "--field-selector=status.phase=Running"))["items"]!.AsArray()
            .Select(pod => pod!["metadata"]!).Where(metadata => metadata["deletionTimestamp"] is null).Select(metadata => (string)metadata["name"]!),
    ];
}
