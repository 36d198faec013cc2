using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Jobs;

/// <summary>Jobs over time: back-offs, deadlines, suspension, clean-up.</summary>
public sealed class JobScenarioTests : IAsyncLifetime
{
    private static readonly NamespacedName Sum = new("d", "sum");
    private readonly ControllerScenario _scenario = Start("job-controller");

    public ValueTask InitializeAsync()
    {
        _scenario.Api.Clock = _scenario.Time;
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _scenario.DisposeAsync();

    [Fact]
    public async Task After_each_failure_the_next_Pod_waits_twice_as_long_and_in_the_end_the_Job_fails()
    {
        await CreateAsync("\"backoffLimit\":2");
        await FailAsync(await NextAsync());
        var first = await _scenario.Time.UntilAsync(1, async () => (await ActiveAsync()).Count == 1);
        Assert.InRange(first, TimeSpan.FromSeconds(9), TimeSpan.FromSeconds(60));
        await FailAsync(await NextAsync());
        var second = await _scenario.Time.UntilAsync(1, async () => (await ActiveAsync()).Count == 1);
        Assert.InRange(second, TimeSpan.FromSeconds(19), TimeSpan.FromSeconds(90));
        await FailAsync(await NextAsync());
        await _scenario.Time.UntilAsync(1, async () => await ConditionAsync("Failed") == "BackoffLimitExceeded: Job has reached the specified backoff limit");
        Assert.Equal((3, 0), ((int?)(await StatusAsync())["failed"], (int?)(await StatusAsync())["active"] ?? 0));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("sum")).Contains("BackoffLimitExceeded: Job has reached the specified backoff limit"));
    }

    [Theory]
    [InlineData("the other one is not ready", false)]
    [InlineData("the other one is ready: the API refuses more ready ones than active", true)]
    public async Task While_the_next_Pod_waits_none_is_said_to_be_active(string because, bool isOtherReady)
    {
        Assert.NotEmpty(because);
        await CreateAsync("\"backoffLimit\":2", completions: 2, parallelism: 2);
        await _scenario.Time.UntilAsync(0.5, async () => (int?)(await StatusAsync())["active"] == 2);
        var pods = await ActiveAsync();
        if (isOtherReady)
        {
            await _scenario.Api.ChangeAsync(Resources.Pods, pods[1].NamespacedName(), t => t["status"] = new JsonObject
            {
                ["phase"] = "Running",
                ["conditions"] = new JsonArray((JsonNode)new JsonObject { ["type"] = "Ready", ["status"] = "True" }),
            });
            await _scenario.Time.UntilAsync(0.25, async () => (int?)(await StatusAsync())["ready"] == 1);
        }
        await _scenario.Api.ChangeAsync(Resources.Pods, pods[0].NamespacedName(), t => t["status"] = new JsonObject { ["phase"] = "Failed" });
        // As upstream counts: the other one runs all the while.
        await _scenario.Time.UntilAsync(0.25, async () => await StatusAsync() is var s && (int?)s["failed"] == 1 && (int?)s["active"] == (isOtherReady ? 1 : null));
        Assert.Single(await ActiveAsync());
        await _scenario.Time.UntilAsync(1, async () => (int?)(await StatusAsync())["active"] == 2);
    }

    [Fact]
    public async Task The_deadline_counts_from_the_start_and_ends_what_runs()
    {
        await CreateAsync("\"backoffLimit\":6,\"activeDeadlineSeconds\":100");
        await NextAsync();
        var waited = await _scenario.Time.UntilAsync(2, async () => await ConditionAsync("FailureTarget") == "DeadlineExceeded: Job was active longer than specified deadline");
        Assert.InRange(waited, TimeSpan.FromSeconds(96), TimeSpan.FromSeconds(200));
        Assert.Null(await ConditionAsync("Failed"));        // not before its Pod has ended
        foreach (var pod in await _scenario.Api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default))
            await _scenario.Api.ChangeAsync(Resources.Pods, pod.NamespacedName(), t => t["status"] = new JsonObject { ["phase"] = "Failed" });
        await _scenario.Time.UntilAsync(1, async () => await ConditionAsync("Failed") == "DeadlineExceeded: Job was active longer than specified deadline");
        Assert.Empty(await ActiveAsync());
    }

    [Fact]
    public async Task A_suspended_Job_has_no_Pods_and_its_time_begins_anew_when_it_goes_on()
    {
        await CreateAsync("\"backoffLimit\":6,\"activeDeadlineSeconds\":100");
        await NextAsync();
        await ChangeAsync(t => t["spec"]!["suspend"] = true);
        await _scenario.Time.UntilAsync(1, async () => await ConditionAsync("Suspended") == "JobSuspended: Job suspended" && (await ActiveAsync()).Count == 0);
        Assert.Null((await StatusAsync())["startTime"]);
        _scenario.Time.Advance(TimeSpan.FromMinutes(10));
        await ChangeAsync(t => t["spec"]!["suspend"] = false);
        await _scenario.Time.UntilAsync(1, async () => (await ActiveAsync()).Count == 1);
        Assert.Null(await ConditionAsync("Failed"));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("sum")) is var events && events.Contains("Suspended: Job suspended") && events.Contains("Resumed: Job resumed"));
    }

    [Fact]
    public async Task An_Indexed_Job_counts_each_index_once_and_says_that_it_is_done()
    {
        await CreateAsync("\"backoffLimit\":6", completions: 2, mode: "Indexed");
        foreach (var _ in (int[])[1, 2])
        {
            var pod = await NextAsync();
            await EndAsync(pod, "Succeeded");
        }
        await _scenario.Time.UntilAsync(1, async () => await ConditionAsync("Complete") == "CompletionsReached: Reached expected number of succeeded pods");
        Assert.Equal(("0,1", 2), ((string?)(await StatusAsync())["completedIndexes"], (int?)(await StatusAsync())["succeeded"]));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("sum")).Contains("Completed: Job completed"));
    }

    [Fact]
    public async Task A_finished_Job_goes_when_its_time_to_live_is_over()
    {
        await using var cleaner = Start("ttl-after-finished-controller", _scenario.Api);
        var now = cleaner.Time.GetUtcNow();
        await cleaner.CreateAsync(Resources.Jobs, $$$"""
            {"metadata":{"name":"done","namespace":"d"},"spec":{"ttlSecondsAfterFinished":60},"status":{"conditions":[{"type":"Complete","status":"True","lastTransitionTime":"{{{KubeTime.Seconds(now)}}}"}]} }
            """);
        await cleaner.CreateAsync(Resources.Jobs, """{"metadata":{"name":"kept","namespace":"d"},"spec":{},"status":{"conditions":[{"type":"Complete","status":"True","lastTransitionTime":"2024-01-01T12:00:00Z"}]}}""");
        var waited = await cleaner.Time.UntilAsync(1, async () => (await cleaner.FindAsync(Resources.Jobs, "done", "d"))?["metadata"]!["deletionTimestamp"] is not null);
        Assert.InRange(waited, TimeSpan.FromSeconds(59), TimeSpan.FromSeconds(150));
        Assert.NotNull(await cleaner.FindAsync(Resources.Jobs, "kept", "d"));
    }

    [Fact]
    public async Task What_is_refused_is_tried_again_after_one_two_four_seconds_and_so_on()
    {
        var attempts = 0;
        _scenario.Api.Refuses = (verb, resource, name) =>
        {
            if (verb != "CREATE" || resource.Kind != "Pod") return null;
            Interlocked.Increment(ref attempts);
            return StatusErrors.Forbidden(resource.GroupResource, name.Name, "exceeded quota");
        };
        await CreateAsync("\"backoffLimit\":6");
        var waited = await _scenario.Time.UntilAsync(0.5, () => Task.FromResult(Volatile.Read(ref attempts) == 4));
        Assert.InRange(waited, TimeSpan.FromSeconds(6.5), TimeSpan.FromSeconds(60));
        Assert.Equal(4, attempts);
    }

    [Fact]
    public async Task When_one_cannot_be_removed_the_others_are_and_the_Job_is_not_over()
    {
        await CreateAsync("\"backoffLimit\":6,\"activeDeadlineSeconds\":100", completions: 3, parallelism: 3);
        await _scenario.Time.UntilAsync(0.5, async () => (int?)(await StatusAsync())["active"] == 3);
        var kept = (await ActiveAsync())[0].Metadata.Name;
        _scenario.Api.Refuses = (verb, resource, name) => verb == "DELETE" && name.Name == kept ? StatusErrors.Forbidden(resource.GroupResource, kept, "kept") : null;
        await _scenario.Time.UntilAsync(5, async () => (int?)(await StatusAsync())["active"] == 1);
        Assert.Equal((1, null), ((await ActiveAsync()).Count, await ConditionAsync("FailureTarget")));
        _scenario.Api.Refuses = null;
        await _scenario.Time.UntilAsync(5, async () => await ConditionAsync("FailureTarget") is not null);
    }

    [Fact]
    public async Task What_goes_wrong_after_a_failure_was_noted_does_not_make_its_wait_shorter()
    {
        await CreateAsync("\"backoffLimit\":6");
        var pod = await NextAsync();
        var began = _scenario.Time.GetUtcNow();
        _scenario.Api.Refuses = (verb, resource, name) => verb == "PATCH" ? StatusErrors.Forbidden(resource.GroupResource, name.Name, "it keeps its finalizer for now") : null;
        await _scenario.Api.ChangeAsync(Resources.Pods, pod.NamespacedName(), t => t["status"] = Ended("Failed"));
        await _scenario.Time.UntilAsync(0.25, async () => (await StatusAsync())["uncountedTerminatedPods"]?["failed"] is JsonArray { Count: 1 });
        _scenario.Api.Refuses = null;
        await _scenario.Time.UntilAsync(0.5, async () => (await ActiveAsync()).Count == 1);
        Assert.InRange(_scenario.Time.GetUtcNow() - began, TimeSpan.FromSeconds(9), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_Pod_that_ended_before_it_was_adopted_counts_at_once()
    {
        await _scenario.CreateAsync(Resources.Pods, """{"metadata":{"name":"early","namespace":"d","labels":{"job":"sum"} },"spec":{},"status":{"phase":"Succeeded"} }""");
        await CreateAsync("\"backoffLimit\":6");
        await _scenario.Time.UntilAsync(0.5, async () => await ConditionAsync("Complete") is not null);
        Assert.Single(await _scenario.Api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default));
    }

    [Theory]
    [InlineData("of a Job that is finished", "done", "batch/v1", true)]
    [InlineData("of a Job that is gone", "gone", "batch/v1", true)]
    [InlineData("of another's finished Job: others count", "theirs", "batch/v1", false)]
    [InlineData("of another kind of Job", "done", "example.com/v1", false)]
    [InlineData("of none any longer, and going: nobody adopts it", "", "", true)]
    public async Task A_Pod_that_nobody_counts_is_let_go(string because, string owner, string apiVersion, bool isReleased)
    {
        Assert.NotEmpty(because);
        await CreateAsync("\"backoffLimit\":6,\"suspend\":true");
        foreach (var (name, fields) in ((string, string)[])[("done", ""), ("theirs", "\"managedBy\":\"example.com/other\"")])
            await _scenario.CreateAsync(Resources.Jobs, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{ {{{fields}}} },"status":{"conditions":[{"type":"Complete","status":"True"}]} }""");
        var uid = owner is "" or "gone" ? "another" : (string)(await _scenario.FindAsync(Resources.Jobs, owner, "d"))!["metadata"]!["uid"]!;
        var reference = owner.Length == 0 ? "" : $$$""","ownerReferences":[{"apiVersion":"{{{apiVersion}}}","kind":"Job","name":"{{{owner}}}","uid":"{{{uid}}}","controller":true}]""";
        await CreatePodAsync("p", $$$""","labels":{"job":"sum"},"deletionTimestamp":"2024-01-01T12:00:00Z"{{{reference}}}""");
        // What is asked about later is let go, so the first has been looked at.
        await CreatePodAsync("later", "");
        await EventuallyAsync(async () => !await IsTrackedAsync("later"));
        if (isReleased) await EventuallyAsync(async () => !await IsTrackedAsync("p"));
        else Assert.True(await IsTrackedAsync("p"));
    }

    [Theory]
    [InlineData("it is deleted", false)]
    [InlineData("it is finished", true)]
    public async Task A_Pod_that_a_Job_would_have_adopted_is_let_go_when(string because, bool isFinished)
    {
        Assert.NotEmpty(because);
        await CreateAsync("\"backoffLimit\":6,\"suspend\":true");
        await EventuallyAsync(async () => await ConditionAsync("Suspended") is not null);
        await CreatePodAsync("p", ""","labels":{"job":"sum"}""");
        // The clock stands still, so the Job is not looked at again and adopts nothing. What is asked about later is let go, so the first has been looked at.
        await CreatePodAsync("later", "");
        await EventuallyAsync(async () => !await IsTrackedAsync("later"));
        Assert.True(await IsTrackedAsync("p"));
        if (isFinished) await ChangeAsync(t => t["status"] = new JsonObject { ["conditions"] = new JsonArray(new JsonObject { ["type"] = "Failed", ["status"] = "True" }) });
        else await _scenario.Api.DeleteAsync(Resources.Jobs, Sum, new DeleteQuery(PropagationPolicy: "Background"), default);
        await EventuallyAsync(async () => !await IsTrackedAsync("p"));
    }

    private async Task CreatePodAsync(string name, string metadata) => await _scenario.CreateAsync(Resources.Pods, $$$"""
        {"metadata":{"name":"{{{name}}}","namespace":"d","finalizers":["batch.kubernetes.io/job-tracking"]{{{metadata}}} },"spec":{},"status":{"phase":"Running"} }
        """);

    private async Task<bool> IsTrackedAsync(string name) => (await _scenario.FindAsync(Resources.Pods, name, "d"))?["metadata"]!["finalizers"] is JsonArray { Count: > 0 };

    private async Task CreateAsync(string fields, int completions = 1, string mode = "NonIndexed", int parallelism = 1) => await _scenario.CreateAsync(Resources.Jobs, $$$"""
        {"metadata":{"name":"sum","namespace":"d"},"spec":{"completions":{{{completions}}},"parallelism":{{{parallelism}}},"completionMode":"{{{mode}}}",{{{fields}}},"selector":{"matchLabels":{"job":"sum"} },
         "template":{"metadata":{"labels":{"job":"sum"} },"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]} } } }
        """);

    private async Task ChangeAsync(Action<JsonObject> change) => await _scenario.Api.ChangeAsync(Resources.Jobs, Sum, change);

    private async Task<V1Pod> NextAsync()
    {
        await _scenario.Time.UntilAsync(0.5, async () => (await ActiveAsync()).Count == 1);
        return (await ActiveAsync())[0];
    }

    private Task FailAsync(V1Pod pod) => EndAsync(pod, "Failed");

    private async Task EndAsync(V1Pod pod, string phase)
    {
        await _scenario.Api.ChangeAsync(Resources.Pods, pod.NamespacedName(), t => t["status"] = Ended(phase));
        await _scenario.Time.UntilAsync(0.25, async () => (int?)(await StatusAsync())["active"] is null or 0 || (await ActiveAsync()).Exists(p => p.Metadata.Uid != pod.Metadata.Uid));
    }

    private JsonObject Ended(string phase) => new()
    {
        ["phase"] = phase,
        ["containerStatuses"] = new JsonArray(new JsonObject { ["name"] = "c", ["state"] = new JsonObject { ["terminated"] = new JsonObject { ["exitCode"] = phase == "Failed" ? 1 : 0, ["finishedAt"] = KubeTime.Seconds(_scenario.Time.GetUtcNow()) } } }),
    };

    private async Task<List<V1Pod>> ActiveAsync() => [.. (await _scenario.Api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default)).Where(p => p.IsActive())];

    private async Task<JsonObject> StatusAsync() => (await _scenario.FindAsync(Resources.Jobs, "sum", "d"))!["status"] as JsonObject ?? [];

    private async Task<string?> ConditionAsync(string type) => (await StatusAsync()).Condition(type) is { } c && (string?)c["status"] == "True" ? $"{c["reason"]}: {c["message"]}" : null;
}
