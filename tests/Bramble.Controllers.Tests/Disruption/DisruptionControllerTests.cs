using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Disruption;

/// <summary>The controller with its own role: how many Pods a budget expects, from those who make them.</summary>
public sealed class DisruptionControllerTests
{
    private static readonly ResourceId Frobs = new("example.com", "v1", "frobs", "Frob", true);
    private const string Unmanaged =
        "UnmanagedPods: Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}) were found to be unmanaged. "
        + "As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set \".spec.minAvailable\" field of the PDB to an integer value.";

    /// <param name="pods">How many of whom: "ReplicaSet lone 3".</param>
    /// <param name="expected">currentHealthy, desiredHealthy, disruptionsAllowed, expectedPods.</param>
    [Theory]
    [InlineData("no Pods: nothing is allowed", "maxUnavailable 1", "", "0 0 0 0", "InsufficientPods", "NoPods: No matching pods found")]
    [InlineData("a number needs no owners", "minAvailable 3", "- - 4", "4 3 1 4", "SufficientPods", null)]
    [InlineData("a share of Pods without owners", "minAvailable 28%", "- - 1", "1 0 0 0", "InsufficientPods", Unmanaged)]
    [InlineData("some without owners", "minAvailable 34%", "StatefulSet db 3,- - 1", "4 2 2 3", "SufficientPods", Unmanaged)]
    [InlineData("a number of what a set wants", "maxUnavailable 2", "ReplicaSet lone 1", "1 5 0 7", "InsufficientPods", null)]
    [InlineData("a share of what a set wants, rounded up", "maxUnavailable 30%", "ReplicaSet lone 5", "5 4 1 7", "SufficientPods", null)]
    [InlineData("of a Deployment's set the Deployment's number", "minAvailable 20%", "ReplicaSet web-1 3", "3 2 1 10", "SufficientPods", null)]
    [InlineData("two owners together", "minAvailable 28%", "ReplicaSet web-1 2,ReplicationController old 2", "4 7 0 22", "InsufficientPods", null)]
    [InlineData("two sets of one Deployment count once", "minAvailable 50%", "ReplicaSet web-1 3,ReplicaSet web-2 3", "6 5 1 10", "SufficientPods", null)]
    [InlineData("a custom owner is asked", "maxUnavailable 5", "Frob f 8", "8 5 3 10", "SufficientPods", null)]
    [InlineData("a Deployment without sets between", "maxUnavailable 7", "Deployment web 5", "5 3 2 10", "SufficientPods", null)]
    [InlineData("a kind without a scale", "maxUnavailable 1", "Job j 1", "0 0 0 0", "SyncFailed", "CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: jobs.batch does not implement the scale subresource")]
    [InlineData("a kind that nobody serves", "maxUnavailable 1", "Nob n 1", "0 0 0 0", "SyncFailed", "CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: no matches for kind \"Nob\" in version \"example.com/v1\"")]
    [InlineData("an owner that is not there", "maxUnavailable 1", "ReplicaSet gone 1", "0 0 0 0", "SyncFailed", "CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: found no controllers for pod \"gone-0\"")]
    public async Task Expected_are(string because, string limit, string pods, string expected, string reason, string? told)
    {
        Assert.NotEmpty(because);
        var api = new TestCluster();
        await CreateAsync(api, Resources.CustomResourceDefinitions, """
            {"metadata":{"name":"frobs.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"kind":"Frob","plural":"frobs"},"versions":[{"name":"v1","served":true,"storage":true,"subresources":{"scale":{}}}]}}
            """);
        var deployment = await CreateAsync(api, Resources.Deployments, """{"metadata":{"name":"web","namespace":"d"},"spec":{"replicas":10}}""");
        var ofWeb = $$"""{"apiVersion":"apps/v1","kind":"Deployment","name":"web","uid":"{{deployment}}","controller":true}""";
        var uids = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Deployment web"] = deployment,
            ["ReplicaSet lone"] = await CreateAsync(api, Resources.ReplicaSets, """{"metadata":{"name":"lone","namespace":"d"},"spec":{"replicas":7}}"""),
            ["ReplicaSet web-1"] = await CreateAsync(api, Resources.ReplicaSets, $$$"""{"metadata":{"name":"web-1","namespace":"d","ownerReferences":[{{{ofWeb}}}]},"spec":{"replicas":4}}"""),
            ["ReplicaSet web-2"] = await CreateAsync(api, Resources.ReplicaSets, $$$"""{"metadata":{"name":"web-2","namespace":"d","ownerReferences":[{{{ofWeb}}}]},"spec":{"replicas":6}}"""),
            ["StatefulSet db"] = await CreateAsync(api, Resources.StatefulSets, """{"metadata":{"name":"db","namespace":"d"},"spec":{"replicas":3}}"""),
            ["ReplicationController old"] = await CreateAsync(api, Resources.ReplicationControllers, """{"metadata":{"name":"old","namespace":"d"},"spec":{"replicas":12}}"""),
            ["Frob f"] = await CreateAsync(api, Frobs, """{"metadata":{"name":"f","namespace":"d"},"spec":{"replicas":10}}"""),
        };
        foreach (var some in pods.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var (kind, name, count) = some.Split(' ') is [var k, var n, var c] ? (k, n, int.Parse(c)) : default;
            var version = kind switch { "ReplicationController" => "v1", "Frob" or "Nob" => "example.com/v1", "Job" => "batch/v1", _ => "apps/v1" };
            var owner = kind == "-" ? "" : $$"""{"apiVersion":"{{version}}","kind":"{{kind}}","name":"{{name}}","uid":"{{uids.GetValueOrDefault($"{kind} {name}", "u")}}","controller":true}""";
            for (var i = 0; i < count; i++)
                await CreateAsync(api, Resources.Pods, $$$"""
                    {"metadata":{"name":"{{{(name == "-" ? "own" : name)}}}-{{{i}}}","namespace":"d","labels":{"app":"web"},"ownerReferences":[{{{owner}}}]},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}
                    """);
        }
        var (field, value) = limit.Split(' ') is [var f, var v] ? (f, int.TryParse(v, out _) ? v : $"\"{v}\"") : default;
        await CreateAsync(api, Resources.PodDisruptionBudgets, $$$"""{"metadata":{"name":"b","namespace":"d"},"spec":{"selector":{"matchLabels":{"app":"web"}},"{{{field}}}":{{{value}}}}}""");

        await using var scenario = Start("disruption-controller", api);
        await EventuallyAsync(async () => (await StatusAsync(scenario)).Condition("DisruptionAllowed") is not null);
        var status = await StatusAsync(scenario);
        Assert.Equal(expected, string.Join(' ', ((string[])["currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"]).Select(c => status.Number(c))));
        Assert.Equal(reason, (string?)status.Condition("DisruptionAllowed")!["reason"]);
        if (told is not null) await EventuallyAsync(async () => (await scenario.EventsAsync("b")).Contains(told));
        else Assert.Empty(await scenario.EventsAsync("b"));
    }

    [Theory]
    [InlineData("ReplicaSet", "apps/v1")]
    [InlineData("StatefulSet", "apps/v1")]
    [InlineData("ReplicationController", "v1")]
    public async Task An_owner_that_the_controller_has_not_seen_yet_is_asked(string kind, string version)
    {
        ResourceId resource = kind switch { "ReplicaSet" => Resources.ReplicaSets, "StatefulSet" => Resources.StatefulSets, _ => Resources.ReplicationControllers };
        var api = new TestCluster { IsLate = r => r == resource };
        var uid = await CreateAsync(api, resource, """{"metadata":{"name":"o","namespace":"d"},"spec":{"replicas":7}}""");
        await CreateAsync(api, Resources.Pods, $$$"""
            {"metadata":{"name":"o-0","namespace":"d","labels":{"app":"web"},"ownerReferences":[{"apiVersion":"{{{version}}}","kind":"{{{kind}}}","name":"o","uid":"{{{uid}}}","controller":true}]}}
            """);
        await CreateAsync(api, Resources.PodDisruptionBudgets, """{"metadata":{"name":"b","namespace":"d"},"spec":{"selector":{"matchLabels":{"app":"web"}},"maxUnavailable":1}}""");
        await using var scenario = Start("disruption-controller", api);
        await EventuallyAsync(async () => (await StatusAsync(scenario)).Condition("DisruptionAllowed") is not null);
        Assert.Equal(7, (await StatusAsync(scenario)).Number("expectedPods"));
    }

    [Fact]
    public async Task A_budget_whose_selector_is_none_allows_nothing_and_keeps_no_other_from_its_Pods()
    {
        var api = new TestCluster();
        await CreateAsync(api, Resources.PodDisruptionBudgets, """
            {"metadata":{"name":"b","namespace":"d"},"spec":{"selector":{"matchExpressions":[{"key":"app","operator":"Is","values":["web"]}]},"minAvailable":0},"status":{"disruptionsAllowed":1} }
            """);
        await CreateAsync(api, Resources.PodDisruptionBudgets, """{"metadata":{"name":"other","namespace":"d"},"spec":{"selector":{},"minAvailable":0} }""");
        await using var scenario = Start("disruption-controller", api);
        await EventuallyAsync(async () => (await scenario.EventsAsync("b")).Contains("NoPods: Failed to get pods: \"Is\" is not a valid label selector operator"));
        await EventuallyAsync(async () => (await StatusAsync(scenario)).Condition("DisruptionAllowed") is { } condition
            && $"{condition["status"]} {condition["reason"]} {condition["message"]}" == "False SyncFailed \"Is\" is not a valid label selector operator");
        Assert.Equal(0, (await StatusAsync(scenario)).Number("disruptionsAllowed"));
        await CreateAsync(api, Resources.Pods, """{"metadata":{"name":"p","namespace":"d"},"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]} }""");
        await EventuallyAsync(async () => (await scenario.FindAsync(Resources.PodDisruptionBudgets, "other", "d"))!["status"] is JsonObject status && status.Number("disruptionsAllowed") == 1);
    }

    [Fact]
    public async Task An_announced_disruption_that_does_not_come_is_taken_back_after_two_minutes()
    {
        var api = new TestCluster();
        await PodAsync("stale", """ "phase":"Running" """, "EvictionByEvictionAPI");
        await PodAsync("by-kubelet", """ "phase":"Running" """, "TerminationByKubelet");
        await PodAsync("failed", """ "phase":"Failed" """, "EvictionByEvictionAPI");
        await PodAsync("going", """ "phase":"Running" """, "EvictionByEvictionAPI", """ ,"deletionTimestamp":"2024-01-01T12:00:00Z" """);
        await using var scenario = Start("disruption-controller", api);
        var waited = await scenario.Time.UntilAsync(5, async () => await ConditionAsync("stale") == "False ");
        Assert.InRange(waited, TimeSpan.FromMinutes(2), TimeSpan.MaxValue);
        foreach (var other in (string[])["by-kubelet", "failed", "going"]) Assert.StartsWith("True", await ConditionAsync(other), StringComparison.Ordinal);

        async Task PodAsync(string name, string phase, string why, string metadata = "") => await CreateAsync(api, Resources.Pods, $$$"""
            {"metadata":{"name":"{{{name}}}","namespace":"d"{{{metadata}}}},"status":{ {{{phase}}},"conditions":[{"type":"DisruptionTarget","status":"True","lastTransitionTime":"2024-01-01T12:00:00Z","reason":"{{{why}}}"}]}}
            """);

        async Task<string> ConditionAsync(string name)
        {
            var condition = (await scenario.FindAsync(Resources.Pods, name, "d"))!["status"]!.AsObject().Condition("DisruptionTarget")!;
            return $"{condition["status"]} {condition["reason"]}";
        }
    }

    private static async Task<string> CreateAsync(TestCluster api, ResourceId resource, string json)
    {
        var body = JsonNode.Parse(json)!.AsObject();
        var created = await api.CreateAsync(resource, new NamespacedName((string?)body["metadata"]!["namespace"] ?? "", (string)body["metadata"]!["name"]!), body, null, default);
        return (string)created.ToTree()["metadata"]!["uid"]!;
    }

    private static async Task<JsonObject> StatusAsync(ControllerScenario scenario) =>
        (await scenario.FindAsync(Resources.PodDisruptionBudgets, "b", "d"))!["status"] as JsonObject ?? [];
}
