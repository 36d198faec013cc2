using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.InProcess;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Verbs;

/// <summary>A watch that lasts an hour must not keep what happened in it.</summary>
public sealed class WatchMemoryTests
{
    private static readonly ResourceId Maps = new("", "v1", "configmaps", "ConfigMap", true);
    private static readonly NamespacedName Name = new("default", "busy");

    [Theory]
    [InlineData(null)]
    [InlineData("metadata.name=another")]
    public async Task A_watch_keeps_no_events_that_the_cache_has_forgotten(string? selector)
    {
        await using var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(new ResourceId("", "v1", "namespaces", "Namespace", false), new JsonObject { ["metadata"] = new JsonObject { ["name"] = "default" } }, default);
        await CreateAsync(api.Client, Name);
        await CreateAsync(api.Client, new("default", "another"));
        using var stop = new CancellationTokenSource();
        var watching = WatchAsync(api.Client, selector, stop.Token);
        await ChangeAsync(api.Client, 0);
        var early = Newest(api);
        for (var i = 1; i < 1200; i++) await ChangeAsync(api.Client, i);
        // The watch has come along: what it saw last is not far behind.
        for (var i = 0; i < 100 && early.IsAlive; i++)
        {
            await Task.Delay(20);
            GC.Collect();
        }
        Assert.False(early.IsAlive);
        Assert.False(watching.IsCompleted);
        await stop.CancelAsync();
        await watching;
    }

    private static async Task WatchAsync(InProcessClient client, string? selector, CancellationToken stop)
    {
        try
        {
            await foreach (var _ in client.WatchAsync(Maps, new ListQuery("default", FieldSelector: selector), stop)) { }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // the end of the test
        }
    }

    private static ValueTask<KubeObject> CreateAsync(InProcessClient client, NamespacedName name) =>
        client.CreateAsync(Maps, new JsonObject { ["metadata"] = new JsonObject { ["name"] = name.Name, ["namespace"] = name.Namespace } }, default);

    private static async Task ChangeAsync(InProcessClient client, int number) => await client.MergePatchAsync(Maps, Name, new JsonObject { ["data"] = new JsonObject { ["n"] = $"{number}" } }, null, default);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Newest(InMemoryApi api) => new(api.Cache.Find(Maps.GroupResource, Name));
}
