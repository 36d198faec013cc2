using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Namespaces;

namespace Bramble.Controllers.Tests.Namespaces;

public sealed class NamespaceConditionsTests
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void What_is_held_by_finalizers_is_told_by_resource_and_by_finalizer()
    {
        var remains = new NamespaceRemains();
        remains.Note(Resources.ConfigMaps, "x", [Item("a", "\"f/x\""), Item("b", "\"f/x\",\"f/y\"")], false);
        remains.Note(Resources.Jobs, "x", [Item("j", "\"f/y\"")], false);
        Assert.Equal([
            "NamespaceDeletionDiscoveryFailure False ResourcesDiscovered: All resources successfully discovered",
            "NamespaceDeletionGroupVersionParsingFailure False ParsedGroupVersions: All legacy kube types successfully parsed",
            "NamespaceDeletionContentFailure False ContentDeleted: All content successfully deleted, may be waiting on finalization",
            "NamespaceContentRemaining True SomeResourcesRemain: Some resources are remaining: configmaps. has 2 resource instances, jobs.batch has 1 resource instances",
            "NamespaceFinalizersRemaining True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: f/x in 2 resource instances, f/y in 2 resource instances",
        ], Shown(remains));
    }

    [Fact]
    public void What_nothing_holds_is_unexpected()
    {
        var remains = new NamespaceRemains();
        remains.Note(Resources.Jobs, "x", [Item("j", "")], false);
        Assert.Contains("NamespaceDeletionContentFailure True ContentDeletionFailed: Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: x for gvr: batch/v1, Resource=jobs", Shown(remains));
    }

    [Fact]
    public void An_API_that_does_not_answer_holds_the_namespace()
    {
        var remains = new NamespaceRemains();
        remains.Unknown.Add("metrics.k8s.io/v1beta1");
        remains.Unknown.Add("a.example.com/v1");
        Assert.Contains("NamespaceDeletionDiscoveryFailure True DiscoveryFailed: Discovery failed for some groups, 2 failing: unable to retrieve the complete list of server APIs: "
            + "a.example.com/v1: stale GroupVersion discovery: a.example.com/v1, metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1", Shown(remains));
        Assert.False(remains.IsEmpty);
    }

    [Fact]
    public async Task Another_servers_objects_are_deleted_with_it_as_soon_as_that_server_answers()
    {
        ResourceId fischers = new("wardle.example.com", "v1", "fischers", "Fischer", true);
        var api = new TestCluster
        {
            Others = (path, _) => JsonNode.Parse(path == "/apis/wardle.example.com/v1"
                ? """{"resources":[{"name":"fischers","kind":"Fischer","namespaced":true,"verbs":["create","delete","get","list","watch"]},{"name":"flunders","kind":"Flunder","namespaced":true,"verbs":["get","list"]}]}"""
                : "{}")!.AsObject(),
        };
        foreach (var (name, spec) in ((string, string)[])[("v1.apps", "{}"), ("v1.wardle.example.com", """{"group":"wardle.example.com","version":"v1","service":{"name":"m"}}""")])
            await api.CreateAsync(Resources.APIServices, new NamespacedName("", name), new JsonObject { ["metadata"] = new JsonObject { ["name"] = name }, ["spec"] = JsonNode.Parse(spec) }, null, default);
        await api.CreateAsync(fischers, new NamespacedName("x", "f"), new JsonObject { ["metadata"] = new JsonObject { ["name"] = "f", ["namespace"] = "x" } }, null, default);
        await using var scenario = ControllerScenario.Start("namespace-controller", api);
        await scenario.CreateAsync(Resources.Namespaces, """{"metadata":{"name":"x","finalizers":["test/stay"],"deletionTimestamp":"2024-01-01T12:00:00Z"},"spec":{"finalizers":["kubernetes"]}}""");
        await Until(n => n.ToJsonString().Contains("stale GroupVersion discovery: wardle.example.com/v1", StringComparison.Ordinal));
        Assert.NotNull(await scenario.FindAsync(fischers, "f", "x"));
        await api.ChangeAsync(Resources.APIServices, new NamespacedName("", "v1.wardle.example.com"), t => t["status"] = JsonNode.Parse("""{"conditions":[{"type":"Available","status":"True"}]}"""));
        await Until(n => n["spec"]!["finalizers"]!.AsArray().Count == 0);
        Assert.Null(await scenario.FindAsync(fischers, "f", "x"));

        Task Until(Func<JsonNode, bool> condition) => ControllerScenario.EventuallyAsync(async () =>
        {
            scenario.Time.Advance(TimeSpan.FromSeconds(30));
            return condition((await scenario.FindAsync(Resources.Namespaces, "x"))!);
        });
    }

    [Fact]
    public async Task A_namespace_that_others_still_hold_says_that_nothing_is_left_in_it()
    {
        await using var scenario = ControllerScenario.Start("namespace-controller");
        await scenario.CreateAsync(Resources.ConfigMaps, """{"metadata":{"name":"c","namespace":"x","finalizers":["test/hold"]}}""");
        await scenario.CreateAsync(Resources.Namespaces, """{"metadata":{"name":"x","finalizers":["test/stay"],"deletionTimestamp":"2024-01-01T12:00:00Z"},"spec":{"finalizers":["kubernetes","other"]}}""");
        await Until("NamespaceContentRemaining True SomeResourcesRemain");
        await scenario.Api.RemoveAsync(Resources.ConfigMaps, new NamespacedName("x", "c"));
        await Until("NamespaceContentRemaining False ContentRemoved");
        await ControllerScenario.EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.Namespaces, "x"))!["spec"]!["finalizers"]!.AsArray().Single() == "other");

        Task Until(string condition) => ControllerScenario.EventuallyAsync(async () =>
        {
            scenario.Time.Advance(TimeSpan.FromSeconds(30));
            var conditions = (await scenario.FindAsync(Resources.Namespaces, "x"))!["status"]?["conditions"] as JsonArray ?? [];
            return conditions.Any(c => $"{c!["type"]} {c["status"]} {c["reason"]}" == condition);
        });
    }

    [Fact]
    public async Task It_is_not_emptied_before_what_was_let_in_last_is_there()
    {
        await using var scenario = ControllerScenario.Start("namespace-controller");
        await scenario.CreateAsync(Resources.ConfigMaps, """{"metadata":{"name":"c","namespace":"x"}}""");
        foreach (var (name, second) in ((string, int)[])[("x", 0), ("y", 4)])
        {
            await scenario.CreateAsync(Resources.Namespaces, $$$"""{"metadata":{"name":"{{{name}}}","finalizers":["test/stay"],"deletionTimestamp":"2024-01-01T12:00:0{{{second}}}Z"},"spec":{"finalizers":["kubernetes"]}}""");
            if (name == "x") scenario.Time.Advance(TimeSpan.FromSeconds(4.9));
        }
        Assert.NotNull(await scenario.FindAsync(Resources.ConfigMaps, "c", "x"));
        scenario.Time.Advance(TimeSpan.FromSeconds(0.1));
        await ControllerScenario.EventuallyAsync(async () => await scenario.FindAsync(Resources.ConfigMaps, "c", "x") is null);
        Assert.Single((await scenario.FindAsync(Resources.Namespaces, "y"))!["spec"]!["finalizers"]!.AsArray());
    }

    [Fact]
    public void While_Pods_end_nothing_is_said_of_the_rest_that_was_not_looked_at()
    {
        var remains = new NamespaceRemains { IsPodsOnly = true };
        remains.Note(Resources.Pods, "x", [Item("p", "")], true);
        Assert.Contains("NamespaceContentRemaining False ContentRemoved: All content successfully removed", Shown(remains));
        Assert.False(remains.IsEmpty);
    }

    [Theory]
    [InlineData(29, "Running", true)]
    [InlineData(30, "Running", false)]
    [InlineData(0, "Succeeded", false)]
    public void Pods_have_their_grace_period_from_the_namespaces_deletion_on(int seconds, string phase, bool has) => Assert.Equal(has, NamespaceRemains.HasGrace(
        [KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes("{\"metadata\":{\"name\":\"p\"},\"spec\":{\"terminationGracePeriodSeconds\":30},\"status\":{\"phase\":\"" + phase + "\"}}"))], Noon.AddSeconds(-seconds), Noon));

    private static List<string> Shown(NamespaceRemains remains)
    {
        var ns = new JsonObject { ["status"] = new JsonObject() };
        Assert.True(NamespaceConditions.Apply(ns, remains, Noon));
        return [.. ns["status"]!["conditions"]!.AsArray().Select(c => $"{c!["type"]} {c["status"]} {c["reason"]}: {c["message"]}")];
    }

    private static KubeObject Item(string name, string finalizers) => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes("{\"metadata\":{\"name\":\"" + name + "\",\"finalizers\":[" + finalizers + "]}}"));
}
