using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Store;

/// <summary>The disk of the database is full: writes say so, reads and pods go on, and when there is room again everything does, without a restart or a repair.</summary>
public sealed class FullDiskTests
{
    private const string Database = "/var/lib/rancher/k3s/server/db";

    [Fact]
    public async Task A_full_disk_is_told_and_got_over()
    {
        var host = await TestHost.Up("fulldisk", 213);
        // The database's own small disk: the node's images and logs have room.
        (await host.Shell($"set -e; mkdir -p {Database}; truncate -s 48M /var/lib/rancher/db.img; mkfs.ext4 -q -m 0 /var/lib/rancher/db.img; d=$(losetup --find --show /var/lib/rancher/db.img); mount $d {Database}; losetup --detach $d")).Succeeded();
        await using var cluster = await Cluster.StartOn(host);
        await cluster.Kubectl("run", "quiet", "--image=busybox:1", "--", "sleep", "1000000");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/quiet", "--timeout=60s");
        await cluster.Kubectl("create", "configmap", "before", "--from-literal=a=b");

        await Fill(cluster);
        // Large enough that no free page of the file takes it.
        var refused = await Eventually.Becomes(() => CreateLarge(cluster, "during"), result => result.ExitCode != 0, "a write is refused");
        Assert.Contains("is full: nothing was stored", refused.Errors);
        Assert.Equal("b", await cluster.Kubectl("get", "configmap", "before", "-o", "jsonpath={.data.a}"));
        Assert.Equal("true", await cluster.Kubectl("get", "pod", "quiet", "-o", "jsonpath={.status.containerStatuses[0].ready}"));
        Assert.Contains("is full: nothing was stored", await cluster.Log());

        // Killed while it is full, it starts and reads.
        await cluster.StopServer("KILL");
        (await host.Shell($"rm {Database}/filler")).Succeeded();
        await cluster.StartServer();
        await cluster.WaitForNode("fulldisk");
        Assert.Equal("b", await cluster.Kubectl("get", "configmap", "before", "-o", "jsonpath={.data.a}"));
        (await CreateLarge(cluster, "after-kill")).Succeeded();

        // And without a restart.
        await Fill(cluster);
        await Eventually.Becomes(() => CreateLarge(cluster, "again"), result => result.ExitCode != 0, "a write is refused");
        (await host.Shell($"rm {Database}/filler")).Succeeded();
        await Eventually.Becomes(() => CreateLarge(cluster, "room"), result => result.ExitCode == 0, "a write succeeds when there is room");
        await cluster.WaitForNode("fulldisk");
        Assert.Equal("0", await cluster.Kubectl("get", "pod", "quiet", "-o", "jsonpath={.status.containerStatuses[0].restartCount}"));
        Assert.Equal("", (await cluster.TryKubectl("get", "configmap", "during", "--ignore-not-found", "-o", "name")).Output.Trim());
    }

    /// <summary>To the last block: the file system gives small blocks when it has no large ones.</summary>
    private static Task Fill(Cluster cluster) =>
        cluster.Host.Shell($"dd if=/dev/zero of={Database}/filler bs=1M 2>/dev/null; dd if=/dev/zero bs=4096 2>/dev/null >>{Database}/filler; dd if=/dev/zero bs=512 2>/dev/null >>{Database}/filler; true");

    private static Task<CommandResult> CreateLarge(Cluster cluster, string name) =>
        cluster.KubectlWithInput(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(
            $$"""{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{name}}", "namespace": "default"}, "data": {"a": "{{new string('x', 900_000)}}"} }""")), "create", "-f", "-");
}
