using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Verbs;

/// <summary>A scale is another look at its parent: its writes are updates of the parent, with all that goes with one.</summary>
public sealed class ScaleTests
{
    public static TheoryData<string> Kinds => ["Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"];

    private static ResourceId ResourceOf(string kind) => kind switch
    {
        "Deployment" => Resources.Deployments,
        "ReplicaSet" => Resources.ReplicaSets,
        "StatefulSet" => Resources.StatefulSets,
        _ => Resources.ReplicationControllers,
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_new_number_is_a_new_generation_and_the_same_one_is_none(string kind)
    {
        var resource = ResourceOf(kind);
        await using var api = await InMemoryApi.StartAsync();
        var cancel = TestContext.Current.CancellationToken;
        await api.Client.CreateAsync(Resources.Namespaces, new JsonObject { ["metadata"] = new JsonObject { ["name"] = "d" } }, cancel);
        var labels = new JsonObject { ["app"] = "web" };
        await api.Client.CreateAsync(resource, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "web", ["namespace"] = "d" },
            ["spec"] = new JsonObject
            {
                ["replicas"] = 1,
                ["selector"] = resource.Group.Length == 0 ? labels.DeepClone() : new JsonObject { ["matchLabels"] = labels.DeepClone() },
                ["template"] = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = labels }, ["spec"] = new JsonObject { ["containers"] = new JsonArray((JsonNode)new JsonObject { ["name"] = "c", ["image"] = "i" }) } },
            },
        }, cancel);
        Assert.Equal((1, 2, 2, 3), (await GenerationAsync(), await ScaleAsync(3), await ScaleAsync(3), await ScaleAsync(0)));

        async Task<long?> ScaleAsync(int replicas)
        {
            var scale = new JsonObject { ["apiVersion"] = "autoscaling/v1", ["kind"] = "Scale", ["metadata"] = new JsonObject { ["name"] = "web", ["namespace"] = "d" }, ["spec"] = new JsonObject { ["replicas"] = replicas } };
            await api.Client.UpdateAsync(resource, new NamespacedName("d", "web"), scale, "scale", cancel);
            return await GenerationAsync();
        }

        async Task<long?> GenerationAsync() => (long?)(await api.Client.FindAsync(resource, new NamespacedName("d", "web"), cancel))!.ToTree()["metadata"]!["generation"];
    }

    [Theory]
    [InlineData("PUT", "Operation cannot be fulfilled on statefulsets.apps \"web\": StorageError: invalid object, Code: 4, Key: /registry/statefulsets/d/web, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: other, UID in object meta: ")]
    [InlineData("PATCH", "Operation cannot be fulfilled on statefulsets/scale.apps \"web\": Precondition failed: UID in precondition: other, UID in object meta: ")]
    public async Task Another_uid_is_a_conflict(string method, string expected)
    {
        await using var api = await InMemoryApi.StartAsync();
        var cancel = TestContext.Current.CancellationToken;
        await api.Client.CreateAsync(Resources.Namespaces, new JsonObject { ["metadata"] = new JsonObject { ["name"] = "d" } }, cancel);
        var set = await api.Client.CreateAsync(Resources.StatefulSets, JsonNode.Parse("""
            {"metadata":{"name":"web","namespace":"d"},"spec":{"selector":{"matchLabels":{"app":"web"}},
             "template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}
            """)!.AsObject(), cancel);
        var scale = JsonNode.Parse("""{"metadata":{"name":"web","namespace":"d","uid":"other"},"spec":{"replicas":3}}""")!.AsObject();
        var refusal = await Assert.ThrowsAsync<StatusException>(async () => await (method == "PUT"
            ? api.Client.UpdateAsync(Resources.StatefulSets, set.Name, scale, "scale", cancel)
            : api.Client.MergePatchAsync(Resources.StatefulSets, set.Name, scale, "scale", cancel)));
        Assert.Equal((409, expected + set.Uid), (refusal.Status.Code, refusal.Message));
    }

    /// <summary>Server-side apply's rules hold between an object and its scale.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Who_scales_owns_the_replicas(string kind)
    {
        var resource = ResourceOf(kind);
        await using var api = await InMemoryApi.StartAsync();
        var cancel = TestContext.Current.CancellationToken;
        await api.Client.CreateAsync(Resources.Namespaces, new JsonObject { ["metadata"] = new JsonObject { ["name"] = "d" } }, cancel);
        var body = JsonNode.Parse($$$"""
            {"apiVersion":"{{{resource.ApiVersion}}}","kind":"{{{kind}}}","metadata":{"name":"web","namespace":"d"},"spec":{"replicas":1,"selector":{{{(resource.Group.Length == 0 ? "{\"app\":\"web\"}" : "{\"matchLabels\":{\"app\":\"web\"}}")}}},
             "template":{"metadata":{"labels":{"app":"web"} },"spec":{"containers":[{"name":"c","image":"i"}]} } } }
            """)!;
        Assert.Equal("1 apply", await PatchAsync(PatchType.Apply, "apply", body));
        Assert.Equal("1 apply", await PatchAsync(PatchType.Merge, "nobody", JsonNode.Parse("""{"status":{"replicas":42}}""")!, "scale"));
        Assert.Equal("5 scale", await PatchAsync(PatchType.Merge, "scale", JsonNode.Parse("""{"spec":{"replicas":5}}""")!, "scale"));
        Assert.Contains("\"scale\" with subresource \"scale\"", await ConflictAsync("apply", body), StringComparison.Ordinal);
        Assert.Equal("1 apply", await PatchAsync(PatchType.Apply, "apply", body, force: true));
        Assert.Contains("\"apply\"", await ConflictAsync("other", Scale(17), "scale"), StringComparison.Ordinal);
        Assert.Equal("17 other", await PatchAsync(PatchType.Apply, "other", Scale(17), "scale", force: true));
        await api.Client.As(api.Client.User, "replace").UpdateAsync(resource, new NamespacedName("d", "web"), Scale(7), "scale", cancel);
        Assert.Equal("7 replace", await OwnersAsync());
        Assert.Equal("7 also replace", await PatchAsync(PatchType.Apply, "also", Scale(7), "scale"));
        Assert.Equal("5 scale", await PatchAsync(PatchType.Merge, "scale", JsonNode.Parse("""{"spec":{"replicas":5}}""")!, "scale"));

        async Task<string> PatchAsync(PatchType type, string manager, JsonNode patch, string? subresource = null, bool force = false)
        {
            await api.Client.PatchAsync(resource, new NamespacedName("d", "web"), new Patch(type, patch, manager, force), subresource, cancel);
            return await OwnersAsync();
        }

        async Task<string> ConflictAsync(string manager, JsonNode patch, string? subresource = null)
        {
            var refusal = await Assert.ThrowsAsync<StatusException>(async () => await PatchAsync(PatchType.Apply, manager, patch, subresource));
            Assert.True(refusal.IsConflict);
            return refusal.Message;
        }

        async Task<string> OwnersAsync()
        {
            var tree = (await api.Client.FindAsync(resource, new NamespacedName("d", "web"), cancel))!.ToTree();
            var owners = tree["metadata"]!["managedFields"]!.AsArray().Where(m => m!["fieldsV1"]?["f:spec"]?["f:replicas"] is not null).Select(m => (string?)m!["manager"]).Order();
            return $"{tree["spec"]!["replicas"]} {string.Join(' ', owners)}";
        }

        static JsonObject Scale(int replicas) => JsonNode.Parse($$$"""{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"web","namespace":"d"},"spec":{"replicas":{{{replicas}}} } }""")!.AsObject();
    }
}
