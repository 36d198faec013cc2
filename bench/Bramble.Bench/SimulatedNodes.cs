using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Bramble.IntegrationTests.Support;

namespace Bramble.Bench;

/// <summary>The agents of many nodes, without containers: they register, renew their leases, report bound Pods as running and deleted ones as gone. One watch
/// serves all of them, so that its cost is not multiplied on the machine that measures.</summary>
internal sealed class SimulatedNodes(HttpClient http, int count) : IAsyncDisposable
{
    private const int Clients = 8;

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, string> _pods = new(StringComparer.Ordinal);      // path of a bound Pod → phase
    private readonly ConcurrentDictionary<string, (DateTime First, DateTime Last)> _bound = new(StringComparer.Ordinal);
    private readonly Channel<string> _toStart = Channel.CreateUnbounded<string>();
    private readonly Channel<string> _toEnd = Channel.CreateUnbounded<string>();
    private readonly List<Task> _tasks = [];
    private TaskCompletionSource _starts = new();
    private int _bindings;
    private int _running;

    public int BoundCount => Volatile.Read(ref _bindings);
    public int RunningCount => Volatile.Read(ref _running);

    public int WatchesEnded { get; private set; }

    /// <summary>False: Pods stay as they are bound, so that the cost of starting them does not weigh on that of placing them.</summary>
    public bool StartsPods
    {
        set
        {
            if (value) _starts.TrySetResult();
            else _starts = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public DateTime FirstBoundAt(string app) => _bound[app].First;

    public DateTime LastBoundAt(string app) => _bound[app].Last;

    public async Task Register()
    {
        await Each(async number =>
        {
            var now = Now();
            await Send(http, HttpMethod.Post, "/api/v1/nodes", $$$$"""{"metadata":{"name":"n{{{{number}}}}","labels":{"kubernetes.io/hostname":"n{{{{number}}}}","topology.kubernetes.io/zone":"z{{{{number % 3}}}}"}}}""");
            await Send(http, HttpMethod.Patch, $"/api/v1/nodes/n{number}/status", $$$$"""
                {"status":{"capacity":{"cpu":"4","memory":"8Gi","pods":"110"},"allocatable":{"cpu":"4","memory":"8Gi","pods":"110"},
                "conditions":[{"type":"Ready","status":"True","reason":"KubeletReady","message":"simulated","lastHeartbeatTime":"{{{{now}}}}","lastTransitionTime":"{{{{now}}}}"}]}}
                """);
            await Send(http, HttpMethod.Post, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
                $$$$"""{"metadata":{"name":"n{{{{number}}}}"},"spec":{"holderIdentity":"n{{{{number}}}}","leaseDurationSeconds":40,"renewTime":"{{{{Micro()}}}}"}}""");
        });
        _tasks.Add(RenewLeases());
        _tasks.Add(Watch());
        for (var i = 0; i < Clients; i++)
        {
            _tasks.Add(StartPods());
            _tasks.Add(EndPods());
        }
    }

    public async Task Until(Func<bool> holds)
    {
        var until = DateTime.UtcNow.AddMinutes(5);
        while (!holds())
        {
            if (DateTime.UtcNow > until) throw new UnexpectedException($"after 5 minutes {BoundCount} Pods are bound and {RunningCount} run; the watch ended {WatchesEnded} times");
            await Task.Delay(5);
        }
    }

    public static async Task Send(HttpClient http, HttpMethod method, string path, string body)
    {
        using var request = new HttpRequestMessage(method, path) { Content = new StringContent(body, Encoding.UTF8, method == HttpMethod.Patch ? "application/strategic-merge-patch+json" : "application/json") };
        using var answer = await http.SendAsync(request);
        if (!answer.IsSuccessStatusCode && answer.StatusCode != System.Net.HttpStatusCode.NotFound)
            throw new UnexpectedException($"{method} {path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var task in _tasks)
        {
            try
            {
                await task;
            }
            catch (Exception e) when (e is OperationCanceledException or HttpRequestException or IOException)
            {
                // stopping
            }
        }
        _stop.Dispose();
    }

    private static string Now() => DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Micro() => DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private async Task Each(Func<int, Task> action) => await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = Clients }, async (number, _) => await action(number));

    /// <summary>Each lease every ten seconds, evenly over the time, as many kubelets do.</summary>
    private async Task RenewLeases()
    {
        for (var number = 0; ; number = (number + 1) % count)
        {
            await Task.Delay(TimeSpan.FromSeconds(10) / count, _stop.Token);
            await Send(http, HttpMethod.Patch, $"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n{number}", $$$$"""{"spec":{"renewTime":"{{{{Micro()}}}}"}}""");
        }
    }

    /// <summary>A watch that the server ends (it does with whoever is too far behind) begins anew with all there is.</summary>
    private async Task Watch()
    {
        while (true)
        {
            using var reader = new StreamReader(await http.GetStreamAsync("/api/v1/pods?watch=true", _stop.Token));
            while (await reader.ReadLineAsync(_stop.Token) is { } line) Seen(line);
            WatchesEnded++;
        }
    }

    private void Seen(string line)
    {
        using var change = JsonDocument.Parse(line);
        var pod = change.RootElement.GetProperty("object");
        if (change.RootElement.GetProperty("type").ValueEquals("ERROR"u8)) return;
        var metadata = pod.GetProperty("metadata");
        var path = $"/api/v1/namespaces/{metadata.GetProperty("namespace").GetString()}/pods/{metadata.GetProperty("name").GetString()}";
        if (change.RootElement.GetProperty("type").ValueEquals("DELETED"u8))
        {
            if (!_pods.TryRemove(path, out var phase)) return;
            Interlocked.Decrement(ref _bindings);
            if (phase == "Running") Interlocked.Decrement(ref _running);
            return;
        }
        if (!pod.GetProperty("spec").TryGetProperty("nodeName", out _)) return;
        if (metadata.TryGetProperty("deletionTimestamp", out _))
        {
            _toEnd.Writer.TryWrite(path);
            return;
        }
        if (_pods.TryAdd(path, "Pending"))
        {
            var now = DateTime.UtcNow;
            _bound.AddOrUpdate(metadata.GetProperty("labels").GetProperty("app").GetString()!, (now, now), (_, known) => (known.First, now));
            Interlocked.Increment(ref _bindings);
            _toStart.Writer.TryWrite(path);
        }
        else if (pod.GetProperty("status").GetProperty("phase").ValueEquals("Running"u8) && _pods.TryUpdate(path, "Running", "Pending"))
        {
            Interlocked.Increment(ref _running);
        }
    }

    private async Task StartPods()
    {
        await foreach (var path in _toStart.Reader.ReadAllAsync(_stop.Token))
        {
            await _starts.Task.WaitAsync(_stop.Token);
            var now = Now();
            await Send(http, HttpMethod.Patch, path + "/status", $$$$"""
                {"status":{"phase":"Running","podIP":"10.42.0.9","podIPs":[{"ip":"10.42.0.9"}],"startTime":"{{{{now}}}}",
                "conditions":[{"type":"Ready","status":"True","lastTransitionTime":"{{{{now}}}}"},{"type":"ContainersReady","status":"True","lastTransitionTime":"{{{{now}}}}"}],
                "containerStatuses":[{"name":"c","image":"busybox:1","imageID":"","ready":true,"restartCount":0,"state":{"running":{"startedAt":"{{{{now}}}}"} } }] } }
                """);
        }
    }

    private async Task EndPods()
    {
        await foreach (var path in _toEnd.Reader.ReadAllAsync(_stop.Token))
            await Send(http, HttpMethod.Delete, path, """{"gracePeriodSeconds":0}""");
    }
}
