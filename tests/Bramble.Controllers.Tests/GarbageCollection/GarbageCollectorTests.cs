using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.GarbageCollection;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.GarbageCollection;

public sealed class GarbageCollectorTests
{
    public static TheoryData<string, object, object[], string, object> Cases => new()
    {
        { "nobody's object stays", Node(), [], "", new CollectionAction.Keep() },
        { "an owner that is there keeps it", Node("o"), [], "Solid", new CollectionAction.Keep() },
        { "without any owner left it goes", Node("o"), [], "Absent", new CollectionAction.Delete("Background") },
        { "an owner that waits for it makes it go", Node("o"), [], "WaitsForDependents", new CollectionAction.Delete("Background") },
        { "with dependents of its own it goes after them", Node("o"), [Node("self")], "WaitsForDependents", new CollectionAction.Delete("Foreground") },
        { "where a dependent waits already there is a circle: nobody waits for it any longer", Node("o"), [Node("self") with { IsBeingDeleted = true, Finalizers = ["foregroundDeletion"] }], "WaitsForDependents", new CollectionAction.UnblockAndDelete() },
        { "its own finalizers say how it goes", Node("o") with { Finalizers = ["orphan"] }, [], "Absent", new CollectionAction.Delete("Orphan") },
        { "what is going already goes", Node("o") with { IsBeingDeleted = true }, [], "Absent", new CollectionAction.Keep() },
        { "an owner that cannot be one: nothing is judged", Node("o", "p"), [], "Absent, CannotBe", new CollectionAction.Keep() },
        { "nobody is waited for: the end", Node() with { IsBeingDeleted = true, Finalizers = ["foregroundDeletion"] }, [], "", new CollectionAction.Finish("foregroundDeletion") },
        { "nobody becomes ownerless: the end", Node() with { IsBeingDeleted = true, Finalizers = ["orphan"] }, [], "", new CollectionAction.Finish("orphan") },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decide(string because, object node, object[] dependents, string owners, object expected)
    {
        Assert.NotEmpty(because);
        var states = owners.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(Enum.Parse<OwnerState>).ToList();
        var judged = (GraphNode)node;
        Assert.Equal(expected, Collection.Decide(judged, [.. dependents.Cast<GraphNode>()], link => states[judged.Owners.ToList().IndexOf(link)]));
    }

    [Fact]
    public void Only_the_links_to_those_that_are_gone_or_wait_are_dropped() =>
        Assert.Equal(["gone", "going"], Assert.IsType<CollectionAction.DropLinks>(Collection.Decide(Node("there", "gone", "going"), [],
            link => link.Uid switch { "there" => OwnerState.Solid, "gone" => OwnerState.Absent, _ => OwnerState.WaitsForDependents })).Uids);

    [Fact]
    public async Task Two_that_own_each_other_both_go_in_the_foreground()
    {
        await using var scenario = Start("generic-garbage-collector");
        var a = await scenario.CreateAsync(Resources.ConfigMaps, """{"metadata":{"name":"a","namespace":"d"}}""");
        var b = await scenario.CreateAsync(Resources.ConfigMaps, Owned("b", "ConfigMap", "a", a.Uid));
        await scenario.Api.ChangeAsync(Resources.ConfigMaps, new NamespacedName("d", "a"), t => t["metadata"]!["ownerReferences"] = System.Text.Json.Nodes.JsonNode.Parse(Owner("ConfigMap", "b", b.Uid)));
        await scenario.Api.DeleteAsync(Resources.ConfigMaps, new NamespacedName("d", "a"), new DeleteQuery(PropagationPolicy: "Foreground"), default);
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.ConfigMaps, "a", "d") is null && await scenario.FindAsync(Resources.ConfigMaps, "b", "d") is null);
    }

    [Fact]
    public async Task An_owner_in_another_namespace_is_none_and_who_wrote_that_is_told()
    {
        await using var scenario = Start("generic-garbage-collector");
        var owner = await scenario.CreateAsync(Resources.ConfigMaps, """{"metadata":{"name":"owner","namespace":"elsewhere"}}""");
        await scenario.CreateAsync(Resources.ConfigMaps, Owned("child", "ConfigMap", "owner", owner.Uid));
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.ConfigMaps, "child", "d") is null);
        await EventuallyAsync(async () => (await scenario.EventsAsync("child")).SequenceEqual(
            [$"OwnerRefInvalidNamespace: ownerRef [v1/ConfigMap, namespace: d, name: owner, uid: {owner.Uid}] does not exist in namespace \"d\""]));
    }

    [Fact]
    public async Task A_cluster_scoped_object_with_an_owner_in_a_namespace_stays()
    {
        await using var scenario = Start("generic-garbage-collector");
        await scenario.CreateAsync(Resources.PersistentVolumes, """{"metadata":{"name":"child","ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"owner","uid":"u"}]},"spec":{}}""");
        // What comes after it is done: so it was looked at.
        await scenario.CreateAsync(Resources.ConfigMaps, Owned("late", "ConfigMap", "gone", "w"));
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.ConfigMaps, "late", "d") is null);
        Assert.NotNull(await scenario.FindAsync(Resources.PersistentVolumes, "child"));
    }

    [Fact]
    public async Task The_right_uid_under_a_wrong_name_is_no_owner()
    {
        await using var scenario = Start("generic-garbage-collector");
        var owner = await scenario.CreateAsync(Resources.ConfigMaps, """{"metadata":{"name":"owner","namespace":"d"}}""");
        await scenario.CreateAsync(Resources.ConfigMaps, Owned("child", "Secret", "owner", owner.Uid));
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.ConfigMaps, "child", "d") is null);
    }

    [Fact]
    public async Task An_owner_named_twice_and_once_wrongly_keeps_its_object()
    {
        await using var scenario = Start("generic-garbage-collector");
        var owner = await scenario.CreateAsync(Resources.ConfigMaps, """{"metadata":{"name":"owner","namespace":"d"}}""");
        var links = Owner("ConfigMap", "owner", owner.Uid)[..^1] + "," + Owner("Secret", "owner", owner.Uid)[1..];
        await scenario.CreateAsync(Resources.ConfigMaps, "{\"metadata\":{\"name\":\"child\",\"namespace\":\"d\",\"ownerReferences\":" + links + "}}");
        // Links are dropped by their owner's uid, so the right one goes with the wrong one.
        await EventuallyAsync(async () => (await scenario.FindAsync(Resources.ConfigMaps, "child", "d"))!["metadata"]!["ownerReferences"] is null);
    }

    [Fact]
    public async Task Orphans_stay_without_their_owner()
    {
        await using var scenario = Start("generic-garbage-collector");
        var owner = await scenario.CreateAsync(Resources.ConfigMaps, """{"metadata":{"name":"owner","namespace":"d"}}""");
        await scenario.CreateAsync(Resources.ConfigMaps, Owned("child", "ConfigMap", "owner", owner.Uid));
        await scenario.Api.DeleteAsync(Resources.ConfigMaps, new NamespacedName("d", "owner"), new DeleteQuery(PropagationPolicy: "Orphan"), default);
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.ConfigMaps, "owner", "d") is null);
        Assert.Null((await scenario.FindAsync(Resources.ConfigMaps, "child", "d"))!["metadata"]!["ownerReferences"]);
    }

    [Fact]
    public async Task What_a_definitions_objects_owned_goes_with_the_definition()
    {
        var widgets = new ResourceId("e.com", "v1", "widgets", "Widget", true);
        await using var scenario = Start("generic-garbage-collector");
        await scenario.CreateAsync(Resources.CustomResourceDefinitions, """
            {"metadata":{"name":"widgets.e.com"},"spec":{"group":"e.com","scope":"Namespaced","names":{"plural":"widgets","kind":"Widget"},"versions":[{"name":"v1","served":true}]},
             "status":{"conditions":[{"type":"Established","status":"True"}]}}
            """);
        var owner = await scenario.CreateAsync(widgets, """{"metadata":{"name":"w","namespace":"d"}}""");
        foreach (var (child, version) in ((string, string)[])[("child", "v1"), ("other", "v0")])
            await scenario.CreateAsync(Resources.ConfigMaps, Owned(child, "Widget", "w", owner.Uid).Replace("\"v1\"", $"\"e.com/{version}\"", StringComparison.Ordinal));
        // Whose owner never was goes at once when widgets are known.
        await scenario.CreateAsync(Resources.ConfigMaps, Owned("stray", "Widget", "nobody", "u").Replace("\"v1\"", "\"e.com/v1\"", StringComparison.Ordinal));
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.ConfigMaps, "stray", "d") is null);
        await scenario.Api.RemoveAsync(Resources.CustomResourceDefinitions, new("", "widgets.e.com"));
        await scenario.Api.RemoveAsync(widgets, new("d", "w"));
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.ConfigMaps, "child", "d") is null);
        // Nobody can say what a version is that was never served.
        Assert.NotNull(await scenario.FindAsync(Resources.ConfigMaps, "other", "d"));
    }

    [Fact]
    public async Task Another_servers_objects_are_owned_as_others()
    {
        var fischers = new ResourceId("wardle.example.com", "v1", "fischers", "Fischer", true);
        var api = new TestCluster
        {
            Others = (_, _) => System.Text.Json.Nodes.JsonNode.Parse("""{"resources":[{"name":"fischers","kind":"Fischer","namespaced":true,"verbs":["delete","get","list","watch"]}]}""")!.AsObject(),
        };
        await using var scenario = Start("generic-garbage-collector", api);
        await scenario.CreateAsync(Resources.APIServices, """
            {"metadata":{"name":"v1.wardle.example.com"},"spec":{"group":"wardle.example.com","version":"v1","service":{"name":"s"}},"status":{"conditions":[{"type":"Available","status":"True"}]}}
            """);
        await api.CreateAsync(fischers, new("d", "f"), System.Text.Json.Nodes.JsonNode.Parse(Owned("f", "ConfigMap", "gone", "u"))!.AsObject(), null, default);
        await EventuallyAsync(async () => await scenario.FindAsync(fischers, "f", "d") is null);
    }

    private static string Owner(string kind, string name, string uid) => $$"""[{"apiVersion":"v1","kind":"{{kind}}","name":"{{name}}","uid":"{{uid}}","blockOwnerDeletion":true}]""";

    private static string Owned(string name, string kind, string owner, string uid) => "{\"metadata\":{\"name\":\"" + name + "\",\"namespace\":\"d\",\"ownerReferences\":" + Owner(kind, owner, uid) + "}}";

    private static GraphNode Node(params string[] owners) => new(
        Resources.ConfigMaps, new NamespacedName("d", "self"), "self", 1, false, [.. owners.Select(o => new OwnerLink("v1", "ConfigMap", o, o, true))], []);
}
