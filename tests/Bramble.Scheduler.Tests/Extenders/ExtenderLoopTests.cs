using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Tests;
using Bramble.Scheduler.Configuration;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Scheduler.Tests.Extenders;

/// <summary>The whole scheduler with an extender beside it.</summary>
public sealed class ExtenderLoopTests : IAsyncDisposable
{
    private readonly TestCluster _api = new();
    private readonly CancellationTokenSource _stop = new();
    private Informers? _informers;
    private Task _running = Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        if (_informers is not null) await _informers.DisposeAsync();
        _stop.Dispose();
    }

    [Fact]
    public async Task It_has_a_say_in_which_node()
    {
        await using var extender = await StandInExtender.StartAsync((verb, _) => (200, verb == "filter" ? """{"NodeNames":["n1","n3"],"FailedNodes":{"n2":"occupied"}}""" : """[{"Host":"n3","Score":10}]"""));
        await StartAsync($"{{urlPrefix: \"{extender.Url}\", filterVerb: filter, prioritizeVerb: score, weight: 100, nodeCacheCapable: true}}", "n1", "n2", "n3");
        await PodAsync("p");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n3");
        Assert.Equal(["filter", "score"], extender.Asked.Select(a => a.Verb));
        Assert.Equal("""["n1","n3"]""", extender.Asked.Last().Body["NodeNames"]!.ToJsonString());
    }

    [Fact]
    public async Task Its_reasons_are_told_and_anything_that_happens_is_worth_another_look()
    {
        var answer = """{"NodeNames":[],"FailedAndUnresolvableNodes":{"n1":"occupied"}}""";
        await using var extender = await StandInExtender.StartAsync((_, _) => (200, answer));
        await StartAsync($"{{urlPrefix: \"{extender.Url}\", filterVerb: filter, nodeCacheCapable: true}}", "n1");
        await PodAsync("p");
        await EventuallyAsync(async () => Condition(await Pod("p"))?.Message
            == "0/1 nodes are available: 1 occupied. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.");
        answer = """{"NodeNames":["n1"]}""";
        await _api.ChangeAsync(Resources.Nodes, new("", "n1"), n => n["metadata"]!["annotations"] = new JsonObject { ["any"] = "thing" });
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task When_it_fails_the_Pod_waits_unless_it_may_be_ignored(bool isIgnorable)
    {
        await using var extender = await StandInExtender.StartAsync((_, _) => (500, ""));
        await StartAsync($"{{urlPrefix: \"{extender.Url}\", filterVerb: filter, ignorable: {(isIgnorable ? "true" : "false")}}}", "n1");
        await PodAsync("p");
        if (isIgnorable)
        {
            await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
            return;
        }
        await EventuallyAsync(async () => Condition(await Pod("p")) is { Reason: "SchedulerError" } condition && condition.Message == $"failed filter with extender at URL {extender.Url}/filter, code 500");
        Assert.Null((await Pod("p")).Spec.NodeName);
    }

    [Fact]
    public async Task When_it_fails_for_the_nominated_node_it_is_asked_for_all()
    {
        await using var extender = await StandInExtender.StartAsync((_, body) => body["NodeNames"]!.AsArray().Count == 1 ? (500, "") : (200, """{"NodeNames":["n2"]}"""));
        await StartAsync($"{{urlPrefix: \"{extender.Url}\", filterVerb: filter, nodeCacheCapable: true}}", "n1", "n2");
        await PodAsync("p", p => p["status"]!["nominatedNodeName"] = "n1");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n2");
        Assert.Equal([1, 2], extender.Asked.Select(a => a.Body["NodeNames"]!.AsArray().Count));
        Assert.Null(Condition(await Pod("p")));
    }

    [Fact]
    public async Task Only_Pods_that_ask_for_what_it_manages_concern_it_and_the_scheduler_does_not_count_that()
    {
        await using var extender = await StandInExtender.StartAsync((_, _) => (200, """{"NodeNames":["n2"]}"""));
        await StartAsync($"{{urlPrefix: \"{extender.Url}\", filterVerb: filter, nodeCacheCapable: true, managedResources: [{{name: example.com/gpu, ignoredByScheduler: true}}]}}", "n1", "n2");
        await PodAsync("plain");
        await EventuallyAsync(async () => (await Pod("plain")).Spec.NodeName is not null);
        Assert.Empty(extender.Asked);
        await PodAsync("p", p => p["spec"]!["containers"]![0]!["resources"]!["requests"]!["example.com/gpu"] = "1");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n2");
    }

    [Fact]
    public async Task It_binds_in_the_schedulers_stead()
    {
        await using var extender = await StandInExtender.StartAsync((_, body) =>
        {
            _api.ChangeAsync(Resources.Pods, new((string)body["PodNamespace"]!, (string)body["PodName"]!), p => (p["spec"]!["nodeName"], p["metadata"]!["labels"]) = ((string)body["Node"]!, new JsonObject { ["by"] = "extender" })).AsTask().Wait();
            return (200, "{}");
        });
        await StartAsync($"{{urlPrefix: \"{extender.Url}\", bindVerb: bind}}", "n1");
        await PodAsync("p");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
        Assert.Equal("extender", (await Pod("p")).Metadata.Labels["by"]);
        await EventuallyAsync(async () => (await _api.ListModelsAsync(Resources.Events, new ListQuery("d"), default)).Any(e => e.Reason == "Scheduled"));
    }

    [Fact]
    public async Task It_chooses_whose_Pods_make_room()
    {
        await using var extender = await StandInExtender.StartAsync((verb, body) => (200, verb == "filter"
            ? new JsonObject { ["NodeNames"] = body["NodeNames"]!.DeepClone() }.ToJsonString()
            : new JsonObject { ["NodeNameToMetaVictims"] = new JsonObject { ["n2"] = body["NodeNameToMetaVictims"]!["n2"]!.DeepClone() } }.ToJsonString()));
        await StartAsync($"{{urlPrefix: \"{extender.Url}\", filterVerb: filter, preemptVerb: preempt, nodeCacheCapable: true}}", "n1", "n2");
        foreach (var node in (string[])["n1", "n2"])
        {
            await PodAsync($"low-{node}", p =>
            {
                // The one on n1 would be the better victim.
                (p["spec"]!["nodeName"], p["spec"]!["priority"]) = (node, node == "n1" ? 1 : 5);
                p["spec"]!["containers"]![0]!["resources"]!["requests"]!["cpu"] = "4";
            });
        }
        var pods = _informers!.For(Resources.Pods);
        await EventuallyAsync(() => Task.FromResult(pods.List().Count() == 2));
        await PodAsync("high", p => (p["spec"]!["priority"], p["spec"]!["containers"]![0]!["resources"]!["requests"]!["cpu"]) = (10, "4"));
        await EventuallyAsync(async () => (await _api.FindModelAsync(Resources.Pods, new("d", "high"), default))!.Spec.NodeName == "n2");
        Assert.Null(await _api.FindAsync(Resources.Pods, new("d", "low-n2"), default));
        Assert.NotNull(await _api.FindAsync(Resources.Pods, new("d", "low-n1"), default));
    }

    [Fact]
    public async Task A_Pod_that_goes_while_it_chooses_keeps_no_room()
    {
        using var isGone = new ManualResetEventSlim();
        await using var extender = await StandInExtender.StartAsync((_, body) =>
        {
            _api.DeleteAsync(Resources.Pods, new("d", "high"), new DeleteQuery(), default).AsTask().Wait();
            isGone.Wait(TimeSpan.FromSeconds(20));
            return (200, new JsonObject { ["NodeNameToMetaVictims"] = body["NodeNameToMetaVictims"]!.DeepClone() }.ToJsonString());
        });
        await StartAsync($"{{urlPrefix: \"{extender.Url}\", preemptVerb: preempt, nodeCacheCapable: true}}", "n1");
        await PodAsync("low", p => Fill(p, 1));
        await EventuallyAsync(async () => (await Pod("low")).Spec.NodeName == "n1");
        // The scheduler, which subscribed before, is told first.
        using var subscription = _informers!.For(Resources.Pods).Subscribe(change =>
        {
            if (change.New is null && change.Name.Name == "high") isGone.Set();
        });
        await PodAsync("high", p => Fill(p, 10));
        await EventuallyAsync(() => Task.FromResult(isGone.IsSet));
        await PodAsync("next", p => Fill(p, 1));
        await EventuallyAsync(async () => Condition(await Pod("next")) is not null);
        await _api.DeleteAsync(Resources.Pods, new("d", "low"), new DeleteQuery(), default);
        await EventuallyAsync(async () => (await Pod("next")).Spec.NodeName == "n1");

        static void Fill(JsonObject pod, int priority)
        {
            pod["spec"]!["priority"] = priority;
            pod["spec"]!["containers"]![0]!["resources"]!["requests"]!["cpu"] = "4";
        }
    }

    [Theory]
    [InlineData(200, false, "FailedScheduling")]
    [InlineData(500, false, "FailedScheduling")]
    [InlineData(200, true, "Scheduled")]
    [InlineData(500, true, "Scheduled")]
    public async Task Of_a_Pod_that_goes_meanwhile_it_is_told_but_not_when_another_has_its_name(int code, bool isMadeAnew, string told)
    {
        using var isSeen = new ManualResetEventSlim();
        var calls = 0;
        await using var extender = await StandInExtender.StartAsync((_, body) =>
        {
            if (Interlocked.Increment(ref calls) > 1) return (200, """{"NodeNames":["n1"]}""");
            var uid = (string?)body["Pod"]!["metadata"]!["uid"];
            // The scheduler, which subscribed before, is told first.
            using var subscription = _informers!.For(Resources.Pods).Subscribe(change =>
            {
                if (change.Name.Name == "p" && (isMadeAnew ? change.New is { } next && next.Metadata.Uid != uid : change.New is null)) isSeen.Set();
            });
            _api.DeleteAsync(Resources.Pods, new("d", "p"), new DeleteQuery(), default).AsTask().Wait();
            if (isMadeAnew) PodAsync("p").Wait();
            isSeen.Wait(TimeSpan.FromSeconds(20));
            return (code, """{"NodeNames":[],"FailedNodes":{"n1":"occupied"}}""");
        });
        await StartAsync($"{{urlPrefix: \"{extender.Url}\", filterVerb: filter, nodeCacheCapable: true}}", "n1");
        await PodAsync("p");
        await EventuallyAsync(async () => (await EventsAsync()).Count > 0);
        Assert.Equal([told], await EventsAsync());

        async Task<List<string>> EventsAsync() => [.. (await _api.ListModelsAsync(Resources.Events, new ListQuery("d"), default)).Select(e => e.Reason)];
    }

    [Fact]
    public async Task When_it_cannot_say_whose_Pods_make_room_that_is_all_that_is_told()
    {
        await using var extender = await StandInExtender.StartAsync((_, _) => (500, ""));
        await StartAsync($"{{urlPrefix: \"{extender.Url}\", preemptVerb: preempt, nodeCacheCapable: true}}", "n1");
        await PodAsync("low", p => (p["spec"]!["nodeName"], p["spec"]!["priority"], p["spec"]!["containers"]![0]!["resources"]!["requests"]!["cpu"]) = ("n1", 1, "4"));
        var pods = _informers!.For(Resources.Pods);
        await EventuallyAsync(() => Task.FromResult(pods.List().Count() == 1));
        await PodAsync("high", p => (p["spec"]!["priority"], p["spec"]!["containers"]![0]!["resources"]!["requests"]!["cpu"]) = (10, "4"));
        await EventuallyAsync(async () => Condition(await Pod("high")) is { Reason: "Unschedulable" } condition
            && condition.Message == $"0/1 nodes are available: 1 Insufficient cpu. preemption: failed preempt with extender at URL {extender.Url}/preempt, code 500");
    }

    private async Task StartAsync(string extender, params string[] nodes)
    {
        foreach (var name in nodes)
        {
            var node = JsonNode.Parse($$$"""{"metadata":{"name":"{{{name}}}"},"spec":{},"status":{"allocatable":{"cpu":"4","memory":"8Gi","pods":"110"} } }""")!.AsObject();
            await _api.CreateAsync(Resources.Nodes, new NamespacedName("", name), node, null, default);
        }
        _informers = new Informers(_api, TimeProvider.System, NullLoggerFactory.Instance);
        var configuration = SchedulerConfiguration.Parse($"apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nextenders: [{extender}]");
        _running = new SchedulerLoop(_api, _informers, TimeProvider.System, NullLoggerFactory.Instance, configuration, new Random(1)).RunAsync(_stop.Token);
        await _informers.For(Resources.Nodes).Synced;
    }

    private Task PodAsync(string name, Action<JsonObject>? with = null)
    {
        var pod = JsonNode.Parse($$$"""{"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"containers":[{"name":"c","image":"i","resources":{"requests":{}} }]},"status":{} }""")!.AsObject();
        with?.Invoke(pod);
        return _api.CreateAsync(Resources.Pods, new NamespacedName("d", name), pod, null, default).AsTask();
    }

    private async Task<V1Pod> Pod(string name) => (await _api.FindModelAsync(Resources.Pods, new NamespacedName("d", name), default))!;

    private static V1PodCondition? Condition(V1Pod pod) => pod.Status?.Conditions?.FirstOrDefault(c => c.Type == "PodScheduled");

    private static async Task EventuallyAsync(Func<Task<bool>> holds)
    {
        var until = DateTime.UtcNow.AddSeconds(20);
        while (!await holds())
        {
            if (DateTime.UtcNow > until) Assert.Fail("it did not become so within 20 s");
            await Task.Delay(10);
        }
    }
}
