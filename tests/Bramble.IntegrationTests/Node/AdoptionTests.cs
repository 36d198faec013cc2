using System.Globalization;
using System.Text;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>A server that stops, or is killed in the middle of its work, leaves its pods alone and loses nothing that it acknowledged.</summary>
public sealed class AdoptionTests
{
    private const int Kills = 20;
    private const int Writers = 16;

    // One pod prints about 1 MB/s for as long as the test runs: without a reader of its pipe it would stall, and it notes when it did.
    private const string Pods = """
        apiVersion: v1
        kind: Pod
        metadata: {name: quiet}
        spec: {containers: [{name: main, image: "busybox:1", command: [sleep, "1000000"]}]}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: chatter}
        spec:
          containers:
          - name: main
            image: busybox:1
            command: [sh, -c, 'line=$(head -c 999 /dev/zero | tr "\0" x); n=0; last=$(date +%s); while true; do i=0; while [ $i -lt 100 ]; do echo $line; i=$((i+1)); done; n=$((n+1)); echo $n >/tmp/tenths; now=$(date +%s); [ $((now-last)) -lt 5 ] || echo "$((now-last)) s" >>/tmp/stalls; last=$now; usleep 100000; done']
        """;

    [Fact]
    public async Task Pods_and_acknowledged_writes_survive_every_stop_and_kill()
    {
        await using var cluster = await Cluster.Start("adopt", 211);
        await cluster.KubectlWithInput(Pods, "apply", "-f", "-");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/quiet", "pod/chatter", "--timeout=60s");
        var before = await Lives(cluster);
        var uid = await cluster.Kubectl("get", "pod", "quiet", "-o", "jsonpath={.metadata.uid}");
        var containerd = await Pid(cluster, "containerd --config");

        await cluster.StopServer("TERM");
        await cluster.StartServer();
        await cluster.WaitForNode("adopt");
        Assert.Equal(before, await Lives(cluster));

        using var api = new ConfigMapWriters(cluster);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var writing = Enumerable.Range(0, Writers).Select(n => api.WriteUntil(n, stopping.Token)).ToArray();
        for (var kill = 0; kill < Kills; kill++)
        {
            var acknowledged = api.Acknowledged;
            // In the middle of it: only after this start has acknowledged writes of its own.
            await Eventually.Becomes(() => Task.FromResult(api.Acknowledged), now => now >= acknowledged + 50, $"writes go on after kill {kill}");
            await cluster.StopServer("KILL");
            await cluster.StartServer();
        }
        var total = api.Acknowledged;
        await Eventually.Becomes(() => Task.FromResult(api.Acknowledged), now => now >= total + 50, "writes go on after the last kill");
        await stopping.CancelAsync();
        await Task.WhenAll(writing);
        await cluster.WaitForNode("adopt");

        await api.EverythingAcknowledgedIsThere();
        Assert.Equal(before, await Lives(cluster));
        Assert.Equal(containerd, await Pid(cluster, "containerd --config"));
        await ChatterGoesOn(cluster);

        // A power cut: the same disk, nothing runs. The pods come back in new sandboxes, their restarts counted.
        await cluster.Host.PowerOff();
        await cluster.Host.Boot();
        await cluster.StartServer();
        await Eventually.Becomes(
            () => cluster.Kubectl("get", "pod", "quiet", "-o", "jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready} {.metadata.uid}"),
            state => state == $"1 true {uid}", "the pod runs again after a power cut");
        await api.EverythingAcknowledgedIsThere();
    }

    /// <summary>What must not change of a pod: container id, start, restarts, and the process itself.</summary>
    private static async Task<string> Lives(Cluster cluster)
    {
        var lives = new StringBuilder();
        foreach (var pod in (string[])["quiet", "chatter"])
        {
            var status = (await cluster.Get("pod", pod))["status"]!["containerStatuses"]![0]!;
            var id = ((string)status["containerID"]!)["containerd://".Length..];
            var tasks = (await cluster.Host.Run("ctr", "-a", "/run/k3s/containerd/containerd.sock", "-n", "k8s.io", "tasks", "list")).Succeeded();
            var pid = tasks.Split('\n').Single(line => line.StartsWith(id, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
            lives.AppendLine(CultureInfo.InvariantCulture, $"{pod} {id} pid {pid} started {status["state"]!["running"]!["startedAt"]} restarts {status["restartCount"]}");
        }
        return lives.ToString();
    }

    private static async Task<string> Pid(Cluster cluster, string commandLine) => (await cluster.Host.Run("pgrep", "-of", commandLine)).Succeeded();

    private static async Task ChatterGoesOn(Cluster cluster)
    {
        // The node counts as Ready from before; its kubelet may be a moment behind.
        await Eventually.Becomes(() => cluster.TryKubectl("exec", "chatter", "--", "true"), ended => ended.ExitCode == 0, "the kubelet answers");
        async Task<int> Tenths() => int.Parse(await cluster.Kubectl("exec", "chatter", "--", "cat", "/tmp/tenths"), CultureInfo.InvariantCulture);
        var count = await Tenths();
        await Eventually.Becomes(Tenths, now => now > count + 5, "the pod that prints goes on");
        Assert.Equal("", await cluster.Kubectl("exec", "chatter", "--", "sh", "-c", "cat /tmp/stalls 2>/dev/null || true"));
        Assert.Equal(999, (await cluster.Kubectl("logs", "chatter", "--tail=1")).Length);
    }
}
