using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.CustomResources;
using Bramble.Client;

namespace Bramble.ApiServer.Tests;

public sealed class DefinitionPublisherTests : IAsyncLifetime
{
    private static readonly ResourceId Widgets = new("example.com", "v1", "widgets", "Widget", true);

    private PublishedDefinition _definition = null!;
    private InMemoryApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _definition = await PublishedDefinition.StartAsync("""
            {"metadata":{"name":"widgets.example.com","finalizers":["test/stay"]},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"widgets","kind":"Widget"},
             "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}
            """);
        _api = _definition.Api;
    }

    public ValueTask DisposeAsync() => _definition.DisposeAsync();

    [Fact]
    public async Task Who_deletes_a_definition_sees_that_its_objects_go_first()
    {
        await _api.Client.CreateAsync(Widgets, Body("""{"metadata":{"name":"w","namespace":"d","finalizers":["test/stay"]}}"""), default);
        // Who may delete a definition may delete its objects, whatever a policy says of them.
        await _api.Client.CreateAsync(Resources.ValidatingAdmissionPolicies, Body("""
            {"metadata":{"name":"keep"},"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":["example.com"],"apiVersions":["*"],"operations":["DELETE"],"resources":["widgets"]}]},"validations":[{"expression":"false"}]}}
            """), default);
        await _api.Client.CreateAsync(Resources.ValidatingAdmissionPolicyBindings, Body("""{"metadata":{"name":"keep"},"spec":{"policyName":"keep","validationActions":["Deny"]}}"""), default);
        await Assert.ThrowsAsync<StatusException>(async () => await _api.Client.DeleteAsync(Widgets, new NamespacedName("d", "w"), new DeleteQuery(), default));
        await _api.Client.DeleteAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, new DeleteQuery(), default);
        await _definition.UntilAsync("Terminating True InstanceDeletionInProgress: CustomResource deletion is in progress");
        var refused = await Assert.ThrowsAsync<StatusException>(async () => await _api.Client.CreateAsync(Widgets, Body("""{"metadata":{"name":"x","namespace":"d"}}"""), default));
        Assert.Contains("create not allowed while custom resource definition is terminating", refused.Message, StringComparison.Ordinal);
        await _api.Client.PatchAsync(Widgets, new NamespacedName("d", "w"), new Patch(PatchType.Merge, Body("""{"metadata":{"finalizers":null}}""")), null, default);
        await _definition.UntilAsync("Terminating False InstanceDeletionCompleted: removed all instances");
        Assert.Equal("""["test/stay"]""", (await _definition.ReadAsync())["metadata"]!["finalizers"]!.ToJsonString());
        await _api.Client.PatchAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, new Patch(PatchType.Merge, Body("""{"metadata":{"finalizers":null}}""")), null, default);
        Assert.Null(await _api.Client.FindAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, default));
    }

    [Fact]
    public async Task Objects_go_also_where_no_version_is_served_any_more()
    {
        await _api.Client.CreateAsync(Widgets, Body("""{"metadata":{"name":"w","namespace":"d"}}"""), default);
        await _api.Client.PatchAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, new Patch(PatchType.Json, JsonNode.Parse("""[{"op":"replace","path":"/spec/versions/0/served","value":false}]""")!), null, default);
        await Assert.ThrowsAsync<StatusException>(async () => await _api.Client.FindAsync(Widgets, new NamespacedName("d", "w"), default));
        await _api.Client.DeleteAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, new DeleteQuery(), default);
        await _definition.UntilAsync("Terminating False InstanceDeletionCompleted: removed all instances");
        Assert.Empty(_api.Cache.List(Widgets.GroupResource));
    }

    [Fact]
    public async Task Of_two_that_want_one_name_in_the_same_moment_one_has_it()
    {
        await using var api = await InMemoryApi.StartAsync();
        foreach (var plural in (string[])["as", "bs"])
            await api.Client.CreateAsync(Resources.CustomResourceDefinitions, Body($$$"""
                {"metadata":{"name":"{{{plural}}}.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"{{{plural}}}","kind":"Same"},
                 "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"} } }]} }
                """), default);
        using var stop = new CancellationTokenSource();
        var running = new DefinitionPublisher(api.Pipeline, api.Client, TimeProvider.System).RunAsync(stop.Token);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            var revision = api.Cache.AppliedRevision;
            if (api.Cache.List(Resources.CustomResourceDefinitions.GroupResource).All(d => d.ToTree()["status"]?["conditions"] is JsonArray { Count: > 0 })) break;
            await api.Cache.WaitForAsync(revision + 1, limit.Token);
        }
        await stop.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        Assert.Equal(["as True", "bs False"], api.Cache.List(Resources.CustomResourceDefinitions.GroupResource).Select(d => d.ToTree()).Select(d =>
            $"{d["spec"]!["names"]!["plural"]} {d["status"]!["conditions"]!.AsArray().First(c => (string?)c!["type"] == "NamesAccepted")!["status"]}").Order(StringComparer.Ordinal));
    }

    private static JsonObject Body(string json) => JsonNode.Parse(json)!.AsObject();
}
