using System.Text.Json.Nodes;
using Bramble.Scheduler.Devices;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Tests.Devices;

/// <summary>What the allocator does, one situation a line: <c>a</c> and <c>b</c> are classes of the drivers of those names.</summary>
public sealed class AllocationTableTests
{
    private const string Refused = "cannot allocate all claims";
    private const string Invalid = "invalid resource pools were encountered";
    private const string Error = "running \"DynamicResources\" filter plugin: ";

    private static readonly Dictionary<string, DeviceClass> Classes = new[] { "a", "b" }.ToDictionary(
        d => d, d => DeviceClass.Of(Parse($$$"""{"metadata":{"name":"{{{d}}}"},"spec":{"selectors":[{"cel":{"expression":"device.driver == '{{{d}}}'"}}]}}""")));

    private sealed record Situation(ResourceSlice[] Slices, DeviceClaim[] Claims, string Expected)
    {
        public string[] Held { get; init; } = [];
    }

    private static readonly Dictionary<string, Situation> Table = new()
    {
        // Pools
        ["no slices"] = new([], [Claim(One())], Refused),
        ["another node's slice"] = new([On("n2", "p", "d1")], [Claim(One())], Refused),
        ["a slice that every node reaches"] = new([Slice("a", "p", """{"allNodes":true}""", D("d1"))], [Claim(One())], "r=p/d1 @everywhere"),
        ["a slice for nodes with a label"] = new([Slice("a", "p", Region("r1"), D("d1"))], [Claim(One())], "r=p/d1 @region In r1"),
        ["a slice for nodes with another label"] = new([Slice("a", "p", Region("r2"), D("d1"))], [Claim(One())], Refused),
        ["two drivers' devices for nodes with the same label give one term"] = new(
            [Slice("a", "p", Region("r1"), D("d1")), Slice("b", "q", Region("r1"), D("d1"))], [Claim(One("x"), One("y", "b"))], "x=p/d1 y=q/d1 @region In r1"),
        ["one local device ties the claim to the node"] = new([On("n1", "p", "d1"), Slice("b", "q", Region("r1"), D("d1"))], [Claim(One("x"), One("y", "b"))], "x=p/d1 y=q/d1 @n1"),
        ["slices of a pool are taken by name, pools by name"] = new([On("n1", "q", "d1"), On("n1", "p", "d2")], [Claim(One())], "r=p/d2 @n1"),
        ["the node's own pools and those of many nodes, by name"] = new(
            [On("n1", "q", "d1"), Slice("a", "p", """{"allNodes":true}""", D("d2")), On("n2", "n", "d0"), On("n1", "o", "d3")], [Claim(One(count: 3))], "r=o/d3 r=p/d2 r=q/d1 @n1"),
        ["a pool with a slice of the node's and one of many nodes"] = new(
            [Slice("a", "p", Node("n1"), 2, D("d1")), Slice("a", "p", """{"allNodes":true}""", 2, D("d2"))], [Claim(One(count: 2))], "r=p/d1 r=p/d2 @n1"),
        ["devices of two slices of one pool"] = new([Slice("a", "p", Node("n1"), 2, D("d1")), Slice("a", "p", Node("n1"), 2, D("d2"))], [Claim(One("x"), One("y"))], "x=p/d1 y=p/d2 @n1"),
        ["a pool whose slices are for different nodes"] = new([Slice("a", "p", Node("n1"), 2, D("d1")), Slice("a", "p", Node("n2"), 2, D("d2"))], [Claim(One())], "r=p/d1 @n1"),
        ["a pool that is not published whole"] = new([Slice("a", "p", Node("n1"), 2, D("d1"))], [Claim(One())], Refused),
        ["the largest number of slices that the API lets a pool name"] = new([Slice("a", "p", Node("n1"), long.MaxValue, D("d1")), On("n1", "q", "d2")], [Claim(One())], "r=q/d2 @n1"),
        ["a whole pool beside one that is not"] = new([Slice("a", "p", Node("n1"), 2, D("d1")), On("n1", "q", "d2")], [Claim(One())], "r=q/d2 @n1"),
        ["all, and a pool is not published whole"] = new(
            [Slice("a", "p", Node("n1"), 2, D("d1")), On("n1", "q", "d2")], [Claim(All())], Error + "claim d/c0, request r: asks for all devices, but resource pool a/p is currently being updated"),
        ["all of a pool of several nodes is what this one reaches"] = new([Slice("a", "p", Node("n1"), 2, D("d1")), Slice("a", "p", Node("n2"), 2, D("d2"))], [Claim(All())], "r=p/d1 @n1"),
        ["an old generation"] = new([Slice("a", "p", Node("n1"), 1, 1, D("old")), Slice("a", "p", Node("n1"), 1, 2, D("new"))], [Claim(One())], "r=p/new @n1"),
        ["of the newer generation nothing is for this node"] = new([Slice("a", "p", Node("n1"), 2, 1, D("d1")), Slice("a", "p", Node("n2"), 2, 2, D("d2"))], [Claim(One())], Refused),
        ["the new generation is for this node and not whole"] = new(
            [Slice("a", "p", Node("n2"), 2, 1, D("d1")), Slice("a", "p", Node("n2"), 2, 1, D("d2")), Slice("a", "p", Node("n1"), 2, 2, D("d1"))], [Claim(One())], Refused),
        ["a device is there twice"] = new([Slice("a", "p", Node("n1"), 2, D("d1")), Slice("a", "p", Node("n1"), 2, D("d1"))], [Claim(One())], Invalid),
        ["a device is there twice, and another pool has one"] = new([Slice("a", "p", Node("n1"), 2, D("d1")), Slice("a", "p", Node("n1"), 2, D("d1")), On("n1", "q", "d2")], [Claim(One())], "r=q/d2 @n1"),
        ["all, and a pool contradicts itself"] = new(
            [Slice("a", "p", Node("n1"), 2, D("d1")), Slice("a", "p", Node("n1"), 2, D("d1"))], [Claim(All())], Error + "claim d/c0, request r: asks for all devices, but resource pool a/p is currently invalid"),
        ["each device names its nodes"] = new(
            [Slice("a", "p", """{"perDeviceNodeSelection":true}""", D("d1", """{"nodeName":"n2"}"""), D("d2", """{"nodeName":"n1"}"""), D("d3", """{"allNodes":true}"""))], [Claim(One(count: 2))], "r=p/d2 r=p/d3 @n1"),

        // Several requests and claims
        ["the search steps back over requests"] = new([On("n1", "p", "d1", "d2")], [Claim(One("x"), One("y", more: OnlyName("d1")))], "x=p/d2 y=p/d1 @n1"),
        ["the search steps back over claims"] = new([On("n1", "p", "d1", "d2")], [Claim(One()), Claim(One(more: OnlyName("d1")), 1)], "r=p/d2 @n1; r=p/d1 @n1"),
        ["all, then another: no device is left"] = new([On("n1", "p", "d1")], [Claim(All()), Claim(One(), 1)], Refused),
        ["all of one class and one of another"] = new([On("n1", "p", "d1", "d2"), Slice("b", "q", Node("n1"), D("d1"))], [Claim(One("x", "b"), All("y"))], "x=q/d1 y=p/d1 y=p/d2 @n1"),
        ["all, of which some are in use"] = new([On("n1", "p", "d1", "d2")], [Claim(All())], Refused) { Held = ["a/p/d1"] },
        ["all, and there are none"] = new([Slice("a", "p", Node("n1"))], [Claim(All())], Refused),
        ["what is in use is not given again"] = new([On("n1", "p", "d1", "d2")], [Claim(One())], "r=p/d2 @n1") { Held = ["a/p/d1"] },
        ["no claims"] = new([On("n1", "p", "d1")], [], ""),
        ["as many as a claim may have"] = new([On("n1", "p", [.. Enumerable.Range(10, 32).Select(i => $"d{i}")])], [Claim(One(count: 32))], string.Join(' ', Enumerable.Range(10, 32).Select(i => $"r=p/d{i}")) + " @n1"),
        ["more than a claim may have"] = new([], [Claim(One("x", count: 32), One("y"))], Error + "claim d/c0: number of requested devices 33 exceeds the claim limit of 32"),
        ["the largest number of devices that the API lets a request name"] = new(
            [], [Claim(One("x", count: long.MaxValue), One("y"))], Error + "claim d/c0: number of requested devices 9223372036854775808 exceeds the claim limit of 32"),
        ["so many as an alternative"] = new([On("n1", "p", "d1")], [Claim(First("r", One("s", count: long.MaxValue), One("t")), One("y", "a", 0))], "r/t=p/d1 @n1"),
        ["a class that does not exist"] = new([On("n1", "p", "d1")], [Claim(One(ofClass: "c"))],
            Error + "claim d/c0, request r: could not retrieve device class c: deviceclass.resource.k8s.io \"c\" not found"),

        // Selectors
        ["a selector fails on a device that is not up for choice"] = new([Slice("a", "p", Node("n1"), D("d1", """{"attributes":{"n":{"int":1}}}"""), D("d2"))], [Claim(One(more: Where("device.attributes['a'].n == 1")))], "r=p/d1 @n1"),
        ["a selector fails on a device that is in use"] = new([Slice("a", "p", Node("n1"), D("d1"), D("d2", """{"attributes":{"n":{"int":1}}}"""))], [Claim(One(more: Where("device.attributes['a'].n == 1")))], "r=p/d2 @n1") { Held = ["a/p/d1"] },

        // Administrators
        ["an administrator looks at a device in use"] = new([On("n1", "p", "d1", "d2")], [Claim(One(count: 2, more: Admin))], "r=p/d1! r=p/d2! @n1") { Held = ["a/p/d1"] },
        ["an administrator looks at all"] = new([On("n1", "p", "d1", "d2")], [Claim(All(more: Admin))], "r=p/d1! r=p/d2! @n1") { Held = ["a/p/d1"] },
        ["an administrator looks at all, at one of them twice"] = new([On("n1", "p", "d1", "d2")], [Claim(One("x", more: Admin), All("y", more: Admin))], Refused),
        ["two claims of administrators look at one device"] = new([On("n1", "p", "d1", "d2")], [Claim(One(more: Admin)), Claim(One(more: Admin), 1)], "r=p/d1! @n1; r=p/d1! @n1"),
        ["an administrator looks at what another claim of the Pod just got"] = new([On("n1", "p", "d1", "d2")], [Claim(One()), Claim(One(more: Admin), 1)], "r=p/d1 @n1; r=p/d1! @n1"),
        ["what an administrator's claim of the Pod just got is not given to another"] = new([On("n1", "p", "d1")], [Claim(One(more: Admin)), Claim(One(), 1)], Refused),

        // Constraints
        ["an attribute must be the same"] = new([Numbered("int", "1", "2", "2")], [Claim([One("x"), One("y")], Match("a/v"))], "x=p/d2 y=p/d3 @n1"),
        ["an attribute that no device has"] = new([On("n1", "p", "d1")], [Claim([One()], Match("a/v"))], Refused),
        ["numbers differ"] = new([Numbered("int", "1", "2")], [Claim([One("x"), One("y")], Match("a/v"))], Refused),
        ["texts differ"] = new([Numbered("string", "\"1\"", "\"2\"")], [Claim([One("x"), One("y")], Match("a/v"))], Refused),
        ["truths differ"] = new([Numbered("bool", "true", "false")], [Claim([One("x"), One("y")], Match("a/v"))], Refused),
        ["versions differ"] = new([Numbered("version", "\"1.0.0\"", "\"1.0.1\"")], [Claim([One("x"), One("y")], Match("a/v"))], Refused),
        ["a number and a text are never the same"] = new([Slice("a", "p", Node("n1"), D("d1", """{"attributes":{"v":{"int":1}}}"""), D("d2", """{"attributes":{"v":{"string":"1"}}}"""))], [Claim([One("x"), One("y")], Match("a/v"))], Refused),
        ["an attribute of another domain by its full name"] = new([Slice("a", "p", Node("n1"), D("d1", """{"attributes":{"o/v":{"int":1}}}"""), D("d2", """{"attributes":{"o/v":{"int":1}}}"""))], [Claim([One(count: 2)], Match("o/v"))], "r=p/d1 r=p/d2 @n1"),
        ["only some requests are constrained"] = new([Numbered("int", "1", "2", "2")], [Claim([One("x"), One("y"), One("z")], Match("a/v", "y", "z"))], "x=p/d1 y=p/d2 z=p/d3 @n1"),
        ["a constraint over all alternatives of a request"] = new([Numbered("int", "1", "2", "2")], [Claim([First("x", One("s")), One("y")], Match("a/v", "x", "y"))], "x/s=p/d2 y=p/d3 @n1"),
        ["a constraint over one alternative only"] = new([Numbered("int", "1", "2")], [Claim([First("x", One("s"), One("t")), One("y")], Match("a/v", "x/s", "y"))], "x/t=p/d1 y=p/d2 @n1"),
        ["all, and they differ"] = new([Numbered("int", "1", "2")], [Claim([All()], Match("a/v"))], Error + "claim d/c0, request r: cannot add device a/p/d2 because a claim constraint would not be satisfied"),
        ["an attribute must be different"] = new([Numbered("int", "1", "1", "2")], [Claim([One("x"), One("y")], """{"distinctAttribute":"a/v"}""")], "x=p/d1 y=p/d3 @n1"),
        ["different, and one has none"] = new([Slice("a", "p", Node("n1"), D("d1", """{"attributes":{"v":{"int":1}}}"""), D("d2"))], [Claim([One("x"), One("y")], """{"distinctAttribute":"a/v"}""")], Refused),

        // Taints
        ["tainted"] = new([Tainted("NoSchedule")], [Claim(One())], Refused),
        ["tainted with NoExecute"] = new([Tainted("NoExecute")], [Claim(One())], Refused),
        ["a taint without effect"] = new([Tainted("None")], [Claim(One())], "r=p/d1 @n1"),
        ["a taint that is tolerated"] = new([Tainted("NoSchedule")], [Claim(One(more: Tolerates))], "r=p/d1 @n1"),
        ["an administrator tolerates no more than others"] = new([Tainted("NoSchedule")], [Claim(One(more: Admin))], Refused),
        ["all, and one is tainted"] = new([Slice("a", "p", Node("n1"), D("d1"), D("d2", """{"taints":[{"key":"k","effect":"NoSchedule"}]}"""))], [Claim(All())], Refused),
        ["the next alternative tolerates"] = new([Tainted("NoSchedule")], [Claim(First("r", One("s"), One("t", more: Tolerates)))], "r/t=p/d1 @n1"),

        // Alternatives
        ["the first alternative cannot be had"] = new([On("n1", "p", "d1")], [Claim(First("r", One("s", "b"), One("t")))], "r/t=p/d1 @n1"),
        ["no alternative can be had"] = new([On("n2", "p", "d1")], [Claim(First("r", One("s", "b"), One("t")))], Refused),
        ["all of a class without devices, or one"] = new([On("n1", "p", "d1")], [Claim(First("r", All("s", "b"), One("t")))], "r/t=p/d1 @n1"),
        ["all of which some are in use, or one"] = new([On("n1", "p", "d1", "d2"), Slice("b", "q", Node("n1"), D("d1"))], [Claim(First("r", All("s"), One("t", "b")))], "r/t=q/d1 @n1") { Held = ["a/p/d1"] },
        ["a later request makes the first alternative impossible"] = new([On("n1", "p", "d1", "d2")], [Claim(First("r", One("s", count: 2), One("t")), One("y"))], "r/t=p/d1 y=p/d2 @n1"),
        ["the first alternative is more than the claim may have together with the rest"] = new(
            [On("n1", "p", [.. Enumerable.Range(10, 31).Select(i => $"d{i}")]), Slice("b", "q", Node("n1"), D("d1"), D("d2"))],
            [Claim(First("r", All("s"), One("t", count: 2)), One("y", "b", 2))], "r/t=p/d10 r/t=p/d11 y=q/d1 y=q/d2 @n1"),
        ["two requests whose first alternatives are too many together"] = new(
            [On("n1", "p", [.. Enumerable.Range(10, 64).Select(i => $"d{i}")])], [Claim(First("x", One("s", count: 32), One("t", count: 1)), First("y", One("s", count: 32), One("t", count: 1)))], "x/t=p/d10 y/t=p/d11 @n1"),

        // Parts of a whole
        ["a counter of a pool is used up by another node's device"] = new(
            [Counters("p", 3), Slice("a", "p", Node("n1"), 3, Part("big", "6Gi"), Part("small", "2Gi")), Slice("a", "p", Node("n2"), 3, Part("other", "6Gi"))], [Claim(One())], "r=p/small @n1")
        { Held = ["a/p/other"] },
        ["counters are those of the device's pool"] = new([Counters("q", 1), On("n1", "p", Part("d1", "1Gi"))], [Claim(One())], Invalid),
        ["a set of counters that is there twice"] = new([Counters("p", 3), Counters("p", 3), Slice("a", "p", Node("n1"), 3, D("d1"))], [Claim(One())], Invalid),
        ["a counter that its set does not have"] = new([Counters("p", 2), Slice("a", "p", Node("n1"), 2, D("d1", """{"consumesCounters":[{"counterSet":"s","counters":{"other":{"value":"1"}}}]}"""))], [Claim(One())], Invalid),
        ["another node's device asks for counters that are not there"] = new(
            [Counters("p", 3), Slice("a", "p", Node("n1"), 3, D("d1")), Slice("a", "p", Node("n2"), 3, D("d2", """{"consumesCounters":[{"counterSet":"x","counters":{}}]}"""))], [Claim(One())], Invalid),
        ["the smaller part where the larger is too large beside another"] = new([Counters("p", 2), Slice("a", "p", Node("n1"), 2, Part("d1", "4Gi"), Part("d2", "6Gi"), Part("d3", "4Gi"))], [Claim(One("x"), One("y"))], "x=p/d1 y=p/d3 @n1"),
        ["more of another counter of the pool is used than there is"] = new(
            [Counters("p", 3), Counters("p", 3, "t"), Slice("a", "p", Node("n1"), 3, Part("d1", "10Gi"), Part("d2", "1Gi", "t"))], [Claim(One())], Refused)
        {
            Held = ["a/p/d1"],
        },
        ["more of a counter is used than there is"] = new([Counters("p", 2), Slice("a", "p", Node("n1"), 2, Part("d1", "10Gi"), Part("d2", "1Gi"))], [Claim(One())], Refused) { Held = ["a/p/d1"] },

        // Shared devices
        ["all that have enough capacity"] = new([Slice("a", "p", Node("n1"), Cap("d1", "2"), Cap("d2", "1"))], [Claim(All(more: Wants("2")))], "r=p/d1(2) @n1"),
        ["all, and one has no such capacity"] = new([Slice("a", "p", Node("n1"), Cap("d1", "2"), D("d2", """{"allowMultipleAllocations":true}"""))], [Claim(All(more: Wants("2")))], "r=p/d1(2) @n1"),
        ["one, and all of what is left"] = new([Slice("a", "p", Node("n1"), Cap("d1", "2"), Cap("d2", "1"))], [Claim(One("x", more: Wants("1")), All("y", more: Wants("1")))], "x=p/d1(1) y=p/d1(1) y=p/d2(1) @n1"),
        ["one, and all, and no capacity is left for it"] = new([Slice("a", "p", Node("n1"), Cap("d1", "1"), Cap("d2", "1"))], [Claim(One("x", more: Wants("1")), All("y", more: Wants("1")))], Refused),
        ["the next device where the first has not enough left"] = new([Slice("a", "p", Node("n1"), Cap("d1", "2"), Cap("d2", "2"))], [Claim(One("x", more: Wants("2")), One("y", more: Wants("1")))], "x=p/d1(2) y=p/d2(1) @n1"),
        ["a device that is not shared is had whole, whatever is asked of it"] = new([Slice("a", "p", Node("n1"), D("d1", """{"capacity":{"m":{"value":"2"}}}"""))], [Claim(One(more: Wants("1"))), Claim(One(more: Wants("1")), 1)], Refused),
        ["a shared device that somebody has whole"] = new([Slice("a", "p", Node("n1"), Cap("d1", "2"))], [Claim(One(more: Wants("1")))], Refused) { Held = ["a/p/d1"] },

        // Devices that are attached later
        ["a device with binding conditions says so in the allocation"] = new([On("n1", "p", Bound("d1"))], [Claim(One())], "r=p/d1[Ready;Broken] @n1"),
        ["pools with such devices come last"] = new([On("n1", "p", Bound("d1")), On("n1", "q", "d2")], [Claim(One())], "r=q/d2 @n1"),
        ["and are used when nothing else is left"] = new([On("n1", "p", Bound("d1")), On("n1", "q", "d2")], [Claim(One(count: 2))], "r=q/d2 r=p/d1[Ready;Broken] @n1"),
        ["of one pool the order is the driver's"] = new([On("n1", "p", Bound("d1"), D("d2"))], [Claim(One())], "r=p/d1[Ready;Broken] @n1"),
        ["a device that is attached to the chosen node ties the claim to it"] = new([Slice("a", "p", Region("r1"), D("d1", """{"bindsToNode":true}"""))], [Claim(One())], "r=p/d1 @n1"),
    };

    public static TheoryData<string> Names => [.. Table.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Allocation(string situation)
    {
        var (slices, claims, expected) = Table[situation];
        var held = new DevicesInUse();
        foreach (var device in Table[situation].Held.Select(h => h.Split('/'))) held.Hold(new(device[0], device[1], device[2]));
        Assert.Equal(expected, Outcome(new DeviceAllocator(new DevicePools(slices), Classes, held, new DeviceSelectors(), TimeProvider.System), claims));
    }

    /// <summary>Claims that come (+) and go (-), and what is held then.</summary>
    [Theory]
    [InlineData("+w", "whole")]
    [InlineData("+w -w", "")]
    [InlineData("+w +w -w", "whole")]
    [InlineData("+s", "2")]
    [InlineData("+s +s -s", "2")]
    [InlineData("+s -s", "")]
    [InlineData("+a", "")]
    public void Held(string changes, string expected)
    {
        var held = new DevicesInUse();
        foreach (var change in changes.Split(' '))
        {
            var more = change[1] switch { 's' => ""","shareID":"i","consumedCapacity":{"m":"2"}""", 'a' => Admin, _ => "" };
            var allocation = Parse($$$"""{"devices":{"results":[{"driver":"a","pool":"p","device":"d"{{{more}}}}]}}""");
            if (change[0] == '+') held.Add(allocation);
            else held.Remove(allocation);
        }
        var device = new DeviceId("a", "p", "d");
        // Who looks at a copy sees no later change.
        var copy = held.Copy();
        held.Hold(device);
        held.Add(Parse("""{"devices":{"results":[{"driver":"a","pool":"p","device":"d","shareID":"j","consumedCapacity":{"m":"1"}}]}}"""));
        Assert.Equal(expected, copy.HasWhole(device) ? "whole" : copy.HasShare(device) ? copy.Consumed(device, "m").ToString() : "");
    }

    [Fact]
    public void A_search_that_takes_too_long_is_given_up_with_an_error()
    {
        var time = new ImpatientTime();
        // Twenty of forty, and never the one that the second request wants.
        ResourceSlice[] slices = [On("n1", "p", [.. Enumerable.Range(10, 40).Select(i => $"d{i}")])];
        var allocator = new DeviceAllocator(new DevicePools(slices), Classes, new DevicesInUse(), new DeviceSelectors(), time);
        var error = Assert.Throws<SchedulingException>(() => allocator.Allocate(TheNode, [Claim(One("x", count: 20), One("y", more: Where("false")))], TimeSpan.FromSeconds(10), out _));
        Assert.Equal(Error + "node n1: timed out trying to allocate devices", error.Message);
    }

    private static string Outcome(DeviceAllocator allocator, DeviceClaim[] claims)
    {
        try
        {
            return allocator.Allocate(TheNode, claims, TimeSpan.Zero, out var refusal) is { } found ? string.Join("; ", found.Select(Text)) : refusal;
        }
        catch (SchedulingException e)
        {
            return e.Message;
        }
    }

    private static string Text(JsonObject allocation)
    {
        var devices = allocation["devices"]!["results"]!.AsArray().Select(r => $"{r!["request"]}={r["pool"]}/{r["device"]}"
            + ((bool?)r["adminAccess"] == true ? "!" : "") + (r["consumedCapacity"]?["m"] is { } amount ? $"({amount})" : "")
            + (r["bindingConditions"] is JsonArray conditions ? $"[{string.Join(',', conditions)};{string.Join(',', r["bindingFailureConditions"]!.AsArray())}]" : ""));
        var term = allocation["nodeSelector"]?["nodeSelectorTerms"]?[0];
        var where = term is null ? "everywhere" : term["matchFields"] is { } fields ? (string)fields[0]!["values"]![0]! : string.Join(',', term["matchExpressions"]!.AsArray().Select(e => $"{e!["key"]} {e["operator"]} {e["values"]![0]}"));
        return $"{string.Join(' ', devices)} @{where}";
    }

    private static NodeInfo TheNode => new(Some.Node("n1", labels: [("region", "r1")]));

    private const string Admin = ""","adminAccess":true""";
    private const string Tolerates = ""","tolerations":[{"key":"k","operator":"Exists"}]""";

    private static string Where(string expression) => $$$""","selectors":[{"cel":{"expression":"{{{expression}}}"}}]""";

    private static string OnlyName(string device) => Where($"device.attributes['a'].name == '{device}'");

    private static string Wants(string amount) => $$$""","capacity":{"requests":{"m":"{{{amount}}}"}}""";

    private static string Match(string attribute, params string[] requests) => $$"""{"matchAttribute":"{{attribute}}","requests":[{{string.Join(',', requests.Select(r => $"\"{r}\""))}}]}""";

    private static JsonObject One(string name = "r", string ofClass = "a", long count = 1, string more = "") => Parse($$"""{"name":"{{name}}","deviceClassName":"{{ofClass}}","allocationMode":"ExactCount","count":{{count}}{{more}}}""");

    private static JsonObject All(string name = "r", string ofClass = "a", string more = "") => Parse($$"""{"name":"{{name}}","deviceClassName":"{{ofClass}}","allocationMode":"All"{{more}}}""");

    private static JsonObject First(string name, params JsonObject[] alternatives) => new() { ["name"] = name, ["firstAvailable"] = new JsonArray([.. alternatives]) };

    private static DeviceClaim Claim(params JsonObject[] requests) => Claim(requests, null);

    private static DeviceClaim Claim(JsonObject request, int number) => Claim([request], null, number);

    private static DeviceClaim Claim(JsonObject[] requests, string? constraint, int number = 0)
    {
        var devices = new JsonObject { ["requests"] = new JsonArray([.. requests.Select(Whole)]) };
        if (constraint is not null) devices["constraints"] = new JsonArray(JsonNode.Parse(constraint));
        return DeviceClaim.Of(new JsonObject { ["metadata"] = new JsonObject { ["namespace"] = "d", ["name"] = $"c{number}", ["uid"] = $"u{number}" }, ["spec"] = new JsonObject { ["devices"] = devices } });

        static JsonNode Whole(JsonObject request)
        {
            if (request.ContainsKey("firstAvailable")) return request;
            var name = request["name"]!.DeepClone();
            request.Remove("name");
            return new JsonObject { ["name"] = name, ["exactly"] = request };
        }
    }

    private static ResourceSlice On(string node, string pool, params string[] devices) => Slice("a", pool, Node(node), [.. devices.Select(d => D(d))]);

    private static ResourceSlice On(string node, string pool, params JsonObject[] devices) => Slice("a", pool, Node(node), devices);

    private static ResourceSlice Slice(string driver, string pool, string place, params JsonObject[] devices) => Slice(driver, pool, place, 1, devices);

    private static ResourceSlice Slice(string driver, string pool, string place, long count, params JsonObject[] devices) => Slice(driver, pool, place, count, 1, devices);

    private static ResourceSlice Slice(string driver, string pool, string place, long count, int generation, params JsonObject[] devices)
    {
        var spec = Parse(place);
        spec["driver"] = driver;
        spec["pool"] = new JsonObject { ["name"] = pool, ["generation"] = generation, ["resourceSliceCount"] = count };
        spec["devices"] = new JsonArray([.. devices]);
        return ResourceSlice.Of(Parse(new JsonObject { ["spec"] = spec }.ToJsonString()))!;
    }

    private static ResourceSlice Counters(string pool, int count, string set = "s")
    {
        var spec = Parse("""{"nodeName":"n1","driver":"a","sharedCounters":[{"name":"s","counters":{"memory":{"value":"8Gi"}}}]}""");
        spec["sharedCounters"]![0]!["name"] = set;
        spec["pool"] = new JsonObject { ["name"] = pool, ["generation"] = 1, ["resourceSliceCount"] = count };
        return ResourceSlice.Of(Parse(new JsonObject { ["spec"] = spec }.ToJsonString()))!;
    }

    private static ResourceSlice Numbered(string type, params string[] values) =>
        Slice("a", "p", Node("n1"), [.. values.Select((v, i) => D($"d{i + 1}", $$$$"""{"attributes":{"v":{"{{{{type}}}}":{{{{v}}}}}}}"""))]);

    private static ResourceSlice Tainted(string effect) => On("n1", "p", D("d1", $$"""{"taints":[{"key":"k","effect":"{{effect}}"}]}"""));

    private static string Node(string name) => $$"""{"nodeName":"{{name}}"}""";

    private static string Region(string name) => $$$"""{"nodeSelector":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"region","operator":"In","values":["{{{name}}}"]}]}]}}""";

    private static JsonObject D(string name, string more = "{}")
    {
        var device = Parse(more);
        device["name"] = name;
        if (more == "{}") device["attributes"] = new JsonObject { ["name"] = new JsonObject { ["string"] = name } };
        return device;
    }

    private static JsonObject Part(string name, string memory, string set = "s") => D(name, $$$$"""{"consumesCounters":[{"counterSet":"{{{{set}}}}","counters":{"memory":{"value":"{{{{memory}}}}"}}}]}""");

    private static JsonObject Cap(string name, string amount) => D(name, $$$$"""{"allowMultipleAllocations":true,"capacity":{"m":{"value":"{{{{amount}}}}"}}}""");

    private static JsonObject Bound(string name) => D(name, """{"bindingConditions":["Ready"],"bindingFailureConditions":["Broken"]}""");

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    /// <summary>A second goes by at each look at the clock.</summary>
    private sealed class ImpatientTime : TimeProvider
    {
        private long _looks;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => _looks++;
    }
}
