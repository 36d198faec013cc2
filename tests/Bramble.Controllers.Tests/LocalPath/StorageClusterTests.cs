using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.LocalPath;
using Bramble.Scheduler;
using Microsoft.Extensions.Logging.Abstractions;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.LocalPath;

/// <summary>StatefulSet, scheduler, binder and provisioner together: each waits for what another writes.</summary>
public sealed class StorageClusterTests : IAsyncLifetime
{
    private const int Sets = 12;

    private readonly TestCluster _api = new();
    private readonly ConcurrentBag<string> _forbidden = [];
    private readonly CancellationTokenSource _stop = new();
    private Informers _informers = null!;
    private Task _running = Task.CompletedTask;

    public ValueTask InitializeAsync()
    {
        _informers = new Informers(_api, TimeProvider.System, NullLoggerFactory.Instance);
        var config = new ControllersConfig([], "CA") { LocalPath = new LocalPathSettings("/disk", new NoFolders()) };
        var host = new ControllerHost(config, name => As(name, name == "system:apiserver" || name == LocalPathObjects.Account ? "cluster-admin" : name.Contains(':') ? name : $"system:controller:{name}"), _informers, TimeProvider.System, NullLoggerFactory.Instance);
        var scheduler = new SchedulerLoop(As("scheduler", "system:kube-scheduler", "system:volume-scheduler"), _informers, TimeProvider.System, NullLoggerFactory.Instance);
        _running = Task.WhenAll(host.RunAsync(_stop.Token), scheduler.RunAsync(_stop.Token));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _informers.DisposeAsync();
        _stop.Dispose();
        Assert.Empty(_forbidden.Distinct());
    }

    [Fact]
    public async Task Every_claim_of_every_set_is_bound_and_every_Pod_has_its_node()
    {
        await CreateAsync(Resources.StorageClasses, """{"metadata":{"name":"local-path"},"provisioner":"rancher.io/local-path","reclaimPolicy":"Delete","volumeBindingMode":"WaitForFirstConsumer"}""");
        for (var i = 0; i < 3; i++)
            await CreateAsync(Resources.Nodes, "{\"metadata\":{\"name\":\"n" + i + "\",\"labels\":{\"kubernetes.io/hostname\":\"n" + i + "\"}},\"spec\":{},\"status\":{\"allocatable\":{\"cpu\":\"8\",\"memory\":\"8Gi\",\"pods\":\"110\"},\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}");
        for (var i = 0; i < Sets; i++)
            await CreateAsync(Resources.StatefulSets, "{\"metadata\":{\"name\":\"db" + i + "\",\"namespace\":\"d\"},\"spec\":{\"replicas\":1,\"serviceName\":\"db\",\"selector\":{\"matchLabels\":{\"app\":\"db" + i + "\"}},"
                + "\"template\":{\"metadata\":{\"labels\":{\"app\":\"db" + i + "\"}},\"spec\":{\"schedulerName\":\"default-scheduler\",\"containers\":[{\"name\":\"c\",\"image\":\"v1\"}]}},"
                + "\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"storageClassName\":\"local-path\",\"volumeMode\":\"Filesystem\",\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}]}}");
        await EventuallyAsync(async () => (await _api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default)).Count(p => p.Spec.NodeName is { Length: > 0 }) == Sets);
        var pods = await _api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default);
        var volumes = await _api.ListModelsAsync(Resources.PersistentVolumes, new ListQuery(), default);
        Assert.Equal(Sets, volumes.Count);
        foreach (var claim in await _api.ListModelsAsync(Resources.PersistentVolumeClaims, new ListQuery("d"), default))
        {
            Assert.Equal("Bound", claim.Status?.Phase);
            var volume = volumes.Single(v => v.Metadata.Name == claim.Spec.VolumeName);
            Assert.Equal(pods.Single(p => $"data-{p.Metadata.Name}" == claim.Metadata.Name).Spec.NodeName, volume.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values[0]);
        }
    }

    private RoleCheckedClient As(string identity, params string[] roles) => new(_api, identity, [.. RoleCheckedClient.RulesOf(roles), .. RoleCheckedClient.RulesOf("system:basic-user")], _forbidden);

    private async Task CreateAsync(ResourceId resource, string json)
    {
        var body = JsonNode.Parse(json)!.AsObject();
        await _api.CreateAsync(resource, new NamespacedName((string?)body["metadata"]!["namespace"] ?? "", (string)body["metadata"]!["name"]!), body, null, default);
    }

    private sealed class NoFolders : INodeFolders
    {
        public Task MakeAsync(string node, string path, CancellationToken cancel) => Task.CompletedTask;

        public Task RemoveAsync(string node, string path, CancellationToken cancel) => Task.CompletedTask;
    }
}
