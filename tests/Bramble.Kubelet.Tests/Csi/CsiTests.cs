using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Csi;
using Bramble.Kubelet.Plugins;
using Bramble.Kubelet.Plugins.Protocol;
using Bramble.Kubelet.Volumes;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Mode = Bramble.Kubelet.Csi.Protocol.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Bramble.Kubelet.Tests.Csi;

/// <summary>Storage drivers from their socket to a pod's volume and back, with real gRPC.</summary>
public sealed class CsiTests : IAsyncLifetime
{
    private readonly string _root = Directory.CreateTempSubdirectory("csi").FullName;
    private readonly InMemoryApi _api = new();
    private readonly CancellationTokenSource _stop = new();
    private KubeletConfig _config = null!;
    private CsiDrivers _drivers = null!;
    private CsiMounts _mounts = null!;
    private readonly List<string> _told = [];
    private Task _running = Task.CompletedTask;

    public async ValueTask InitializeAsync()
    {
        _config = new KubeletConfig { NodeName = "n1", RootDirectory = _root, NodeIps = [], RuntimeEndpoint = "" };
        _drivers = new CsiDrivers(_config, _api);
        _mounts = Mounts(TimeProvider.System);
        await CreateAsync(Resources.Nodes, """{"metadata":{"name":"n1","annotations":{},"labels":{}},"spec":{}}""");
        _running = new PluginSockets(_config, new Dictionary<string, IPluginKind> { ["CSIPlugin"] = _drivers }, TimeProvider.System, NullLogger.Instance).RunAsync(_stop.Token);
        await EventuallyAsync(() => Directory.Exists(Path.Combine(_root, "plugins_registry")));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _drivers.Dispose();
        _stop.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task A_driver_that_comes_is_known_to_the_API_and_one_that_goes_is_not()
    {
        await _drivers.EnsureNodeAsync(default);
        Assert.Equal("[]", (await _api.FindAsync(Resources.CSINodes, new NamespacedName("", "n1"), default))!.ToTree()["spec"]!["drivers"]!.ToJsonString());
        await using var driver = await FakeDriver.StartAsync(_root);
        await driver.RegisterAsync();
        await EventuallyAsync(() => driver.Told.Any(t => t.PluginRegistered));
        Assert.NotNull(_drivers.Find(FakeDriver.Name));
        var node = (await _api.FindAsync(Resources.CSINodes, new NamespacedName("", "n1"), default))!.ToTree();
        Assert.Equal("""[{"name":"disk.example.com","nodeID":"id-of-n1","topologyKeys":["topology.example.com/zone"],"allocatable":{"count":8}}]""", node["spec"]!["drivers"]!.ToJsonString());
        Assert.Equal("Node", (string?)node["metadata"]!["ownerReferences"]![0]!["kind"]);
        var labels = (await _api.FindAsync(Resources.Nodes, new NamespacedName("", "n1"), default))!.ToTree()["metadata"]!;
        Assert.Equal("shelf", (string?)labels["labels"]!["topology.example.com/zone"]);
        Assert.Equal("""{"disk.example.com":"id-of-n1"}""", (string?)labels["annotations"]!["csi.volume.kubernetes.io/nodeid"]);

        await driver.UnregisterAsync();
        await EventuallyAsync(() => _drivers.Find(FakeDriver.Name) is null);
        await EventuallyAsync(() => (_api.FindAsync(Resources.CSINodes, new NamespacedName("", "n1"), default).Result!.ToTree()["spec"]!["drivers"] as JsonArray)!.Count == 0);
    }

    [Theory]
    [InlineData("1.0.0", null)]
    [InlineData("v1.8.0", null)]
    [InlineData("0.3.0", "CSI driver d supports versions [0.3.0]; 1.x is needed")]
    public void Which_drivers_are_taken(string version, string? why) =>
        Assert.Equal(why, _drivers.WhyNot(new PluginInfo { Name = "d", SupportedVersions = { version } }));

    [Fact]
    public async Task A_claims_volume_is_staged_once_published_for_each_pod_and_unstaged_after_the_last()
    {
        await using var driver = await FakeDriver.StartAsync(_root);
        await _drivers.AddAsync("s", FakeDriver.Name, driver.Endpoint, default);
        var volume = new CsiVolume(FakeDriver.Name, "vol-1", "pv1", false);
        await CreateAsync(Resources.VolumeAttachments, "{\"metadata\":{\"name\":\"" + volume.AttachmentOn("n1") + "\"},\"status\":{\"attached\":true,\"attachmentMetadata\":{\"device\":\"sdb\"}}}");
        await CreateAsync(Resources.CSIDrivers, "{\"metadata\":{\"name\":\"" + FakeDriver.Name + "\"},\"spec\":{\"podInfoOnMount\":true}}");
        await CreateAsync(Resources.Secrets, """{"metadata":{"name":"key","namespace":"vault"},"data":{"password":"czNjcmV0"}}""");

        var first = await _mounts.MountAsync(Pod("p1"), Claimed, Volume(), Volumes("p1"), default);
        await _mounts.MountAsync(Pod("p2"), Claimed, Volume(), Volumes("p2"), default);
        var staging = volume.StagingFolder(_root);
        Assert.Equal(Path.Combine(Volumes("p1"), "kubernetes.io~csi", "pv1", "mount"), first.HostPath);
        Assert.Equal([
            $"stage vol-1 {staging} ext4 [device=sdb] [password=s3cret]",
            $"publish vol-1 {first.HostPath} SingleNodeWriter readonly=False [csi.storage.k8s.io/ephemeral=false csi.storage.k8s.io/pod.name=p1 csi.storage.k8s.io/pod.namespace=d csi.storage.k8s.io/pod.uid=p1 csi.storage.k8s.io/serviceAccount.name=a size=big]",
        ], driver.Calls.Take(2));
        Assert.Equal(["kubernetes.io/csi/disk.example.com^vol-1"], _mounts.InUse);

        driver.Calls.Clear();
        await _mounts.UnmountAsync(Path.Combine(_root, "pods", "p1"), default);
        Assert.Equal([$"unpublish vol-1 {first.HostPath}"], driver.Calls);
        Assert.Single(_mounts.InUse);
        await _mounts.UnmountAsync(Path.Combine(_root, "pods", "p2"), default);
        Assert.Equal($"unstage vol-1 {staging}", driver.Calls.Last());
        Assert.Empty(_mounts.InUse);
        Assert.False(Directory.Exists(Path.GetDirectoryName(staging)));
    }

    [Fact]
    public async Task What_a_driver_refuses_is_told_in_its_words()
    {
        await using var driver = await FakeDriver.StartAsync(_root, stages: false);
        await CreateAsync(Resources.CSIDrivers, "{\"metadata\":{\"name\":\"" + FakeDriver.Name + "\"},\"spec\":{\"attachRequired\":false}}");
        var missing = await Assert.ThrowsAsync<VolumeException>(() => _mounts.MountAsync(Pod("p1"), Claimed, Volume(), Volumes("p1"), default));
        Assert.Equal("MountVolume.MountDevice failed for volume \"pv1\" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name disk.example.com not found in the list of registered CSI drivers", missing.Message);
        await _drivers.AddAsync("s", FakeDriver.Name, driver.Endpoint, default);
        driver.Refusal = "no such disk";
        var refused = await Assert.ThrowsAsync<VolumeException>(() => _mounts.MountAsync(Pod("p1"), Claimed, Volume(), Volumes("p1"), default));
        Assert.Equal("MountVolume.SetUp failed for volume \"pv1\" : rpc error: code = Internal desc = no such disk", refused.Message);
    }

    [Theory]
    [InlineData(""" "tokenRequests":[{"audience":"vault","expirationSeconds":600},{"audience":""}],"requiresRepublish":true """, "context", 2)]
    [InlineData(""" "tokenRequests":[{"audience":"vault"},{"audience":""}],"serviceAccountTokenInSecrets":true """, "secrets", 1)]
    [InlineData(""" "requiresRepublish":true """, "", 2)]
    [InlineData("", "", 1)]
    public async Task A_driver_that_acts_for_the_pod_has_its_tokens_and_may_be_asked_again(string spec, string where, int times)
    {
        await using var driver = await FakeDriver.StartAsync(_root, stages: false);
        await _drivers.AddAsync("s", FakeDriver.Name, driver.Endpoint, default);
        await CreateAsync(Resources.CSIDrivers, "{\"metadata\":{\"name\":\"" + FakeDriver.Name + "\"},\"spec\":{\"volumeLifecycleModes\":[\"Ephemeral\"]" + (spec.Length == 0 ? "" : "," + spec) + "}}");
        var about = await _api.FindAsync(Resources.CSIDrivers, new NamespacedName("", FakeDriver.Name), default);
        _drivers.About = _ => about;
        var own = new V1Volume { Name = "scratch", Csi = new V1CSIVolumeSource { Driver = FakeDriver.Name } };
        await _mounts.MountEphemeralAsync(Pod("p1"), own, Volumes("p1"), default);
        const string key = "csi.storage.k8s.io/serviceAccount.tokens=";
        var call = Assert.Single(driver.Calls);
        Assert.Equal(where switch { "context" => 1, "secrets" => 2, _ => -1 }, Array.FindIndex(call.Split('['), part => part.StartsWith(key, StringComparison.Ordinal)));
        if (where.Length > 0) Assert.Equal(["", "vault"], JsonNode.Parse(call[(call.IndexOf(key, StringComparison.Ordinal) + key.Length)..call.IndexOf("}}", StringComparison.Ordinal)] + "}}")!.AsObject().Select(t => t.Key));
        Assert.Equal(times > 1, _mounts.NextPublication("p1") is not null);

        var mounted = Mounts(TimeProvider.System, isMounted: true);
        await mounted.MountEphemeralAsync(Pod("p1"), own, Volumes("p1"), default);
        Assert.Equal(times, driver.Calls.Count);
        // What is there stays when it cannot be made current.
        driver.Refusal = "not now";
        await mounted.MountEphemeralAsync(Pod("p1"), own, Volumes("p1"), default);
        Assert.Equal(times > 1 ? ["MountVolume.SetUp failed for volume \"scratch\" : rpc error: code = Internal desc = not now"] : [], _told);
    }

    [Theory]
    [InlineData(null, "ext4", true)]
    [InlineData(null, null, false)]
    [InlineData("File", null, true)]
    [InlineData("None", "ext4", false)]
    public void Whose_files_of_a_pods_own_volume_may_be_given_to_a_group(string? policy, string? fsType, bool may) => Assert.Equal(may, CsiRequests.MayOwnInline(policy, fsType));

    [Fact]
    public async Task A_driver_is_asked_again_how_many_volumes_it_can_have()
    {
        await using var driver = await FakeDriver.StartAsync(_root);
        await _drivers.AddAsync("s", FakeDriver.Name, driver.Endpoint, default);
        await _drivers.AddAsync("t", "other", driver.Endpoint, default);
        await CreateAsync(Resources.CSIDrivers, "{\"metadata\":{\"name\":\"" + FakeDriver.Name + "\"},\"spec\":{\"nodeAllocatableUpdatePeriodSeconds\":10}}");
        var time = new FakeTimeProvider();
        var limits = new CsiLimits(_api, _drivers, time, NullLogger.Instance).RunAsync(_stop.Token);
        driver.MaxVolumes = 3;
        await EventuallyAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(5));
            return Limits() == "other 8 disk.example.com 3";
        });
        // What has not changed is not written.
        var version = (await _api.FindAsync(Resources.CSINodes, new NamespacedName("", "n1"), default))!.ResourceVersion;
        await _drivers.RenewAsync("other", default);
        Assert.Equal("disk.example.com 3 other 3", Limits());
        await _drivers.RenewAsync(FakeDriver.Name, default);
        Assert.Equal(version + 1, (await _api.FindAsync(Resources.CSINodes, new NamespacedName("", "n1"), default))!.ResourceVersion);
        await _stop.CancelAsync();
        await limits;

        string Limits() => string.Join(' ', (_api.FindAsync(Resources.CSINodes, new NamespacedName("", "n1"), default).Result!.ToTree()["spec"]!["drivers"] as JsonArray)!.Select(d => $"{d!["name"]} {d["allocatable"]!["count"]}"));
    }

    [Theory]
    [InlineData(10, 8, true)]
    [InlineData(10, 13, false)]
    [InlineData(null, 8, false)]
    public async Task A_pod_whose_volume_the_node_cannot_have_any_more_does_not_run_here(int? period, int code, bool isRejected)
    {
        await using var driver = await FakeDriver.StartAsync(_root);
        await _drivers.AddAsync("s", FakeDriver.Name, driver.Endpoint, default);
        var volume = new CsiVolume(FakeDriver.Name, "vol-1", "pv1", false);
        await CreateAsync(Resources.VolumeAttachments, "{\"metadata\":{\"name\":\"" + volume.AttachmentOn("n1") + "\"},\"status\":{\"attached\":false,\"attachError\":{\"message\":\"full\",\"errorCode\":" + code + "}}}");
        await CreateAsync(Resources.CSIDrivers, "{\"metadata\":{\"name\":\"" + FakeDriver.Name + "\"},\"spec\":{" + (period is null ? "" : $"\"nodeAllocatableUpdatePeriodSeconds\":{period}") + "}}");
        driver.MaxVolumes = 3;
        var time = new FakeTimeProvider();
        var mounting = Mounts(time).MountAsync(Pod("p1"), Claimed, Volume(), Volumes("p1"), default);
        await EventuallyAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(10));
            return mounting.IsCompleted;
        });
        const string late = "unmounted volumes=[data], unattached volumes=[data], failed to process volumes=[]: context deadline exceeded";
        var error = await Record.ExceptionAsync(() => mounting);
        if (isRejected) Assert.Equal("Node has reached its volume attachment limit, rejecting pod. " + late, Assert.IsType<AttachLimitException>(error).Message);
        else Assert.Equal("Unable to attach or mount volumes: " + late, Assert.IsType<VolumeException>(error).Message);
        var node = (await _api.FindAsync(Resources.CSINodes, new NamespacedName("", "n1"), default))!.ToTree();
        Assert.Equal(isRejected ? 3 : 8, (int)node["spec"]!["drivers"]![0]!["allocatable"]!["count"]!);
    }

    [Fact]
    public async Task A_pods_own_volume_needs_a_driver_that_makes_such()
    {
        await using var driver = await FakeDriver.StartAsync(_root);
        await _drivers.AddAsync("s", FakeDriver.Name, driver.Endpoint, default);
        var own = new V1Volume { Name = "scratch", Csi = new V1CSIVolumeSource { Driver = FakeDriver.Name } };
        var refused = await Assert.ThrowsAsync<VolumeException>(() => _mounts.MountEphemeralAsync(Pod("p1"), own, Volumes("p1"), default));
        Assert.Contains("volume mode \"Ephemeral\" not supported by driver disk.example.com", refused.Message);
        await CreateAsync(Resources.CSIDrivers, "{\"metadata\":{\"name\":\"" + FakeDriver.Name + "\"},\"spec\":{\"volumeLifecycleModes\":[\"Ephemeral\"],\"podInfoOnMount\":true}}");
        var mounted = await _mounts.MountEphemeralAsync(Pod("p1"), own, Volumes("p1"), default);
        Assert.StartsWith($"publish {CsiVolume.EphemeralHandle("d", "p1", "scratch")} {mounted.HostPath} SingleNodeWriter", driver.Calls.Single());
        Assert.Contains("csi.storage.k8s.io/ephemeral=true", driver.Calls.Single());
        // Nobody attaches it, so nobody waits for it.
        Assert.Empty(_mounts.InUse);
    }

    [Fact]
    public async Task A_file_system_grows_after_its_volume_and_the_claim_says_so()
    {
        await using var driver = await FakeDriver.StartAsync(_root);
        await _drivers.AddAsync("s", FakeDriver.Name, driver.Endpoint, default);
        const string claim = """
            {"metadata":{"name":"c","namespace":"d"},"spec":{"volumeName":"pv1"},"status":{"phase":"Bound","capacity":{"storage":"1Gi"},"allocatedResources":{"storage":"2Gi"},"allocatedResourceStatuses":{"storage":"NodeResizePending"},
             "conditions":[{"type":"FileSystemResizePending","status":"True"},{"type":"Other","status":"True"}]}}
            """;
        await CreateAsync(Resources.PersistentVolumeClaims, claim);
        var grown = Read<V1PersistentVolume>("""{"metadata":{"name":"pv1"},"spec":{"capacity":{"storage":"2Gi"},"csi":{"driver":"disk.example.com","volumeHandle":"vol-1"}}}""");
        var mounted = new MountedVolume("/target");
        Assert.Equal("MountVolume.NodeExpandVolume succeeded for volume \"pv1\" n1", await _mounts.ExpandAsync(Read<V1PersistentVolumeClaim>(claim), grown, mounted, null, default));
        Assert.Equal(["expand vol-1 2147483648"], driver.Calls);
        var after = (await _api.FindAsync(Resources.PersistentVolumeClaims, new NamespacedName("d", "c"), default))!;
        Assert.Equal("""{"phase":"Bound","capacity":{"storage":"2Gi"},"allocatedResources":{"storage":"2Gi"},"conditions":[{"type":"Other","status":"True"}]}""", after.ToTree()["status"]!.ToJsonString());
        Assert.Null(await _mounts.ExpandAsync(after.Model<V1PersistentVolumeClaim>(), grown, mounted, null, default));
        // Who may only read does not grow.
        Assert.Null(await _mounts.ExpandAsync(Read<V1PersistentVolumeClaim>(claim), grown, mounted with { IsReadOnly = true }, null, default));
    }

    /// <summary>What the resizer says of a claim that shows 1Gi and whose volume has 3Gi, and to what the node grows it.</summary>
    [Theory]
    [InlineData("", "3Gi")]                                                                                                                // a resizer of old
    [InlineData(""","allocatedResources":{"storage":"2Gi"}""", null)]
    [InlineData(""","allocatedResources":{"storage":"2Gi"},"allocatedResourceStatuses":{"storage":"ControllerResizeInProgress"}""", null)]
    [InlineData(""","allocatedResources":{"storage":"2Gi"},"allocatedResourceStatuses":{"storage":"NodeResizePending"}""", "2Gi")]
    [InlineData(""","allocatedResources":{"storage":"2Gi"},"allocatedResourceStatuses":{"storage":"NodeResizeInProgress"}""", "2Gi")]
    [InlineData(""","allocatedResources":{"storage":"2Gi"},"allocatedResourceStatuses":{"storage":"NodeResizeInfeasible"}""", null)]
    public void When_it_is_the_nodes_turn_to_grow(string told, string? size) => Assert.Equal(size, VolumeGrowth.Of(
        Read<V1PersistentVolumeClaim>("{\"metadata\":{\"name\":\"c\"},\"spec\":{},\"status\":{\"capacity\":{\"storage\":\"1Gi\"}" + told + "}}"),
        Read<V1PersistentVolume>("""{"metadata":{"name":"v"},"spec":{"capacity":{"storage":"3Gi"}}}"""))?.ToString());

    /// <summary>The code a driver refuses with, the first and the second time; what the pod is told, the claim's state and the message of its condition.</summary>
    [Theory]
    [InlineData(3, "2Gi", "NodeResizeInfeasible", "Expander.NodeExpand failed to expand the volume rpc error: code = InvalidArgument desc = no", "NodeResizeInfeasible")]
    [InlineData(7, "2Gi", "NodeResizeInProgress", "Expander.NodeExpand failed to expand the volume : rpc error: code = PermissionDenied desc = no", "NodeResizeInProgress")]
    [InlineData(7, "1500Mi", "NodeResizeInProgress", "Expander.NodeExpand failed to expand the volume : rpc error: code = PermissionDenied desc = no", "NodeResizeInfeasible")]
    [InlineData(9, "2Gi", "NodeResizeInProgress", null, "NodeResizeInProgress")]
    public async Task A_driver_that_does_not_grow_a_volume_is_told_of_in_its_claim(int code, string wanted, string state, string? told, string later)
    {
        await using var driver = await FakeDriver.StartAsync(_root);
        await _drivers.AddAsync("s", FakeDriver.Name, driver.Endpoint, default);
        driver.Refusals["NodeExpandVolume"] = code;
        await CreateAsync(Resources.PersistentVolumeClaims, "{\"metadata\":{\"name\":\"c\",\"namespace\":\"d\"},\"spec\":{\"volumeName\":\"pv1\",\"resources\":{\"requests\":{\"storage\":\"" + wanted + "\"}}},"
            + """ "status":{"phase":"Bound","capacity":{"storage":"1Gi"},"allocatedResources":{"storage":"2Gi"},"allocatedResourceStatuses":{"storage":"NodeResizePending"}}}""");
        var grown = Read<V1PersistentVolume>("""{"metadata":{"name":"pv1"},"spec":{"capacity":{"storage":"2Gi"},"csi":{"driver":"disk.example.com","volumeHandle":"vol-1"}}}""");
        foreach (var expected in (string[])[state, later])
        {
            var claim = (await _api.FindAsync(Resources.PersistentVolumeClaims, new NamespacedName("d", "c"), default))!.Model<V1PersistentVolumeClaim>();
            var error = await Record.ExceptionAsync(() => _mounts.ExpandAsync(claim, grown, new MountedVolume("/target"), null, default));
            // What is infeasible is not tried again.
            Assert.Equal(VolumeGrowth.Of(claim, grown) is null ? null : told, error?.Message);
            var status = (await _api.FindAsync(Resources.PersistentVolumeClaims, new NamespacedName("d", "c"), default))!.ToTree()["status"]!;
            Assert.Equal(expected, (string?)status["allocatedResourceStatuses"]!["storage"]);
            var condition = Assert.Single(status["conditions"]!.AsArray())!;
            Assert.Equal(("NodeResizeError", "True"), ((string)condition["type"]!, (string)condition["status"]!));
            Assert.StartsWith("failed to expand pvc with Expander.NodeExpand failed to expand the volume ", (string)condition["message"]!);
        }
    }

    /// <summary>The code of a refusal to stage, and whether the pod's end unstages: what may be under way is taken back.</summary>
    [Theory]
    [InlineData(3, false)]
    [InlineData(4, true)]
    public async Task What_a_driver_may_still_be_staging_is_unstaged(int code, bool isUnstaged)
    {
        await using var driver = await FakeDriver.StartAsync(_root);
        await _drivers.AddAsync("s", FakeDriver.Name, driver.Endpoint, default);
        await CreateAsync(Resources.CSIDrivers, "{\"metadata\":{\"name\":\"" + FakeDriver.Name + "\"},\"spec\":{\"attachRequired\":false}}");
        await CreateAsync(Resources.Secrets, """{"metadata":{"name":"key","namespace":"vault"},"data":{}}""");
        driver.Refusals["NodeStageVolume"] = code;
        await Assert.ThrowsAsync<VolumeException>(() => _mounts.MountAsync(Pod("p1"), Claimed, Volume(), Volumes("p1"), default));
        await _mounts.UnmountAsync(Path.Combine(_root, "pods", "p1"), default);
        Assert.Equal(isUnstaged, driver.Calls.Any(c => c.StartsWith("unstage", StringComparison.Ordinal)));
        Assert.Empty(_mounts.InUse);
    }

    [Fact]
    public async Task A_pod_does_not_wait_for_its_volume_to_be_unstaged_and_that_is_tried_again()
    {
        await using var driver = await FakeDriver.StartAsync(_root);
        await _drivers.AddAsync("s", FakeDriver.Name, driver.Endpoint, default);
        await CreateAsync(Resources.CSIDrivers, "{\"metadata\":{\"name\":\"" + FakeDriver.Name + "\"},\"spec\":{\"attachRequired\":false}}");
        await CreateAsync(Resources.Secrets, """{"metadata":{"name":"key","namespace":"vault"},"data":{}}""");
        await _mounts.MountAsync(Pod("p1"), Claimed, Volume(), Volumes("p1"), default);
        driver.Refusals["NodeUnstageVolume"] = 13;
        await _mounts.UnmountAsync(Path.Combine(_root, "pods", "p1"), default);
        await _mounts.UnstageUnusedAsync(default);
        Assert.Single(_mounts.InUse);
        driver.Refusals.Clear();
        await _mounts.UnstageUnusedAsync(default);
        Assert.Empty(_mounts.InUse);
        Assert.StartsWith("unstage vol-1", driver.Calls.Last(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ReadWriteOnce", false, "SingleNodeWriter")]
    [InlineData("ReadWriteOnce", true, "SingleNodeMultiWriter")]
    [InlineData("ReadWriteOncePod", false, "SingleNodeWriter")]
    [InlineData("ReadWriteOncePod", true, "SingleNodeSingleWriter")]
    [InlineData("ReadOnlyMany", true, "MultiNodeReaderOnly")]
    [InlineData("ReadWriteMany", false, "MultiNodeMultiWriter")]
    public void Access_modes_in_the_drivers_words(string mode, bool tellsWriters, string expected) => Assert.Equal(Enum.Parse<Mode>(expected), CsiRequests.ModeOf(mode, tellsWriters));

    [Theory]
    [InlineData(null, "ext4", "ReadWriteOnce", true)]
    [InlineData(null, "", "ReadWriteOnce", false)]
    [InlineData(null, "ext4", "ReadWriteMany", false)]
    [InlineData("File", "", "ReadWriteMany", true)]
    [InlineData("None", "ext4", "ReadWriteOnce", false)]
    public void Whose_files_may_be_given_to_a_group(string? policy, string fsType, string mode, bool may) =>
        Assert.Equal(may, CsiRequests.MayOwn(policy, Read<V1PersistentVolume>("{\"metadata\":{\"name\":\"v\"},\"spec\":{\"accessModes\":[\"" + mode + "\"],\"csi\":{\"driver\":\"d\",\"volumeHandle\":\"h\",\"fsType\":\"" + fsType + "\"}}}")));

    private CsiMounts Mounts(TimeProvider time, bool isMounted = false) =>
        new(_config, _api, _drivers, new ServiceAccountTokens(_api, time), () => { }, (_, why) => _told.Add(why), time, NullLogger.Instance) { IsMountPoint = _ => isMounted };

    private static V1Volume Claimed => new() { Name = "data", PersistentVolumeClaim = new V1PersistentVolumeClaimVolumeSource { ClaimName = "c" } };

    private static V1PersistentVolume Volume() => Read<V1PersistentVolume>("""
        {"metadata":{"name":"pv1"},"spec":{"accessModes":["ReadWriteOnce"],"csi":{"driver":"disk.example.com","volumeHandle":"vol-1","fsType":"ext4","volumeAttributes":{"size":"big"},"nodeStageSecretRef":{"name":"key","namespace":"vault"}}}}
        """);

    private static V1Pod Pod(string name) => Read<V1Pod>("{\"metadata\":{\"name\":\"" + name + "\",\"namespace\":\"d\",\"uid\":\"" + name + "\"},\"spec\":{\"serviceAccountName\":\"a\",\"containers\":[]}}");

    private string Volumes(string pod) => Path.Combine(_root, "pods", pod, "volumes");

    private async Task CreateAsync(ResourceId resource, string json)
    {
        var body = JsonNode.Parse(json)!.AsObject();
        await _api.CreateAsync(resource, new NamespacedName((string?)body["metadata"]!["namespace"] ?? "", (string)body["metadata"]!["name"]!), body, null, default);
    }

    private static T Read<T>(string json) where T : class, IKubernetesObject<V1ObjectMeta> => KubeObject.Parse(Encoding.UTF8.GetBytes(json)).Model<T>();

    private static async Task EventuallyAsync(Func<bool> condition, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(condition))] string what = "")
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!condition())
        {
            if (limit.IsCancellationRequested) Assert.Fail($"not within 20 s: {what}");
            await Task.Delay(10);
        }
    }
}
