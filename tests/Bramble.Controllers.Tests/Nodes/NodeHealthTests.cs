using System.Text.Json.Nodes;
using Bramble.Controllers.Nodes;
using k8s.Models;
using Microsoft.Extensions.Time.Testing;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Nodes;

public sealed class NodeHealthTests
{
    [Theory]
    [InlineData("a ready node has none", "True", "", "Allowed", "", null)]
    [InlineData("recovered: they go", "True", "not-ready:NoSchedule not-ready:NoExecute", "Allowed", "", "")]
    [InlineData("not ready", "False", "", "Allowed", "", "not-ready:NoSchedule not-ready:NoExecute")]
    [InlineData("silent", "Unknown", "", "Allowed", "", "unreachable:NoSchedule unreachable:NoExecute")]
    [InlineData("its zone's turn has not come", "Unknown", "", "Later", "", "unreachable:NoSchedule")]
    [InlineData("it is being evicted already: only the name changes", "Unknown", "not-ready:NoSchedule not-ready:NoExecute", "Later", "", "unreachable:NoSchedule unreachable:NoExecute")]
    [InlineData("all nodes are down: nobody is evicted", "Unknown", "unreachable:NoSchedule unreachable:NoExecute", "Never", "", "unreachable:NoSchedule")]
    [InlineData("under pressure", "True", "", "Allowed", "MemoryPressure DiskPressure", "memory-pressure:NoSchedule disk-pressure:NoSchedule")]
    [InlineData("and not ready: in the order of its conditions", "False", "", "Later", "PIDPressure NetworkUnavailable", "pid-pressure:NoSchedule network-unavailable:NoSchedule not-ready:NoSchedule")]
    [InlineData("never heard of: nothing is known", "", "unreachable:NoExecute", "Allowed", "", null)]
    public void Conditions_become_taints(string because, string ready, string taints, string eviction, string pressure, string? expected)
    {
        Assert.NotEmpty(because);
        var node = Tree("""{"metadata":{"name":"n"},"spec":{},"status":{}}""");
        node["spec"]!["taints"] = new JsonArray([.. taints.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(t => (JsonNode)new JsonObject { ["key"] = "node.kubernetes.io/" + t.Split(':')[0], ["effect"] = t.Split(':')[1] })]);
        var conditions = pressure.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(p => (p, "True"));
        if (ready.Length > 0) conditions = conditions.Append(("Ready", ready));
        node["status"]!["conditions"] = new JsonArray([.. conditions.Select(c => (JsonNode)new JsonObject { ["type"] = c.Item1, ["status"] = c.Item2 })]);
        var decided = NodeTaints.Decide(node, Enum.Parse<EvictionTaint>(eviction), Noon);
        Assert.Equal(expected, decided is null ? null : string.Join(' ', decided.Select(t => $"{((string)t!["key"]!)["node.kubernetes.io/".Length..]}:{t["effect"]}")));
    }

    [Theory]
    [InlineData("new", "\"kubernetes.io/os\":\"linux\",\"kubernetes.io/arch\":\"arm64\"", """{"beta.kubernetes.io/os":"linux","beta.kubernetes.io/arch":"arm64"}""")]
    [InlineData("right", "\"kubernetes.io/os\":\"linux\",\"beta.kubernetes.io/os\":\"linux\"", null)]
    [InlineData("wrong", "\"kubernetes.io/os\":\"linux\",\"beta.kubernetes.io/os\":\"plan9\"", """{"beta.kubernetes.io/os":"linux"}""")]
    [InlineData("without the new name the old one is the user's", "\"beta.kubernetes.io/arch\":\"arm\"", null)]
    public void Labels_have_their_old_names_too(string because, string labels, string? expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, BetaLabels.Decide(Some.Tree("{\"metadata\":{\"labels\":{" + labels + "}}}"))?.ToJsonString());
        Assert.Null(BetaLabels.Decide(Some.Tree("{\"metadata\":{}}")));
    }

    [Fact]
    public void Taints_of_others_stay()
    {
        var node = Tree("""{"metadata":{"name":"n"},"spec":{"taints":[{"key":"mine","effect":"NoExecute"},{"key":"node.kubernetes.io/memory-pressure","effect":"NoExecute"}]},"status":{"conditions":[{"type":"Ready","status":"True"}]}}""");
        Assert.Null(NodeTaints.Decide(node, EvictionTaint.Allowed, Noon));
    }

    [Theory]
    [InlineData("all well", 3, 0, "Normal")]
    [InlineData("two of three down are no disruption yet", 1, 2, "Normal")]
    [InlineData("three of five are", 2, 3, "PartialDisruption")]
    [InlineData("less than 55 %", 3, 3, "Normal")]
    [InlineData("none left", 0, 1, "FullDisruption")]
    public void A_zone_is(string because, int ready, int notReady, string expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, ZoneStates.Of(ready, notReady, 0.55).ToString());
    }

    [Theory]
    [InlineData("Normal", 3, 0.1)]
    [InlineData("FullDisruption", 3, 0.1)]
    [InlineData("PartialDisruption", 51, 0.01)]
    [InlineData("PartialDisruption", 50, 0)]
    public void Evictions_a_second(string state, int nodes, double expected) => Assert.Equal(expected, ZoneStates.Rate(Enum.Parse<ZoneState>(state), nodes, new NodeEvictionSettings()));

    [Fact]
    public void Nodes_of_a_zone_are_evicted_one_every_ten_seconds_each_zone_for_itself()
    {
        var time = new FakeTimeProvider(Noon);
        var zones = new ZoneEvictions(new NodeEvictionSettings(), time);
        zones.Observe([In("a1", "a"), In("a2", "a", "Unknown"), In("a3", "a", "Unknown"), In("b1", "b", "Unknown")]);
        var a = ZoneStates.KeyOf(In("x", "a"));
        Assert.Equal(TimeSpan.Zero, zones.Next(a));
        Assert.Equal(TimeSpan.FromSeconds(10), zones.Next(a));
        Assert.Equal(TimeSpan.Zero, zones.Next(ZoneStates.KeyOf(In("x", "b"))));
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.Zero, zones.Next(a));
    }

    [Fact]
    public void When_all_are_down_nobody_is_evicted_and_when_one_comes_back_all_get_time()
    {
        var zones = new ZoneEvictions(new NodeEvictionSettings(), new FakeTimeProvider(Noon));
        Assert.False(zones.Observe([In("a", "z", "Unknown"), In("b", "z", "False")]));
        Assert.True(zones.IsAllDown);
        Assert.Null(zones.Next(ZoneStates.KeyOf(In("x", "z"))));
        Assert.True(zones.Observe([In("a", "z"), In("b", "z", "False")]));
        Assert.Equal(TimeSpan.FromSeconds(10), zones.Next(ZoneStates.KeyOf(In("x", "z"))));
    }

    [Fact]
    public void After_a_time_in_which_nobody_was_evicted_the_first_waits_too()
    {
        var time = new FakeTimeProvider(Noon);
        var zones = new ZoneEvictions(new NodeEvictionSettings(), time);
        var zone = ZoneStates.KeyOf(In("x", "z"));
        zones.Observe([In("a", "z"), In("b", "z", "Unknown"), In("c", "z", "Unknown"), In("d", "z", "Unknown")]);
        time.Advance(TimeSpan.FromMinutes(5));
        zones.Observe([In("a", "z"), In("b", "z"), In("c", "z", "Unknown"), In("d", "z", "Unknown")]);
        Assert.Equal(TimeSpan.FromSeconds(10), zones.Next(zone));
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.Zero, zones.Next(zone));
    }

    [Fact]
    public void Nodes_that_are_excluded_make_no_disruption_but_are_evicted()
    {
        var zones = new ZoneEvictions(new NodeEvictionSettings(), new FakeTimeProvider(Noon));
        var excluded = Node("e", "\"node.kubernetes.io/exclude-disruption\":\"\",\"topology.kubernetes.io/zone\":\"z\"", ready: "Unknown");
        zones.Observe([excluded]);
        Assert.False(zones.IsAllDown);
        Assert.Equal(TimeSpan.Zero, zones.Next(ZoneStates.KeyOf(excluded)));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("\"topology.kubernetes.io/zone\":\"z\"", ":\0:z")]
    [InlineData("\"topology.kubernetes.io/zone\":\"z\",\"topology.kubernetes.io/region\":\"r\"", "r:\0:z")]
    [InlineData("\"topology.kubernetes.io/zone\":\"z\",\"failure-domain.beta.kubernetes.io/zone\":\"old\",\"topology.kubernetes.io/region\":\"r\"", "r:\0:old")]
    public void A_zone_is_named_by(string labels, string expected) => Assert.Equal(expected, ZoneStates.KeyOf(Node("n", labels)));

    [Theory]
    [InlineData("silent", "\"Ready\",\"status\":\"True\"", true)]
    [InlineData("it said it was not ready", "\"Ready\",\"status\":\"False\"", true)]
    [InlineData("known to be silent", "\"Ready\",\"status\":\"Unknown\"", false)]
    [InlineData("never heard of", "\"Other\",\"status\":\"True\"", true)]
    public void A_silent_node_is_written_once(string because, string condition, bool isWritten)
    {
        Assert.NotEmpty(because);
        Assert.Equal(isWritten, SilentNode.MarkUnknown(Tree("{\"metadata\":{\"name\":\"n\"},\"status\":{\"conditions\":[{\"type\":" + condition + "}]}}"), Noon));
    }

    [Fact]
    public void In_a_small_zone_where_most_are_down_nobody_is_evicted()
    {
        var zones = new ZoneEvictions(new NodeEvictionSettings(), new FakeTimeProvider(Noon));
        zones.Observe([In("a", "z"), In("b", "z", "Unknown"), In("c", "z", "Unknown"), In("d", "z", "Unknown")]);
        Assert.Null(zones.Next(ZoneStates.KeyOf(In("x", "z"))));
    }

    [Theory]
    [InlineData("not tolerated: at once", "[]", 0)]
    [InlineData("tolerated for good", """[{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute"}]""", null)]
    [InlineData("for five minutes", """[{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}]""", 300)]
    [InlineData("of several the first that matches", """[{"operator":"Exists","tolerationSeconds":300},{"key":"node.kubernetes.io/unreachable","operator":"Exists","tolerationSeconds":60}]""", 300)]
    [InlineData("a negative time is none", """[{"operator":"Exists","tolerationSeconds":-5}]""", 0)]
    [InlineData("another effect does not count", """[{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoSchedule"}]""", 0)]
    public void A_Pod_may_stay(string because, string tolerations, int? seconds)
    {
        Assert.NotEmpty(because);
        var pod = Pod("p", spec: $"\"tolerations\":{tolerations}");
        var stay = TaintEviction.Decide([new V1Taint { Key = "node.kubernetes.io/unreachable", Effect = "NoExecute" }], pod.Spec.Tolerations);
        Assert.Equal(seconds, (int?)stay?.TotalSeconds);
    }

    private static V1Node In(string name, string zone, string ready = "True") => Node(name, $"\"topology.kubernetes.io/zone\":\"{zone}\"", ready: ready);
}
