using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>Local volumes of agents: the server asks the agent's kubelet for the folder, and again for its removal.</summary>
public sealed class AgentStorageTests(ThreeNodes nodes)
{
    [Fact]
    public async Task A_volume_lies_on_the_node_of_its_Pod_and_draws_the_next_Pod_there()
    {
        var desk = await nodes.Get();
        var cluster = desk.Cluster;
        var space = await cluster.NewNamespace("agentdisk");
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: PersistentVolumeClaim
            metadata: {name: data}
            spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: first}
            spec:
              terminationGracePeriodSeconds: 0
              nodeSelector: {kubernetes.io/hostname: desk2}
              containers: [{name: main, image: "busybox:1", command: [sh, -c, "echo hello >/data/file; exec sleep 1000000"], volumeMounts: [{name: d, mountPath: /data}]}]
              volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]
            """, "-n", space, "apply", "-f", "-");
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/first", "--timeout=60s");
        var volume = await cluster.Kubectl("-n", space, "get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}");
        var folder = $"/var/lib/rancher/k3s/storage/{volume}_{space}_data";
        await Eventually.Becomes(() => desk.Agents[0].Run("cat", $"{folder}/file"), result => result.Output == "hello\n", "the file lies on the agent");
        Assert.NotEqual(0, (await cluster.Host.Run("ls", "-d", folder)).ExitCode);

        await cluster.Kubectl("-n", space, "delete", "pod", "first");
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: Pod
            metadata: {name: second}
            spec:
              terminationGracePeriodSeconds: 0
              containers: [{name: main, image: "busybox:1", command: [sh, -c, "cat /data/file; exec sleep 1000000"], volumeMounts: [{name: d, mountPath: /data}]}]
              volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]
            """, "-n", space, "apply", "-f", "-");
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/second", "--timeout=60s");
        Assert.Equal("desk2", await cluster.Kubectl("-n", space, "get", "pod", "second", "-o", "jsonpath={.spec.nodeName}"));
        await Eventually.Becomes(() => cluster.Kubectl("-n", space, "logs", "second"), text => text == "hello", "it reads what the first wrote");

        await cluster.Kubectl("delete", "namespace", space, "--timeout=60s");
        await Eventually.Becomes(async () => (await cluster.TryKubectl("get", "pv", volume)).Errors, errors => errors.Contains("NotFound"), "the volume is gone");
        Assert.NotEqual(0, (await desk.Agents[0].Run("ls", "-d", folder)).ExitCode);
    }
}
