using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Controllers.Tests;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Volumes;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Scheduler.Tests.Volumes;

/// <summary>From the decision on a Pod's volumes until its claims are bound.</summary>
public sealed class VolumeReservationTests : IAsyncLifetime
{
    private readonly TestCluster _api = new();
    private readonly VolumePromises _promises = new();
    private Informers _informers = null!;
    private StorageView _storage = null!;

    public async ValueTask InitializeAsync()
    {
        await _api.CreateAsync(Resources.PersistentVolumes, Tree("""
            {"metadata":{"name":"v"},"spec":{"capacity":{"storage":"5Gi"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"zone","operator":"In","values":["z1"]}]}]}}},"status":{"phase":"Available"}}
            """), default);
        await _api.CreateAsync(Resources.PersistentVolumeClaims, Tree("""{"metadata":{"name":"data","namespace":"d"},"spec":{}}"""), default);
        await _api.CreateAsync(Resources.Nodes, Tree("""{"metadata":{"name":"n1"},"spec":{}}"""), default);
        _informers = new Informers(_api, TimeProvider.System, NullLoggerFactory.Instance);
        _storage = new StorageView(_informers);
        await _storage.Synced;
    }

    public ValueTask DisposeAsync() => _informers.DisposeAsync();

    /// <summary>What happens once the volume's claim is written.</summary>
    [Theory]
    [InlineData("bound", null)]
    [InlineData("taken off", "binding volumes: ClaimRef got reset for pv \"v\"")]
    [InlineData("elsewhere", "binding volumes: pv \"v\" node affinity doesn't match node \"n1\": no matching NodeSelectorTerms")]
    [InlineData("no claim", "binding volumes: failed to check binding: persistentvolumeclaims \"d/data\" not found")]
    [InlineData("no node", "binding volumes: failed to get node \"n1\": node \"n1\" not found")]
    [InlineData("no volume", "binding volumes: failed to check binding: persistentvolumes \"v\" not found")]
    [InlineData("nothing", "binding volumes: context deadline exceeded")]
    public async Task A_volume_that_is_there(string then, string? failure)
    {
        var (volume, claim) = (_storage.FindVolume("v")!, _storage.FindClaim("d", "data")!);
        var writing = Reservation([(volume, claim)], [], then == "nothing").WriteAsync(null!, default);
        await EventuallyAsync(async () => (await VolumeAsync())["spec"]!["claimRef"] is not null);
        Assert.Equal((claim.Metadata.Uid, "yes"), ((string?)(await VolumeAsync())["spec"]!["claimRef"]!["uid"], (string?)(await VolumeAsync())["metadata"]!["annotations"]!["pv.kubernetes.io/bound-by-controller"]));
        switch (then)
        {
            case "bound": await BindAsync(); break;
            case "taken off": await ChangeVolumeAsync(v => v["spec"]!.AsObject().Remove("claimRef")); break;
            case "elsewhere": await ChangeVolumeAsync(v => v["spec"]!["nodeAffinity"]!["required"]!["nodeSelectorTerms"]![0]!["matchExpressions"]![0]!["values"] = new JsonArray("z2")); break;
            case "no claim": await _api.RemoveAsync(Resources.PersistentVolumeClaims, new("d", "data")); break;
            case "no node": await _api.RemoveAsync(Resources.Nodes, new("", "n1")); break;
            case "no volume": await _api.RemoveAsync(Resources.PersistentVolumes, new("", "v")); break;
        }
        await EndsAsync(writing, failure);
    }

    /// <summary>What happens once the claim has its node.</summary>
    [Theory]
    [InlineData("bound", null)]
    [InlineData("bound before its volume is seen", null)]
    [InlineData("given back", "binding volumes: provisioning failed for PVC \"data\"")]
    [InlineData("no annotations", "binding volumes: selectedNode annotation reset for PVC \"data\"")]
    [InlineData("made elsewhere", "binding volumes: pv \"v\" node affinity doesn't match node \"n1\": no matching NodeSelectorTerms")]
    [InlineData("no claim", "binding volumes: failed to check provisioning pvc: persistentvolumeclaims \"d/data\" not found")]
    [InlineData("nothing", "binding volumes: context deadline exceeded")]
    public async Task A_volume_that_is_made(string then, string? failure)
    {
        if (then == "bound before its volume is seen")
        {
            await _api.RemoveAsync(Resources.PersistentVolumes, new("", "v"));
            await _informers.For(Resources.PersistentVolumes).WaitUntilAsync(() => _storage.Volumes.Find(new("", "v")) is null, default);
        }
        var writing = Reservation([], [_storage.FindClaim("d", "data")!], then == "nothing").WriteAsync(null!, default);
        await EventuallyAsync(async () => (string?)(await ClaimAsync())["metadata"]!["annotations"]?["volume.kubernetes.io/selected-node"] == "n1");
        switch (then)
        {
            case "bound": await BindAsync(); break;
            case "bound before its volume is seen":
                await BindAsync();
                await _storage.Claims.WaitUntilAsync(() => _storage.Claims.Find(new("d", "data"))!.Spec.VolumeName == "v", default);
                Assert.False(writing.IsCompleted);
                await _api.CreateAsync(Resources.PersistentVolumes, Tree("""{"metadata":{"name":"v"},"spec":{}}"""), default);
                break;
            case "given back": await ChangeClaimAsync(c => c["metadata"]!["annotations"] = new JsonObject { ["a"] = "b" }); break;
            case "no annotations": await ChangeClaimAsync(c => c["metadata"]!.AsObject().Remove("annotations")); break;
            case "made elsewhere":
                await ChangeVolumeAsync(v => v["spec"]!["nodeAffinity"]!["required"]!["nodeSelectorTerms"]![0]!["matchExpressions"]![0]!["values"] = new JsonArray("z2"));
                await _storage.Volumes.WaitUntilAsync(() => _storage.Volumes.Find(new("", "v"))!.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values[0] == "z2", default);
                await BindAsync();
                break;
            case "no claim": await _api.RemoveAsync(Resources.PersistentVolumeClaims, new("d", "data")); break;
        }
        await EndsAsync(writing, failure);
    }

    [Theory]
    [InlineData("the volume")]
    [InlineData("the claim")]
    public async Task What_somebody_wrote_meanwhile_stays(string what)
    {
        var (volume, claim) = (_storage.FindVolume("v")!, _storage.FindClaim("d", "data")!);
        // It is seen, but it is not what was decided on.
        if (what == "the volume")
        {
            await ChangeVolumeAsync(v => v["spec"]!["claimRef"] = new JsonObject { ["name"] = "other", ["namespace"] = "d", ["uid"] = "other" });
            await _storage.Volumes.WaitUntilAsync(() => _storage.Volumes.Find(new("", "v"))!.Spec.ClaimRef is not null, default);
            Assert.True((await Assert.ThrowsAsync<StatusException>(() => Reservation([(volume, claim)], [], isImpatient: true).WriteAsync(null!, default))).IsConflict);
            Assert.Equal("other", (string?)(await VolumeAsync())["spec"]!["claimRef"]!["name"]);
            return;
        }
        await ChangeClaimAsync(c => c["metadata"]!["annotations"] = new JsonObject { ["volume.kubernetes.io/selected-node"] = "n2" });
        await _storage.Claims.WaitUntilAsync(() => _storage.Claims.Find(new("d", "data"))!.Metadata.Annotations is not null, default);
        Assert.True((await Assert.ThrowsAsync<StatusException>(() => Reservation([], [claim], isImpatient: true).WriteAsync(null!, default))).IsConflict);
        Assert.Equal("n2", (string?)(await ClaimAsync())["metadata"]!["annotations"]!["volume.kubernetes.io/selected-node"]);
    }

    private VolumeReservation Reservation(IReadOnlyList<(V1PersistentVolume, V1PersistentVolumeClaim)> bindings, IReadOnlyList<V1PersistentVolumeClaim> provisions, bool isImpatient) =>
        new(new PodVolumes(Some.Node("n1", ("zone", "z1")), bindings, provisions), _api, _storage, _promises, isImpatient ? TimeSpan.Zero : TimeSpan.FromMinutes(1), TimeProvider.System);

    private static async Task EndsAsync(Task writing, string? failure)
    {
        if (failure is null) await writing.WaitAsync(TimeSpan.FromSeconds(20));
        else Assert.Equal(failure, (await Assert.ThrowsAsync<SchedulingException>(() => writing.WaitAsync(TimeSpan.FromSeconds(20)))).Message);
    }

    private async Task<JsonObject> VolumeAsync() => (await _api.FindAsync(Resources.PersistentVolumes, new("", "v"), default))!.ToTree();

    private async Task<JsonObject> ClaimAsync() => (await _api.FindAsync(Resources.PersistentVolumeClaims, new("d", "data"), default))!.ToTree();

    private Task BindAsync() => ChangeClaimAsync(c =>
    {
        c["spec"]!["volumeName"] = "v";
        if (c["metadata"]!["annotations"] is not JsonObject annotations) c["metadata"]!["annotations"] = annotations = [];
        annotations["pv.kubernetes.io/bind-completed"] = "yes";
    });

    private async Task ChangeVolumeAsync(Action<JsonObject> change) => await _api.ChangeAsync(Resources.PersistentVolumes, new("", "v"), change);

    private async Task ChangeClaimAsync(Action<JsonObject> change) => await _api.ChangeAsync(Resources.PersistentVolumeClaims, new("d", "data"), change);

    private static JsonObject Tree(string json) => JsonNode.Parse(json)!.AsObject();

    private static async Task EventuallyAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await holds()) await Task.Delay(5, limit.Token);
    }
}
