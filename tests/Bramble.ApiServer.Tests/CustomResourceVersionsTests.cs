using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.ApiServer.Tests;

/// <summary>A definition with two versions that know different fields and defaults: what is stored, and what each of them shows.</summary>
public sealed class CustomResourceVersionsTests : IAsyncLifetime
{
    private static readonly ResourceId Old = new("example.com", "v1beta1", "widgets", "Widget", true);
    private static readonly ResourceId Stored = new("example.com", "v1", "widgets", "Widget", true);
    private static readonly NamespacedName Name = new("d", "w");

    private PublishedDefinition _definition = null!;
    private InMemoryApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _definition = await PublishedDefinition.StartAsync("""
            {"metadata":{"name":"widgets.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"widgets","kind":"Widget"},"versions":[
             {"name":"v1beta1","served":true,"storage":false,"subresources":{"status":{}},"schema":{"openAPIV3Schema":{"type":"object","properties":{
              "spec":{"type":"object","properties":{"a":{"type":"string"},"old":{"type":"string"},"mine":{"type":"string","default":"old's"},"other":{"type":"string"}}},
              "status":{"type":"object","properties":{"n":{"type":"integer"}}}}}}},
             {"name":"v1","served":true,"storage":true,"subresources":{"status":{}},"schema":{"openAPIV3Schema":{"type":"object","properties":{
              "spec":{"type":"object","properties":{"a":{"type":"string"},"mine":{"type":"string"},"other":{"type":"string","default":"stored's"}}},
              "status":{"type":"object","properties":{"n":{"type":"integer"}}}}}}}]}}
            """);
        _api = _definition.Api;
    }

    public ValueTask DisposeAsync() => _definition.DisposeAsync();

    [Fact]
    public async Task What_the_stored_version_does_not_know_is_not_stored_and_what_it_defaults_is_seen_in_all()
    {
        var made = await _api.Client.CreateAsync(Old, Body("""{"metadata":{"name":"w","namespace":"d"},"spec":{"a":"x","old":"goes"}}"""), default);
        const string Expected = """{"a":"x","mine":"old's","other":"stored's"}""";
        Assert.Equal(Expected, Sorted(made));
        foreach (var version in (ResourceId[])[Old, Stored]) Assert.Equal($"{version.Version} {Expected}", $"{version.Version} {Sorted(await Find(version))}");
        Assert.Equal("example.com/v1", (string?)_api.Cache.Of(Stored.GroupResource).Current.Items.Find(Name)!.ToTree()["apiVersion"]);
    }

    [Fact]
    public async Task A_default_of_the_version_that_is_asked_is_not_read_into_objects_but_written()
    {
        await _api.Client.CreateAsync(Stored, Body("""{"metadata":{"name":"w","namespace":"d"},"spec":{"a":"x"}}"""), default);
        Assert.Equal("""{"a":"x","other":"stored's"}""", Sorted(await Find(Old)));
        var changed = await _api.Client.PatchAsync(Old, Name, new Patch(PatchType.Merge, Body("""{"spec":{"a":"y"}}""")), null, default);
        Assert.Equal("""{"a":"y","mine":"old's","other":"stored's"}""", Sorted(changed));
        Assert.Equal(2, (int)changed.ToTree()["metadata"]!["generation"]!);
    }

    [Theory]
    [InlineData("""{}""", 0)]
    [InlineData("""{"spec":{"a":"x"}}""", 1)]
    [InlineData("""{"spec":{"a":"y"}}""", 0)]
    public async Task A_selectable_field_is_that_of_the_version_that_is_asked(string body, int count)
    {
        await _api.Client.PatchAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, new Patch(PatchType.Json, JsonNode.Parse("""
            [{"op":"add","path":"/spec/versions/0/selectableFields","value":[{"jsonPath":".spec.a"}]}]
            """)!), null, default);
        var widget = Body(body);
        widget["metadata"] = Body("""{"name":"w","namespace":"d"}""");
        await _api.Client.CreateAsync(Stored, widget, default);
        var found = await _api.Client.ListAsync(Old, new ListQuery("d") { FieldSelector = "metadata.name=w,spec.a=x" }, default);
        Assert.Equal(count, found.Items.Count);
        var refused = await Assert.ThrowsAsync<StatusException>(async () => await _api.Client.ListAsync(Stored, new ListQuery("d") { FieldSelector = "spec.a=x" }, default));
        Assert.Equal("field label not supported: spec.a", refused.Message);
    }

    [Theory]
    [InlineData("""{"spec":{"replicas":4}}""", "4")]
    [InlineData("""{"metadata":{"labels":{"a":"b"}}}""", "the spec replicas field \".spec.replicas\" cannot be empty")]
    [InlineData("""{"spec":{"replicas":-1}}""", "Widget.example.com \"w\" is invalid: .spec.replicas: Invalid value: -1: should be a non-negative integer")]
    public async Task What_has_no_replicas_yet_can_be_scaled(string patch, string expected)
    {
        await _api.Client.PatchAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, new Patch(PatchType.Json, JsonNode.Parse("""
            [{"op":"add","path":"/spec/versions/1/subresources/scale","value":{"specReplicasPath":".spec.replicas","statusReplicasPath":".status.n"}},
             {"op":"add","path":"/spec/versions/1/schema/openAPIV3Schema/properties/spec/properties/replicas","value":{"type":"integer"}}]
            """)!), null, default);
        await _api.Client.CreateAsync(Stored, Body("""{"metadata":{"name":"w","namespace":"d"}}"""), default);
        string seen;
        try
        {
            await _api.Client.PatchAsync(Stored, Name, new Patch(PatchType.Merge, Body(patch)), "scale", default);
            seen = (await Find(Stored)).ToTree()["spec"]!["replicas"]!.ToJsonString();
        }
        catch (StatusException e)
        {
            seen = e.Message;
        }
        Assert.Equal(expected, seen);
    }

    [Fact]
    public async Task Where_a_webhook_would_convert_nothing_of_another_version_is_lost()
    {
        await _api.Client.PatchAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, new Patch(PatchType.Merge, Body("""
            {"spec":{"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"url":"https://nobody.example.com/"}}}}}
            """)), null, default);
        await _api.Client.CreateAsync(Old, Body("""{"metadata":{"name":"w","namespace":"d"},"spec":{"a":"x","old":"stays"}}"""), default);
        Assert.Equal("""{"a":"x","mine":"old's","old":"stays"}""", Sorted(await Find(Old)));
    }

    [Fact]
    public async Task What_was_stored_in_another_version_is_read_by_its_schema_until_it_is_written()
    {
        await Store("v1beta1");
        await _api.Client.CreateAsync(Old, Body("""{"metadata":{"name":"w","namespace":"d"},"spec":{"a":"x","old":"stays"}}"""), default);
        await Store("v1");
        Assert.Equal("""{"a":"x","mine":"old's","old":"stays"}""", Sorted(await Find(Old)));
        Assert.Equal("""{"a":"x","mine":"old's"}""", Sorted(await Find(Stored)));
        await _api.Client.PatchAsync(Old, Name, new Patch(PatchType.Merge, Body("""{"spec":{"a":"y"}}""")), null, default);
        Assert.Equal("""{"a":"y","mine":"old's","other":"stored's"}""", Sorted(await Find(Old)));
        Assert.Equal("""["v1","v1beta1"]""", (await _definition.ReadAsync())["status"]!["storedVersions"]!.ToJsonString());
    }

    [Fact]
    public async Task A_definition_without_stored_versions_has_the_one_of_now()
    {
        await Store("v1beta1");
        foreach (var (written, expected) in ((string, string)[])[("""["v1beta1"]""", """["v1beta1"]"""), ("[]", """["v1beta1"]""")]) Assert.Equal(expected, await StoredVersions(written));
    }

    private async Task<string> StoredVersions(string written)
    {
        await _api.Client.PatchAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, new Patch(PatchType.Merge, new JsonObject { ["status"] = new JsonObject { ["storedVersions"] = JsonNode.Parse(written) } }), "status", default);
        return (await _definition.ReadAsync())["status"]!["storedVersions"]!.ToJsonString();
    }

    private Task<KubeObject> Store(string version) => _api.Client.PatchAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, new Patch(PatchType.Json, new JsonArray(
        new JsonObject { ["op"] = "replace", ["path"] = "/spec/versions/0/storage", ["value"] = version == "v1beta1" },
        new JsonObject { ["op"] = "replace", ["path"] = "/spec/versions/1/storage", ["value"] = version == "v1" })), null, default).AsTask();

    [Fact]
    public async Task Who_writes_a_status_writes_no_default_beside_it()
    {
        await _api.Client.CreateAsync(Stored, Body("""{"metadata":{"name":"w","namespace":"d"},"spec":{"a":"x"}}"""), default);
        var told = await _api.Client.PatchAsync(Old, Name, new Patch(PatchType.Merge, Body("""{"status":{"n":1},"spec":{"a":"y"}}""")), "status", default);
        Assert.Equal("""{"a":"x","other":"stored's"}""", Sorted(told));
        Assert.Equal(1, (int)told.ToTree()["metadata"]!["generation"]!);
    }

    [Fact]
    public async Task A_status_with_a_default_is_there_from_the_start()
    {
        await _api.Client.PatchAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, new Patch(PatchType.Json, JsonNode.Parse("""
            [{"op":"add","path":"/spec/versions/1/schema/openAPIV3Schema/properties/status/default","value":{"n":7}}]
            """)!), null, default);
        var made = await _api.Client.CreateAsync(Stored, Body("""{"metadata":{"name":"w","namespace":"d"},"status":{"n":1}}"""), default);
        Assert.Equal(7, (int)made.ToTree()["status"]!["n"]!);
    }

    [Fact]
    public async Task An_object_that_a_newer_schema_refuses_can_still_be_told_its_status()
    {
        await _api.Client.CreateAsync(Stored, Body("""{"metadata":{"name":"w","namespace":"d"}}"""), default);
        await _api.Client.PatchAsync(Resources.CustomResourceDefinitions, PublishedDefinition.Name, new Patch(PatchType.Json, JsonNode.Parse("""
            [{"op":"add","path":"/spec/versions/1/schema/openAPIV3Schema/required","value":["spec"]}]
            """)!), null, default);
        var refused = await Assert.ThrowsAsync<StatusException>(async () => await _api.Client.PatchAsync(Stored, Name, new Patch(PatchType.Merge, Body("""{"status":{"n":1}, "metadata":{"labels":{"a":"b"}}}""")), null, default));
        Assert.Contains("spec: Required value", refused.Message, StringComparison.Ordinal);
        var told = await _api.Client.PatchAsync(Stored, Name, new Patch(PatchType.Merge, Body("""{"status":{"n":1}}""")), "status", default);
        Assert.Equal("""{"n":1}""", told.ToTree()["status"]!.ToJsonString());
        Assert.Equal(1, (int)told.ToTree()["metadata"]!["generation"]!);
    }

    [Fact]
    public async Task Numbers_are_stored_as_Go_writes_them()
    {
        await _api.Client.CreateAsync(Stored, Body("""{"metadata":{"name":"w","namespace":"d"}}"""), default);
        var told = await _api.Client.PatchAsync(Stored, Name, new Patch(PatchType.Merge, Body("""{"status":{"n":2.0}}""")), "status", default);
        Assert.Equal("""{"n":2}""", told.ToTree()["status"]!.ToJsonString());
    }

    [Fact]
    public async Task Without_a_namespace_there_is_only_the_list_of_all()
    {
        await _api.Client.CreateAsync(Stored, Body("""{"metadata":{"name":"w","namespace":"d"}}"""), default);
        var outside = Stored with { IsNamespaced = false };
        Assert.Single((await _api.Client.ListAsync(outside, new ListQuery(), default)).Items);
        foreach (var call in (Func<Task>[])[
            async () => await _api.Client.CreateAsync(outside, Body("""{"metadata":{"name":"v"}}"""), default),
            async () => await _api.Client.UpdateAsync(outside, new("", "w"), Body("""{"metadata":{"name":"w"}}"""), null, default),
            async () => await _api.Client.UpdateAsync(outside, new("", "w"), Body("""{"metadata":{"name":"w"}}"""), "status", default)])
            Assert.Equal(404, (await Assert.ThrowsAsync<StatusException>(call)).Status.Code);
    }

    private async Task<KubeObject> Find(ResourceId version) => (await _api.Client.FindAsync(version, Name, default))!;

    private static string Sorted(KubeObject obj) =>
        new JsonObject(obj.ToTree()["spec"]!.AsObject().OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone()))).ToJsonString(Relaxed);

    private static readonly System.Text.Json.JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static JsonObject Body(string json) => JsonNode.Parse(json)!.AsObject();
}
