using Bramble.Api.Errors;
using Bramble.Client;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Nodes;

/// <summary>Pods of nodes that are not there.</summary>
public sealed class PodGarbageTests
{
    [Fact]
    public async Task Every_Pod_of_a_missing_node_is_left_for_40_seconds_also_one_that_comes_late()
    {
        await using var scenario = Start("pod-garbage-collector");
        scenario.Api.Clock = scenario.Time;
        foreach (var name in (string[])["early", "late"])
        {
            await scenario.CreateAsync(Resources.Pods, "{\"metadata\":{\"name\":\"" + name + "\",\"namespace\":\"d\"},\"spec\":{\"nodeName\":\"ghost\"},\"status\":{\"phase\":\"Running\"}}");
            var lived = await scenario.Time.UntilAsync(2, async () => await scenario.FindAsync(Resources.Pods, name, "d") is null);
            Assert.InRange(lived, TimeSpan.FromSeconds(38), TimeSpan.FromMinutes(10));
        }
    }

    [Fact]
    public async Task A_Pod_that_something_keeps_is_marked_failed_and_says_why_it_goes()
    {
        await using var scenario = Start("pod-garbage-collector");
        scenario.Api.Clock = scenario.Time;
        foreach (var (name, phase) in ((string, string)[])[("runs", "Running"), ("done", "Succeeded")])
            await scenario.CreateAsync(Resources.Pods, "{\"metadata\":{\"name\":\"" + name + "\",\"namespace\":\"d\",\"finalizers\":[\"example.com/keep\"]},\"spec\":{\"nodeName\":\"ghost\"},\"status\":{\"phase\":\"" + phase + "\"}}");
        await scenario.Time.UntilAsync(10, async () => await IsGoingAsync("runs") && await IsGoingAsync("done"));
        var status = (await scenario.FindAsync(Resources.Pods, "runs", "d"))!["status"]!;
        Assert.Equal("Failed", (string?)status["phase"]);
        var condition = Assert.Single(status["conditions"]!.AsArray())!;
        Assert.Equal("DisruptionTarget True DeletionByPodGC PodGC: node no longer exists", $"{condition["type"]} {condition["status"]} {condition["reason"]} {condition["message"]}");
        // What has ended is not disrupted.
        status = (await scenario.FindAsync(Resources.Pods, "done", "d"))!["status"]!;
        Assert.Equal("Succeeded", (string?)status["phase"]);
        Assert.Null(status["conditions"]);

        async Task<bool> IsGoingAsync(string name) => (await scenario.FindAsync(Resources.Pods, name, "d"))!["metadata"]!["deletionTimestamp"] is not null;
    }

    [Theory]
    [InlineData("evicted ones first, however young", 2, "a:Failed b:Succeeded c:Failed:Evicted r:Running", "a b r")]
    [InlineData("then the oldest", 1, "a:Failed b:Succeeded r:Running", "b r")]
    public async Task Finished_Pods_beyond_a_number_go(string because, int most, string pods, string left)
    {
        Assert.NotEmpty(because);
        await using var scenario = Start("pod-garbage-collector", config: new ControllersConfig([], "CA") { TerminatedPodsMax = most });
        foreach (var pod in pods.Split(' ').Select(p => p.Split(':')))
            await scenario.CreateAsync(Resources.Pods, "{\"metadata\":{\"name\":\"" + pod[0] + "\",\"namespace\":\"d\"},\"spec\":{},\"status\":{\"phase\":\"" + pod[1] + "\",\"reason\":\"" + pod.ElementAtOrDefault(2) + "\"}}");
        await scenario.Time.UntilAsync(1, async () => string.Join(' ', (await scenario.Api.ListModelsAsync(Resources.Pods, new ListQuery(), default)).Select(p => p.Metadata.Name)) == left);
    }

    [Fact]
    public async Task A_finished_Pod_that_somebody_keeps_does_not_keep_the_others()
    {
        var api = new TestCluster { Refuses = (verb, _, name) => verb == "DELETE" && name.Name == "a" ? new StatusException(new Status(403, "Forbidden", "kept")) : null };
        await using var scenario = Start("pod-garbage-collector", api, new ControllersConfig([], "CA") { TerminatedPodsMax = 1 });
        foreach (var name in (string[])["a", "b", "c"])
            await scenario.CreateAsync(Resources.Pods, "{\"metadata\":{\"name\":\"" + name + "\",\"namespace\":\"d\"},\"spec\":{},\"status\":{\"phase\":\"Succeeded\"}}");
        await scenario.Time.UntilAsync(1, async () => string.Join(' ', (await scenario.Api.ListModelsAsync(Resources.Pods, new ListQuery(), default)).Select(p => p.Metadata.Name)) == "a c");
    }

    [Fact]
    public async Task Pods_that_go_are_gone_when_an_operator_says_that_their_node_is_off_for_good()
    {
        await using var scenario = Start("pod-garbage-collector");
        foreach (var (name, taints) in ((string, string)[])[("silent", "[]"), ("off", "[{\"key\":\"node.kubernetes.io/out-of-service\",\"effect\":\"NoExecute\"}]")])
        {
            await scenario.CreateAsync(Resources.Nodes, "{\"metadata\":{\"name\":\"" + name + "\"},\"spec\":{\"taints\":" + taints + "},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Unknown\"}]}}");
            foreach (var going in (string[])["", ",\"deletionTimestamp\":\"2024-01-01T11:00:00Z\",\"finalizers\":[\"example.com/keep\"]"])
                await scenario.CreateAsync(Resources.Pods, "{\"metadata\":{\"name\":\"" + name + (going.Length > 0 ? "-going" : "") + "\",\"namespace\":\"d\"" + going + "},\"spec\":{\"nodeName\":\"" + name + "\"},\"status\":{\"phase\":\"Running\"}}");
        }
        await scenario.Time.UntilAsync(1, async () => await PhasesAsync() == "off:Running off-going:Failed silent:Running silent-going:Running");

        async Task<string> PhasesAsync() => string.Join(' ', (await scenario.Api.ListModelsAsync(Resources.Pods, new ListQuery(), default)).Select(p => $"{p.Metadata.Name}:{p.Status.Phase}"));
    }
}
