using System.Text.Json.Nodes;
using Bramble.Scheduler.Devices;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Tests.Devices;

public sealed class DeviceAllocatorTests
{
    private static readonly Dictionary<string, DeviceClass> Classes = new()
    {
        ["gpu"] = DeviceClass.Of(Parse("""{"metadata":{"name":"gpu"},"spec":{"selectors":[{"cel":{"expression":"device.driver == 'gpu.example.com'"}}]}}""")),
    };

    /// <summary>n1 has two GPUs: small (8Gi, numa 0) and large (32Gi, numa 1); n2 has one that is large.</summary>
    private static readonly ResourceSlice[] Slices =
    [
        Slice("n1", Gpu("small", "8Gi", 0), Gpu("large", "32Gi", 1)),
        Slice("n2", Gpu("large", "32Gi", 0)),
    ];

    public static TheoryData<string, string, string, string?> Cases => new()
    {
        { "one of the class", "n1", Exactly(), "small" },
        { "by capacity", "n1", Exactly(""","selectors":[{"cel":{"expression":"device.capacity['gpu.example.com'].memory.compareTo(quantity('16Gi')) >= 0"}}]"""), "large" },
        { "by an attribute", "n1", Exactly(""","selectors":[{"cel":{"expression":"device.attributes['gpu.example.com'].numa == 1"}}]"""), "large" },
        { "an attribute of a domain that no device has", "n1", Exactly(""","selectors":[{"cel":{"expression":"has(device.attributes['other'].x)"}}]"""), null },
        { "two", "n1", Exactly(""","count":2"""), "small large" },
        { "more than there are", "n2", Exactly(""","count":2"""), null },
        { "all of them", "n1", Exactly(""","allocationMode":"All" """), "small large" },
        { "a node without devices", "n3", Exactly(), null },
        { "the preferred alternative", "n1", """{"name":"r","firstAvailable":[{"name":"a","deviceClassName":"gpu","count":2},{"name":"b","deviceClassName":"gpu"}]}""", "small large" },
        { "the next one where that cannot be had", "n2", """{"name":"r","firstAvailable":[{"name":"a","deviceClassName":"gpu","count":2},{"name":"b","deviceClassName":"gpu"}]}""", "large" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Devices_that_match_on_the_node(string name, string node, string request, string? expected)
    {
        _ = name;
        Assert.Equal(expected, Names(Allocator().Allocate(Node(node), [Claim(request)])));
    }

    [Fact]
    public void Constraints_hold_over_all_devices_and_the_search_steps_back()
    {
        var slices = new[] { Slice("n1", Gpu("a", "8Gi", 0), Gpu("b", "8Gi", 1), Gpu("c", "8Gi", 1)) };
        var same = Claim(Exactly(""","count":2"""), """[{"matchAttribute":"gpu.example.com/numa"}]""");
        Assert.Equal("b c", Names(Allocator(slices).Allocate(Node("n1"), [same])));
        var distinct = Claim(Exactly(""","count":2"""), """[{"distinctAttribute":"gpu.example.com/numa"}]""");
        Assert.Equal("a b", Names(Allocator(slices).Allocate(Node("n1"), [distinct])));
    }

    [Fact]
    public void What_others_hold_is_not_given_twice_but_an_administrator_may_look()
    {
        var held = new DevicesInUse();
        held.Hold(new("gpu.example.com", "n2", "large"));
        Assert.Null(Allocator(held: held).Allocate(Node("n2"), [Claim(Exactly())]));
        Assert.Equal("large", Names(Allocator(held: held).Allocate(Node("n2"), [Claim(Exactly(""","adminAccess":true"""))])));
        Assert.Null(Allocator().Allocate(Node("n2"), [Claim(Exactly()), Claim(Exactly(), uid: "other")]));
    }

    [Fact]
    public void Tainted_devices_need_a_toleration()
    {
        var tainted = Gpu("t", "8Gi", 0);
        tainted["taints"] = JsonNode.Parse("""[{"key":"broken","effect":"NoSchedule"}]""");
        Assert.Null(Allocator([Slice("n1", tainted)]).Allocate(Node("n1"), [Claim(Exactly())]));
        Assert.Equal("t", Names(Allocator([Slice("n1", tainted)]).Allocate(Node("n1"), [Claim(Exactly(""","tolerations":[{"key":"broken","operator":"Exists"}]"""))])));
    }

    /// <summary>What a device of 8Gi with this policy gives to this request: the consumption, or none.</summary>
    [Theory]
    [InlineData("", "", "8Gi")]
    [InlineData("", "2Gi", "2Gi")]
    [InlineData("", "9Gi", null)]
    [InlineData("""{"default":"1Gi"}""", "", "1Gi")]
    [InlineData("""{"default":"1Gi","validValues":["1Gi","4Gi"]}""", "2Gi", "4Gi")]
    [InlineData("""{"default":"1Gi","validValues":["1Gi","4Gi"]}""", "5Gi", null)]
    [InlineData("""{"default":"2Gi","validRange":{"min":"2Gi","step":"2Gi","max":"6Gi"}}""", "1Gi", "2Gi")]
    [InlineData("""{"default":"2Gi","validRange":{"min":"2Gi","step":"2Gi","max":"6Gi"}}""", "3Gi", "4Gi")]
    [InlineData("""{"default":"2Gi","validRange":{"min":"2Gi","step":"2Gi","max":"6Gi"}}""", "7Gi", null)]
    public void A_shared_device_gives_what_its_policy_allows(string policy, string asked, string? consumed)
    {
        var allocation = Allocator([Slice("n1", Shared(policy))]).Allocate(Node("n1"), [Claim(Exactly(asked.Length == 0 ? "" : $$"""
            ,"capacity":{"requests":{"memory":"{{asked}}"} }
            """))]);
        Assert.Equal(consumed, (string?)allocation?[0]["devices"]!["results"]![0]!["consumedCapacity"]!["memory"]);
    }

    [Fact]
    public void A_shared_device_is_given_until_its_capacity_is_gone()
    {
        var slices = new[] { Slice("n1", Shared("")) };
        var claim = Claim(Exactly(""","capacity":{"requests":{"memory":"3Gi"}}"""));
        var held = new DevicesInUse();
        for (var i = 0; i < 2; i++)
        {
            var allocation = Assert.Single(Allocator(slices, held).Allocate(Node("n1"), [claim])!);
            Assert.Equal(36, ((string)allocation["devices"]!["results"]![0]!["shareID"]!).Length);
            held.Add(allocation);
        }
        Assert.Null(Allocator(slices, held).Allocate(Node("n1"), [claim]));
        Assert.Null(Allocator(slices).Allocate(Node("n1"), [claim, Claim(Exactly(""","capacity":{"requests":{"memory":"6Gi"}}"""), uid: "other")]));
    }

    [Fact]
    public void A_capacity_that_a_device_does_not_have_cannot_be_asked_of_it() =>
        Assert.Null(Allocator().Allocate(Node("n1"), [Claim(Exactly(""","capacity":{"requests":{"bandwidth":"1"}}"""))]));

    [Fact]
    public void Parts_of_a_device_are_given_while_enough_of_the_whole_is_left()
    {
        JsonObject Part(string name, string memory)
        {
            var part = Gpu(name, memory, 0);
            part["consumesCounters"] = JsonNode.Parse($$"""[{"counterSet":"gpu0","counters":{"memory":{"value":"{{memory}}"} } }]""");
            return part;
        }

        var counters = ResourceSlice.Of(Parse("""{"spec":{"driver":"gpu.example.com","nodeName":"n1","pool":{"name":"n1","generation":1,"resourceSliceCount":2},"sharedCounters":[{"name":"gpu0","counters":{"memory":{"value":"40Gi"}}}]}}"""))!;
        ResourceSlice[] slices = [counters, Slice("n1", 2, Part("whole", "40Gi"), Part("half", "20Gi"), Part("other-half", "20Gi"))];
        Assert.Equal("whole", Names(Allocator(slices).Allocate(Node("n1"), [Claim(Exactly())])));
        Assert.Equal("half other-half", Names(Allocator(slices).Allocate(Node("n1"), [Claim(Exactly(""","count":2"""))])));
        Assert.Null(Allocator(slices).Allocate(Node("n1"), [Claim(Exactly(""","count":3"""))]));
        var held = new DevicesInUse();
        held.Hold(new("gpu.example.com", "n1", "half"));
        Assert.Equal("other-half", Names(Allocator(slices, held).Allocate(Node("n1"), [Claim(Exactly())])));
    }

    [Fact]
    public void Configuration_of_a_class_comes_once_and_the_claims_own_for_each_request_it_names()
    {
        var classes = new Dictionary<string, DeviceClass>
        {
            ["gpu"] = DeviceClass.Of(Parse("""{"metadata":{"name":"gpu"},"spec":{"config":[{"opaque":{"driver":"gpu.example.com","parameters":{"a":1}}}]}}""")),
        };
        var claim = DeviceClaim.Of(Parse("""
            {"metadata":{"name":"c","namespace":"default","uid":"u"},"spec":{"devices":{"requests":[{"name":"x","exactly":{"deviceClassName":"gpu"}},{"name":"y","exactly":{"deviceClassName":"gpu"}}],
             "config":[{"opaque":{"driver":"b"}},{"requests":["y"],"opaque":{"driver":"c"}}]}}}
            """));
        var allocation = Assert.Single(new DeviceAllocator(new DevicePools(Slices), classes, new DevicesInUse(), new DeviceSelectors(), TimeProvider.System).Allocate(Node("n1"), [claim])!);
        Assert.Equal(
            """[{"source":"FromClass","requests":["x","y"],"opaque":{"driver":"gpu.example.com","parameters":{"a":1}}},{"source":"FromClaim","opaque":{"driver":"b"}},{"source":"FromClaim","requests":["y"],"opaque":{"driver":"c"}}]""",
            allocation["devices"]!["config"]!.ToJsonString());
    }

    [Fact]
    public void A_pool_that_is_being_published_is_not_used_yet_and_an_old_generation_not_any_more()
    {
        Assert.Null(Allocator([Slice("n1", 2, Gpu("a", "8Gi", 0))]).Allocate(Node("n1"), [Claim(Exactly())]));
        var (old, now) = (Slice("n1", 1, Gpu("old", "8Gi", 0)), ResourceSlice.Of(Parse("""{"spec":{"driver":"gpu.example.com","nodeName":"n1","pool":{"name":"n1","generation":2,"resourceSliceCount":1},"devices":[{"name":"new"}]}}"""))!);
        Assert.Equal("new", Names(Allocator([old, now]).Allocate(Node("n1"), [Claim(Exactly())])));
    }

    [Fact]
    public void The_result_says_where_the_claim_can_be_used()
    {
        var local = Allocator().Allocate(Node("n1"), [Claim(Exactly())])![0];
        Assert.Equal("""{"devices":{"results":[{"request":"r","driver":"gpu.example.com","pool":"n1","device":"small"}]},"nodeSelector":{"nodeSelectorTerms":[{"matchFields":[{"key":"metadata.name","operator":"In","values":["n1"]}]}]}}""", local.ToJsonString());
        var everywhere = ResourceSlice.Of(Parse("""{"spec":{"driver":"gpu.example.com","allNodes":true,"pool":{"name":"p","generation":1,"resourceSliceCount":1},"devices":[{"name":"d"}]}}"""))!;
        Assert.Null(Allocator([everywhere]).Allocate(Node("n9"), [Claim(Exactly())])![0]["nodeSelector"]);
    }

    [Fact]
    public void An_expression_without_a_value_is_an_error_that_names_the_claim()
    {
        var claim = Claim(Exactly(""","selectors":[{"cel":{"expression":"device.attributes['gpu.example.com'].missing == 1"}}]"""));
        var error = Assert.Throws<SchedulingException>(() => Allocator().Allocate(Node("n1"), [claim]));
        Assert.StartsWith("running \"DynamicResources\" filter plugin: claim default/c: selector #0: CEL runtime error: ", error.Message, StringComparison.Ordinal);
    }

    private static DeviceAllocator Allocator(ResourceSlice[]? slices = null, DevicesInUse? held = null) => new(new DevicePools(slices ?? Slices), Classes, held ?? new DevicesInUse(), new DeviceSelectors(), TimeProvider.System);

    private static string Exactly(string more = "") => $$$"""{"name":"r","exactly":{"deviceClassName":"gpu"{{{more}}}}}""";

    private static DeviceClaim Claim(string request, string constraints = "[]", string uid = "u") =>
        DeviceClaim.Of(Parse($$$"""{"metadata":{"name":"c","namespace":"default","uid":"{{{uid}}}"},"spec":{"devices":{"requests":[{{{request}}}],"constraints":{{{constraints}}} } } }"""));

    private static ResourceSlice Slice(string node, params JsonObject[] devices) => Slice(node, 1, devices);

    private static ResourceSlice Slice(string node, int slicesOfPool, params JsonObject[] devices) => ResourceSlice.Of(Parse(new JsonObject
    {
        ["spec"] = new JsonObject
        {
            ["driver"] = "gpu.example.com",
            ["nodeName"] = node,
            ["pool"] = new JsonObject { ["name"] = node, ["generation"] = 1, ["resourceSliceCount"] = slicesOfPool },
            ["devices"] = new JsonArray([.. devices.Select(d => d.DeepClone())]),
        },
    }.ToJsonString()))!;

    private static JsonObject Gpu(string name, string memory, int numa) => Parse($$$"""{"name":"{{{name}}}","attributes":{"numa":{"int":{{{numa}}}}},"capacity":{"memory":{"value":"{{{memory}}}"}} }""");

    private static JsonObject Shared(string policy)
    {
        var device = Gpu("shared", "8Gi", 0);
        device["allowMultipleAllocations"] = true;
        if (policy.Length > 0) device["capacity"]!["memory"]!["requestPolicy"] = JsonNode.Parse(policy);
        return device;
    }

    private static NodeInfo Node(string name) => new(Some.Node(name, labels: []));

    private static string? Names(IReadOnlyList<JsonObject>? allocations) =>
        allocations is null ? null : string.Join(' ', allocations.SelectMany(a => a["devices"]!["results"]!.AsArray()).Select(r => (string)r!["device"]!));

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();
}

/// <summary>Without a limit of time.</summary>
internal static class AllocatorInTests
{
    public static IReadOnlyList<JsonObject>? Allocate(this DeviceAllocator allocator, NodeInfo node, IReadOnlyList<DeviceClaim> claims) => allocator.Allocate(node, claims, TimeSpan.Zero, out _);
}
