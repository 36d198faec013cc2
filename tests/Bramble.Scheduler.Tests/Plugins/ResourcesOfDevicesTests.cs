using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Tests;
using Bramble.Scheduler.Devices;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Scheduler.Tests.Plugins;

/// <summary>NodeResourcesFit and its kin with extended resources that a DeviceClass serves: n1 offers two by itself, n2 has four as devices, of which one is in use.</summary>
public sealed class ResourcesOfDevicesTests : IAsyncLifetime
{
    private readonly TestCluster _api = new();
    private Informers _informers = null!;
    private DeviceView _view = null!;
    private IReadOnlyList<IDisposable> _following = [];

    private static ClusterState Cluster => Some.Cluster(Some.Node("n1", with: n => n.Status.Allocatable["example.com/gpu"] = new("2")), Some.Node("n2", labels: []));

    public async ValueTask InitializeAsync()
    {
        await CreateAsync(Resources.DeviceClasses, """{"metadata":{"name":"gpu"},"spec":{"extendedResourceName":"example.com/gpu","selectors":[{"cel":{"expression":"device.driver == 'd'"}}]}}""");
        await CreateAsync(Resources.ResourceSlices, """{"metadata":{"name":"s"},"spec":{"driver":"d","nodeName":"n2","pool":{"name":"p","generation":1,"resourceSliceCount":1},"devices":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]}}""");
        await CreateAsync(Resources.ResourceSlices, """{"metadata":{"name":"other"},"spec":{"driver":"o","nodeName":"n2","pool":{"name":"p","generation":1,"resourceSliceCount":1},"devices":[{"name":"a"}]}}""");
        await CreateAsync(Resources.ResourceClaims, """{"metadata":{"name":"c","namespace":"default"},"status":{"allocation":{"devices":{"results":[{"driver":"d","pool":"p","device":"a"}]}}}}""");
        _informers = new Informers(_api, TimeProvider.System, NullLoggerFactory.Instance);
        _view = new DeviceView(_informers, TimeProvider.System);
        await _view.Synced;
        _following = _view.Follow(_ => { });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var one in _following) one.Dispose();
        await _informers.DisposeAsync();
    }

    [Theory]
    [InlineData("example.com/gpu", "n1", "2", "fits")]
    [InlineData("example.com/gpu", "n1", "3", "Insufficient example.com/gpu!")]
    [InlineData("example.com/gpu", "n2", "9", "fits")]
    [InlineData("deviceclass.resource.kubernetes.io/gpu", "n1", "9", "fits")]
    [InlineData("example.com/other", "n2", "1", "Insufficient example.com/other!")]
    public void What_the_node_does_not_offer_and_a_class_does_is_left_to_devices(string resource, string node, string amount, string expected) =>
        Assert.Equal(expected, new NodeResourcesFit(null, _view).Says(Pod(resource, amount), Cluster, node));

    [Theory]
    [InlineData(ScoringStrategyType.LeastAllocated, "n1", 50)]      // 1 of 2
    [InlineData(ScoringStrategyType.LeastAllocated, "n2", 50)]      // 1 + 1 of 4
    [InlineData(ScoringStrategyType.MostAllocated, "n2", 50)]
    public void Devices_count_in_scores_that_weigh_their_resource(object type, string node, long expected)
    {
        var args = new NodeResourcesFitArgs { Strategy = new ScoringStrategy { Type = (ScoringStrategyType)type, Resources = [("example.com/gpu", 1)] } };
        var cluster = Cluster;
        Assert.Equal(expected, new NodeResourcesFit(args, _view).Prepare(Pod("example.com/gpu", "1"), cluster.Nodes, cluster)!.Score(cluster.Find(node)!));
        Assert.Equal(0, new NodeResourcesFit(args).Prepare(Pod("example.com/gpu", "1"), cluster.Nodes, cluster)!.Score(cluster.Find("n2")!));
    }

    [Fact]
    public void And_in_the_balance()
    {
        var cluster = Cluster;
        // 2 of 4 devices and 2 of 4 CPUs: as balanced as can be; before, 1 of 4 and none were not.
        var pod = Some.Pod("p", "2", with: p => p.Spec.Containers[0].Resources.Requests["example.com/gpu"] = new("1"));
        var opinion = new NodeResourcesBalancedAllocation([("cpu", 1), ("example.com/gpu", 1)], _view).Prepare(pod, cluster.Nodes, cluster)!;
        Assert.Equal(50 + ((50 + 100 - 87) / 2), opinion.Score(cluster.Find("n2")!));
    }

    [Theory]
    [InlineData("example.com/gpu", "a", null, true)]
    [InlineData("deviceclass.resource.kubernetes.io/a", "a", null, true)]
    [InlineData("deviceclass.resource.kubernetes.io/b", "a", null, false)]
    [InlineData("example.com/gpu", "a", "example.com/other", true)]
    [InlineData("example.com/gpu", "a", "example.com/gpu", false)]
    [InlineData("deviceclass.resource.kubernetes.io/a", "a", "example.com/other", false)]
    public void A_class_that_comes_or_gets_the_resources_name_helps(string resource, string name, string? before, bool helps) =>
        Assert.Equal(helps, new NodeResourcesFit(null, _view).Helps(Pod(resource, "1"), new(ChangeKinds.DeviceClassChanged, before is null ? null : Class(name, before), Class(name, "example.com/gpu"))));

    [Fact]
    public void A_node_that_changes_helps_when_devices_serve_the_rest()
    {
        var (before, now) = (Some.Node("n2", cpu: "1", labels: []), Some.Node("n2", cpu: "1", labels: []));
        Assert.True(new NodeResourcesFit(null, _view).Helps(Pod("example.com/gpu", "1"), new(ChangeKinds.NodeAllocatable, before, now)));
        Assert.False(new NodeResourcesFit().Helps(Pod("example.com/gpu", "1"), new(ChangeKinds.NodeAllocatable, before, now)));
    }

    private static DeviceClass Class(string name, string resource) => DeviceClass.Of(JsonNode.Parse($$$"""{"metadata":{"name":"{{{name}}}"},"spec":{"extendedResourceName":"{{{resource}}}"} }""")!.AsObject());

    private static PodInfo Pod(string resource, string amount) => Some.Pod("p", with: p => p.Spec.Containers[0].Resources.Requests[resource] = new(amount));

    private async Task CreateAsync(ResourceId resource, string json)
    {
        var tree = JsonNode.Parse(json)!.AsObject();
        await _api.CreateAsync(resource, new NamespacedName((string?)tree["metadata"]!["namespace"] ?? "", (string)tree["metadata"]!["name"]!), tree, null, default);
    }
}
