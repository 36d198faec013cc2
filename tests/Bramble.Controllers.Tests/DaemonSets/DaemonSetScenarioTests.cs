using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Controllers.DaemonSets;
using Bramble.Controllers.Workloads;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.DaemonSets;

/// <summary>A DaemonSet on nodes of the test's API.</summary>
public sealed class DaemonSetScenarioTests : IAsyncLifetime
{
    private const string Agent = """
        {"metadata":{"name":"agent","namespace":"d"},"spec":{"selector":{"matchLabels":{"app":"agent"} },"template":{"metadata":{"labels":{"app":"agent"} },"spec":{"containers":[{"name":"c","image":"i"}]} } } }
        """;

    private readonly ControllerScenario _scenario = Start("daemon-set-controller");

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _scenario.DisposeAsync();

    [Theory]
    [InlineData("the Pods have the older one's label", 1)]
    [InlineData("no Pod has either's", 0)]
    public async Task Of_two_revisions_with_one_template_the_newer_stays_and_the_Pods_too(string because, int nodes)
    {
        Assert.NotEmpty(because);
        await CreateAsync(nodes);
        await EventuallyAsync(async () => (await PodsAsync()).Count == nodes && (await RevisionsAsync()).Count == 1);
        var first = (await RevisionsAsync())[0];
        var twin = first.DeepClone().AsObject();
        twin["metadata"]!["name"] = "agent-twin";
        twin["metadata"]!["labels"]!["controller-revision-hash"] = "twin";
        twin["revision"] = 2;
        await _scenario.CreateAsync(Resources.ControllerRevisions, twin.ToJsonString());
        await _scenario.CreateAsync(Resources.Nodes, """{"metadata":{"name":"more"},"spec":{} }""");
        await EventuallyAsync(async () => await _scenario.FindAsync(Resources.ControllerRevisions, (string)first["metadata"]!["name"]!, "d") is null);
        await EventuallyAsync(async () => (await PodsAsync()).Count(p => p.Metadata.Labels["app"] == "agent" && p.Metadata.Labels["controller-revision-hash"] == "twin") == nodes + 1);
    }

    [Theory]
    [InlineData("one that is new wakes nobody: a suite makes one beside ours and counts both", "", "a", "")]
    [InlineData("one that changed", "a", "a", "a")]
    [InlineData("one that is gone", "a", "", "a")]
    [InlineData("one that was released", "a", "-", "a")]
    [InlineData("one that was adopted", "-", "a", "a")]
    [InlineData("one that changed hands", "a", "b", "a b")]
    public void A_revision_wakes_its_owner(string because, string before, string now, string woken)
    {
        Assert.NotEmpty(because);
        var change = new ObjectChange<V1ControllerRevision>(new("d", "r"), Revision(before), Revision(now));
        Assert.Equal(woken, string.Join(' ', DaemonSetController.OwnersToWake(change).Select(o => o.Name)));

        static V1ControllerRevision? Revision(string owner) => owner.Length == 0 ? null : Some.Model<V1ControllerRevision>(
            $$$"""{"metadata":{"name":"r","namespace":"d","ownerReferences":[{{{(owner == "-" ? "" : $$"""{"kind":"DaemonSet","name":"{{owner}}","uid":"{{owner}}","controller":true}""")}}}]},"revision":1}""");
    }

    [Fact]
    public async Task A_revision_keeps_the_template_as_Go_writes_it()
    {
        await CreateAsync(nodes: 0);
        await EventuallyAsync(async () => (await RevisionsAsync()).Count == 1);
        Assert.Equal(
            """{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"agent"}},"spec":{"containers":[{"image":"i","name":"c"}]}}}}""",
            (await RevisionsAsync())[0]["data"]!.ToJsonString());
    }

    [Fact]
    public async Task Where_one_Pod_cannot_be_removed_the_others_are()
    {
        await CreateAsync(nodes: 3);
        await EventuallyAsync(async () => (await PodsAsync()).Count == 3);
        var kept = (await PodsAsync())[0].Metadata.Name;
        _scenario.Api.Refuses = (verb, resource, name) => verb == "DELETE" && name.Name == kept ? StatusErrors.Forbidden(resource.GroupResource, kept, "kept") : null;
        foreach (var node in (string[])["n0", "n1", "n2"])
            await _scenario.Api.ChangeAsync(Resources.Nodes, new("", node), t => t["spec"] = new JsonObject { ["taints"] = new JsonArray((JsonNode)new JsonObject { ["key"] = "out", ["effect"] = "NoExecute" }) });
        await EventuallyAsync(async () => await PodsAsync() is [var left] && left.Metadata.Name == kept);
        await EventuallyAsync(async () => (await _scenario.EventsAsync("agent")).Contains($"FailedDelete: Error deleting: pods \"{kept}\" is forbidden: kept"));
    }

    [Theory]
    [InlineData("Failed", "FailedDaemonPod: Found failed daemon pod d/{0} on node n0, will try to kill it")]
    [InlineData("Succeeded", "SucceededDaemonPod: Found succeeded daemon pod d/{0} on node n0, will try to delete it")]
    public async Task A_Pod_that_ended_is_told_of_and_replaced(string phase, string told)
    {
        await CreateAsync(nodes: 1);
        await EventuallyAsync(async () => (await PodsAsync()).Count == 1);
        var ended = (await PodsAsync())[0];
        await _scenario.Api.ChangeAsync(Resources.Pods, ended.NamespacedName(), t => t["status"] = new JsonObject { ["phase"] = phase });
        await EventuallyAsync(async () => await PodsAsync() is [var next] && next.Metadata.Uid != ended.Metadata.Uid);
        await EventuallyAsync(async () => (await _scenario.EventsAsync("agent")).Contains(string.Format(System.Globalization.CultureInfo.InvariantCulture, told, ended.Metadata.Name)));
    }

    [Fact]
    public async Task One_that_selects_all_does_nothing_and_says_so()
    {
        await _scenario.CreateAsync(Resources.Nodes, """{"metadata":{"name":"n0"},"spec":{} }""");
        await _scenario.CreateAsync(Resources.DaemonSets, Agent.Replace("\"matchLabels\":{\"app\":\"agent\"}", "", StringComparison.Ordinal));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("agent")).Contains("SelectingAll: This daemon set is selecting all pods. A non-empty selector is required."));
        Assert.Empty(await RevisionsAsync());
    }

    [Fact]
    public async Task A_name_that_another_revision_has_counts_as_a_collision()
    {
        await CreateAsync(nodes: 0);
        await EventuallyAsync(async () => (await RevisionsAsync()).Count == 1);
        await UseAsync("new");
        await EventuallyAsync(async () => (await RevisionsAsync()).Count == 2);
        var taken = (await RevisionsAsync()).MaxBy(r => (int)r["revision"]!)!;
        await UseAsync("i");
        await EventuallyAsync(async () => (await RevisionsAsync()).Max(r => (int)r["revision"]!) == 3);
        var name = (string)taken["metadata"]!["name"]!;
        await _scenario.Api.DeleteAsync(Resources.ControllerRevisions, new("d", name), new DeleteQuery(), default);
        await _scenario.CreateAsync(Resources.ControllerRevisions, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"d"},"data":{"of":"another"},"revision":1}""");
        await UseAsync("new");
        await EventuallyAsync(async () => (int?)(await _scenario.FindAsync(Resources.DaemonSets, "agent", "d"))!["status"]?["collisionCount"] == 1);
        Assert.Equal(4, (int)(await RevisionsAsync()).Single(r => (string)r["metadata"]!["name"]! != name && r["data"]!.ToJsonString().Contains("\"image\":\"new\"", StringComparison.Ordinal))["revision"]!);

        async Task UseAsync(string image) => await _scenario.Api.ChangeAsync(Resources.DaemonSets, new("d", "agent"), t => t["spec"]!["template"]!["spec"]!["containers"]![0]!["image"] = image);
    }

    private async Task CreateAsync(int nodes)
    {
        for (var i = 0; i < nodes; i++) await _scenario.CreateAsync(Resources.Nodes, $$$"""{"metadata":{"name":"n{{{i}}}"},"spec":{} }""");
        await _scenario.CreateAsync(Resources.DaemonSets, Agent);
    }

    private async Task<List<JsonObject>> RevisionsAsync() => [.. (await _scenario.Api.ListAsync(Resources.ControllerRevisions, new ListQuery("d"), default)).Items.Select(r => r.ToTree())];

    private async Task<List<V1Pod>> PodsAsync() => [.. (await _scenario.Api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default)).Where(p => p.IsActive())];
}
