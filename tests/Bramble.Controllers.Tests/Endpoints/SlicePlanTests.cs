using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Endpoints;
using Bramble.Controllers.Workloads;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Endpoints;

public sealed class SlicePlanTests
{
    private static readonly Owner Service = new(Resources.Services, new NamespacedName("d", "s"), "service");
    private static readonly ServedPort Http = new("http", "TCP", 80, null);

    [Theory]
    [InlineData("nothing at all: an empty slice says so", "", "", "create -")]
    [InlineData("the empty slice stays", "-", "", "")]
    [InlineData("the first endpoint takes the empty slice", "-", "a", "update s0 a")]
    [InlineData("all are there", "a b", "a b", "")]
    [InlineData("one more goes where there is room", "a b", "a b c", "update s0 a b c")]
    [InlineData("one that left is taken out", "a b", "b", "update s0 b")]
    [InlineData("one that changed is written", "a b", "a !b", "update s0 a !b")]
    [InlineData("the last one left: the empty slice", "a", "", "update s0 -")]
    [InlineData("what is written anyway takes the new one", "a b | c", "a c d", "update s0 a d")]
    [InlineData("a slice that lost all its own goes", "a | b", "b", "delete s0")]
    public void Few_writes(string because, string existing, string desired, string expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, Text(Decide([.. existing.Split(" | ", StringSplitOptions.RemoveEmptyEntries).Select((text, i) => Slice($"s{i}", text))], desired)));
    }

    /// <param name="areOld">The Service's own labels differ.</param>
    [Theory]
    [InlineData("the Service's labels alone are a reason to write", "a", true, "update s0 a", true)]
    [InlineData("the controllers' own are none", "a", false, "", false)]
    [InlineData("but what is written has them: no slice of what is headless no more says so", "!a", false, "update s0 !a", true)]
    public void Labels(string because, string desired, bool areOld, string expected, bool areWritten)
    {
        Assert.NotEmpty(because);
        var slice = Slice("s0", "a");
        slice.Metadata["labels"] = new JsonObject { ["service.kubernetes.io/headless"] = "" };
        var changes = SlicePlan.Decide("service", [slice], [([Http], Endpoint(desired))], ports => SliceTree.New("IPv4", ports, Service), new JsonObject { ["a"] = "b" }, _ => areOld);
        Assert.Equal(expected, Text(changes));
        Assert.Equal(areWritten ? ["""{"a":"b"}"""] : [], changes.Update.Select(s => s.Labels!.ToJsonString()));
    }

    [Fact]
    public void A_hundred_fit_into_a_slice()
    {
        var changes = Decide([], string.Join(' ', Enumerable.Range(0, 250).Select(i => $"p{i:000}")));
        Assert.Equal([100, 100, 50], changes.Create.Select(s => s.Endpoints.Count));
    }

    [Fact]
    public void What_fits_into_one_slice_goes_into_the_fullest_that_takes_it()
    {
        var (half, third) = (Slice("half", Names("h", 50)), Slice("third", Names("t", 33)));
        var changes = Decide([half, third], $"{Names("h", 50)} {Names("t", 33)} {Names("n", 40)}");
        Assert.Equal(("half", 90), (changes.Update.Single().Name, changes.Update.Single().Endpoints.Count));
    }

    [Fact]
    public void Slices_of_an_earlier_Service_of_this_name_go_and_are_not_used_again()
    {
        var old = Slice("s0", "a");
        old.Metadata["ownerReferences"]![0]!["uid"] = "earlier";
        var changes = Decide([old], "a");
        changes.Recycle(s => s.IsOwnedBy("service"));
        Assert.Equal("create a; delete s0", Text(changes));
    }

    [Fact]
    public void A_slice_that_is_used_again_keeps_its_name_and_nothing_of_what_it_said()
    {
        var gone = Slice("s0", "a");
        gone.Metadata["annotations"] = new JsonObject { ["a"] = "b" };
        var changes = new SliceChanges([Slice("", "c")], [], [gone]);
        changes.Recycle(_ => true);
        Assert.Equal("update s0 c", Text(changes));
        Assert.Null(changes.Update.Single().Metadata["annotations"]);
    }

    [Theory]
    [InlineData("PreferClose", "{\"forZones\":[{\"name\":\"z1\"}]}")]
    [InlineData("PreferSameZone", "{\"forZones\":[{\"name\":\"z1\"}]}")]
    [InlineData("PreferSameNode", "{\"forZones\":[{\"name\":\"z1\"}],\"forNodes\":[{\"name\":\"n1\"}]}")]
    public void Traffic_stays_near(string distribution, string hints)
    {
        var service = Model<V1Service>($$$"""{"metadata":{"name":"s"},"spec":{"trafficDistribution":"{{{distribution}}}"}}""");
        Assert.True(TrafficHints.IsAsked(service));
        var slice = Slice("s0", "a !b");
        foreach (var endpoint in slice.Endpoints) (endpoint["zone"], endpoint["nodeName"]) = ("z1", "n1");
        var changes = new SliceChanges();
        TrafficHints.Apply(changes, [slice], distribution == "PreferSameNode");
        Assert.Equal(hints, changes.Update.Single().Endpoints[0]["hints"]!.ToJsonString());
        Assert.Null(changes.Update.Single().Endpoints[1]["hints"]);
        var again = new SliceChanges();
        TrafficHints.Apply(again, changes.Update, distribution == "PreferSameNode");
        Assert.Empty(again.Update);
    }

    [Fact]
    public void The_annotation_for_topology_wins_over_the_distribution()
    {
        var service = Model<V1Service>("""{"metadata":{"name":"s","annotations":{"service.kubernetes.io/topology-mode":"Auto"}},"spec":{"trafficDistribution":"PreferClose"}}""");
        Assert.True(TopologyHints.IsAsked(service));
        Assert.False(TrafficHints.IsAsked(service));
    }

    [Theory]
    [InlineData("each zone has its share", "z1 z1 z1 z2 z2 z2", "z1=3 z2=3", null)]
    [InlineData("who has too many gives", "z1 z1 z1 z1 z2 z2", "z1=3 z2=3", null)]
    [InlineData("too few for so many zones", "z1", null, "Insufficient number of endpoints (1 endpoints, 2 zones)")]
    [InlineData("a zone is not known", "z1 z1 z2 -", null, "One or more endpoints do not have a zone specified")]
    [InlineData("a zone would be overloaded", "z1 z1 z1", null, "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (3 endpoints, 2 zones)")]
    public void Topology_hints_are_in_proportion_to_the_zones_CPUs(string because, string zones, string? expected, string? why)
    {
        Assert.NotEmpty(because);
        var slice = Slice("", string.Join(' ', zones.Split(' ').Select((_, i) => $"e{i}")));
        foreach (var (endpoint, zone) in slice.Endpoints.Zip(zones.Split(' ')))
            if (zone != "-") endpoint["zone"] = zone;
        var changes = new SliceChanges([slice], [], []);
        var shares = ZoneShares.Of([Node("n1", "\"topology.kubernetes.io/zone\":\"z1\""), Node("n2", "\"topology.kubernetes.io/zone\":\"z2\"")]);
        var (byZone, said) = TopologyHints.Assign(changes, [], shares);
        Assert.Equal(why, said);
        Assert.Equal(expected, byZone is null ? null : string.Join(' ', slice.Endpoints.GroupBy(e => (string)e["hints"]!["forZones"]![0]!["name"]!).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => $"{g.Key}={g.Count()}")));
        if (byZone is null) Assert.All(slice.Endpoints, e => Assert.Null(e["hints"]));
    }

    [Fact]
    public void Shares_need_a_zone_and_CPUs_of_every_ready_node()
    {
        Assert.Null(ZoneShares.Of([Node("n1", "\"topology.kubernetes.io/zone\":\"z1\""), Node("n2")]));
        Assert.Null(ZoneShares.Of([Node("n1", "\"topology.kubernetes.io/zone\":\"z1\"")]));
        var shares = ZoneShares.Of(
        [
            Node("n1", "\"topology.kubernetes.io/zone\":\"z1\"", cpu: "6"), Node("n2", "\"topology.kubernetes.io/zone\":\"z2\"", cpu: "2"), Node("n3", ready: "False"),
            Node("n4", "\"node-role.kubernetes.io/control-plane\":\"\""),
        ])!;
        Assert.Equal((0.75, 0.25), (shares["z1"], shares["z2"]));
        Assert.True(TopologyHints.IsOverloaded(new Dictionary<string, int> { ["z1"] = 1, ["z2"] = 3 }, shares));
        Assert.False(TopologyHints.IsOverloaded(new Dictionary<string, int> { ["z1"] = 3, ["z2"] = 1 }, shares));
    }

    [Theory]
    [InlineData("one slice for each family", "10.0.0.1 fd00::1", "", "create IPv4 10.0.0.1; create IPv6 fd00::1", 0)]
    [InlineData("what is not ready is mirrored too", "!10.0.0.1", "", "create IPv4 !10.0.0.1", 0)]
    [InlineData("what is no address is left out", "10.0.0.1 nonsense", "", "create IPv4 10.0.0.1", 1)]
    [InlineData("leading zeros mean nothing", "010.000.0.01", "", "create IPv4 10.0.0.1", 0)]
    [InlineData("IPv4 within IPv6 is IPv4", "::ffff:10.0.0.1", "", "create IPv4 10.0.0.1", 0)]
    [InlineData("the same as before: nothing", "10.0.0.1", "10.0.0.1", "", 0)]
    [InlineData("changed", "10.0.0.2", "10.0.0.1", "update IPv4 10.0.0.2", 0)]
    [InlineData("nothing left", "", "10.0.0.1", "delete IPv4 10.0.0.1", 0)]
    public void Endpoints_made_by_hand_are_mirrored(string because, string addresses, string mirrored, string expected, int invalid)
    {
        Assert.NotEmpty(because);
        var owner = new Owner(Resources.Endpoints, new NamespacedName("d", "s"), "endpoints");
        var existing = mirrored.Length == 0 ? [] : Named(Mirroring.Decide(Endpoints(mirrored), owner, [], "m").Changes.Create);
        var mirror = Mirroring.Decide(Endpoints(addresses), owner, existing, "m");
        Assert.Equal(invalid, mirror.InvalidAddresses);
        string Of(string verb, SliceTree s) => $"{verb} {s.Family} {string.Join(' ', s.Endpoints.Select(e => (SliceTree.IsReady(e) ? "" : "!") + (string)e["addresses"]![0]!))}";
        Assert.Equal(expected, string.Join("; ", mirror.Changes.Create.Select(s => Of("create", s)).Concat(mirror.Changes.Update.Select(s => Of("update", s))).Concat(mirror.Changes.Delete.Select(s => Of("delete", s)))));

        static JsonObject Endpoints(string text)
        {
            var list = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var tree = Tree("""{"metadata":{"name":"s","namespace":"d","labels":{"a":"b"}},"subsets":[]}""");
            if (list.Length > 0) tree["subsets"]!.AsArray().Add((JsonNode)EndpointSubsetTests.Subset([Http], list).ToTree());
            return tree;
        }

        static List<SliceTree> Named(List<SliceTree> slices)
        {
            foreach (var slice in slices) slice.Metadata["name"] = $"m-{slice.Family}";
            return slices;
        }
    }

    [Fact]
    public void What_somebody_wrote_twice_into_a_mirror_is_there_once_again()
    {
        var owner = new Owner(Resources.Endpoints, new NamespacedName("d", "s"), "endpoints");
        var endpoints = Tree("""{"metadata":{"name":"s","namespace":"d"},"subsets":[{"addresses":[{"ip":"10.0.0.1"}],"ports":[{"port":80,"protocol":"TCP"}]}]}""");
        var slice = Mirroring.Decide(endpoints, owner, [], "m").Changes.Create.Single();
        slice.Metadata["name"] = "m0";
        slice.Endpoints = [.. slice.Endpoints, .. slice.Endpoints];
        Assert.Single(Mirroring.Decide(endpoints, owner, [slice], "m").Changes.Update.Single().Endpoints);
    }

    /// <param name="labels">Of the Endpoints; null: there are none.</param>
    /// <param name="service">Its selector; null: there is no Service of their name.</param>
    [Theory]
    [InlineData("made by hand", "", "", "", true)]
    [InlineData("an empty selector is none", "", "", "\"selector\":{}", true)]
    [InlineData("whose Service has a selector: it has slices of its own", "", "", "\"selector\":{\"a\":\"b\"}", false)]
    [InlineData("without a Service", "", "", null, false)]
    [InlineData("gone", null, "", "", false)]
    [InlineData("gone, with their Service", null, "", null, false)]
    [InlineData("somebody wants none", "\"endpointslice.kubernetes.io/skip-mirror\":\"true\"", "", "", false)]
    [InlineData("somebody does want some", "\"endpointslice.kubernetes.io/skip-mirror\":\"false\"", "", "", true)]
    [InlineData("a lock of old", "", "\"control-plane.alpha.kubernetes.io/leader\":\"{}\"", "", false)]
    [InlineData("others' labels and annotations", "\"a\":\"b\"", "\"c\":\"d\"", "", true)]
    public void Not_all_Endpoints_are_mirrored(string because, string? labels, string annotations, string? service, bool expected)
    {
        Assert.NotEmpty(because);
        var endpoints = labels is null ? null : Model<V1Endpoints>($$$"""{"metadata":{"name":"s","labels":{ {{{labels}}} },"annotations":{ {{{annotations}}} } } }""");
        Assert.Equal(expected, Mirroring.IsWanted(endpoints, service is null ? null : Model<V1Service>($$$"""{"metadata":{"name":"s"},"spec":{ {{{service}}} } }""")));
    }

    [Theory]
    [InlineData("a mirror", "\"endpointslice.kubernetes.io/managed-by\":\"endpointslicemirroring-controller.k8s.io\",\"kubernetes.io/service-name\":\"s\"", "d/s")]
    [InlineData("of Pods", "\"endpointslice.kubernetes.io/managed-by\":\"endpointslice-controller.k8s.io\",\"kubernetes.io/service-name\":\"s\"", null)]
    [InlineData("made by hand", "\"kubernetes.io/service-name\":\"s\"", null)]
    [InlineData("a mirror of nothing", "\"endpointslice.kubernetes.io/managed-by\":\"endpointslicemirroring-controller.k8s.io\"", null)]
    [InlineData("a mirror of an empty name", "\"endpointslice.kubernetes.io/managed-by\":\"endpointslicemirroring-controller.k8s.io\",\"kubernetes.io/service-name\":\"\"", null)]
    [InlineData("without labels", "", null)]
    public void Which_Endpoints_a_slice_mirrors(string because, string labels, string? expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, Mirroring.EndpointsOf(Model<V1EndpointSlice>($$$"""{"metadata":{"name":"s-x","namespace":"d","labels":{ {{{labels}}} } } }"""))?.ToString());
    }

    private static SliceChanges Decide(List<SliceTree> existing, string desired)
    {
        var changes = SlicePlan.Decide(
            "service", existing, desired.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(e => ((IReadOnlyList<ServedPort>)[Http], (JsonObject?)Endpoint(e))), ports => SliceTree.New("IPv4", ports, Service), [], _ => false);
        changes.Recycle(s => s.IsOwnedBy("service"));
        return changes;
    }

    private static SliceTree Slice(string name, string endpoints)
    {
        var slice = SliceTree.New("IPv4", endpoints == "-" ? [] : [Http], Service);
        if (name.Length > 0) slice.Metadata["name"] = name;
        slice.Endpoints = [.. endpoints.Split(' ').Where(e => e != "-").Select(Endpoint)];
        return slice;
    }

    private static JsonObject Endpoint(string text) => new()
    {
        ["addresses"] = new JsonArray($"ip-{text.TrimStart('!')}"),
        ["conditions"] = new JsonObject { ["ready"] = !text.StartsWith('!') },
        ["targetRef"] = new JsonObject { ["name"] = text.TrimStart('!') },
    };

    private static string Names(string prefix, int count) => string.Join(' ', Enumerable.Range(0, count).Select(i => $"{prefix}{i:00}"));

    private static string Text(SliceChanges changes)
    {
        string Of(SliceTree s) => s.Endpoints.Count == 0 ? "-" : string.Join(' ', s.Endpoints.Select(e => (SliceTree.IsReady(e) ? "" : "!") + (string)e["targetRef"]!["name"]!));
        return string.Join("; ", changes.Create.Select(s => $"create {Of(s)}").Concat(changes.Update.Select(s => $"update {s.Name} {Of(s)}")).Concat(changes.Delete.Select(s => $"delete {s.Name}")));
    }
}
