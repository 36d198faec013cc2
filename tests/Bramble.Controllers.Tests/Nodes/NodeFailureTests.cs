using Bramble.Api.Naming;
using Bramble.Client;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Nodes;

/// <summary>Nodes that fall silent, with upstream's default times.</summary>
public sealed class NodeFailureTests : IAsyncLifetime
{
    private readonly ControllerScenario _scenario = Start("node-controller");

    public ValueTask InitializeAsync()
    {
        _scenario.Api.Clock = _scenario.Time;
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _scenario.DisposeAsync();

    [Fact]
    public async Task A_silent_node_is_unreachable_after_50_seconds_its_Pods_serve_nobody_and_go_when_their_time_is_over()
    {
        await NodeAsync("alive");
        await NodeAsync("dead");
        await PodAsync("patient", "dead", """[{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}]""");
        await PodAsync("hasty", "dead", """[{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":10}]""");
        await PodAsync("daemon", "dead", """[{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute"}]""");
        await PodAsync("elsewhere", "alive", "[]");

        var silent = await UntilAsync(async () => (await ReadyAsync("dead")) == "Unknown");
        Assert.InRange(silent, TimeSpan.FromSeconds(50), TimeSpan.FromSeconds(120));
        await UntilAsync(async () => (await TaintsAsync("dead")).SequenceEqual(["node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"]));
        await UntilAsync(async () => (await FindAsync("patient"))!["status"]!["conditions"]!.AsArray().Any(c => (string?)c!["type"] == "Ready" && (string?)c["status"] == "False"));
        var hasty = await UntilAsync(async () => await FindAsync("hasty") is null);
        Assert.InRange(hasty, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(100));
        var patient = hasty + await UntilAsync(async () => await FindAsync("patient") is null);
        Assert.InRange(patient, TimeSpan.FromSeconds(270), TimeSpan.FromSeconds(600));
        Assert.NotNull(await FindAsync("daemon"));
        Assert.NotNull(await FindAsync("elsewhere"));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("hasty")) is var events && events.Contains("NodeNotReady: Node is not ready") && events.Contains("TaintManagerEviction: Marking for deletion Pod d/hasty"));
        Assert.Contains("NodeNotReady: Node dead status is now: NodeNotReady", await _scenario.EventsAsync("dead"));
        Assert.Contains("RegisteredNode: Node dead event: Registered Node dead in Controller", await _scenario.EventsAsync("dead"));
    }

    [Fact]
    public async Task A_node_that_comes_back_in_time_keeps_its_Pods()
    {
        await NodeAsync("alive");
        await NodeAsync("slow");
        await PodAsync("p", "slow", """[{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}]""");
        await UntilAsync(async () => (await TaintsAsync("slow")).Contains("node.kubernetes.io/unreachable:NoExecute"));
        // The clock goes on: a write that lost against another is done again after a moment.
        await _scenario.Time.UntilAsync(1, async () =>
        {
            await BeatAsync("slow");
            return (await TaintsAsync("slow")).Count == 0;
        });
        await EventuallyAsync(async () => (await _scenario.EventsAsync("p")).Contains("TaintManagerEviction: Cancelling deletion of Pod d/p"));
        Assert.NotNull(await FindAsync("p"));
    }

    [Fact]
    public async Task When_all_nodes_are_silent_nobody_is_evicted()
    {
        await NodeAsync("a");
        await NodeAsync("b");
        await PodAsync("p", "a", "[]");
        await _scenario.Time.UntilAsync(5, async () => await ReadyAsync("a") == "Unknown" && await ReadyAsync("b") == "Unknown");
        await _scenario.Time.UntilAsync(5, async () => (await TaintsAsync("a")).SequenceEqual(["node.kubernetes.io/unreachable:NoSchedule"]) && (await TaintsAsync("b")).SequenceEqual(["node.kubernetes.io/unreachable:NoSchedule"]));
        for (var i = 0; i < 20; i++)
        {
            _scenario.Time.Advance(TimeSpan.FromSeconds(30));
            await Task.Delay(5);
        }
        Assert.DoesNotContain(await TaintsAsync("a"), t => t.EndsWith("NoExecute", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_Pod_that_comes_to_a_tainted_node_gets_its_own_time()
    {
        await NodeAsync("n", """[{"key":"maintenance","effect":"NoExecute"}]""");
        await Task.Delay(50);
        _scenario.Time.Advance(TimeSpan.FromMinutes(10));
        await BeatAsync("n");
        await PodAsync("late", "n", """[{"key":"maintenance","operator":"Exists","effect":"NoExecute","tolerationSeconds":60}]""");
        var stayed = await _scenario.Time.UntilAsync(2, async () => await FindAsync("late") is null);
        Assert.InRange(stayed, TimeSpan.FromSeconds(60), TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task A_Pod_that_is_on_its_way_out_or_whose_node_has_gone_has_its_time_all_the_same()
    {
        const string aMinute = """[{"key":"maintenance","operator":"Exists","effect":"NoExecute","tolerationSeconds":60}]""";
        foreach (var name in (string[])["a", "b"])
        {
            await NodeAsync(name, """[{"key":"maintenance","effect":"NoExecute"}]""");
            await PodAsync(name, name, aMinute);
        }
        await _scenario.Api.ChangeAsync(Resources.Pods, new NamespacedName("d", "a"), t => (t["metadata"]!["deletionTimestamp"], t["metadata"]!["finalizers"]) = ("2024-01-01T12:00:00Z", new System.Text.Json.Nodes.JsonArray("me")));
        // One that goes before it is over is no longer waited for: by this the others' time is known to have begun.
        var isThere = false;
        await EventuallyAsync(async () =>
        {
            isThere = !isThere;
            if (isThere) await PodAsync("c", "a", aMinute);
            else await _scenario.Api.DeleteAsync(Resources.Pods, new NamespacedName("d", "c"), new DeleteQuery(), default);
            return (await _scenario.EventsAsync("c")).Contains("TaintManagerEviction: Cancelling deletion of Pod d/c");
        });
        await _scenario.Api.DeleteAsync(Resources.Nodes, new NamespacedName("", "b"), new DeleteQuery(), default);
        await _scenario.Time.UntilAsync(5, async () => (await _scenario.EventsAsync("a")).Contains("TaintManagerEviction: Marking for deletion Pod d/a") && await FindAsync("b") is null);
        Assert.Contains("TaintManagerEviction: Marking for deletion Pod d/b", await _scenario.EventsAsync("b"));
        await EventuallyAsync(async () => (await FindAsync("a"))!["status"]!["conditions"]!.AsArray().Any(c => (string?)c!["reason"] == "DeletionByTaintManager"));
    }

    /// <summary>Time passes; the node called alive says so every ten seconds.</summary>
    private async Task<TimeSpan> UntilAsync(Func<Task<bool>> condition)
    {
        var last = _scenario.Time.GetUtcNow();
        return await _scenario.Time.UntilAsync(2, async () =>
        {
            if (_scenario.Time.GetUtcNow() - last >= TimeSpan.FromSeconds(10))
            {
                last = _scenario.Time.GetUtcNow();
                await BeatAsync("alive");
            }
            return await condition();
        });
    }

    private async Task NodeAsync(string name, string taints = "[]") => await _scenario.CreateAsync(Resources.Nodes, $$$"""
        {"metadata":{"name":"{{{name}}}"},"spec":{"taints":{{{taints}}} },"status":{"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":"2024-01-01T12:00:00Z"}]} }
        """);

    private async Task BeatAsync(string name) => await _scenario.Api.ChangeAsync(Resources.Nodes, new NamespacedName("", name), t =>
    {
        foreach (var condition in t["status"]!["conditions"]!.AsArray().OfType<System.Text.Json.Nodes.JsonObject>().Where(c => (string?)c["type"] == "Ready"))
            (condition["status"], condition["lastHeartbeatTime"]) = ("True", KubeTime.Seconds(_scenario.Time.GetUtcNow()));
    });

    private async Task PodAsync(string name, string node, string tolerations) => await _scenario.CreateAsync(Resources.Pods, $$$"""
        {"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"nodeName":"{{{node}}}","tolerations":{{{tolerations}}} },"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]} }
        """);

    private Task<System.Text.Json.Nodes.JsonNode?> FindAsync(string pod) => _scenario.FindAsync(Resources.Pods, pod, "d");

    private async Task<string?> ReadyAsync(string node) =>
        (string?)(await _scenario.FindAsync(Resources.Nodes, node))!["status"]!["conditions"]!.AsArray().First(c => (string?)c!["type"] == "Ready")!["status"];

    private async Task<List<string>> TaintsAsync(string node) =>
        [.. ((await _scenario.FindAsync(Resources.Nodes, node))!["spec"]!["taints"] as System.Text.Json.Nodes.JsonArray ?? []).Select(t => $"{t!["key"]}:{t["effect"]}")];
}
