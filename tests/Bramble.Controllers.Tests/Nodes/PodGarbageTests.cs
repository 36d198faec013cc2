using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Controllers.Nodes;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Nodes;

/// <summary>Pods of nodes that are not there.</summary>
public sealed class PodGarbageTests
{
    /// <param name="node">Of the Pod; "ghost": not there; null: it has none.</param>
    /// <param name="state">Of its node: ready or not, and its taint.</param>
    /// <param name="age">Of the Pod, in seconds.</param>
    /// <param name="missing">For how many seconds its node has not been there.</param>
    [Theory]
    [InlineData("waits for a node", null, "", false, 600, 0, "keep")]
    [InlineData("is told to go before it had a node", null, "", true, 600, 0, "remove")]
    [InlineData("is at work", "n", "True", false, 600, 0, "keep")]
    [InlineData("is ended by its kubelet", "n", "True", true, 600, 0, "keep")]
    [InlineData("is to be ended by a kubelet that is silent", "n", "Unknown", true, 600, 0, "keep")]
    [InlineData("is to be ended on a node that is off for good", "n", "Unknown node.kubernetes.io/out-of-service", true, 600, 0, "remove")]
    [InlineData("is to stay on a node that is off for good", "n", "Unknown node.kubernetes.io/out-of-service", false, 600, 0, "keep")]
    [InlineData("the node that is said to be off lives", "n", "True node.kubernetes.io/out-of-service", true, 600, 0, "keep")]
    [InlineData("another taint", "n", "False node.kubernetes.io/not-ready", true, 600, 0, "keep")]
    [InlineData("its node has just gone", "ghost", "", false, 600, 0, "wait 40")]
    [InlineData("its node may come back", "ghost", "", false, 600, 39, "wait 1")]
    [InlineData("its node has been gone for long", "ghost", "", false, 600, 40, "remove orphan")]
    [InlineData("it came later to a node that has been gone for long", "ghost", "", false, 10, 600, "wait 30")]
    [InlineData("on a node that is gone, and told to go", "ghost", "", true, 600, 600, "remove orphan")]
    public void A_Pod(string because, string? node, string state, bool isGoing, int age, int missing, string expected)
    {
        Assert.NotEmpty(because);
        var parts = state.Split(' ');
        var its = node == "n" ? Some.Node("n", ready: parts[0], taints: parts.Length > 1 ? $$"""[{"key":"{{parts[1]}}","effect":"NoExecute"}]""" : "[]") : null;
        Assert.Equal(expected, PodGarbage.Decide(Some.Pod("p", node: node, isBeingDeleted: isGoing, created: Some.Noon.AddSeconds(-age)), its, TimeSpan.FromSeconds(missing), Some.Noon) switch
        {
            PodGarbage.Keep => "keep",
            PodGarbage.Remove => "remove",
            PodGarbage.RemoveOrphan => "remove orphan",
            PodGarbage.Wait(var left) => $"wait {left.TotalSeconds}",
            _ => "?",
        });
    }

    /// <param name="pods">Name, phase, reason; each younger than the one before.</param>
    [Theory]
    [InlineData("as many as may stay", 2, "a:Failed b:Succeeded r:Running", "")]
    [InlineData("the oldest", 1, "a:Failed b:Succeeded r:Running", "a")]
    [InlineData("evicted ones first, however young", 2, "a:Failed b:Succeeded c:Failed:Evicted r:Running", "c")]
    [InlineData("one that says it was evicted and has succeeded is as others", 2, "a:Failed b:Succeeded c:Succeeded:Evicted", "a")]
    [InlineData("then the oldest of the others", 1, "a:Failed b:Succeeded c:Failed:Evicted", "c a")]
    [InlineData("none may stay: that is said by nobody", 0, "a:Failed", "")]
    [InlineData("those at work are not counted", 1, "p:Pending r:Running u:Unknown a:Failed", "")]
    public void Finished_Pods_beyond(string because, int most, string pods, string expected)
    {
        Assert.NotEmpty(because);
        var age = 0;
        Assert.Equal(expected, string.Join(' ', PodGarbage.Beyond(
            [.. pods.Split(' ').Select(p => p.Split(':')).Select(p => Some.Pod(p[0], p[1], created: Some.Noon.AddSeconds(age++), status: $",\"reason\":\"{p.ElementAtOrDefault(2)}\""))], most).Select(p => p.Metadata.Name)));
    }

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
