using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.LocalPath;

namespace Bramble.Controllers.Tests.LocalPath;

/// <summary>From a claim that the scheduler has given a node to the folder, and from the released volume back.</summary>
public sealed class LocalPathProvisionerTests
{
    private readonly Folders _folders = new();

    [Fact]
    public async Task A_claim_with_a_node_gets_its_folder_and_its_volume_and_both_go_with_it()
    {
        await using var scenario = await StartAsync();
        await ClaimAsync(scenario, "pi1");
        await ControllerScenario.EventuallyAsync(async () => await scenario.FindAsync(Resources.PersistentVolumes, await NameAsync(scenario)) is not null);
        var name = await NameAsync(scenario);
        Assert.Equal([$"make pi1 /disk/{name}_d_data"], _folders.Calls);
        await ControllerScenario.EventuallyAsync(async () => (await scenario.EventsAsync("data")).SequenceEqual(
            ["Provisioning: External provisioner is provisioning volume for claim \"d/data\"", $"ProvisioningSucceeded: Successfully provisioned volume {name}"]));

        await scenario.Api.ChangeAsync(Resources.PersistentVolumes, new NamespacedName("", name), t => t["status"] = new JsonObject { ["phase"] = "Released" });
        await ControllerScenario.EventuallyAsync(async () => await scenario.FindAsync(Resources.PersistentVolumes, name) is null);
        Assert.Equal($"remove pi1 /disk/{name}_d_data", _folders.Calls.Last());
    }

    [Fact]
    public async Task A_node_that_does_not_answer_is_asked_again_after_15_seconds()
    {
        _folders.Fails = new IOException("pi1 is off");
        await using var scenario = await StartAsync();
        await ClaimAsync(scenario, "pi1");
        var name = await NameAsync(scenario);
        await ControllerScenario.EventuallyAsync(async () => (await scenario.EventsAsync("data")).Contains(
            $"ProvisioningFailed: failed to provision volume with StorageClass \"local-path\": failed to create volume {name}: pi1 is off"));
        Assert.Null(await scenario.FindAsync(Resources.PersistentVolumes, name));
        _folders.Fails = null;
        await ControllerScenario.EventuallyAsync(async () =>
        {
            scenario.Time.Advance(TimeSpan.FromSeconds(15));
            return await scenario.FindAsync(Resources.PersistentVolumes, name) is not null;
        });
    }

    [Theory]
    [InlineData("ReadWriteMany", "Filesystem", "ProvisioningFailed: failed to provision volume with StorageClass \"local-path\": NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes")]
    [InlineData("ReadWriteOnce", "Block", "ProvisioningFailed: rancher.io/local-path does not support block volume provisioning")]
    public async Task What_cannot_be_made_is_told_again_every_15_minutes(string access, string mode, string told)
    {
        await using var scenario = await StartAsync();
        await ClaimAsync(scenario, "pi1", access, mode);
        await ControllerScenario.EventuallyAsync(async () => (await scenario.EventsAsync("data")).Contains(told));
        var waited = await scenario.Time.UntilAsync(300, async () => (await scenario.Api.ListModelsAsync(Resources.Events, new ListQuery(), default)).Any(e => e is { Reason: "ProvisioningFailed", Count: > 1 }));
        Assert.InRange(waited, TimeSpan.FromMinutes(15), TimeSpan.FromHours(1));
        Assert.Empty(_folders.Calls);
    }

    [Fact]
    public async Task A_chosen_node_that_is_gone_gives_the_claim_back_to_the_scheduler()
    {
        await using var scenario = await StartAsync();
        await ClaimAsync(scenario, "gone");
        await ControllerScenario.EventuallyAsync(async () => (await scenario.FindAsync(Resources.PersistentVolumeClaims, "data", "d"))!["metadata"]!["annotations"]!["volume.kubernetes.io/selected-node"] is null);
        Assert.Empty(_folders.Calls);
    }

    [Fact]
    public async Task The_volume_of_a_node_that_has_left_goes_without_its_folder()
    {
        await using var scenario = await StartAsync();
        await scenario.CreateAsync(Resources.PersistentVolumes, """
            {"metadata":{"name":"v","annotations":{"pv.kubernetes.io/provisioned-by":"rancher.io/local-path","local.path.provisioner/selected-node":"gone"}},
             "spec":{"persistentVolumeReclaimPolicy":"Delete","local":{"path":"/disk/v"}},"status":{"phase":"Released"}}
            """);
        await ControllerScenario.EventuallyAsync(async () => await scenario.FindAsync(Resources.PersistentVolumes, "v") is null);
        Assert.Empty(_folders.Calls);
    }

    [Theory]
    [InlineData("bound and in use", "Bound", "Delete", "rancher.io/local-path")]
    [InlineData("to be kept", "Released", "Retain", "rancher.io/local-path")]
    [InlineData("somebody else's", "Released", "Delete", "nfs.example.com")]
    public async Task A_volume_that_is_not_ours_to_remove_stays(string because, string phase, string policy, string provisioner)
    {
        Assert.NotEmpty(because);
        await using var scenario = await StartAsync();
        await scenario.CreateAsync(Resources.PersistentVolumes, $$$"""
            {"metadata":{"name":"v","annotations":{"pv.kubernetes.io/provisioned-by":"{{{provisioner}}}","local.path.provisioner/selected-node":"pi1"}},
             "spec":{"persistentVolumeReclaimPolicy":"{{{policy}}}","local":{"path":"/disk/v"} },"status":{"phase":"{{{phase}}}"} }
            """);
        // What comes after it is done: so it was looked at.
        await ClaimAsync(scenario, "pi1");
        await ControllerScenario.EventuallyAsync(() => Task.FromResult(!_folders.Calls.IsEmpty));
        Assert.DoesNotContain(_folders.Calls, call => call.StartsWith("remove", StringComparison.Ordinal));
        Assert.NotNull(await scenario.FindAsync(Resources.PersistentVolumes, "v"));
    }

    private async Task<ControllerScenario> StartAsync()
    {
        var api = new TestCluster();
        await LocalPathObjects.EnsureAsync(new Applying(api), "/disk", default);
        var rules = (await api.FindAsync(Resources.ClusterRoles, new NamespacedName("", "local-path-provisioner-role"), default))!.ToTree()["rules"]!.AsArray().Select(r => r!.AsObject()).ToList();
        await api.CreateAsync(Resources.Nodes, new NamespacedName("", "pi1"), JsonNode.Parse("""{"metadata":{"name":"pi1"},"spec":{}}""")!.AsObject(), null, default);
        return ControllerScenario.Start(LocalPathObjects.Account, api, new ControllersConfig([], "CA") { LocalPath = new LocalPathSettings("/elsewhere", _folders) }, rules);
    }

    private static async Task ClaimAsync(ControllerScenario scenario, string node, string access = "ReadWriteOnce", string mode = "Filesystem") => await scenario.CreateAsync(Resources.PersistentVolumeClaims, $$$"""
        {"metadata":{"name":"data","namespace":"d","annotations":{"volume.kubernetes.io/storage-provisioner":"rancher.io/local-path","volume.kubernetes.io/selected-node":"{{{node}}}"} },
         "spec":{"accessModes":["{{{access}}}"],"storageClassName":"local-path","volumeMode":"{{{mode}}}","resources":{"requests":{"storage":"1Gi"} } },"status":{"phase":"Pending"}}
        """);

    private static async Task<string> NameAsync(ControllerScenario scenario) => $"pvc-{(string)(await scenario.FindAsync(Resources.PersistentVolumeClaims, "data", "d"))!["metadata"]!["uid"]!}";

    private sealed class Folders : INodeFolders
    {
        public ConcurrentQueue<string> Calls { get; } = [];

        public Exception? Fails { get; set; }

        public Task MakeAsync(string node, string path, CancellationToken cancel) => Call($"make {node} {path}");

        public Task RemoveAsync(string node, string path, CancellationToken cancel) => Call($"remove {node} {path}");

        private Task Call(string call)
        {
            if (Fails is not null) return Task.FromException(Fails);
            Calls.Enqueue(call);
            return Task.CompletedTask;
        }
    }

    /// <summary>The test's API knows no server-side apply: what is applied here for the first time is created.</summary>
    private sealed class Applying(TestCluster api) : IKubeClient
    {
        public ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel) => api.CreateAsync(resource, name, patch.Body.AsObject(), null, cancel);
        public ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel) => api.FindAsync(resource, name, cancel);
        public ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => api.ListAsync(resource, query, cancel);
        public IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => api.WatchAsync(resource, query, cancel);
        public ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) => api.CreateAsync(resource, name, body, subresource, cancel);
        public ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) => api.UpdateAsync(resource, name, body, subresource, cancel);
        public ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel) => api.DeleteAsync(resource, name, query, cancel);
    }
}
