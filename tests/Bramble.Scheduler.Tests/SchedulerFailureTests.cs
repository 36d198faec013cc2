using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Tests;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Scheduler.Tests;

/// <summary>The scheduler among failing writes, ending watches, nodes that go and restarts of its own: in the end every Pod that fits has a node, and never two.</summary>
public sealed class SchedulerFailureTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task In_the_end_every_Pod_has_one_node_and_no_node_too_many(int seed)
    {
        var random = new Random(seed);
        var api = new TestCluster();
        var flaky = new FlakyClient(api, seed);
        var bindings = new Dictionary<string, string>(StringComparer.Ordinal);
        using var stopWatching = new CancellationTokenSource();
        var watching = WatchAsync(api, (await api.ListAsync(Resources.Pods, new ListQuery(), default)).ResourceVersion, bindings, stopWatching.Token);
        for (var i = 0; i < 6; i++) await NodeAsync(api, $"n{i}");
        var running = new Running(flaky, seed);
        for (var step = 0; step < 60; step++)
        {
            await PodAsync(api, $"p{step}", random.Next(3));
            if (random.Next(20) == 0) await api.DeleteAsync(Resources.Pods, new("d", $"p{random.Next(step + 1)}"), new DeleteQuery(), default);
            if (random.Next(15) == 0) await api.DeleteAsync(Resources.Nodes, new("", $"n{random.Next(3)}"), new DeleteQuery(), default);
            if (random.Next(25) != 0) continue;
            await running.StopAsync();
            running = new Running(flaky, seed + step);
        }
        flaky.Fails = false;
        for (var i = 6; i < 12; i++) await NodeAsync(api, $"n{i}");
        var until = DateTime.UtcNow.AddSeconds(30);
        IReadOnlyList<V1Pod> waiting;
        while ((waiting = [.. (await PodsAsync(api)).Where(p => p.Spec.NodeName is null)]).Count > 0)
        {
            Assert.True(DateTime.UtcNow < until, $"seed {seed}: {waiting.Count} Pods wait: {string.Join("; ", waiting.Select(p => $"{p.Metadata.Name} {p.Status?.Conditions?.FirstOrDefault()?.Message}"))}");
            await Task.Delay(20);
        }
        await running.StopAsync();
        await stopWatching.CancelAsync();
        await watching;
        Assert.All((await PodsAsync(api)).GroupBy(p => p.Spec.NodeName), n => Assert.True(n.Count() <= 10, $"seed {seed}: {n.Count()} Pods of 1 CPU are on {n.Key}, which has 10"));
    }

    private static async Task WatchAsync(TestCluster api, string from, Dictionary<string, string> bindings, CancellationToken cancel)
    {
        try
        {
            await foreach (var change in api.WatchAsync(Resources.Pods, new ListQuery(ResourceVersion: from), cancel))
            {
                if (change.Object.Model<V1Pod>().Spec.NodeName is not { } node) continue;
                Assert.True(bindings.TryAdd(change.Object.Uid, node) || bindings[change.Object.Uid] == node, $"{change.Object.Name} was moved from {bindings[change.Object.Uid]} to {node}");
            }
        }
        catch (OperationCanceledException)
        {
            // the test is over
        }
    }

    private static async Task<IReadOnlyList<V1Pod>> PodsAsync(TestCluster api) => await api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default);

    private static async Task PodAsync(TestCluster api, string name, int priority) => await api.CreateAsync(Resources.Pods, new("d", name), JsonNode.Parse($$$$"""
        {"metadata":{"name":"{{{{name}}}}","namespace":"d"},"spec":{"priority":{{{{priority}}}},"preemptionPolicy":"Never","containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"1"} } }]},"status":{} }
        """)!.AsObject(), null, default);

    private static async Task NodeAsync(TestCluster api, string name) => await api.CreateAsync(Resources.Nodes, new("", name), JsonNode.Parse($$$$"""
        {"metadata":{"name":"{{{{name}}}}"},"spec":{},"status":{"allocatable":{"cpu":"10","memory":"8Gi","pods":"110"} } }
        """)!.AsObject(), null, default);

    /// <summary>A scheduler with its own informers, as after a start of the process.</summary>
    private sealed class Running
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Informers _informers;
        private readonly Task _task;

        public Running(IKubeClient client, int seed)
        {
            _informers = new Informers(client, TimeProvider.System, NullLoggerFactory.Instance);
            _task = new SchedulerLoop(client, _informers, TimeProvider.System, NullLoggerFactory.Instance, random: new Random(seed)).RunAsync(_stop.Token);
        }

        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await _task;
            await _informers.DisposeAsync();
            _stop.Dispose();
        }
    }
}
