using System.Diagnostics;
using System.Net;
using System.Text;
using Bramble.IntegrationTests.Support;

namespace Bramble.Bench;

/// <summary>Throughput of the API and what an operation costs the server, over HTTPS as a client sees it.</summary>
internal sealed class ApiLoad(Cluster cluster, string serverPattern, Figures figures) : IDisposable
{
    private const int Objects = 2000;
    private const int Clients = 8;
    private readonly HttpClient _http = ApiConnection.Open(cluster.Kubeconfig, new Uri($"https://{cluster.Host.Address}:6443"));

    public async Task Run()
    {
        await cluster.Kubectl("create", "namespace", "bench");
        const string Collection = "/api/v1/namespaces/bench/configmaps";
        await Measure("create ConfigMap", Objects, async number =>
        {
            var body = $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c{{{number}}}","labels":{"app":"bench"}},"data":{"key":"{{{new string('x', 500)}}}"}}""";
            await Expect(HttpStatusCode.Created, await _http.PostAsync(Collection, new StringContent(body, Encoding.UTF8, "application/json")));
        });
        await Measure("get ConfigMap", 4 * Objects, async number => await Expect(HttpStatusCode.OK, await _http.GetAsync($"{Collection}/c{number % Objects}")));
        await Measure($"list {Objects} ConfigMaps", 100, async _ => await Expect(HttpStatusCode.OK, await _http.GetAsync(Collection)));
        await Measure("list 500 of them (limit)", 200, async _ => await Expect(HttpStatusCode.OK, await _http.GetAsync($"{Collection}?limit=500")));
        await Measure("merge-patch ConfigMap", Objects, async number => await Expect(HttpStatusCode.OK,
            await _http.PatchAsync($"{Collection}/c{number}", new StringContent($$$"""{"data":{"n":"{{{number}}}"}}""", Encoding.UTF8, "application/merge-patch+json"))));
        await MeasureWatch(Collection);
        await Measure("delete ConfigMap", Objects, async number => await Expect(HttpStatusCode.OK, await _http.DeleteAsync($"{Collection}/c{number}")));
        await cluster.Kubectl("delete", "namespace", "bench");
    }

    public void Dispose() => _http.Dispose();

    /// <summary>20 watchers, each of which must see every one of the events.</summary>
    private async Task MeasureWatch(string collection)
    {
        const int Watchers = 20;
        const int Events = 500;
        var streams = new List<StreamReader>();
        for (var i = 0; i < Watchers; i++) streams.Add(new StreamReader(await _http.GetStreamAsync($"{collection}?watch=true&labelSelector=app%3Dwatched")));
        var readers = streams.Select(async stream =>
        {
            for (var seen = 0; seen < Events; seen++)
            {
                if (await stream.ReadLineAsync() is null) throw new UnexpectedException("a watch ended early");
            }
        }).ToArray();
        var before = await Cost();
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < Events; i++)
        {
            var body = $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"w{{{i}}}","labels":{"app":"watched"}},"data":{}}""";
            await Expect(HttpStatusCode.Created, await _http.PostAsync(collection, new StringContent(body, Encoding.UTF8, "application/json")));
        }
        await Task.WhenAll(readers);
        await Report($"create with {Watchers} watchers", Events, clock.Elapsed, before);
        foreach (var stream in streams) stream.Dispose();
    }

    private async Task Measure(string name, int count, Func<int, Task> operation)
    {
        var before = await Cost();
        var clock = Stopwatch.StartNew();
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(async _ =>
        {
            for (var number = Interlocked.Increment(ref next); number < count; number = Interlocked.Increment(ref next)) await operation(number);
        }));
        await Report(name, count, clock.Elapsed, before);
    }

    private async Task Report(string name, int count, TimeSpan took, ProcessCost before)
    {
        var ticks = (await Cost()).CpuTicks - before.CpuTicks;
        figures.Print($"{name}, {Clients} clients", $"{count / took.TotalSeconds:0} a second, {ticks * 10.0 / count:0.000} ms of CPU each");
    }

    private Task<ProcessCost> Cost() => ProcessCost.Of(cluster.Host, serverPattern);

    private static async Task Expect(HttpStatusCode status, HttpResponseMessage response)
    {
        using (response)
        {
            var body = await response.Content.ReadAsStringAsync();
            if (response.StatusCode != status) throw new UnexpectedException($"{response.RequestMessage?.Method} {response.RequestMessage?.RequestUri}: {(int)response.StatusCode} {body}");
        }
    }
}
