using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Containers;
using Bramble.Kubelet.Dra;
using Bramble.Kubelet.Dra.Protocol;
using Bramble.Kubelet.Plugins;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Tests.Pods;
using Google.Protobuf;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Kubelet.Tests.Dra;

/// <summary>Devices from a driver's registration to a container and back, with real gRPC.</summary>
public sealed class DynamicResourcesTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string _root = Directory.CreateTempSubdirectory("dra").FullName;
    private readonly InMemoryApi _api = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private Node _node = null!;

    public ValueTask InitializeAsync()
    {
        _node = new Node(_root, _api, _time);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    [Theory]
    [InlineData("""{"allocation":{},"reservedFor":[{"resource":"pods","name":"p","uid":"u1"}]}""", null)]       // nothing of this node is in it
    [InlineData("""{"allocation":{"devices":{"results":[{"request":"r","driver":"gpu.example.com","pool":"n1","device":"d"}]}},"reservedFor":[{"resource":"pods","name":"p","uid":"u1"}]}""", "DRA driver gpu.example.com is not registered")]
    [InlineData("{}", "pod p (u1) is not allowed to use ResourceClaim mine (uid-mine)")]
    [InlineData("""{"reservedFor":[{"resource":"pods","name":"p","uid":"u1"}]}""", "ResourceClaim mine: not allocated")]
    [InlineData(null, "fetch ResourceClaim mine: resourceclaims.resource.k8s.io \"mine\" not found")]
    public async Task A_pod_waits_for_a_claim_that_is_not_ready(string? status, string? expected)
    {
        if (status is not null) await CreateAsync("mine", JsonNode.Parse(status)!);
        Assert.Equal(expected, await ProblemAsync(Pod("u1", "mine")));
        // Nothing has been asked of a driver: such a pod can be deleted.
        Assert.Equal(expected is null ? ["u1"] : [], _node.Resources.PodUids());
    }

    [Theory]
    [InlineData(null, null, "pod \"ns/p\": ResourceClaim not created yet")]
    [InlineData("mine", "other", "ResourceClaim ns/mine was not created for Pod ns/p (Pod is not owner)")]
    [InlineData("mine", "u1", null)]
    [InlineData("", null, null)]                                            // its controller says that none is needed
    public async Task A_claim_of_a_template_is_the_pods_own(string? made, string? owner, string? expected)
    {
        var pod = Make.Pod();
        pod.Spec.ResourceClaims = [new() { Name = "devices", ResourceClaimTemplateName = "template" }];
        if (made is not null) pod.Status = new() { ResourceClaimStatuses = [new() { Name = "devices", ResourceClaimName = made.Length == 0 ? null : made }] };
        await CreateAsync("mine", Allocated([], "u1"), owner);
        Assert.Equal(expected, await ProblemAsync(pod));
    }

    [Theory]
    [InlineData("v1", new[] { "v1.DRAPlugin", "v1beta1.DRAPlugin" })]
    [InlineData("v1beta1", new[] { "v1beta1.DRAPlugin", "v1.DRAPlugin" })]  // the driver's order counts
    [InlineData("v1beta1", new[] { "v1alpha4.DRAPlugin", "v1beta1.DRAPlugin" })]
    public async Task A_claim_is_prepared_in_the_words_of_the_drivers_version(string service, string[] versions)
    {
        await using var driver = await DriverAsync(new FakeDraDriver(_root) { Service = service }, versions);
        await CreateAsync("mine", Allocated(["gpu.example.com"], "u1"));
        var pod = Pod("u1", "mine");
        Assert.Null(await ProblemAsync(pod));
        Assert.Equal(["prepare ns/mine/uid-mine"], driver.Calls);
        Assert.Equal(["example.com/gpu=dev-mine"], _node.Resources.Devices(pod, pod.Spec.Containers[0]));
        // Again, as after a new sandbox: the driver is not asked.
        Assert.Null(await ProblemAsync(pod));
        Assert.Single(driver.Calls);

        await _node.Resources.UnprepareAsync("u1", None);
        Assert.Equal("unprepare ns/mine/uid-mine", driver.Calls.Last());
        Assert.Empty(_node.Resources.PodUids());
        await _node.Resources.UnprepareAsync("u1", None);
        Assert.Equal(2, driver.Calls.Count);
    }

    [Fact]
    public async Task A_driver_of_no_known_version_is_told_so()
    {
        await using var driver = new FakeDraDriver(_root);
        await driver.StartAsync();
        await driver.RegisterAsync("v1alpha4.Node");
        await EventuallyAsync(() => !driver.Told.IsEmpty);
        Assert.Equal(
            $"invalid supported gRPC versions of DRA driver plugin gpu.example.com at endpoint {driver.Endpoint}: none of services supported by the plugin ([\"v1alpha4.Node\"]) are supported by the kubelet ([\"v1.DRAPlugin\" \"v1beta1.DRAPlugin\"])",
            driver.Told.First().Error);
    }

    [Fact]
    public async Task A_shared_claim_is_prepared_once_and_taken_back_after_its_last_pod()
    {
        await using var driver = await DriverAsync(new FakeDraDriver(_root));
        await CreateAsync("mine", Allocated(["gpu.example.com"], "u1", "u2"));
        Assert.Null(await ProblemAsync(Pod("u1", "mine")));
        Assert.Null(await ProblemAsync(Pod("u2", "mine")));
        await _node.Resources.UnprepareAsync("u1", None);
        // One that never came as far does not end it.
        await _node.Resources.UnprepareAsync("u3", None);
        Assert.Equal(["prepare ns/mine/uid-mine"], driver.Calls);
        Assert.Equal(["example.com/gpu=dev-mine"], _node.Resources.Devices(Pod("u2", "mine"), Pod("u2", "mine").Spec.Containers[0]));
        await _node.Resources.UnprepareAsync("u2", None);
        Assert.Equal("unprepare ns/mine/uid-mine", driver.Calls.Last());
    }

    [Fact]
    public async Task All_claims_of_a_pod_go_to_their_driver_in_one_call()
    {
        await using var driver = await DriverAsync(new FakeDraDriver(_root));
        await CreateAsync("a", Allocated(["gpu.example.com"], "u1"));
        await CreateAsync("b", Allocated(["gpu.example.com"], "u1"));
        Assert.Null(await ProblemAsync(Pod("u1", "a", "b")));
        Assert.Equal(["prepare ns/a/uid-a ns/b/uid-b"], driver.Calls);
    }

    [Fact]
    public async Task What_a_driver_answers_wrongly_is_told_in_upstreams_words()
    {
        await using var driver = await DriverAsync(new FakeDraDriver(_root));
        await CreateAsync("mine", Allocated(["gpu.example.com"], "u1"));
        var pod = Pod("u1", "mine");
        driver.Refusal = "no power";
        Assert.Equal("NodePrepareResources: rpc error: code = Internal desc = no power", await ProblemAsync(pod));
        driver.Refusal = null;
        driver.Prepares = _ => new NodePrepareResourceResponse { Error = "too hot" };
        Assert.Equal("NodePrepareResources failed for ResourceClaim mine: too hot", await ProblemAsync(pod));
        driver.Skips = "mine";
        Assert.Equal("NodePrepareResources skipped 1 ResourceClaims", await ProblemAsync(pod));
        // It may be prepared all the same: it is taken back, and until then its pod has not ended.
        driver.UnprepareError = "busy";
        Assert.Equal("NodeUnprepareResources failed for ResourceClaim mine: busy", (await Assert.ThrowsAsync<DynamicResourcesException>(() => _node.Resources.UnprepareAsync("u1", None))).Message);
        Assert.Equal(["u1"], _node.Resources.PodUids());
        driver.UnprepareError = null;
        await _node.Resources.UnprepareAsync("u1", None);
        Assert.Empty(_node.Resources.PodUids());
    }

    [Fact]
    public async Task Another_claim_of_the_same_name_waits_for_the_old_ones_end()
    {
        await using var driver = await DriverAsync(new FakeDraDriver(_root));
        await CreateAsync("mine", Allocated(["gpu.example.com"], "u1", "u2"));
        Assert.Null(await ProblemAsync(Pod("u1", "mine")));
        await _api.DeleteAsync(Client.Resources.ResourceClaims, new("ns", "mine"), new DeleteQuery(), None);
        await CreateAsync("mine", Allocated(["gpu.example.com"], "u2"), uid: "another");
        Assert.Equal("old ResourceClaim with same name mine and different UID uid-mine still exists (previous pod force-deleted?!)", await ProblemAsync(Pod("u2", "mine")));
        await _node.Resources.UnprepareAsync("u1", None);
        Assert.Null(await ProblemAsync(Pod("u2", "mine")));
    }

    [Fact]
    public async Task What_was_prepared_is_known_after_a_kill_and_written_only_when_it_changes()
    {
        await using var driver = await DriverAsync(new FakeDraDriver(_root));
        driver.Prepares = _ => FakeDraDriver.Device("d1", "big");
        await CreateAsync("mine", Allocated(["gpu.example.com"], "u1"));
        var pod = Pod("u1", "mine");
        Assert.Null(await ProblemAsync(pod));
        var file = Path.Combine(_root, "dra_manager_state");
        var checkpoint = JsonNode.Parse(await File.ReadAllTextAsync(file, None))!;
        Assert.Equal(
            """{"kind":"DRACheckpoint","apiVersion":"checkpoint.dra.kubelet.k8s.io/v1","ClaimInfoStateList":[{"ClaimUID":"uid-mine","ClaimName":"mine","Namespace":"ns","PodUIDs":{"u1":{}},"DriverState":{"gpu.example.com":{"Devices":[{"PoolName":"n1","DeviceName":"d1","ShareID":null,"RequestNames":["big"],"CDIDeviceIDs":["example.com/gpu=d1"]}]}}}]}""",
            (string?)checkpoint["Data"]);
        File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);
        Assert.Null(await ProblemAsync(pod));
        Assert.Equal(DateTime.UnixEpoch, File.GetLastWriteTimeUtc(file));

        // No stop: the next start reads what was written. The driver comes later.
        await driver.UnregisterAsync();
        await _node.DisposeAsync();
        _node = new Node(_root, _api, _time);
        Assert.Equal(["example.com/gpu=d1"], _node.Resources.Devices(pod, pod.Spec.Containers[0]));
        Assert.Equal("DRA driver gpu.example.com is not registered", (await Assert.ThrowsAsync<DynamicResourcesException>(() => _node.Resources.UnprepareAsync("u1", None))).Message);
        await driver.RegisterAsync();
        await EventuallyAsync(() => _node.RegisteredCount == 1);
        await _node.Resources.UnprepareAsync("u1", None);
        Assert.Contains("\"ClaimInfoStateList\":[]", (string?)JsonNode.Parse(await File.ReadAllTextAsync(file, None))!["Data"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"Data\":\"{}\",\"Checksum\":1}")]
    [InlineData("[1]")]
    public void A_file_that_is_broken_is_set_aside(string content)
    {
        var file = Path.Combine(_root, "dra_manager_state");
        File.WriteAllText(file, content);
        Assert.Empty(PreparedClaims.Open(_root, NullLogger.Instance).All);
        Assert.Equal(content, File.ReadAllText(file + ".unreadable"));
        Assert.False(File.Exists(file));
    }

    [Fact]
    public async Task During_an_update_the_newer_process_is_asked_and_the_older_one_when_that_is_away()
    {
        await using var old = await DriverAsync(new FakeDraDriver(_root, "a"));
        await using var newer = await DriverAsync(new FakeDraDriver(_root, "b"));
        await EventuallyAsync(() => _node.Drivers.Get(FakeDraDriver.Name) is { IsConnected: true } p && p.Endpoint == newer.Endpoint);
        await EventuallyAsync(() => _node.ConnectedCount(2));
        await newer.StopAsync();
        await EventuallyAsync(() => _node.Drivers.Get(FakeDraDriver.Name).Endpoint == old.Endpoint);
        await old.UnregisterAsync();
        await EventuallyAsync(() => _node.Drivers.Get(FakeDraDriver.Name).Endpoint == newer.Endpoint);
        await newer.UnregisterAsync();
        await EventuallyAsync(() => !_node.IsKnown(FakeDraDriver.Name));
    }

    [Fact]
    public async Task The_slices_of_a_driver_that_stays_away_go_after_30_seconds()
    {
        await using var driver = await DriverAsync(new FakeDraDriver(_root));
        await EventuallyAsync(() => _node.ConnectedCount(1));
        await SliceAsync("mine", FakeDraDriver.Name, "n1");
        await SliceAsync("others-node", FakeDraDriver.Name, "n2");
        await SliceAsync("others-driver", "nic.example.com", "n1");
        await driver.StopAsync();
        await EventuallyAsync(() => _node.ConnectedCount(0));
        var waited = 0;
        for (; waited < 300 && await _api.FindAsync(Client.Resources.ResourceSlices, new("", "mine"), None) is not null; waited++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10, None);
        }
        Assert.InRange(waited, 30, 299);
        Assert.NotNull(await _api.FindAsync(Client.Resources.ResourceSlices, new("", "others-node"), None));
        Assert.NotNull(await _api.FindAsync(Client.Resources.ResourceSlices, new("", "others-driver"), None));
        // At a start all of this node's go.
        await _node.Drivers.ForgetOldSlicesAsync(None);
        Assert.Null(await _api.FindAsync(Client.Resources.ResourceSlices, new("", "others-driver"), None));
        Assert.NotNull(await _api.FindAsync(Client.Resources.ResourceSlices, new("", "others-node"), None));
    }

    [Fact]
    public async Task Health_of_devices_is_in_the_status_of_their_containers_until_the_driver_goes()
    {
        await using var driver = new FakeDraDriver(_root) { Health = Channel.CreateUnbounded<IMessage>() };
        await DriverAsync(driver);
        await CreateAsync("mine", Allocated(["gpu.example.com"], "u1"));
        var pod = Pod("u1", "mine");
        Assert.Null(await ProblemAsync(pod));
        Assert.Equal("claim:devices-mine example.com/gpu=dev-mine Unknown ", Shown(pod));
        driver.Health.Writer.TryWrite(Said(HealthStatus.Unhealthy, "fan stopped"));
        await EventuallyAsync(() => Shown(pod) == "claim:devices-mine example.com/gpu=dev-mine Unhealthy fan stopped");
        Assert.Contains("u1", _node.Woken);
        // What it said holds for 30 seconds.
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal("claim:devices-mine example.com/gpu=dev-mine Unknown ", Shown(pod));
        driver.Health.Writer.TryWrite(Said(HealthStatus.Healthy, ""));
        await EventuallyAsync(() => Shown(pod) == "claim:devices-mine example.com/gpu=dev-mine Healthy ");
        await driver.StopAsync();
        await EventuallyAsync(() => Shown(pod) == "claim:devices-mine example.com/gpu=dev-mine Unknown ");
    }

    [Theory]
    [InlineData(null, new string[0], true)]
    [InlineData("gpu", new string[0], true)]                // for every request
    [InlineData("gpu", new[] { "gpu" }, true)]
    [InlineData("gpu", new[] { "nic" }, false)]
    [InlineData("gpu/small", new[] { "gpu" }, true)]        // drivers say the request, containers may say which of its alternatives
    [InlineData("gpu/small", new[] { "gpu/small" }, true)]
    [InlineData("gpu/small", new[] { "gpu/big" }, false)]
    [InlineData("gpu", new[] { "gpu/big" }, true)]
    public void Which_devices_a_container_is_given(string? request, string[] requests, bool isGiven) =>
        Assert.Equal(isGiven, DynamicResources.IsFor(new PreparedDevice { Pool = "n1", Name = "d", Requests = requests, CdiIds = [] }, request));

    [Fact]
    public async Task Extended_resources_of_drivers_go_to_the_container_that_asks_for_them()
    {
        await using var driver = await DriverAsync(new FakeDraDriver(_root));
        driver.Prepares = _ => new NodePrepareResourceResponse
        {
            Devices = { FakeDraDriver.Device("first", "container-0-request-0").Devices[0], FakeDraDriver.Device("second", "container-1-request-0").Devices[0] },
        };
        await CreateAsync("made", Allocated(["gpu.example.com"], "u1"));
        var pod = Make.Pod(containers: [Make.Container("a"), Make.Container("b"), Make.Container("c")]);
        foreach (var container in pod.Spec.Containers.Take(2)) container.Resources = new() { Requests = new Dictionary<string, ResourceQuantity> { ["example.com/gpu"] = new("1") } };
        pod.Status = new()
        {
            ExtendedResourceClaimStatus = new()
            {
                ResourceClaimName = "made",
                RequestMappings =
                [
                    new() { ContainerName = "a", ResourceName = "example.com/gpu", RequestName = "container-0-request-0" },
                    new() { ContainerName = "b", ResourceName = "example.com/gpu", RequestName = "container-1-request-0" },
                ],
            },
        };
        Assert.Null(await ProblemAsync(pod));
        Assert.Equal(["example.com/gpu=first", "example.com/gpu=second", ""], pod.Spec.Containers.Select(c => string.Join(' ', _node.Resources.Devices(pod, c))));
        Assert.Null(PodAdmission.Decide(pod, new V1Node { Metadata = new() { Name = "n1" }, Status = new() { Allocatable = new Dictionary<string, ResourceQuantity> { ["cpu"] = new("4") } } }, []));
    }

    [Fact]
    public void A_container_whose_claim_is_not_prepared_does_not_start()
    {
        var pod = Pod("u1", "mine");
        Assert.Equal("internal error: unable to get claim info for ResourceClaim mine in namespace ns", Assert.Throws<ContainerConfigException>(() => _node.Resources.Devices(pod, pod.Spec.Containers[0])).Message);
    }

    private static NodeWatchResourcesResponse Said(HealthStatus health, string message) =>
        new() { Devices = { new DeviceHealth { Device = new DeviceIdentifier { PoolName = "n1", DeviceName = "dev-mine" }, Health = health, Message = message } } };

    private string Shown(V1Pod pod)
    {
        var status = new V1PodStatus { ContainerStatuses = [new() { Name = "c", State = new(), LastState = new() }] };
        _node.Resources.AddHealth(pod, status);
        var shown = PodStatusTree.Of(status)["containerStatuses"]![0]!["allocatedResourcesStatus"]![0]!;
        var device = shown["resources"]!.AsArray().Single()!;
        return $"{shown["name"]} {device["resourceID"]} {device["health"]} {device["message"]}";
    }

    private async Task<FakeDraDriver> DriverAsync(FakeDraDriver driver, params string[] versions)
    {
        await driver.StartAsync();
        await driver.RegisterAsync(versions);
        await EventuallyAsync(() => driver.Told.Any(t => t.PluginRegistered));
        return driver;
    }

    /// <summary>One container that uses all of the pod's claims.</summary>
    private static V1Pod Pod(string uid, params string[] claims)
    {
        var pod = Make.Pod();
        pod.Metadata.Uid = uid;
        pod.Spec.ResourceClaims = [.. claims.Select(c => new V1PodResourceClaim { Name = $"devices-{c}", ResourceClaimName = c })];
        pod.Spec.Containers[0].Resources = new() { Claims = [.. claims.Select(c => new Corev1ResourceClaim { Name = $"devices-{c}" })] };
        return pod;
    }

    private static JsonObject Allocated(string[] drivers, params string[] pods) => new()
    {
        ["allocation"] = new JsonObject
        {
            ["devices"] = new JsonObject { ["results"] = new JsonArray([.. drivers.Select(d => (JsonNode)new JsonObject { ["request"] = "r", ["driver"] = d, ["pool"] = "n1", ["device"] = "d" })]) },
        },
        ["reservedFor"] = new JsonArray([.. pods.Select(p => (JsonNode)new JsonObject { ["resource"] = "pods", ["name"] = "p", ["uid"] = p })]),
    };

    private async Task CreateAsync(string name, JsonNode status, string? owner = null, string? uid = null)
    {
        var metadata = new JsonObject { ["name"] = name, ["namespace"] = "ns", ["uid"] = uid ?? $"uid-{name}" };
        if (owner is not null) metadata["ownerReferences"] = new JsonArray(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["name"] = "p", ["uid"] = owner, ["controller"] = true });
        await _api.CreateAsync(Client.Resources.ResourceClaims, new NamespacedName("ns", name),
            new JsonObject { ["apiVersion"] = "resource.k8s.io/v1", ["kind"] = "ResourceClaim", ["metadata"] = metadata, ["spec"] = new JsonObject(), ["status"] = status.DeepClone() }, null, None);
    }

    private async Task SliceAsync(string name, string driver, string node) => await _api.CreateAsync(Client.Resources.ResourceSlices, new NamespacedName("", name),
        new JsonObject { ["metadata"] = new JsonObject { ["name"] = name }, ["spec"] = new JsonObject { ["driver"] = driver, ["nodeName"] = node } }, null, None);

    private async Task<string?> ProblemAsync(V1Pod pod)
    {
        try
        {
            await _node.Resources.PrepareAsync(pod, None);
            return null;
        }
        catch (DynamicResourcesException waits)
        {
            return waits.Message;
        }
    }

    private static async Task EventuallyAsync(Func<bool> condition, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(condition))] string what = "")
    {
        for (var i = 0; i < 600 && !condition(); i++) await Task.Delay(50, None);
        Assert.True(condition(), what);
    }

    /// <summary>The parts of a node that drivers talk to; another one over the same folder is the next start.</summary>
    private sealed class Node : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _running;

        public Node(string root, InMemoryApi api, TimeProvider time)
        {
            var config = new KubeletConfig { NodeName = "n1", RootDirectory = root, NodeIps = [], RuntimeEndpoint = "" };
            var healths = new DeviceHealths(time);
            Drivers = new DraDrivers(config, api, healths, time, NullLogger.Instance)
            {
                Registered = _ =>
                {
                    RegisteredCount++;
                    return Task.CompletedTask;
                },
            };
            Resources = new DynamicResources(api, PreparedClaims.Open(root, NullLogger.Instance), Drivers, healths);
            healths.Changed = (driver, devices) => Woken = [.. Woken, .. Resources.PodsWith(driver, devices)];
            var sockets = new PluginSockets(config, new Dictionary<string, IPluginKind> { ["DRAPlugin"] = Drivers }, TimeProvider.System, NullLogger.Instance);
            _running = sockets.RunAsync(_stop.Token);
        }

        public DraDrivers Drivers { get; }
        public DynamicResources Resources { get; }
        public int RegisteredCount { get; private set; }
        public IReadOnlyList<string> Woken { get; private set; } = [];

        public bool ConnectedCount(int count) => Drivers.Plugins.Count(p => p.IsConnected) == count;

        public bool IsKnown(string driver) => Drivers.Plugins.Any(p => p.Driver == driver);

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            await Drivers.DisposeAsync();
            _stop.Dispose();
        }
    }
}
