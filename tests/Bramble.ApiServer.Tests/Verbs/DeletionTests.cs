using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Storage;

namespace Bramble.ApiServer.Tests.Verbs;

public sealed class DeletionTests
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_systems_priority_classes_stay()
    {
        await using var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(Resources.PriorityClasses, new("", "system-node-critical"), Parse("""{"metadata":{"name":"system-node-critical"},"value":2000001000}"""), null, Cancel);
        var refused = await Assert.ThrowsAsync<StatusException>(async () => await api.Client.DeleteAsync(Resources.PriorityClasses, new("", "system-node-critical"), new DeleteQuery(), Cancel));
        Assert.Equal("priorityclasses.scheduling.k8s.io \"system-node-critical\" is forbidden: this is a system priority class and cannot be deleted", refused.Message);
    }

    [Fact]
    public async Task Preconditions_of_namespaces_are_refused_in_their_own_words()
    {
        await using var api = await InMemoryApi.StartAsync();
        var made = await api.Client.CreateAsync(Resources.Namespaces, new("", "n"), Parse("""{"metadata":{"name":"n"}}"""), null, Cancel);
        var refused = await Assert.ThrowsAsync<StatusException>(async () => await api.Client.DeleteAsync(Resources.Namespaces, new("", "n"), new DeleteQuery(Uid: "x"), Cancel));
        Assert.Equal($"Operation cannot be fulfilled on namespaces \"n\": Precondition failed: UID in precondition: x, UID in object meta: {made.Uid}", refused.Message);
    }

    [Fact]
    public async Task What_becomes_of_a_namespace_is_said_by_the_first_delete()
    {
        await using var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(Resources.Namespaces, new("", "n"), Parse("""{"metadata":{"name":"n"}}"""), null, Cancel);
        await api.Client.DeleteAsync(Resources.Namespaces, new("", "n"), new DeleteQuery(PropagationPolicy: "Foreground"), Cancel);
        var first = await api.Client.FindAsync(Resources.Namespaces, new("", "n"), Cancel);
        await api.Client.DeleteAsync(Resources.Namespaces, new("", "n"), new DeleteQuery(PropagationPolicy: "Orphan"), Cancel);
        var second = await api.Client.FindAsync(Resources.Namespaces, new("", "n"), Cancel);
        Assert.Equal("""["foregroundDeletion"]""", second!.ToTree()["metadata"]!["finalizers"]!.ToJsonString());
        Assert.Equal(first!.ResourceVersion, second.ResourceVersion);
    }

    [Fact]
    public async Task A_Pod_that_was_made_anew_between_mark_and_removal_stays()
    {
        await using var store = new RacingStore();
        await using var api = await InMemoryApi.StartAsync(store, TimeProvider.System, null);
        await api.Client.CreateAsync(Resources.Namespaces, new("", "n"), Parse("""{"metadata":{"name":"n"}}"""), null, Cancel);
        await api.Client.CreateAsync(new ResourceId("", "v1", "serviceaccounts", "ServiceAccount", true), new("n", "default"), Parse("""{"metadata":{"name":"default"}}"""), null, Cancel);
        var old = await api.Client.CreateAsync(Resources.Pods, new("n", "p"), Parse("""{"metadata":{"name":"p"},"spec":{"nodeName":"here","containers":[{"name":"c","image":"i"}]}}"""), null, Cancel);
        store.Races = true;
        await api.Client.DeleteAsync(Resources.Pods, new("n", "p"), new DeleteQuery(GracePeriodSeconds: 0, Uid: old.Uid), Cancel);
        Assert.Equal("another", (await api.Client.FindAsync(Resources.Pods, new("n", "p"), Cancel))?.Uid);
    }

    /// <summary>As soon as a Pod is marked as deleted it goes, and another has its name.</summary>
    private sealed class RacingStore : IStore
    {
        private readonly MemoryStore _store = new();

        public bool Races { get; set; }

        public long CurrentRevision => _store.CurrentRevision;

        public async ValueTask<WriteResult> PutAsync(string key, ReadOnlyMemory<byte> value, long expected, Durability durability, CancellationToken cancel)
        {
            var written = await _store.PutAsync(key, value, expected, durability, cancel);
            if (!Races || !key.StartsWith("/registry/pods/", StringComparison.Ordinal)) return written;
            Races = false;
            var next = JsonNode.Parse(value.Span)!;
            next["metadata"]!["uid"] = "another";
            next["metadata"]!.AsObject().Remove("deletionTimestamp");
            next["metadata"]!.AsObject().Remove("deletionGracePeriodSeconds");
            await _store.DeleteAsync(key, written.Revision, cancel);
            await _store.PutAsync(key, System.Text.Encoding.UTF8.GetBytes(next.ToJsonString()), 0, durability, cancel);
            return written;
        }

        public ValueTask<long> ReadRevisionAsync(CancellationToken cancel) => _store.ReadRevisionAsync(cancel);

        public ValueTask<StoreEntry?> FindAsync(string key, CancellationToken cancel) => _store.FindAsync(key, cancel);

        public ValueTask<StoreList> ListAsync(string prefix, CancellationToken cancel) => _store.ListAsync(prefix, cancel);

        public ValueTask<WriteResult> DeleteAsync(string key, long expected, CancellationToken cancel) => _store.DeleteAsync(key, expected, cancel);

        public IAsyncEnumerable<IReadOnlyList<StoreEvent>> WatchAsync(long afterRevision, CancellationToken cancel) => _store.WatchAsync(afterRevision, cancel);

        public ValueTask DisposeAsync() => _store.DisposeAsync();
    }

    [Theory]
    [InlineData("Orphan")]
    [InlineData("Foreground")]
    public async Task An_event_has_no_dependents_to_care_for(string policy)
    {
        await using var api = await InMemoryApi.StartAsync();
        var events = new ResourceId("", "v1", "events", "Event", true);
        await api.Client.CreateAsync(Resources.Namespaces, new("", "n"), Parse("""{"metadata":{"name":"n"}}"""), null, Cancel);
        await api.Client.CreateAsync(events, new("n", "e"), Parse("""{"metadata":{"name":"e"},"involvedObject":{"namespace":"n"}}"""), null, Cancel);
        await api.Client.DeleteAsync(events, new("n", "e"), new DeleteQuery(PropagationPolicy: policy), Cancel);
        Assert.Null(await api.Client.FindAsync(events, new("n", "e"), Cancel));
    }

    [Fact]
    public async Task Very_old_clients_find_the_pods_of_a_node()
    {
        await using var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(Resources.Namespaces, new("", "n"), Parse("""{"metadata":{"name":"n"}}"""), null, Cancel);
        await api.Client.CreateAsync(new ResourceId("", "v1", "serviceaccounts", "ServiceAccount", true), new("n", "default"), Parse("""{"metadata":{"name":"default"}}"""), null, Cancel);
        await api.Client.CreateAsync(Resources.Pods, new("n", "p"), Parse("""{"metadata":{"name":"p"},"spec":{"nodeName":"a","containers":[{"name":"c","image":"i"}]}}"""), null, Cancel);
        Assert.Single((await api.Client.ListAsync(Resources.Pods, new ListQuery("n", FieldSelector: "spec.host=a"), Cancel)).Items);
        Assert.Empty((await api.Client.ListAsync(Resources.Pods, new ListQuery("n", FieldSelector: "spec.host=b"), Cancel)).Items);
    }

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();
}
