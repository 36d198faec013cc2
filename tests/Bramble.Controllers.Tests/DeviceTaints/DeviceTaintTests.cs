using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.DeviceTaints;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.DeviceTaints;

/// <summary>Devices with NoExecute taints and the Pods that use them. KEP-5055.</summary>
public sealed class DeviceTaintTests
{
    private const string Taint = """{"key":"broken","value":"fan","effect":"NoExecute","timeAdded":"2024-01-01T12:00:00Z"}""";

    [Theory]
    [InlineData("not tolerated: at once", Taint, null, 0)]
    [InlineData("not of this effect", """{"key":"broken","effect":"NoSchedule","timeAdded":"2024-01-01T12:00:00Z"}""", null, null)]
    [InlineData("tolerated for good", Taint, """[{"key":"broken","operator":"Exists","effect":"NoExecute"}]""", null)]
    [InlineData("tolerated for a while", Taint, """[{"key":"broken","value":"fan","effect":"NoExecute","tolerationSeconds":30}]""", 30)]
    [InlineData("the shortest of those that fit", Taint, """[{"operator":"Exists","effect":"NoExecute","tolerationSeconds":90},{"key":"broken","operator":"Exists","effect":"NoExecute","tolerationSeconds":60}]""", 60)]
    [InlineData("another value", Taint, """[{"key":"broken","value":"heat","effect":"NoExecute"}]""", 0)]
    [InlineData("to be evicted is tolerated by name only", Taint, """[{"key":"broken","operator":"Exists"}]""", 0)]
    [InlineData("less than nothing", Taint, """[{"operator":"Exists","effect":"NoExecute","tolerationSeconds":-5}]""", 0)]
    public void A_Pod_leaves_when_its_time_is_over(string because, string taint, string? tolerations, int? seconds)
    {
        var when = DeviceEviction.Time(Tree(Claim(tolerations)), [Tree(Slice("s", 1, taint))]);
        Assert.True(when == (seconds is { } s ? new DateTimeOffset(2024, 1, 1, 12, 0, s % 60, TimeSpan.Zero).AddMinutes(s / 60) : null), because);
    }

    [Fact]
    public void Of_a_pool_the_newest_generation_counts() =>
        Assert.Null(DeviceEviction.Time(Tree(Claim(null)), [Tree(Slice("old", 1, Taint)), Tree(Slice("new", 2, ""))]));

    [Fact]
    public async Task A_taint_ends_the_Pod_that_does_not_tolerate_it_and_a_taint_that_goes_ends_the_waiting()
    {
        await using var scenario = Start("device-taint-eviction-controller");
        scenario.Api.Clock = scenario.Time;
        await scenario.CreateAsync(Resources.ResourceSlices, Slice("s", 1, ""));
        await UserAsync(scenario, "hasty", null);
        await UserAsync(scenario, "patient", """[{"operator":"Exists","effect":"NoExecute","tolerationSeconds":300}]""");
        await scenario.CreateAsync(Resources.Pods, """{"metadata":{"name":"bystander","namespace":"d"},"spec":{"nodeName":"n","containers":[]}}""");

        await scenario.Api.ChangeAsync(Resources.ResourceSlices, new NamespacedName("", "s"), t => t["spec"]!["devices"]![0]!["taints"] = new JsonArray(JsonNode.Parse(Taint)));
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.Pods, "hasty", "d") is null);
        Assert.Contains("DeviceTaintManagerEviction: Marking for deletion", await scenario.EventsAsync("hasty"));
        Assert.NotNull(await scenario.FindAsync(Resources.Pods, "patient", "d"));

        // What a newer slice of the pool says counts for as long as it is there.
        await scenario.CreateAsync(Resources.ResourceSlices, Slice("newer", 2, ""));
        await EventuallyAsync(async () => (await scenario.EventsAsync("patient")).Contains("DeviceTaintManagerEviction: Cancelling deletion"));
        await scenario.Api.RemoveAsync(Resources.ResourceSlices, new NamespacedName("", "newer"));
        var stayed = await scenario.Time.UntilAsync(20, async () => await scenario.FindAsync(Resources.Pods, "patient", "d") is null);
        Assert.InRange(stayed, TimeSpan.FromSeconds(200), TimeSpan.FromSeconds(400));
        Assert.NotNull(await scenario.FindAsync(Resources.Pods, "bystander", "d"));
    }

    private static async Task UserAsync(ControllerScenario scenario, string name, string? tolerations)
    {
        var pod = await scenario.CreateAsync(
            Resources.Pods, $$"""{"metadata":{"name":"{{name}}","namespace":"d"},"spec":{"nodeName":"n","containers":[],"resourceClaims":[{"name":"gpu","resourceClaimName":"{{name}}"}]} }""");
        await scenario.CreateAsync(Resources.ResourceClaims, Claim(tolerations, name, pod.Uid));
    }

    private static JsonObject Tree(string json) => JsonNode.Parse(json)!.AsObject();

    private static string Claim(string? tolerations, string name = "c", string uid = "u") =>
        $$$"""
        {"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{},"status":{"reservedFor":[{"resource":"pods","name":"{{{name}}}","uid":"{{{uid}}}"}],
         "allocation":{"devices":{"results":[{"request":"r","driver":"gpu.example.com","pool":"p","device":"d0" {{{(tolerations is null ? "" : $",\"tolerations\":{tolerations}")}}} }]} } } }
        """;

    private static string Slice(string name, int generation, string taint) =>
        $$$"""{"metadata":{"name":"{{{name}}}"},"spec":{"driver":"gpu.example.com","nodeName":"n","pool":{"name":"p","generation":{{{generation}}},"resourceSliceCount":1},"devices":[{"name":"d0" {{{(taint.Length == 0 ? "" : $",\"taints\":[{taint}]")}}} }]} }""";
}
