using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.SpecialResources;

public sealed class EvictionTests
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;

    /// <summary>Its kubelet writes all the time while it starts; whoever drains the node need not know.</summary>
    [Fact]
    public async Task A_Pod_that_has_not_started_is_evicted_although_others_write_it()
    {
        await using var api = await StartAsync();
        await PodAsync(api);
        using var evicted = new CancellationTokenSource();
        var isWriting = new TaskCompletionSource();
        var writing = Task.Run(async () =>
        {
            for (var i = 0; !evicted.IsCancellationRequested; i++)
            {
                await api.Client.MergePatchAsync(Resources.Pods, new("n", "p"), new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["i"] = $"{i}" } } }, null, Cancel);
                isWriting.TrySetResult();
                if (i % 50 == 49) await Task.Delay(5, Cancel);
            }
        }, Cancel);
        await isWriting.Task;
        await EvictAsync(api, "{}");
        await evicted.CancelAsync();
        await writing;
        var pod = (await api.Client.FindAsync(Resources.Pods, new("n", "p"), Cancel))!.ToTree();
        Assert.NotNull(pod["metadata"]!["deletionTimestamp"]);
        Assert.Contains(pod["status"]!["conditions"]!.AsArray(), c => (string?)c!["type"] == "DisruptionTarget");
    }

    [Fact]
    public async Task A_version_that_the_caller_names_is_not_tried_anew()
    {
        await using var api = await StartAsync();
        await PodAsync(api);
        var refused = await Assert.ThrowsAsync<StatusException>(() => EvictAsync(api, """{"preconditions":{"resourceVersion":"1"}}"""));
        Assert.True(refused.IsConflict, refused.Message);
        Assert.Null((await api.Client.FindAsync(Resources.Pods, new("n", "p"), Cancel))!.ToTree()["metadata"]!["deletionTimestamp"]);
    }

    /// <summary>Who drains asks again and again until the Pod is gone.</summary>
    [Fact]
    public async Task A_second_eviction_changes_nothing_and_what_was_observed_stays()
    {
        await using var api = await StartAsync();
        await PodAsync(api);
        await api.Client.MergePatchAsync(
            Resources.Pods, new("n", "p"), Parse("""{"status":{"phase":"Running","conditions":[{"type":"DisruptionTarget","status":"True","reason":"PreemptionByScheduler","observedGeneration":1}]}}"""), "status", Cancel);
        await EvictAsync(api, "{}");
        var first = await api.Client.FindAsync(Resources.Pods, new("n", "p"), Cancel);
        await EvictAsync(api, "{}");
        Assert.Equal(first!.ResourceVersion, (await api.Client.FindAsync(Resources.Pods, new("n", "p"), Cancel))!.ResourceVersion);
        var condition = first.ToTree()["status"]!["conditions"]![0]!;
        Assert.Equal("EvictionByEvictionAPI 1", $"{condition["reason"]} {condition["observedGeneration"]}");
    }

    /// <param name="pod">Phase, and whether it is ready.</param>
    /// <param name="expected">Why not; or what the budget says then: how many more, why, whom it waits for.</param>
    [Theory]
    [InlineData("enough are healthy, none may go", "Running True", "", """ "currentHealthy":2,"desiredHealthy":2 """, "The disruption budget b needs 2 healthy pods and has 2 currently")]
    [InlineData("none may go, nobody says why", "Running True", "", """ "currentHealthy":4,"desiredHealthy":3 """, "The disruption budget b does not allow evicting pods currently")]
    [InlineData("none may go, the condition says why", "Running True", "", $$""" "currentHealthy":4,"desiredHealthy":3,{{Forbidden}} """, "The disruption budget b does not allow evicting pods currently (Because): it is so")]
    [InlineData("the counts are old", "Running True", "", $$""" "currentHealthy":2,"desiredHealthy":2,{{Failed}} """, "The disruption budget b does not allow evicting pods currently because it failed sync: no scale")]
    [InlineData("the budget was not looked at since it changed", "Running True", "", """ "observedGeneration":0,"disruptionsAllowed":1 """, "The disruption budget b is still being processed by the server.")]
    [InlineData("the last one", "Running True", "", $$""" "disruptionsAllowed":1,{{Allowed}} """, "0 InsufficientPods p")]
    [InlineData("one of three", "Running True", "", $$""" "disruptionsAllowed":3,{{Allowed}} """, "2 SufficientPods p")]
    [InlineData("not started: it serves nobody", "Pending False", "", $$""" "desiredHealthy":2,{{Forbidden}} """, "0 Because ")]
    [InlineData("finished", "Succeeded False", "", $$""" "desiredHealthy":2,{{Forbidden}} """, "0 Because ")]
    [InlineData("failed", "Failed False", "", $$""" "desiredHealthy":2,{{Forbidden}} """, "0 Because ")]
    [InlineData("not ready, and the others are enough", "Running False", "", $$""" "currentHealthy":2,"desiredHealthy":2,{{Forbidden}} """, "0 Because ")]
    [InlineData("not ready, and the others are not", "Running False", "IfHealthyBudget", """ "currentHealthy":1,"desiredHealthy":2 """, "The disruption budget b needs 2 healthy pods and has 1 currently")]
    [InlineData("not ready, and nobody knows how many are enough", "Running False", "", """ "currentHealthy":0,"desiredHealthy":0 """, "The disruption budget b needs 0 healthy pods and has 0 currently")]
    [InlineData("not ready, which may always go", "Running False", "AlwaysAllow", $$""" "currentHealthy":1,"desiredHealthy":2,{{Forbidden}} """, "0 Because ")]
    [InlineData("ready: the policy is not for it", "Running True", "AlwaysAllow", """ "currentHealthy":2,"desiredHealthy":2 """, "The disruption budget b needs 2 healthy pods and has 2 currently")]
    public async Task A_budget_decides(string because, string pod, string policy, string status, string expected)
    {
        Assert.NotEmpty(because);
        await using var api = await StartAsync();
        await PodAsync(api);
        var (phase, ready) = pod.Split(' ') is [var p, var r] ? (p, r) : default;
        await api.Client.MergePatchAsync(Resources.Pods, new("n", "p"), Parse($$$"""{"status":{"phase":"{{{phase}}}","conditions":[{"type":"Ready","status":"{{{ready}}}"}]}}"""), "status", Cancel);
        await BudgetAsync(api, "b", policy.Length == 0 ? "" : $",\"unhealthyPodEvictionPolicy\":\"{policy}\"");
        await api.Client.MergePatchAsync(Resources.PodDisruptionBudgets, new("n", "b"), Parse($$$"""{"status":{"observedGeneration":1,{{{status}}}}}"""), "status", Cancel);
        try
        {
            await EvictAsync(api, "{}");
        }
        catch (StatusException e)
        {
            Assert.Equal((429, "Cannot evict pod as it would violate the pod's disruption budget.", expected), (e.Status.Code, e.Message, Assert.Single(e.Status.Details!.Causes!).Message));
            Assert.False(await IsGoingAsync(api));
            return;
        }
        Assert.True(await IsGoingAsync(api));
        var left = (await api.Client.FindAsync(Resources.PodDisruptionBudgets, new("n", "b"), Cancel))!.ToTree()["status"]!;
        Assert.Equal(expected, $"{left["disruptionsAllowed"]} {left["conditions"]![0]!["reason"]} {string.Join(',', (left["disruptedPods"] as JsonObject ?? []).Select(d => d.Key))}");
    }

    [Theory]
    [InlineData("policy/v1", "Eviction", null)]
    [InlineData("policy/v1beta1", "Eviction", null)]
    [InlineData("", "", null)]
    [InlineData("policy/v2", "Eviction", "policy/v2")]
    public async Task Each_version_is_heard_and_a_rehearsal_changes_nothing(string version, string kind, string? refusal)
    {
        await using var api = await StartAsync();
        await PodAsync(api);
        var body = Parse("""{"metadata":{"name":"p","namespace":"n"},"deleteOptions":{"dryRun":["All"]}}""");
        if (version.Length > 0) (body["apiVersion"], body["kind"]) = (version, kind);
        try
        {
            await api.Client.CreateAsync(Resources.Pods, new("n", "p"), body, "eviction", Cancel);
            Assert.Null(refusal);
        }
        catch (StatusException e)
        {
            Assert.Contains(refusal ?? "none was expected", e.Message, StringComparison.Ordinal);
        }
        Assert.False(await IsGoingAsync(api));
        Assert.DoesNotContain("DisruptionTarget", (await api.Client.FindAsync(Resources.Pods, new("n", "p"), Cancel))!.ToTree().ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_budgets_of_one_Pod_are_one_too_many()
    {
        await using var api = await StartAsync();
        await PodAsync(api);
        await api.Client.MergePatchAsync(Resources.Pods, new("n", "p"), Parse("""{"status":{"phase":"Running"}}"""), "status", Cancel);
        await BudgetAsync(api, "b", "");
        await BudgetAsync(api, "c", "");
        var answer = await api.Client.CreateAsync(Resources.Pods, new("n", "p"), Parse("""{"metadata":{"name":"p"}}"""), "eviction", Cancel);
        Assert.Equal("500 This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.", $"{answer.ToTree()["code"]} {answer.ToTree()["message"]}");
        Assert.False(await IsGoingAsync(api));
    }

    private const string Forbidden = "\"conditions\":[{\"type\":\"DisruptionAllowed\",\"status\":\"False\",\"reason\":\"Because\",\"message\":\"it is so\",\"lastTransitionTime\":\"2024-01-01T12:00:00Z\"}]";
    private const string Failed = "\"conditions\":[{\"type\":\"DisruptionAllowed\",\"status\":\"False\",\"reason\":\"SyncFailed\",\"message\":\"no scale\",\"lastTransitionTime\":\"2024-01-01T12:00:00Z\"}]";
    private const string Allowed = "\"conditions\":[{\"type\":\"DisruptionAllowed\",\"status\":\"True\",\"reason\":\"SufficientPods\",\"message\":\"\",\"lastTransitionTime\":\"2024-01-01T12:00:00Z\"}]";

    private static async Task BudgetAsync(InMemoryApi api, string name, string spec) =>
        await api.Client.CreateAsync(
            Resources.PodDisruptionBudgets, new("n", name), Parse($$$"""{"metadata":{"name":"{{{name}}}"},"spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"web"}}{{{spec}}}}}"""), null, Cancel);

    private static async Task<bool> IsGoingAsync(InMemoryApi api) =>
        await api.Client.FindAsync(Resources.Pods, new("n", "p"), Cancel) is not { } pod || pod.ToTree()["metadata"]!["deletionTimestamp"] is not null;

    private static async Task<InMemoryApi> StartAsync()
    {
        var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(Resources.Namespaces, new("", "n"), Parse("""{"metadata":{"name":"n"}}"""), null, Cancel);
        await api.Client.CreateAsync(new ResourceId("", "v1", "serviceaccounts", "ServiceAccount", true), new("n", "default"), Parse("""{"metadata":{"name":"default"}}"""), null, Cancel);
        return api;
    }

    private static async Task PodAsync(InMemoryApi api) =>
        await api.Client.CreateAsync(Resources.Pods, new("n", "p"), Parse("""{"metadata":{"name":"p","labels":{"app":"web"}},"spec":{"nodeName":"a","containers":[{"name":"c","image":"i"}]}}"""), null, Cancel);

    private static async Task EvictAsync(InMemoryApi api, string options) =>
        await api.Client.CreateAsync(
            Resources.Pods, new("n", "p"), Parse($$$"""{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p","namespace":"n"},"deleteOptions":{{{options}}} }"""), "eviction", Cancel);

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();
}
