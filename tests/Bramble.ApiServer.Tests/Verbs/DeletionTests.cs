using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;

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
