using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Controllers.Tests;

/// <summary>One controller alone on the API's storage semantics, under its own role, with a clock that the test moves.</summary>
internal sealed class ControllerScenario : IAsyncDisposable
{
    private readonly ConcurrentBag<string> _forbidden = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Informers _informers;
    private readonly Task _running;

    private ControllerScenario(string identity, ControllersConfig config, IReadOnlyList<JsonObject> rules, TestCluster api)
    {
        Api = api;
        // The informers' own resting and retrying is not what is tested: real time.
        _informers = new Informers(Api, TimeProvider.System, NullLoggerFactory.Instance);
        var host = new ControllerHost(config, name => new RoleCheckedClient(Api, name, rules, _forbidden), _informers, Time, NullLoggerFactory.Instance);
        _running = Task.WhenAll(BuiltInControllers.All(config).Where(d => d.Identity == identity).Select(d => host.RunAsync(d, _stop.Token)));
    }

    public TestCluster Api { get; }

    public ScenarioTime Time { get; } = new(new DateTimeOffset(2024, 1, 1, 12, 0, 0, TimeSpan.Zero));

    /// <summary>What is in the API before the controller starts: <see cref="TestCluster"/>.</summary>
    public static ControllerScenario Start(string identity, TestCluster? api = null, ControllersConfig? config = null, IReadOnlyList<JsonObject>? rules = null) =>
        new(identity, config ?? new ControllersConfig([], "CA"), [.. rules ?? RoleCheckedClient.RulesOf(identity == "system:apiserver" ? "cluster-admin" : $"system:controller:{identity}"), .. RoleCheckedClient.RulesOf("system:basic-user")], api ?? new TestCluster());

    /// <summary>Returns when the controller's own copies have it too. The watches of two kinds are not in step: what is made next may be seen first, and the
    /// controller would try again after a time that this clock does not reach.</summary>
    public async Task<KubeObject> CreateAsync(ResourceId resource, string json)
    {
        var body = JsonNode.Parse(json)!.AsObject();
        var name = new NamespacedName((string?)body["metadata"]!["namespace"] ?? "", (string?)body["metadata"]!["name"] ?? "");
        var created = await Api.CreateAsync(resource, name, body, null, default);
        var copies = _informers.ForObjects(resource);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        // A controller may have removed it already.
        await copies.WaitUntilAsync(() => copies.FindObject(created.Name) is not null || Api.FindAsync(resource, created.Name, default) is { IsCompleted: true, Result: null }, limit.Token);
        return created;
    }

    public async Task<JsonNode?> FindAsync(ResourceId resource, string name, string ns = "") => (await Api.FindAsync(resource, new NamespacedName(ns, name), default))?.ToTree();

    /// <summary>The messages of the events about an object, as "Reason: message".</summary>
    public async Task<IReadOnlyList<string>> EventsAsync(string name) =>
        [.. (await Api.ListModelsAsync(Resources.Events, new ListQuery(), default)).Where(e => e.InvolvedObject.Name == name).Select(e => $"{e.Reason}: {e.Message}")];

    public static async Task EventuallyAsync(Func<Task<bool>> condition, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(condition))] string what = "")
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await condition())
        {
            if (limit.IsCancellationRequested) Assert.Fail($"not within 20 s: {what}");
            await Task.Delay(10);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _informers.DisposeAsync();
        _stop.Dispose();
        // Whatever the test was about: nobody asked for what upstream's role for it does not allow.
        Assert.Empty(_forbidden.Distinct());
    }
}

/// <summary>A clock that the test moves; what it shows can be set besides, and what is measured by it does not notice.</summary>
internal sealed class ScenarioTime(DateTimeOffset start) : FakeTimeProvider(start)
{
    public TimeSpan Offset { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Offset;

    public override long GetTimestamp() => base.GetUtcNow().Ticks;
}
