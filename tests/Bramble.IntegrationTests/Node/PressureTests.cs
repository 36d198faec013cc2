using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>A node with little: small logs, reserved resources, and memory that counts as scarce. Its own server, as these are its flags.</summary>
public sealed class PressureTests
{
    [Fact]
    public async Task Small_logs_are_rotated_and_scarce_resources_are_defended()
    {
        await using var cluster = await Cluster.Start("pressure", 212,
            "--kubelet-arg=container-log-max-size=256Ki", "--kubelet-arg=container-log-max-files=3",
            "--kubelet-arg=kube-reserved=cpu=200m,memory=100Mi", "--kubelet-arg=system-reserved=memory=100Mi", "--kubelet-arg=eviction-hard=memory.available<50Mi");
        await Allocatable(cluster);
        await Task.WhenAll(FollowedLog(cluster), EmptyDirLimit(cluster), RoomForCriticalPods(cluster));

        // From now on there is never enough memory; what is there is adopted and then evicted, one after the other.
        await cluster.Kubectl("run", "victim", "--image=busybox:1", "--", "sleep", "1000000");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/victim", "--timeout=60s");
        await cluster.StopServer("TERM");
        await cluster.StartServer("--kubelet-arg=eviction-hard=memory.available<99%", "--kubelet-arg=eviction-pressure-transition-period=1s");
        var evicted = await Eventually.Becomes(() => cluster.Kubectl("get", "pod", "victim", "-o", "jsonpath={.status.phase} {.status.reason}: {.status.message}"),
            text => text.StartsWith("Failed", StringComparison.Ordinal), "the pod is evicted");
        Assert.Matches("^Failed Evicted: The node was low on resource: memory. Threshold quantity: [0-9]+(Ki)?, available: [0-9]+Ki. Container victim was using [0-9]+Ki, request is 0, has larger consumption of memory.", evicted);
        Assert.Equal("True TerminationByKubelet", await Disruption(cluster, "victim"));
        Assert.Equal("True KubeletHasInsufficientMemory", await cluster.Kubectl("get", "node", "pressure", "-o", "jsonpath={.status.conditions[?(@.type==\"MemoryPressure\")].status} {.status.conditions[?(@.type==\"MemoryPressure\")].reason}"));
        await Eventually.Becomes(() => cluster.Kubectl("get", "node", "pressure", "-o", "jsonpath={.spec.taints[*].key}"), taints => taints == "node.kubernetes.io/memory-pressure", "the taint");
        await cluster.Kubectl("cordon", "pressure");
        await Events(cluster, "NodeHasInsufficientMemory: Node pressure status is now: NodeHasInsufficientMemory", "NodeNotSchedulable: Node pressure status is now: NodeNotSchedulable",
            "EvictionThresholdMet: Attempting to reclaim memory");
    }

    private static async Task Events(Cluster cluster, params string[] expected)
    {
        foreach (var line in expected)
            await Eventually.Becomes(() => cluster.Kubectl("get", "events", "--field-selector=involvedObject.kind=Node", "-o", "jsonpath={range .items[*]}{.reason}: {.message}{\"\\n\"}{end}"),
                events => events.Split('\n').Contains(line), line);
    }

    private static async Task Allocatable(Cluster cluster)
    {
        var status = (await cluster.Get("node", "pressure"))["status"]!;
        long Mebibytes(string where) => long.Parse(((string)status[where]!["memory"]!)[..^2]) / 1024;
        Assert.InRange(Mebibytes("capacity") - Mebibytes("allocatable"), 249, 251);
        Assert.EndsWith("800m", (string)status["allocatable"]!["cpu"]!);
        // The kernel holds all pods together to what is not reserved.
        var capacity = long.Parse(((string)status["capacity"]!["memory"]!)[..^2]) * 1024;
        var limit = long.Parse((await cluster.Host.Shell("for f in $(find /sys/fs/cgroup -type d -name 'kubepods*' -prune); do cat $f/memory.limit_in_bytes $f/memory.max 2>/dev/null; done; true")).Succeeded());
        Assert.InRange(capacity - limit, 200L << 20, (200L << 20) + Environment.SystemPageSize);
        await Events(cluster, "Starting: Starting kubelet.", "NodeAllocatableEnforced: Updated Node Allocatable limit across pods", "NodeHasSufficientMemory: Node pressure status is now: NodeHasSufficientMemory",
            "NodeHasNoDiskPressure: Node pressure status is now: NodeHasNoDiskPressure", "NodeHasSufficientPID: Node pressure status is now: NodeHasSufficientPID", "NodeReady: Node pressure status is now: NodeReady");
    }

    private static async Task FollowedLog(Cluster cluster)
    {
        // 40,000 numbered lines of 26 bytes and 43 of the log's own: ten files of 256 KiB.
        await cluster.Kubectl("run", "counter", "--image=busybox:1", "--restart=Never", "--", "sh", "-c",
            "n=0; while [ $n -lt 40000 ]; do n=$((n+1)); printf 'line %020d\\n' $n; [ $((n % 1000)) -ne 0 ] || usleep 600000; done");
        await Eventually.Becomes(() => cluster.TryKubectl("logs", "counter", "--tail=1"), result => result.Output.Length > 0, "the first line");
        using var follow = Command.Start(TestFiles.Kubectl, ["--kubeconfig", cluster.Kubeconfig, "logs", "-f", "counter"]);
        var expected = 0;
        while (await follow.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            var number = int.Parse(line["line ".Length..]);
            // The first file may have been rotated before the reader came; from there on nothing is missing and nothing twice.
            if (expected == 0) expected = number;
            Assert.Equal(expected++, number);
        }
        Assert.Equal(40001, expected);
        await follow.WaitForExitAsync(TestContext.Current.CancellationToken);
        var files = (await cluster.Host.Shell("ls /var/log/pods/default_counter_*/counter")).Succeeded().Split('\n');
        Assert.InRange(files.Length, 2, 3);
    }

    private static async Task EmptyDirLimit(Cluster cluster)
    {
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: Pod
            metadata: {name: hoarder}
            spec:
              terminationGracePeriodSeconds: 0
              containers: [{name: main, image: "busybox:1", command: [sh, -c, 'dd if=/dev/zero of=/d/big bs=1M count=3; sleep 1000000'], volumeMounts: [{name: d, mountPath: /d}]}]
              volumes: [{name: d, emptyDir: {sizeLimit: 1Mi}}]
            """, "apply", "-f", "-");
        var evicted = await Eventually.Becomes(() => cluster.Kubectl("get", "pod", "hoarder", "-o", "jsonpath={.status.phase} {.status.reason}: {.status.message}"),
            text => text.StartsWith("Failed", StringComparison.Ordinal), "the pod is evicted");
        Assert.Equal("Failed Evicted: Usage of EmptyDir volume \"d\" exceeds the limit \"1Mi\".", evicted.Trim());
        Assert.Equal("", await Disruption(cluster, "hoarder"));
    }

    /// <summary>Pods that no scheduler placed: a port is held once, and a critical pod gets its CPU from another.</summary>
    private static async Task RoomForCriticalPods(Cluster cluster)
    {
        string Pod(string name, string cpu, string priorityClass) => $$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: {{name}}}
            spec:
              nodeName: pressure
              priorityClassName: {{priorityClass}}
              terminationGracePeriodSeconds: 0
              containers: [{name: main, image: "busybox:1", command: [sleep, "1000000"], ports: [{containerPort: 80, hostPort: 21017}], resources: {requests: {cpu: {{cpu}} } } }]
            """;
        await cluster.KubectlWithInput(Pod("filler", "1500m", "\"\""), "apply", "-f", "-");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/filler", "--timeout=60s");
        await cluster.KubectlWithInput(Pod("same-port", "10m", "\"\""), "apply", "-f", "-");
        await Eventually.Becomes(() => cluster.Kubectl("get", "pod", "same-port", "-o", "jsonpath={.status.phase} {.status.reason}: {.status.message}"),
            text => text == "Failed NodePorts: Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports", "the port is taken");

        await cluster.KubectlWithInput(Pod("critical", "1", "system-node-critical").Replace("21017", "21018"), "apply", "-f", "-");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/critical", "--timeout=60s");
        await Eventually.Becomes(() => cluster.Kubectl("get", "pod", "filler", "-o", "jsonpath={.status.phase} {.status.reason}: {.status.message}"),
            text => text == "Failed Preempting: Preempted in order to admit critical pod", "the other made room");
        Assert.Equal("True TerminationByKubelet", await Disruption(cluster, "filler"));
        await cluster.Kubectl("delete", "pod", "filler", "same-port", "critical");
    }

    private static async Task<string> Disruption(Cluster cluster, string pod)
    {
        const string Condition = ".status.conditions[?(@.type==\"DisruptionTarget\")]";
        return (await cluster.Kubectl("get", "pod", pod, "-o", $"jsonpath={{{Condition}.status}} {{{Condition}.reason}}")).Trim();
    }
}
