using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Bramble.IntegrationTests.Support;

namespace Bramble.Bench;

/// <summary>How fast a control plane places Pods on many nodes, and what it costs while nothing changes. The nodes' agents are simulated here.</summary>
internal sealed class SchedulerLoad(int nodes, int pods, TimeSpan idle, Figures figures) : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bramble-bench").FullName;
    private Process? _server;

    public async Task Run()
    {
        var port = FreePort();
        _server = Start(port);
        var kubeconfig = Path.Combine(_folder, "kubeconfig");
        await Eventually.Becomes(() => Task.FromResult(File.Exists(kubeconfig)), there => there, "the server is up", TimeSpan.FromSeconds(30));
        using var http = ApiConnection.Open(kubeconfig, new Uri($"https://127.0.0.1:{port}"));
        await Eventually.Becomes(() => Ready(http), ready => ready, "the API answers", TimeSpan.FromSeconds(30));
        await using var agents = new SimulatedNodes(http, nodes);
        await agents.Register();
        await Task.Delay(TimeSpan.FromSeconds(5));
        for (var half = 1; half <= 2; half++) await Fill(http, agents, $"web{half}", pods / 2);
        await Task.Delay(TimeSpan.FromSeconds(45));
        var before = Cpu();
        var clock = Stopwatch.StartNew();
        await Task.Delay(idle);
        figures.Print($"{nodes} nodes, {agents.BoundCount} Pods, nothing changes", $"{(Cpu() - before).TotalSeconds / clock.Elapsed.TotalSeconds:P2} of a core (goal under 3 %)");
        figures.Print($"{nodes} nodes, {agents.BoundCount} Pods: RSS", $"{ResidentMb():0} MB");
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            _server.Kill();
            await _server.WaitForExitAsync();
            _server.Dispose();
        }
        Directory.Delete(_folder, recursive: true);
    }

    private async Task Fill(HttpClient http, SimulatedNodes agents, string name, int count)
    {
        var (bound, running) = (agents.BoundCount + count, agents.RunningCount + count);
        agents.StartsPods = false;
        var before = Cpu();
        var clock = Stopwatch.StartNew();
        await SimulatedNodes.Send(http, HttpMethod.Post, "/apis/apps/v1/namespaces/default/deployments", $$$$"""
            {"metadata":{"name":"{{{{name}}}}"},"spec":{"replicas":{{{{count}}}},"selector":{"matchLabels":{"app":"{{{{name}}}}"}},"template":{"metadata":{"labels":{"app":"{{{{name}}}}"}},
            "spec":{"containers":[{"name":"c","image":"busybox:1","resources":{"requests":{"cpu":"50m","memory":"32Mi"} } }] } } } }
            """);
        await agents.Until(() => agents.BoundCount >= bound);
        var took = clock.Elapsed;
        var first = agents.FirstBoundAt(name);
        figures.Print($"Deployment of {count} to all bound", $"{took.TotalSeconds:0.0} s, {count / took.TotalSeconds:0} Pods a second; {(Cpu() - before).TotalMilliseconds / count:0.00} ms of CPU a Pod");
        figures.Print($"the same, from the first binding to the last", $"{count / (agents.LastBoundAt(name) - first).TotalSeconds:0} Pods a second (goal 1000)");
        agents.StartsPods = true;
        await agents.Until(() => agents.RunningCount >= running);
        if (agents.WatchesEnded > 0) figures.Print("watches ended by the server so far", $"{agents.WatchesEnded}");
        figures.Print($"Deployment of {count} to all Running", $"{clock.Elapsed.TotalSeconds:0.0} s; {(Cpu() - before).TotalMilliseconds / count:0.00} ms of CPU a Pod; RSS {ResidentMb():0} MB");
    }

    private Process Start(int port)
    {
        var server = Process.Start(new ProcessStartInfo(TestFiles.Bramble,
        [
            "server", "--disable-agent", "--data-dir", Path.Combine(_folder, "data"), "--bind-address", "127.0.0.1", "--https-listen-port", port.ToString(CultureInfo.InvariantCulture), "--node-name", "bench",
            "--write-kubeconfig", Path.Combine(_folder, "kubeconfig"), "--config", Path.Combine(_folder, "none.yaml"),
        ])
        { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var log = File.CreateText(Path.Combine(_folder, "log"));
        log.AutoFlush = true;
        server.OutputDataReceived += (_, line) => log.WriteLine(line.Data);
        server.ErrorDataReceived += (_, line) => log.WriteLine(line.Data);
        server.BeginErrorReadLine();
        server.BeginOutputReadLine();
        return server;
    }

    private static async Task<bool> Ready(HttpClient http)
    {
        try
        {
            using var answer = await http.GetAsync("/readyz");
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }

    private TimeSpan Cpu()
    {
        _server!.Refresh();
        return _server.TotalProcessorTime;
    }

    private double ResidentMb()
    {
        _server!.Refresh();
        return _server.WorkingSet64 / 1e6;
    }
}
