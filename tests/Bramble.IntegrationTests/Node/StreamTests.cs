using System.Diagnostics;
using System.Security.Cryptography;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>exec, attach, cp, port-forward and run -it, as current kubectl speaks them (WebSocket) and as older ones do (SPDY/3.1).</summary>
public sealed class StreamTests(SharedCluster shared)
{
    private const string WebSocket = "WebSocket";
    private const string Spdy = "SPDY";

    private const string Pod = """
        apiVersion: v1
        kind: Pod
        metadata: {name: streams}
        spec:
          terminationGracePeriodSeconds: 0
          containers:
          - {name: shell, image: "busybox:1", command: [sleep, "1000000"]}
          - {name: reader, image: "busybox:1", stdin: true, command: [sh, -c, 'while read line; do echo "got $line"; done; sleep 1000000']}
          - {name: web, image: "busybox:1", command: [sh, -c, 'dd if=/dev/urandom of=/var/www/big bs=1M count=20; touch /tmp/made; exec httpd -f -p 8080 -h /var/www'],
             readinessProbe: {exec: {command: [test, -f, /tmp/made]}, periodSeconds: 1}}
        """;

    private readonly Cluster cluster = shared.Cluster;

    [Theory]
    [InlineData(WebSocket)]
    [InlineData(Spdy)]
    public async Task Streams(string protocol)
    {
        var space = await cluster.NewNamespace("streams");
        await cluster.KubectlWithInput(Pod, "-n", space, "apply", "-f", "-");
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/streams", "--timeout=60s");

        await ExitCodeAndBothOutputs(protocol, space);
        await LargeInputAndOutput(protocol, space);
        await Terminal(protocol, space);
        await CopyBothWays(protocol, space);
        await Attach(protocol, space);
        await PortForward(protocol, space);

        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task A_shell_that_is_run_and_removed()
    {
        var space = await cluster.NewNamespace("run");
        // The shell waits for its input, so nothing it prints can come before the attach.
        var ran = await cluster.KubectlWithInput(new MemoryStream("echo from the pod\nexit 6\n"u8.ToArray()), "-n", space, "run", "once", "-i", "--rm", "--restart=Never", "--image=busybox:1", "--quiet", "--", "sh");
        Assert.Equal(6, ran.ExitCode);
        Assert.Contains("from the pod", ran.Output);
        Assert.Equal("", (await cluster.TryKubectl("-n", space, "get", "pods", "-o", "name")).Output);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task Debug_joins_a_containers_processes()
    {
        var space = await cluster.NewNamespace("debug");
        await cluster.Kubectl("-n", space, "run", "target", "--image=busybox:1", "--", "sleep", "123456");
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/target", "--timeout=60s");
        using var shell = Start(WebSocket, "-n", space, "debug", "target", "-i", "--quiet", "--profile=general", "--image=busybox:1", "--target=target", "-c", "look", "--", "sh");
        await shell.StandardInput.WriteLineAsync("ps -o args; echo end");
        await shell.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        var seen = new List<string>();
        // Its input stays open: the runtime drops the output of a debug container with its input.
        while (!seen.Contains("end"))
            seen.Add(await shell.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken) ?? "end");
        Assert.Contains("sleep 123456", seen);
        await End(shell);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    private async Task ExitCodeAndBothOutputs(string protocol, string space)
    {
        var ended = await Kubectl(protocol, null, "-n", space, "exec", "streams", "-c", "shell", "--", "sh", "-c", "echo out; echo err >&2; exit 7");
        Assert.Equal(7, ended.ExitCode);
        Assert.Equal("out\n", ended.Output);
        Assert.Equal("err\ncommand terminated with exit code 7\n", ended.Errors);

        var missing = await Kubectl(protocol, null, "-n", space, "exec", "streams", "-c", "shell", "--", "no-such-program");
        Assert.Contains("exec: \"no-such-program\": executable file not found in $PATH", missing.Failed());
    }

    private async Task LargeInputAndOutput(string protocol, string space)
    {
        var data = RandomNumberGenerator.GetBytes(5 << 20);
        var hash = await Kubectl(protocol, new MemoryStream(data), "-n", space, "exec", "-i", "streams", "-c", "shell", "--", "sha256sum");
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(data)), hash.Succeeded()[..64]);

        // Nothing reads the pipe until the end: 20 MB wait at their source.
        var output = await Kubectl(protocol, null, "-n", space, "exec", "streams", "-c", "shell", "--", "dd", "if=/dev/zero", "bs=1M", "count=20");
        Assert.Equal(20 << 20, output.Output.Length);
    }

    private async Task Terminal(string protocol, string space)
    {
        var line = $"stty rows 33 cols 77; {Variables(protocol)} {TestFiles.Kubectl} --kubeconfig {cluster.Kubeconfig} -n {space} exec -it streams -c shell -- "
            + "sh -c 'until stty size 2>/dev/null | grep -q \"33 77\"; do sleep 0.1; done; tty; exit 5'";
        var ended = await Command.Run("script", ["-qec", line, "/dev/null"], timeout: TimeSpan.FromSeconds(30));
        Assert.Equal(5, ended.ExitCode);
        Assert.Contains("/dev/pts/", ended.Output);
    }

    private async Task CopyBothWays(string protocol, string space)
    {
        var folder = Directory.CreateTempSubdirectory("bramble-cp-");
        try
        {
            var (there, back) = (Path.Combine(folder.FullName, "there"), Path.Combine(folder.FullName, "back"));
            await File.WriteAllBytesAsync(there, RandomNumberGenerator.GetBytes(3 << 20));
            (await Kubectl(protocol, null, "-n", space, "cp", there, "streams:/tmp/copied", "-c", "shell")).Succeeded();
            (await Kubectl(protocol, null, "-n", space, "cp", "streams:/tmp/copied", back, "-c", "shell")).Succeeded();
            Assert.Equal(await File.ReadAllBytesAsync(there), await File.ReadAllBytesAsync(back));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private async Task Attach(string protocol, string space)
    {
        using var attached = Start(protocol, "-n", space, "attach", "-i", "streams", "-c", "reader", "--quiet");
        await attached.StandardInput.WriteLineAsync("one");
        await attached.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        var answer = await attached.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal("got one", answer);
        await End(attached);
    }

    private async Task PortForward(string protocol, string space)
    {
        using var forward = Start(protocol, "-n", space, "port-forward", "pod/streams", ":8080");
        var line = await forward.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken) ?? await forward.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.StartsWith("Forwarding from 127.0.0.1:", line);
        var port = line["Forwarding from 127.0.0.1:".Length..].Split(' ')[0];
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(60) };
        var expected = (await cluster.Kubectl("-n", space, "exec", "streams", "-c", "web", "--", "sha256sum", "/var/www/big"))[..64];
        // Four streams of 20 MB share one connection.
        var bodies = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => http.GetByteArrayAsync("/big", TestContext.Current.CancellationToken)));
        Assert.All(bodies, body => Assert.Equal(expected, Convert.ToHexStringLower(SHA256.HashData(body))));
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await http.GetAsync("/nothing", TestContext.Current.CancellationToken)).StatusCode);
        await End(forward);
    }

    private Task<CommandResult> Kubectl(string protocol, Stream? input, params string[] arguments) =>
        Command.Run(TestFiles.Kubectl, ["--kubeconfig", cluster.Kubeconfig, .. arguments], input, Environment(protocol));

    private Process Start(string protocol, params string[] arguments) =>
        Command.Start(TestFiles.Kubectl, ["--kubeconfig", cluster.Kubeconfig, .. arguments], Environment(protocol));

    private static async Task End(Process process)
    {
        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    private static Dictionary<string, string> Environment(string protocol)
    {
        var value = protocol == WebSocket ? "true" : "false";
        return new() { ["KUBECTL_REMOTE_COMMAND_WEBSOCKETS"] = value, ["KUBECTL_PORT_FORWARD_WEBSOCKETS"] = value };
    }

    private static string Variables(string protocol) => string.Join(' ', Environment(protocol).Select(v => $"{v.Key}={v.Value}"));
}
