using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.CronJobs;

/// <summary>CronJobs over time. The clock begins at noon.</summary>
public sealed class CronJobScenarioTests : IAsyncLifetime
{
    private static readonly NamespacedName Tick = new("d", "tick");
    private readonly ControllerScenario _scenario = Start("cronjob-controller");

    public ValueTask InitializeAsync()
    {
        _scenario.Api.Clock = _scenario.Time;
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _scenario.DisposeAsync();

    [Fact]
    public async Task A_new_schedule_begins_with_its_next_time()
    {
        await CreateAsync("1 12 1 1 *");
        var first = await NextAsync();
        _scenario.Time.Advance(TimeSpan.FromMinutes(190));
        await _scenario.Api.ChangeAsync(Resources.CronJobs, Tick, t => t["spec"]!["schedule"] = "0 * * * *");
        // 15:00 was before the change: not it is started but 16:00.
        await _scenario.Time.UntilAsync(60, async () => (await JobsAsync()).Count > 1);
        var job = Assert.Single(await JobsAsync(), j => (string?)j["metadata"]!["name"] != first);
        Assert.Equal("2024-01-01T16:00:00Z", (string?)job["metadata"]!["annotations"]!["batch.kubernetes.io/cronjob-scheduled-timestamp"]);
    }

    [Fact]
    public async Task Of_a_Job_that_is_not_kept_only_its_end_is_noted()
    {
        await CreateAsync("* * * * *", "\"successfulJobsHistoryLimit\":0");
        var job = await NextAsync();
        await FinishAsync(job);
        await EventuallyAsync(async () => (string?)(await StatusAsync())["lastSuccessfulTime"] is not null && (await JobsAsync()).All(j => (string?)j["metadata"]!["name"] != job));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("tick")).Contains($"SuccessfulDelete: Deleted job {job}"));
        Assert.DoesNotContain(await _scenario.EventsAsync("tick"), e => e.StartsWith("SawCompletedJob", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_cannot_go_keeps_nothing_from_starting()
    {
        _scenario.Api.Refuses = (verb, resource, name) => verb == "DELETE" && resource.Kind == "Job" ? StatusErrors.Forbidden(resource.GroupResource, name.Name, "kept for the auditors") : null;
        await CreateAsync("* * * * *", "\"successfulJobsHistoryLimit\":0");
        var first = await NextAsync();
        await FinishAsync(first);
        await _scenario.Time.UntilAsync(10, async () => (await JobsAsync()).Count == 2);
        Assert.Contains($"FailedDelete: Deleted job: jobs.batch \"{first}\" is forbidden: kept for the auditors", await _scenario.EventsAsync("tick"));
    }

    [Fact]
    public async Task What_was_seen_is_told_once_also_while_nothing_can_start()
    {
        await CreateAsync("* * * * *");
        var first = await NextAsync();
        _scenario.Api.Refuses = (verb, resource, name) => verb == "CREATE" && resource.Kind == "Job" ? StatusErrors.Forbidden(resource.GroupResource, name.Name, "no more") : null;
        await FinishAsync(first);
        // The next is due, and refused, and so are the attempts after it.
        await _scenario.Time.UntilAsync(10, async () => (await _scenario.EventsAsync("tick")).Any(e => e.StartsWith("FailedCreate: Error creating job: ", StringComparison.Ordinal)));
        Assert.Null((await StatusAsync())["active"]);
        Assert.Single(await _scenario.EventsAsync("tick"), e => e == $"SawCompletedJob: Saw completed job: {first}, condition: Complete");
    }

    [Fact]
    public async Task A_Job_that_goes_by_itself_while_it_is_to_be_replaced_is_told_and_the_next_starts()
    {
        await CreateAsync("* * * * *", "\"suspend\":true", "Replace");
        await OwnedAsync("a", "", "{}");
        await OwnedAsync("b", "", "{}");
        await EventuallyAsync(async () => (await _scenario.EventsAsync("tick")).Contains("UnexpectedJob: Saw a job that the controller did not create or forgot: b"));
        _scenario.Api.Refuses = (verb, resource, name) =>
        {
            if (verb == "DELETE" && name.Name == "a") _scenario.Api.RemoveAsync(Resources.Jobs, new NamespacedName("d", "b")).AsTask().Wait();
            return null;
        };
        var jobs = await JobsAsync();
        await _scenario.Api.ChangeAsync(Resources.CronJobs, Tick, t =>
        {
            t["spec"]!["suspend"] = false;
            t["status"] = new JsonObject
            {
                ["active"] = new JsonArray([.. jobs.Select(j => (JsonNode)new JsonObject { ["name"] = j["metadata"]!["name"]!.DeepClone(), ["namespace"] = "d", ["uid"] = j["metadata"]!["uid"]!.DeepClone() })]),
            };
        });
        await _scenario.Time.UntilAsync(10, async () => (await JobsAsync()) is [var started] && ((string)started["metadata"]!["name"]!).StartsWith("tick-", StringComparison.Ordinal));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("tick")).Any(e => e.StartsWith("SuccessfulCreate", StringComparison.Ordinal)));
        var told = await _scenario.EventsAsync("tick");
        Assert.Contains("SuccessfulDelete: Deleted job a", told);
        Assert.Contains("FailedGet: Get job: jobs.batch \"b\" not found", told);
        Assert.Contains("MissingJob: Active job went missing: b", told);
    }

    [Fact]
    public async Task A_Job_beyond_the_limit_that_goes_by_itself_was_not_deleted()
    {
        _scenario.Api.Refuses = (verb, resource, name) =>
        {
            if (verb == "DELETE" && name.Name == "a") _scenario.Api.RemoveAsync(Resources.Jobs, new NamespacedName("d", "b")).AsTask().Wait();
            return null;
        };
        await CreateAsync("0 0 1 1 *", "\"suspend\":true");
        await OwnedAsync("a", "", """{"startTime":"2024-01-01T10:00:00Z","conditions":[{"type":"Complete","status":"True"}]}""");
        await OwnedAsync("b", "", """{"startTime":"2024-01-01T11:00:00Z","conditions":[{"type":"Complete","status":"True"}]}""");
        await _scenario.Api.ChangeAsync(Resources.CronJobs, Tick, t => t["spec"]!["successfulJobsHistoryLimit"] = 0);
        await EventuallyAsync(async () => (await _scenario.EventsAsync("tick")) is ["SuccessfulDelete: Deleted job a", "FailedDelete: Deleted job: jobs.batch \"b\" not found"]);
    }

    [Fact]
    public async Task A_Job_of_another_namespace_is_none_of_its_own()
    {
        const string Done = """{"startTime":"2024-01-01T10:00:00Z","conditions":[{"type":"Complete","status":"True"}]}""";
        await CreateAsync("0 0 1 1 *", "\"suspend\":true");
        await OwnedAsync("a", "", Done, "elsewhere");
        await OwnedAsync("b", "", Done);
        await _scenario.Api.ChangeAsync(Resources.CronJobs, Tick, t => t["spec"]!["successfulJobsHistoryLimit"] = 0);
        await EventuallyAsync(async () => (await _scenario.EventsAsync("tick")).Contains("SuccessfulDelete: Deleted job b"));
        Assert.Equal(["SuccessfulDelete: Deleted job b"], await _scenario.EventsAsync("tick"));
    }

    [Fact]
    public async Task One_that_is_going_already_counts_to_those_that_are_kept()
    {
        await CreateAsync("0 0 1 1 *", "\"successfulJobsHistoryLimit\":1");
        await FinishedAsync("newer", ",\"finalizers\":[\"example.com/kept\"],\"deletionTimestamp\":\"2024-01-01T12:00:00Z\"", "2024-01-01T11:00:00Z");
        await FinishedAsync("older", "", "2024-01-01T10:00:00Z");
        await EventuallyAsync(async () => (await JobsAsync()) is [var left] && (string?)left["metadata"]!["name"] == "newer");
        await EventuallyAsync(async () => (await _scenario.EventsAsync("tick")).Contains("SuccessfulDelete: Deleted job older"));

        Task FinishedAsync(string name, string metadata, string started) => OwnedAsync(name, metadata, $$$"""{"startTime":"{{{started}}}","conditions":[{"type":"Complete","status":"True"}]}""");
    }

    /// <param name="metadata">More of it, each with a comma in front.</param>
    private async Task OwnedAsync(string name, string metadata, string status, string ns = "d")
    {
        var uid = (string)(await _scenario.FindAsync(Resources.CronJobs, "tick", "d"))!["metadata"]!["uid"]!;
        await _scenario.CreateAsync(Resources.Jobs, $$$"""
            {"metadata":{"name":"{{{name}}}","namespace":"{{{ns}}}","ownerReferences":[{"apiVersion":"batch/v1","kind":"CronJob","name":"tick","uid":"{{{uid}}}","controller":true}]{{{metadata}}} },
             "spec":{},"status":{{{status}}} }
            """);
    }

    private async Task CreateAsync(string schedule, string fields = "\"successfulJobsHistoryLimit\":3", string policy = "Allow") => await _scenario.CreateAsync(Resources.CronJobs, $$$"""
        {"metadata":{"name":"tick","namespace":"d"},"spec":{"schedule":"{{{schedule}}}","concurrencyPolicy":"{{{policy}}}",{{{fields}}},
         "jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]} } } } } }
        """);

    /// <returns>The name of the first Job, when the status has it.</returns>
    private async Task<string> NextAsync()
    {
        await _scenario.Time.UntilAsync(10, async () => (await StatusAsync())["active"] is JsonArray { Count: 1 });
        return (string)(await StatusAsync())["active"]![0]!["name"]!;
    }

    private async Task FinishAsync(string job)
    {
        var now = KubeTime.Seconds(_scenario.Time.GetUtcNow());
        await _scenario.Api.ChangeAsync(Resources.Jobs, new NamespacedName("d", job), t => t["status"] = new JsonObject
        {
            ["completionTime"] = now,
            ["conditions"] = new JsonArray((JsonNode)new JsonObject { ["type"] = "Complete", ["status"] = "True", ["lastTransitionTime"] = now }),
        });
    }

    private async Task<List<JsonNode>> JobsAsync() => [.. (await _scenario.Api.ListAsync(Resources.Jobs, new ListQuery("d"), default)).Items.Select(j => j.ToTree())];

    private async Task<JsonObject> StatusAsync() => (await _scenario.FindAsync(Resources.CronJobs, "tick", "d"))!["status"] as JsonObject ?? [];
}
