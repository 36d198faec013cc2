using System.Text;
using System.Text.Json.Nodes;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>A Raspberry Pi has no clock battery: the server's first start is in the past, then the network sets the clock.</summary>
public sealed class ClockTests
{
    private const int DaysBehind = 30;

    [Fact]
    public async Task A_clock_that_jumps_a_month_evicts_and_restarts_nothing()
    {
        var host = await TestHost.Up("clock", 213);
        (await host.Shell($"cc -shared -fPIC -O1 -o /usr/local/lib/clock.so {Path.Combine(TestFiles.Repository, "tests/hosts/clock.c")} -ldl && {SetClock(-DaysBehind * 86400)} && echo /usr/local/lib/clock.so >/etc/ld.so.preload")).Succeeded();
        await using var cluster = await Cluster.StartOn(host, "--kube-controller-manager-arg=node-monitor-grace-period=15s");
        // One that the server looks after with a deployment, one that stands alone.
        await cluster.Kubectl("create", "deployment", "web", "--image=busybox:1", "--", "sleep", "1000000");
        await cluster.Kubectl("run", "alone", "--image=busybox:1", "--", "sleep", "1000000");
        await cluster.Kubectl("rollout", "status", "deployment/web", "--timeout=60s");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/alone", "--timeout=60s");
        var created = DateTimeOffset.Parse(await cluster.Kubectl("get", "pod", "alone", "-o", "jsonpath={.metadata.creationTimestamp}"));
        Assert.InRange((DateTimeOffset.UtcNow - created).TotalDays, DaysBehind - 1, DaysBehind + 1);
        Assert.True(await TokenExpiry(cluster) < DateTimeOffset.UtcNow.AddDays(400 - DaysBehind));
        var before = await Pods(cluster);
        var ready = await Ready(cluster);

        (await host.Shell(SetClock(0))).Succeeded();
        await Eventually.Becomes(async () => (await cluster.Log()), log => log.Contains("The clock was set by 30."), "the kubelet has seen it");
        // The pod's token is of today, and good.
        await Eventually.Becomes(() => TokenIssued(cluster), issued => issued > DateTimeOffset.UtcNow.AddHours(-1), "a fresh token in the pod");
        var token = await cluster.Kubectl("exec", "alone", "--", "cat", "/var/run/secrets/kubernetes.io/serviceaccount/token");
        Assert.Contains("system:serviceaccount:default:default", await WhoAmI(cluster, token));
        // Longer than the node controller's patience (here 15 s), so that a node taken for silent would show.
        var lease = await Renewed(cluster);
        Assert.InRange(lease, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));
        await Eventually.Becomes(() => Renewed(cluster), renewed => renewed > lease.AddSeconds(18), "heartbeats go on", TimeSpan.FromSeconds(90));
        Assert.Equal(before, await Pods(cluster));
        Assert.Equal(ready, await Ready(cluster));
        Assert.Equal("", await cluster.Kubectl("get", "node", "clock", "-o", "jsonpath={.spec.taints}"));
    }

    /// <summary>A shell command line that writes 8 bytes, little endian, in place.</summary>
    private static string SetClock(long offsetSeconds)
    {
        var bytes = string.Concat(BitConverter.GetBytes(offsetSeconds).Select(b => $"\\\\x{b:x2}"));
        return $"bash -c \"printf '{bytes.Replace("\\\\", "\\")}' | dd of=/run/clock-offset conv=notrunc status=none\"";
    }

    private static Task<string> Pods(Cluster cluster) => cluster.Kubectl("get", "pods", "-o",
        "jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].state}{\"\\n\"}{end}");

    private static Task<string> Ready(Cluster cluster) => cluster.Kubectl("get", "node", "clock", "-o", "jsonpath={.status.conditions[?(@.type==\"Ready\")].status} since {.status.conditions[?(@.type==\"Ready\")].lastTransitionTime}");

    private static async Task<DateTimeOffset> Renewed(Cluster cluster) =>
        DateTimeOffset.Parse(await cluster.Kubectl("get", "lease", "-n", "kube-node-lease", "clock", "-o", "jsonpath={.spec.renewTime}"));

    private static async Task<DateTimeOffset> TokenIssued(Cluster cluster) => DateTimeOffset.FromUnixTimeSeconds((long)(await Claims(cluster))["iat"]!);

    private static async Task<DateTimeOffset> TokenExpiry(Cluster cluster) => DateTimeOffset.FromUnixTimeSeconds((long)(await Claims(cluster))["exp"]!);

    private static async Task<JsonNode> Claims(Cluster cluster)
    {
        var token = await cluster.Kubectl("exec", "alone", "--", "cat", "/var/run/secrets/kubernetes.io/serviceaccount/token");
        var payload = token.Split('.')[1].Replace('-', '+').Replace('_', '/');
        return JsonNode.Parse(Encoding.UTF8.GetString(Convert.FromBase64String(payload.PadRight((payload.Length + 3) / 4 * 4, '='))))!;
    }

    private static async Task<string> WhoAmI(Cluster cluster, string token)
    {
        // Without a kubeconfig: its client certificate would win over the token.
        var result = await Command.Run(TestFiles.Kubectl, ["--kubeconfig", "/dev/null", "--server", $"https://{cluster.Host.Address}:6443", "--insecure-skip-tls-verify", "--token", token, "auth", "whoami"]);
        return result.Succeeded();
    }
}
