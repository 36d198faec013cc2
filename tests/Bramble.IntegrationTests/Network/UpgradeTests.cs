using System.Diagnostics;
using System.Globalization;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>Server and agent are restarted, killed and replaced by another binary, one after the other, while names are asked on both nodes and connections
/// of every kind that the rules forward are open. What was open stays open, and no question is given up by a resolver.</summary>
public sealed class UpgradeTests(ITestOutputHelper output)
{
    private const string Token = "token-of-the-upgrade";

    // Steps that a line on standard input names: after each, what it was like since the line before. 5 s: the patience of glibc's resolver.
    private const string AskNames = """
        import socket, sys, time, threading
        q = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + b"".join(bytes([len(l)]) + l for l in b"web.default.svc.cluster.local".split(b".")) + b"\0\0\x01\0\x01"
        lines = []
        threading.Thread(target=lambda: [lines.append(l) for l in sys.stdin] + [lines.append(None)], daemon=True).start()
        asked = lost = wrong = 0; slowest = 0.0
        while True:
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.connect(("10.43.0.10", 53))
            began = time.monotonic(); asked += 1
            try:
                s.send(q); a = s.recv(512)
                wrong += (a[3] & 15) != 0 or a[7] == 0
            except OSError: lost += 1
            slowest = max(slowest, time.monotonic() - began); s.close(); time.sleep(0.02)
            if lines:
                print(asked, lost, wrong, "%.3f" % slowest, flush=True)
                asked = lost = wrong = 0; slowest = 0.0
                if lines.pop(0) is None: break
        """;

    // Connections that stay: a byte goes and comes back on each, thirty times a second, until standard input ends. One that breaks, or is silent for 5 s, has failed.
    private const string HoldConnections = """
        import asyncio, sys, time
        async def hold(place):
            host, port = place.rsplit(":", 1)
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 5)
                count = 0
                while not ended.is_set():
                    writer.write(b"x")
                    if await asyncio.wait_for(reader.readexactly(1), 5) != b"x": return place + ": another byte"
                    count += 1
                    await asyncio.sleep(0.03)
                return None if count > 100 else place + ": only %d" % count
            except Exception as why: return "%s after %.1f s: %r" % (place, time.monotonic() - start, why)
        async def main():
            global ended, start
            ended, start = asyncio.Event(), time.monotonic()
            running = [asyncio.ensure_future(hold(p)) for p in sys.argv[1:] for _ in range(4)]
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
            ended.set()
            broken = [b for b in await asyncio.gather(*running) if b]
            print(len(running), "held,", len(broken), "broken", broken[:3])
        asyncio.run(main())
        """;

    [Fact]
    public async Task Connections_stay_and_names_are_answered_while_server_and_agent_are_replaced()
    {
        await using var cluster = await Cluster.Start("up1", 30, "--token", Token);
        await using var agent = await TestHost.Up("up2", 31);
        var server = $"https://{cluster.Host.Address}:6443";
        await Agent.Start(agent, server, Token);
        await cluster.WaitForNode("up2");
        await cluster.KubectlWithInput(ThreeNodes.WebPods("8080").Replace("exec httpd", "nc -ll -p 8081 -e cat & exec httpd", StringComparison.Ordinal) + """

            ---
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: default}
            spec: {type: LoadBalancer, selector: {app: web}, ports: [{name: http, port: 8077, targetPort: 8080, nodePort: 30080}, {name: echo, port: 8078, targetPort: 8081, nodePort: 30081}]}
            """, "apply", "-f", "-");
        await cluster.Kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
        var desk = new Desk(cluster, [agent], Token);
        await desk.FindPods();
        foreach (var host in desk.Hosts)
            await Eventually.Becomes(() => Desk.CurlOutside($"http://{host.Address}:8077/"), result => result.ExitCode == 0, $"{host.Name} serves");

        using var serverNames = Ask(desk.Pods[0]);
        using var agentNames = Ask(desk.Pods[1]);
        using var held = desk.Pods[1].Host.Start("nsenter", "--target", desk.Pods[1].Pid, "--net", "--", "python3", "-c", HoldConnections,
            $"{desk.ServiceAddress}:8078", $"{desk.Pods[0].Address}:8081", $"{cluster.Host.Address}:30081", $"{agent.Address}:8078");
        using var heldOutside = Command.Start("python3", ["-c", HoldConnections, $"{cluster.Host.Address}:30081", $"{agent.Address}:30081", $"{agent.Address}:8078"]);
        using var requests = Requests.From(desk.Pods[1], desk.ServiceAddress, 8077, rate: 50);
        var next = $"/var/tmp/bramble-next-{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}";
        try
        {
            // Another file with other bytes, as an upgrade brings; BRAMBLE_NEXT_BINARY names a really newer one.
            (await Command.Run("bash", ["-c", "cp \"$1\" \"$2\"; echo >>\"$2\"", "copy", Environment.GetEnvironmentVariable("BRAMBLE_NEXT_BINARY") ?? TestFiles.Bramble, next])).Succeeded();
            await Step("at rest", () => Task.Delay(2000));
            await Step("agent restarted", async () =>
            {
                await Agent.Stop(agent);
                await Agent.Start(agent, server, Token);
            });
            await Step("agent killed", async () =>
            {
                (await agent.Shell("pid=$(cat /run/agent.pid); kill -9 $pid; while [ -d /proc/$pid ]; do sleep 0.02; done")).Succeeded();
                await Agent.Start(agent, server, Token);
            });
            await Step("agent upgraded", async () =>
            {
                await Agent.Stop(agent);
                await Agent.StartBinary(agent, next, server, Token);
            });
            await Step("server restarted", async () =>
            {
                await cluster.StopServer("TERM");
                await cluster.StartServer("--token", Token);
            });
            await Step("server killed", async () =>
            {
                await cluster.StopServer("KILL");
                await cluster.StartServer("--token", Token);
            });
            await Step("server upgraded", async () =>
            {
                await cluster.StopServer("TERM");
                await cluster.StartServerBinary(next, "--token", Token);
            });
            await Step("both upgraded at once", async () =>
            {
                await Task.WhenAll(Agent.Stop(agent), cluster.StopServer("TERM"));
                await Task.WhenAll(Agent.Start(agent, server, Token), cluster.StartServer("--token", Token));
            });
            var (sent, failed, story) = await requests.Count();
            output.WriteLine($"requests: sent, failed, slowest, first failure: {story}");
            Assert.True(failed == 0 && sent > 500, story);
            foreach (var holding in (Process[])[held, heldOutside])
            {
                holding.StandardInput.Close();
                var told = (await holding.StandardOutput.ReadToEndAsync()).Trim();
                output.WriteLine(told);
                Assert.Contains(", 0 broken", told + await holding.StandardError.ReadToEndAsync());
            }
        }
        finally
        {
            File.Delete(next);
            foreach (var running in (Process[])[serverNames, agentNames, held, heldOutside])
                if (!running.HasExited) running.Kill(entireProcessTree: true);
        }

        async Task Step(string what, Func<Task> act)
        {
            await act();
            foreach (var host in desk.Hosts) await cluster.WaitForNode(host.Name);
            // The kubelet's Ready is from before: until what is new has spoken to the API server, the step goes on.
            await Task.Delay(4000);
            foreach (var (place, asking) in new[] { ("server", serverNames), ("agent", agentNames) })
            {
                await asking.StandardInput.WriteLineAsync(what);
                await asking.StandardInput.FlushAsync();
                var words = (await asking.StandardOutput.ReadLineAsync() ?? await asking.StandardError.ReadToEndAsync()).Split(' ');
                // How long the slowest waited is how long a start takes: a figure of the binary and the machine. Given up by a resolver is a failure.
                output.WriteLine($"{what}: names on the {place}'s node: asked, lost, wrong, slowest: {string.Join(' ', words)}");
                Assert.Equal(["0", "0"], words[1..3]);
            }
        }
    }

    private static Process Ask(WebPod pod) => pod.Host.Start("nsenter", "--target", pod.Pid, "--net", "--", "python3", "-c", AskNames);
}
