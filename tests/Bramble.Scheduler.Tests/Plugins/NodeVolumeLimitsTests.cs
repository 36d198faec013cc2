using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Tests;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;
using Bramble.Scheduler.Volumes;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Scheduler.Tests.Plugins;

/// <summary>A node that can attach two volumes of the driver <c>csi</c>. Claims <c>c1</c> to <c>c4</c> are bound to its volumes, <c>o1</c> to another driver's; <c>w1</c> and <c>w2</c> wait
/// for their first Pod, <c>lost</c> names a volume that is not there, <c>n1</c> has a class that is not there, <c>p-e</c> is a Pod's ephemeral volume.</summary>
public sealed class NodeVolumeLimitsTests : IAsyncLifetime
{
    private const string TooMany = "node(s) exceed max volume count";

    private readonly TestCluster _api = new();
    private Informers _informers = null!;
    private StorageView _storage = null!;
    private IReadOnlyList<IDisposable> _following = [];

    public async ValueTask InitializeAsync()
    {
        await CreateAsync(Resources.CSINodes, """{"metadata":{"name":"n"},"spec":{"drivers":[{"name":"csi","allocatable":{"count":2}},{"name":"unlimited"}]}}""");
        await CreateAsync(Resources.StorageClasses, """{"metadata":{"name":"wait"},"provisioner":"csi","volumeBindingMode":"WaitForFirstConsumer"}""");
        foreach (var name in (string[])["c1", "c2", "c3", "c4"]) await BoundAsync(name, "csi");
        await BoundAsync("o1", "other");
        await BoundAsync("u1", "unlimited");
        foreach (var (name, volume, ofClass) in ((string, string, string)[])[("w1", "", "wait"), ("w2", "", "wait"), ("p-e", "", "wait"), ("lost", "none", "wait"), ("n1", "", "none")])
            await CreateAsync(Resources.PersistentVolumeClaims, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"default"},"spec":{"storageClassName":"{{{ofClass}}}","volumeName":"{{{volume}}}"} }""");
        await CreateAsync(Resources.VolumeAttachments, """{"metadata":{"name":"a"},"spec":{"attacher":"csi","nodeName":"elsewhere","source":{"persistentVolumeName":"v-c4"}}}""");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var one in _following) one.Dispose();
        await _informers.DisposeAsync();
    }

    /// <summary>The claims of the Pod (<c>e</c>: an ephemeral volume), those of Pods that are there, and the volumes that are attached.</summary>
    [Theory]
    [InlineData("c1", "", "", true)]
    [InlineData("c1 c2", "", "", true)]
    [InlineData("c1 c2 c3", "", "", false)]
    [InlineData("c1", "c2", "", true)]
    [InlineData("c1", "c2,c3", "", false)]
    [InlineData("c1", "c2 c3", "", false)]
    [InlineData("c1", "c1,c2", "", true)]              // it is there already
    [InlineData("c1", "c2,c2", "", true)]              // two Pods use one
    [InlineData("c1", "o1,c2", "", true)]              // another driver's
    [InlineData("o1", "c1,c2", "", true)]
    [InlineData("u1", "c1,c2", "", true)]              // its driver has no limit
    [InlineData("c1", "w1,c2", "", false)]             // it will be made
    [InlineData("w1", "c1,c2", "", false)]
    [InlineData("w1", "w1,c2", "", true)]
    [InlineData("w1", "w2,c2", "", false)]
    [InlineData("c1", "lost,c2", "", false)]           // it may be bound again
    [InlineData("c1", "n1,c2", "", true)]              // nobody knows whose it will be
    [InlineData("c1", "gone,c2", "", true)]
    [InlineData("e", "c1,c2", "", false)]
    [InlineData("e", "c1", "", true)]
    [InlineData("c1", "", "v-c2,v-c3", false)]         // attached without a Pod
    [InlineData("c1", "c2", "v-c2", true)]
    [InlineData("c1", "c2", "v-c3", false)]
    [InlineData("c1", "c2", "v-o1", true)]
    public async Task So_many_volumes_of_a_driver(string wanted, string there, string attached, bool fits)
    {
        var number = 0;
        foreach (var volume in attached.Split(',', StringSplitOptions.RemoveEmptyEntries))
            await CreateAsync(Resources.VolumeAttachments, $$$"""{"metadata":{"name":"b{{{number++}}}"},"spec":{"attacher":"{{{(volume == "v-o1" ? "other" : "csi")}}}","nodeName":"n","source":{"persistentVolumeName":"{{{volume}}}"}} }""");
        _informers = new Informers(_api, TimeProvider.System, NullLoggerFactory.Instance);
        _storage = new StorageView(_informers);
        await _storage.Synced;
        _following = _storage.Follow(static _ => { });
        var cluster = Some.Cluster(Some.Node("n", labels: []), Some.Node("silent", labels: []));
        foreach (var claims in there.Split(',', StringSplitOptions.RemoveEmptyEntries)) cluster.On("n", Uses($"there{number++}", claims));
        var rule = new NodeVolumeLimits(_storage);
        Assert.Equal(fits ? "fits" : TooMany, rule.Says(Uses("p", wanted), cluster, "n"));
        Assert.Equal("fits", rule.Says(Uses("p", wanted), cluster, "silent"));
    }

    private static PodInfo Uses(string name, string claims) => Some.Pod(name, with: p => p.Spec.Volumes =
    [
        .. claims.Split(' ').Select(c => c == "e"
            ? new V1Volume { Name = "e", Ephemeral = new V1EphemeralVolumeSource() }
            : new V1Volume { Name = c, PersistentVolumeClaim = new V1PersistentVolumeClaimVolumeSource { ClaimName = c } }),
    ]);

    private async Task BoundAsync(string claim, string driver)
    {
        await CreateAsync(Resources.PersistentVolumes, $$$"""{"metadata":{"name":"v-{{{claim}}}"},"spec":{"csi":{"driver":"{{{driver}}}","volumeHandle":"{{{claim}}}"}} }""");
        await CreateAsync(Resources.PersistentVolumeClaims, $$$"""{"metadata":{"name":"{{{claim}}}","namespace":"default"},"spec":{"volumeName":"v-{{{claim}}}"} }""");
    }

    private async Task CreateAsync(ResourceId resource, string json) => await _api.CreateAsync(resource, JsonNode.Parse(json)!.AsObject(), default);
}
