using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>A node on containerd 2.x (the other tests run on this Debian's own; tests/pi-vm on 1.7).</summary>
public sealed class ContainerdVersionTests
{
    [Fact]
    public async Task A_node_runs_on_containerd_2()
    {
        var host = await Containerd2.Up("containerd2", 214);
        await using var cluster = await Cluster.StartOn(host);
        Assert.StartsWith("containerd://2.", await cluster.Kubectl("get", "node", host.Name, "-o", "jsonpath={.status.nodeInfo.containerRuntimeVersion}"));
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: Pod
            metadata: {name: one}
            spec:
              initContainers: [{name: before, image: "busybox:1", command: [sh, -c, "echo from before >/d/word"], volumeMounts: [{name: d, mountPath: /d}]}]
              containers:
              - name: main
                image: busybox:1
                command: [sh, -c, "cat /d/word; exec sleep 100000"]
                volumeMounts: [{name: d, mountPath: /d}]
                resources: {limits: {cpu: 100m, memory: 32Mi}}
                readinessProbe: {exec: {command: [test, -f, /d/word]}, periodSeconds: 1}
              volumes: [{name: d, emptyDir: {}}]
            """, "apply", "-f", "-");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/one", "--timeout=60s");
        Assert.Equal("from before", await cluster.Kubectl("logs", "one"));
        Assert.Equal("33554432", await cluster.Kubectl("exec", "one", "--", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"));
        var container = await cluster.Kubectl("get", "pod", "one", "-o", "jsonpath={.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}");

        await cluster.StopServer("KILL");
        await cluster.StartServer();
        await cluster.WaitForNode(host.Name);
        Assert.Equal(container, await cluster.Kubectl("get", "pod", "one", "-o", "jsonpath={.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}"));
        await cluster.Kubectl("delete", "pod", "one", "--grace-period=1", "--timeout=60s");
    }
}
