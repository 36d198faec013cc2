using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>What the node tells of itself: status, what it uses, its logs, the kubelet's own pages.</summary>
public sealed class NodeTests(SharedCluster shared)
{
    private readonly Cluster cluster = shared.Cluster;

    [Fact]
    public async Task Status_and_heartbeat()
    {
        var node = await cluster.Get("node", cluster.Host.Name);
        var status = node["status"]!;
        Assert.Equal(["DiskPressure False KubeletHasNoDiskPressure", "MemoryPressure False KubeletHasSufficientMemory", "PIDPressure False KubeletHasSufficientPID", "Ready True KubeletReady"],
            status["conditions"]!.AsArray().Select(c => $"{c!["type"]} {c["status"]} {c["reason"]}").Order(StringComparer.Ordinal));
        Assert.Equal(cluster.Host.Address, (string)status["addresses"]!.AsArray().Single(a => (string?)a!["type"] == "InternalIP")!["address"]!);
        // Of an image that other tests have pulled under more names, five are shown: which ones, depends on their order.
        Assert.Contains(status["images"]!.AsArray(), image => image!["names"]!.AsArray().Any(name => ((string)name!).Contains("/busybox", StringComparison.Ordinal)) && (long)image["sizeBytes"]! > 1_000_000);
        Assert.Equal($"k3s://{cluster.Host.Name}", (string)node["spec"]!["providerID"]!);
        var lease = await cluster.Get("lease", "-n", "kube-node-lease", cluster.Host.Name);
        Assert.Equal(40, (int)lease["spec"]!["leaseDurationSeconds"]!);
        Assert.Equal(cluster.Host.Name, (string)lease["metadata"]!["ownerReferences"]![0]!["name"]!);
    }

    [Fact]
    public async Task Kubectl_top_and_the_kubelets_pages()
    {
        var space = await cluster.NewNamespace("usage");
        await cluster.Kubectl("-n", space, "run", "busy", "--image=busybox:1", "--", "sh", "-c", "x=$(head -c 20000000 /dev/zero | tr '\\0' x); while true; do :; done");
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/busy", "--timeout=60s");
        var used = await Eventually.Becomes(async () => (await cluster.Kubectl("-n", space, "top", "pod", "busy", "--containers", "--no-headers")).Split(' ', StringSplitOptions.RemoveEmptyEntries),
            fields => Amount(fields[2], "m") > 100 && Amount(fields[3], "Mi") > 10, "the pod's usage");
        Assert.Equal(["busy", "busy"], used[..2]);
        var node = (await cluster.Kubectl("top", "node", "--no-headers")).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(cluster.Host.Name, node[0]);
        Assert.InRange(Amount(node[1], "m"), 100, 1000 * Environment.ProcessorCount);
        Assert.Equal("True", await cluster.Kubectl("get", "apiservice", "v1beta1.metrics.k8s.io", "-o", "jsonpath={.status.conditions[?(@.type==\"Available\")].status}"));

        Task<string> Page(string path) => cluster.Kubectl("get", "--raw", $"/api/v1/nodes/{cluster.Host.Name}/proxy/{path}");
        var summary = JsonNode.Parse(await Page("stats/summary"))!;
        Assert.Equal(cluster.Host.Name, (string)summary["node"]!["nodeName"]!);
        var pod = summary["pods"]!.AsArray().Single(p => (string?)p!["podRef"]!["namespace"] == space)!;
        Assert.True((long)pod["memory"]!["workingSetBytes"]! > 10 << 20);
        Assert.Contains($"container_cpu_usage_seconds_total{{container=\"busy\",namespace=\"{space}\",pod=\"busy\"}}", await Page("metrics/resource"));
        Assert.Contains($"namespace=\"{space}\"", await Page("metrics/cadvisor"));
        Assert.Contains("kubelet_node_name", await Page("metrics"));
        Assert.Equal("ok", await Page("healthz"));
        Assert.Equal("110", JsonNode.Parse(await Page("configz"))!["kubeletconfig"]!["maxPods"]!.ToString());
        Assert.Contains(JsonNode.Parse(await Page("pods"))!["items"]!.AsArray(), p => (string?)p!["metadata"]!["namespace"] == space && (string?)p["status"]!["phase"] == "Running");
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task Logs()
    {
        var space = await cluster.NewNamespace("logs");
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: Pod
            metadata: {name: talker}
            spec:
              terminationGracePeriodSeconds: 0
              initContainers: [{name: first, image: "busybox:1", command: [sh, -c, 'printf "from init"']}]
              containers:
              - {name: main, image: "busybox:1", command: [sh, -c, 'echo out; for i in 1 2 3 4 5; do echo line $i; done; until [ -f /go ]; do usleep 100000; done; echo late; until [ -f /end ]; do usleep 100000; done; echo over']}
              - {name: other, image: "busybox:1", command: [sh, -c, 'echo err >&2; sleep 1000000']}
            """, "-n", space, "apply", "-f", "-");
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/talker", "--timeout=60s");
        Task<string> Logs(params string[] arguments) => cluster.Kubectl(["-n", space, "logs", "talker", .. arguments]);
        await Eventually.Becomes(() => Logs("-c", "main"), text => text.EndsWith("line 5", StringComparison.Ordinal), "the first lines");
        Assert.Equal("line 4\nline 5", await Logs("-c", "main", "--tail=2"));
        Assert.Equal("", await Logs("-c", "main", "--tail=0"));
        Assert.Equal("from init", await Logs("-c", "first"));
        Assert.Equal("err", await Logs("-c", "other"));
        Assert.Equal("out\nli", await Logs("-c", "main", "--limit-bytes=6"));
        var all = await Logs("--all-containers", "--prefix");
        Assert.Contains("[pod/talker/first] from init", all);
        Assert.Contains("[pod/talker/other] err", all);
        var stamped = (await Logs("-c", "main", "--tail=1", "--timestamps")).Split(' ', 2);
        Assert.InRange(DateTimeOffset.Parse(stamped[0], CultureInfo.InvariantCulture), DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow);
        Assert.Equal("line 5", stamped[1]);
        Assert.Equal("", await Logs("-c", "main", $"--since-time={DateTime.UtcNow.AddMinutes(1):yyyy-MM-ddTHH:mm:ssZ}"));
        Assert.Contains("line 1", await Logs("-c", "main", "--since=5m"));
        Assert.Contains("previous terminated container \"main\" in pod \"talker\" not found", (await cluster.TryKubectl("-n", space, "logs", "talker", "-c", "main", "--previous")).Failed());
        Assert.Contains("container nope is not valid for pod talker", (await cluster.TryKubectl("-n", space, "logs", "talker", "-c", "nope")).Failed());

        using var follow = Command.Start(TestFiles.Kubectl, ["--kubeconfig", cluster.Kubeconfig, "-n", space, "logs", "-f", "talker", "-c", "main", "--tail=1"]);
        Task<string?> Line() => follow.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal("line 5", await Line());
        await cluster.Kubectl("-n", space, "exec", "talker", "-c", "main", "--", "touch", "/go");
        Assert.Equal("late", await Line());
        await cluster.Kubectl("-n", space, "exec", "talker", "-c", "main", "--", "touch", "/end");
        Assert.Equal("over", await Line());
        // The container has ended, and with it what followed it.
        Assert.Null(await Line());
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task Nothing_the_node_does_is_forbidden_to_it()
    {
        // Every write of the kubelet goes through the node authorizer; what it may not do is in its log.
        var refused = await cluster.Host.Shell("grep -E 'system:node:.*(cannot|is forbidden)' /run/k3s.log");
        Assert.Equal("", refused.Output);
    }

    private static long Amount(string text, string unit) => text.EndsWith(unit, StringComparison.Ordinal) ? long.Parse(text[..^unit.Length], CultureInfo.InvariantCulture) : 0;
}
