using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Tests;
using Bramble.Scheduler.Devices;
using Bramble.Scheduler.Plugins;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Scheduler.Tests.Devices;

/// <summary>From the decision on a Pod's devices until its claims say so.</summary>
public sealed class ClaimReservationTests : IAsyncLifetime
{
    private const string Given = """{"devices":{"results":[{"request":"r","driver":"d","pool":"p","device":"g"}]}}""";

    private readonly TestCluster _api = new();
    private Informers _informers = null!;
    private DeviceView _devices = null!;

    public ValueTask InitializeAsync()
    {
        _informers = new Informers(_api, TimeProvider.System, NullLoggerFactory.Instance);
        // It follows nothing: promises end only when they are given up.
        _devices = new DeviceView(_informers, TimeProvider.System);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _informers.DisposeAsync();

    /// <summary>What happens to the claim between the decision and the write; whether it had its devices before; and how that ends.</summary>
    [Theory]
    [InlineData("nothing", false, null)]
    [InlineData("nothing", true, null)]
    [InlineData("a label", false, null)]
    [InlineData("a label", true, null)]
    [InlineData("allocated", false, "claim d/c got allocated elsewhere in the meantime")]
    [InlineData("freed", true, "claim d/c got deallocated elsewhere in the meantime")]
    [InlineData("going", false, "claim d/c got deleted in the meantime")]
    [InlineData("replaced", true, "claim d/c got deleted in the meantime")]
    [InlineData("gone", false, "add finalizer to claim d/c: resourceclaims.resource.k8s.io \"c\" not found")]
    [InlineData("gone", true, "add reservation to claim d/c: resourceclaims.resource.k8s.io \"c\" not found")]
    public async Task Write(string meanwhile, bool isAllocated, string? failure)
    {
        var claim = await CreateAsync("c", isAllocated ? $$$"""{"allocation":{{{Given}}},"reservedFor":[{"resource":"pods","name":"q","uid":"q"}]}""" : "{}");
        switch (meanwhile)
        {
            case "a label": await ChangeAsync("c", c => c["metadata"]!["labels"] = new JsonObject { ["a"] = "b" }); break;
            case "allocated": await ChangeAsync("c", c => c["status"] = new JsonObject { ["allocation"] = new JsonObject() }); break;
            case "freed": await ChangeAsync("c", c => c["status"] = new JsonObject()); break;
            case "going": await ChangeAsync("c", c => (c["metadata"]!["deletionTimestamp"], c["metadata"]!["finalizers"]) = ("2026-01-01T00:00:00Z", new JsonArray("f"))); break;
            case "replaced": await ChangeAsync("c", c => c["metadata"]!["uid"] = "other"); break;
            case "gone": await _api.RemoveAsync(Resources.ResourceClaims, new("d", "c")); break;
        }
        var writing = Reservation(new ReservedClaim(claim, isAllocated ? null : Tree(Given))).WriteAsync(null!, default);
        if (failure is not null)
        {
            Assert.Equal(failure, (await Assert.ThrowsAsync<SchedulingException>(() => writing)).Message);
            return;
        }

        await writing;
        var now = await FindAsync("c");
        Assert.Equal(isAllocated ? "q,uid-d-p" : "uid-d-p", Consumers(now));
        Assert.Equal("g", (string?)now["status"]!["allocation"]!["devices"]!["results"]![0]!["device"]);
        Assert.NotNull(now["status"]!["allocation"]!["allocationTimestamp"]);
        Assert.Equal(isAllocated ? null : "resource.kubernetes.io/delete-protection", (string?)now["metadata"]!["finalizers"]?[0]);
    }

    [Fact]
    public async Task What_was_written_stays_promised_and_is_nobodys_when_the_Pod_is_not_bound()
    {
        var shared = await CreateAsync("shared", $$$"""{"allocation":{{{Given}}},"reservedFor":[{"resource":"pods","name":"q","uid":"q"},{"resource":"pods","name":"p","uid":"uid-d-p"}]}""");
        var (first, second) = (await CreateAsync("first", "{}"), await CreateAsync("second", "{}"));
        await ChangeAsync("second", c => c["status"] = new JsonObject { ["allocation"] = new JsonObject() });
        var reservation = Reservation(new ReservedClaim(first, Tree(Given)), new ReservedClaim(second, Tree(Given)), new ReservedClaim(shared, null));
        foreach (var claim in (DeviceClaim[])[first, second]) _devices.Promise(claim.Uid, Tree(Given));
        await Assert.ThrowsAsync<SchedulingException>(() => reservation.WriteAsync(null!, default));
        reservation.Revert();
        Assert.Equal((true, false), (_devices.IsPromised(first.Uid), _devices.IsPromised(second.Uid)));

        // The one that went meanwhile does not keep the others.
        await reservation.UndoAsync(default);
        Assert.Equal(("", "q"), (Consumers(await FindAsync("first")), Consumers(await FindAsync("shared"))));
        Assert.NotNull((await FindAsync("first"))["status"]!["allocation"]);
    }

    private ClaimReservation Reservation(params ReservedClaim[] claims) => new(claims, Some.Pod("p", ns: "d"), "n", _api, _devices, TimeSpan.FromMinutes(1), TimeProvider.System);

    private static string Consumers(JsonObject claim) => string.Join(',', (claim["status"]?["reservedFor"] as JsonArray ?? []).Select(c => (string?)c!["uid"]));

    private async Task<DeviceClaim> CreateAsync(string name, string status) =>
        DeviceClaim.Of((await _api.CreateAsync(Resources.ResourceClaims, Tree($$$"""{"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{},"status":{{{status}}} }"""), default)).ToTree());

    private async Task ChangeAsync(string name, Action<JsonObject> change) => await _api.ChangeAsync(Resources.ResourceClaims, new NamespacedName("d", name), change);

    private async Task<JsonObject> FindAsync(string name) => (await _api.FindAsync(Resources.ResourceClaims, new("d", name), default))!.ToTree();

    private static JsonObject Tree(string json) => JsonNode.Parse(json)!.AsObject();
}
