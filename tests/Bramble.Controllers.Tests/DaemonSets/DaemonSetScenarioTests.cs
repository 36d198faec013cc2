using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.DaemonSets;

/// <summary>A DaemonSet on nodes of the test's API.</summary>
public sealed class DaemonSetScenarioTests : IAsyncLifetime
{
    private readonly ControllerScenario _scenario = Start("daemon-set-controller");

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _scenario.DisposeAsync();

    [Fact]
    public async Task Of_two_revisions_with_one_template_the_newer_stays_and_the_Pods_too()
    {
        await CreateAsync(nodes: 1);
        await EventuallyAsync(async () => (await PodsAsync()).Count == 1);
        var pod = (await PodsAsync())[0];
        var first = Assert.Single((await _scenario.Api.ListAsync(Resources.ControllerRevisions, new ListQuery("d"), default)).Items).ToTree();
        var twin = first.DeepClone().AsObject();
        twin["metadata"]!["name"] = "agent-twin";
        twin["metadata"]!["labels"]!["controller-revision-hash"] = "twin";
        twin["revision"] = 2;
        await EventuallyAsync(async () => (int?)(await _scenario.FindAsync(Resources.DaemonSets, "agent", "d"))!["status"]?["currentNumberScheduled"] == 1);
        await AllWasLookedAtAsync("before");
        await _scenario.CreateAsync(Resources.ControllerRevisions, twin.ToJsonString());
        // By itself it is no reason to look: who made it may want to remove the other.
        await AllWasLookedAtAsync("after");
        Assert.NotNull(await _scenario.FindAsync(Resources.ControllerRevisions, (string)first["metadata"]!["name"]!, "d"));
        await _scenario.Api.ChangeAsync(Resources.DaemonSets, new("d", "agent"), t => t["metadata"]!["annotations"] = new JsonObject { ["look"] = "again" });
        await EventuallyAsync(async () => await PodsAsync() is [var same] && same.Metadata.Uid == pod.Metadata.Uid && same.Metadata.Labels["controller-revision-hash"] == "twin");
        await EventuallyAsync(async () => await _scenario.FindAsync(Resources.ControllerRevisions, (string)first["metadata"]!["name"]!, "d") is null);
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

    /// <summary>One that comes last has had its turn.</summary>
    private async Task AllWasLookedAtAsync(string name)
    {
        await _scenario.CreateAsync(Resources.DaemonSets, $$$"""
            {"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"selector":{"matchLabels":{"app":"{{{name}}}"} },"template":{"metadata":{"labels":{"app":"{{{name}}}"} },"spec":{"nodeSelector":{"no":"where"},"containers":[{"name":"c","image":"i"}]} } } }
            """);
        await EventuallyAsync(async () => (int?)(await _scenario.FindAsync(Resources.DaemonSets, name, "d"))!["status"]?["observedGeneration"] == 1);
    }

    private async Task CreateAsync(int nodes)
    {
        for (var i = 0; i < nodes; i++) await _scenario.CreateAsync(Resources.Nodes, $$$"""{"metadata":{"name":"n{{{i}}}"},"spec":{} }""");
        await _scenario.CreateAsync(Resources.DaemonSets, """
            {"metadata":{"name":"agent","namespace":"d"},"spec":{"selector":{"matchLabels":{"app":"agent"} },"template":{"metadata":{"labels":{"app":"agent"} },"spec":{"containers":[{"name":"c","image":"i"}]} } } }
            """);
    }

    private async Task<List<V1Pod>> PodsAsync() => [.. (await _scenario.Api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default)).Where(p => p.IsActive())];
}
