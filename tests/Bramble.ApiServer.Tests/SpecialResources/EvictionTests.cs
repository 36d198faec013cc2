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

    private static async Task<InMemoryApi> StartAsync()
    {
        var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(Resources.Namespaces, new("", "n"), Parse("""{"metadata":{"name":"n"}}"""), null, Cancel);
        await api.Client.CreateAsync(new ResourceId("", "v1", "serviceaccounts", "ServiceAccount", true), new("n", "default"), Parse("""{"metadata":{"name":"default"}}"""), null, Cancel);
        return api;
    }

    private static async Task PodAsync(InMemoryApi api) =>
        await api.Client.CreateAsync(Resources.Pods, new("n", "p"), Parse("""{"metadata":{"name":"p"},"spec":{"nodeName":"a","containers":[{"name":"c","image":"i"}]}}"""), null, Cancel);

    private static async Task EvictAsync(InMemoryApi api, string options) =>
        await api.Client.CreateAsync(
            Resources.Pods, new("n", "p"), Parse($$$"""{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p","namespace":"n"},"deleteOptions":{{{options}}} }"""), "eviction", Cancel);

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();
}
