using System.Globalization;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.DevicePlugins;
using Bramble.Kubelet.Eviction;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Node;

/// <summary>The node's object and Lease: made or adopted at the start, then a heartbeat every 10 s. The status is written when it has changed, and every
/// five minutes. What fails is tried again with the next heartbeat.</summary>
internal sealed class NodeAgent(
    KubeletConfig config, IKubeClient client, IRuntimeService runtime, RuntimeSupport support, Machine machine, NodeResources resources, PressureWatch pressure, EventRecorder events,
    TimeProvider time, ILogger log)
{
    /// <summary>The Lease's protocol (KEP-589): four missed renewals make the node NotReady.</summary>
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan ImagesEvery = TimeSpan.FromMinutes(5);
    private const int LeaseDurationSeconds = 40;
    private const string LeaseNamespace = "kube-node-lease";

    private readonly NamespacedName _name = new("", config.NodeName);
    private readonly Channel<bool> _hurry = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ClockWatch _clock = new(time);
    private KubeObject? _node;
    private string _runtimeVersion = "";
    private IReadOnlyList<Image> _images = [];
    private long? _reportedAt;
    private long? _imagesAt;
    private bool? _wasReady;
    private bool _isStartTold, _wasUnschedulable;
    private string? _networkProblem = "container runtime status check may not have completed yet";

    /// <summary>The node's object as last seen; null: not registered yet.</summary>
    public V1Node? Node => Volatile.Read(ref _node)?.Model<V1Node>();

    /// <summary>Null: pods can get a network.</summary>
    public string? NetworkProblem => Volatile.Read(ref _networkProblem);

    /// <summary>Drivers' volumes that the node has mounted, by unique name. Set before <see cref="RunAsync"/>.</summary>
    public Func<IReadOnlyList<string>> VolumesInUse { get; set; } = () => [];

    /// <summary>Device plugins' resources: all devices, and those to give. Set before <see cref="RunAsync"/>.</summary>
    public Func<IReadOnlyList<(string Resource, int Capacity, int Allocatable)>> PluginDevices { get; set; } = () => [];

    /// <summary>No device plugin was ever here. Set before <see cref="RunAsync"/>.</summary>
    public bool IsWithoutPlugins { get; set; }

    /// <param name="lookAgain">Pods may need something now: the network has become ready, or the clock was set.</param>
    public async Task RunAsync(Action lookAgain, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            if (_clock.HasJumped() is { } jump)
            {
                // A board without a clock battery gets the time after its start. Waits count elapsed time; what has a date (tokens) is looked at again.
                Log.ClockJumped(log, TimeSpan.FromSeconds(Math.Round(jump.TotalSeconds)));
                _reportedAt = null;
                lookAgain();
            }
            var hadProblem = NetworkProblem is not null;
            try
            {
                var health = await HealthAsync(cancel);
                if (hadProblem && NetworkProblem is null) lookAgain();
                await WriteNodeAsync(health, cancel);
                await RenewLeaseAsync(cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                Log.NodeNotWritten(log, e.Message);
            }
            // Until it is ready the node looks every second, because everybody waits for it.
            var wait = _wasReady == true ? Heartbeat : TimeSpan.FromSeconds(1);
            using var sleeping = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var hurry = _hurry.Reader.WaitToReadAsync(sleeping.Token).AsTask();
            await Task.WhenAny(hurry, Task.Delay(wait, time, sleeping.Token));
            await sleeping.CancelAsync();
            _hurry.Reader.TryRead(out _);
        }
    }

    /// <summary>Something about the node has changed that others wait for: its status is looked at now.</summary>
    public void Hurry() => _hurry.Writer.TryWrite(true);

    private async Task<NodeHealth> HealthAsync(CancellationToken cancel)
    {
        string? problem = null;
        try
        {
            if (_runtimeVersion.Length == 0)
            {
                var version = await runtime.VersionAsync(cancel);
                _runtimeVersion = $"{version.RuntimeName}://{version.RuntimeVersion.TrimStart('v')}";
            }
            var answer = await runtime.StatusAsync(cancel);
            support.Update(answer);
            var status = answer.Status;
            foreach (var condition in status.Conditions)
            {
                var text = $"{condition.Type}={(condition.Status ? "true" : "false")} reason:{condition.Reason} message:{condition.Message}";
                if (condition.Type == "RuntimeReady" && !condition.Status) problem = $"container runtime not ready: {text}";
                if (condition.Type == "NetworkReady")
                {
                    var network = condition.Status ? null : $"container runtime network not ready: {text}";
                    Volatile.Write(ref _networkProblem, network);
                    problem ??= network;
                }
            }
            if (_imagesAt is null || time.GetElapsedTime(_imagesAt.Value) >= ImagesEvery)
            {
                _images = await runtime.ListImagesAsync(cancel);
                _imagesAt = time.GetTimestamp();
            }
        }
        catch (RuntimeException e)
        {
            problem = $"container runtime is down: {e.Message}";
        }
        var seen = pressure.Current;
        return new(problem, seen.HasMemoryPressure, seen.HasDiskPressure, seen.HasPidPressure);
    }

    private async Task WriteNodeAsync(NodeHealth health, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        var current = await client.FindAsync(Resources.Nodes, _name, cancel) ?? await RegisterAsync(cancel);
        var tree = current.ToTree();
        if (_node is null) await AdoptAsync(tree, cancel);
        var wanted = NodeStatus.Decide(config, machine, resources, _runtimeVersion, health, _images, now);
        NodeStatus.AddRuntime(wanted, support);
        var inUse = VolumesInUse();
        if (inUse.Count > 0 || tree["status"]?["volumesInUse"] is not null) wanted["volumesInUse"] = new JsonArray([.. inUse.Select(name => (JsonNode)name)]);
        ExtendedResources.AddTo(wanted, tree["status"] as JsonObject, PluginDevices(), isReset: _node is null && IsWithoutPlugins);
        var isDue = _reportedAt is null || time.GetElapsedTime(_reportedAt.Value) >= ReportEvery;
        var before = tree["status"] as JsonObject;
        if (NodeStatus.Patch(before, wanted, isDue) is { } patch)
        {
            current = await client.PatchAsync(Resources.Nodes, _name, new Patch(PatchType.Strategic, patch), "status", cancel);
            _reportedAt = time.GetTimestamp();
        }
        Volatile.Write(ref _node, current);
        _wasReady = health.Problem is null;
        TellChanges(before, wanted, current);
    }

    private void TellChanges(JsonObject? before, JsonObject now, KubeObject node)
    {
        var about = NodeEvents.About(config.NodeName);
        if (!_isStartTold)
        {
            events.Normal(about, "Starting", "Starting kubelet.");
            events.Normal(about, "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods");
            _isStartTold = true;
        }
        if (NodeEvents.Rebooted(config.NodeName, before, now) is { } rebooted) events.Warning(about, "Rebooted", rebooted);
        foreach (var reason in NodeEvents.Changes(before, now)) events.Normal(about, reason, NodeEvents.Message(config.NodeName, reason));
        var isUnschedulable = node.Model<V1Node>().Spec?.Unschedulable == true;
        if (isUnschedulable == _wasUnschedulable) return;
        _wasUnschedulable = isUnschedulable;
        var change = isUnschedulable ? "NodeNotSchedulable" : "NodeSchedulable";
        events.Normal(about, change, NodeEvents.Message(config.NodeName, change));
    }

    private async Task<KubeObject> RegisterAsync(CancellationToken cancel)
    {
        var taints = new JsonArray();
        foreach (var taint in config.RegisterWithTaints)
        {
            var node = new JsonObject { ["key"] = taint.Key, ["effect"] = taint.Effect };
            if (!string.IsNullOrEmpty(taint.Value)) node["value"] = taint.Value;
            taints.Add((JsonNode)node);
        }
        var spec = new JsonObject();
        if (taints.Count > 0) spec["taints"] = taints;
        if (config.ProviderId is not null) spec["providerID"] = config.ProviderId;
        var body = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Node",
            ["metadata"] = new JsonObject
            {
                ["name"] = config.NodeName,
                ["labels"] = Map(NodeStatus.Labels(config, machine)),
                ["annotations"] = Map(config.NodeAnnotations),
            },
            ["spec"] = spec,
        };
        try
        {
            var made = await client.CreateAsync(Resources.Nodes, _name, body, null, cancel);
            Log.NodeRegistered(log, config.NodeName);
            return made;
        }
        catch (StatusException e) when (e.IsAlreadyExists)
        {
            if (await client.FindAsync(Resources.Nodes, _name, cancel) is { } there) return there;
            throw;
        }
    }

    /// <summary>An old object gets the labels and annotations of this start.</summary>
    private async Task AdoptAsync(JsonObject tree, CancellationToken cancel)
    {
        var labels = Missing(NodeStatus.Labels(config, machine), tree["metadata"]?["labels"] as JsonObject);
        var annotations = Missing(config.NodeAnnotations, tree["metadata"]?["annotations"] as JsonObject);
        if (labels.Count + annotations.Count == 0) return;
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = Map(labels), ["annotations"] = Map(annotations) } };
        await client.PatchAsync(Resources.Nodes, _name, new Patch(PatchType.Merge, patch), null, cancel);
    }

    private async Task RenewLeaseAsync(CancellationToken cancel)
    {
        var name = new NamespacedName(LeaseNamespace, config.NodeName);
        var renewed = time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
        var spec = new JsonObject { ["holderIdentity"] = config.NodeName, ["leaseDurationSeconds"] = LeaseDurationSeconds, ["renewTime"] = renewed };
        try
        {
            await client.PatchAsync(Resources.Leases, name, new Patch(PatchType.Merge, new JsonObject { ["spec"] = spec.DeepClone() }), null, cancel);
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            var metadata = new JsonObject { ["name"] = name.Name, ["namespace"] = LeaseNamespace };
            if (Volatile.Read(ref _node) is { } node)
            {
                metadata["ownerReferences"] = new JsonArray(
                    new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Node", ["name"] = config.NodeName, ["uid"] = node.Uid });
            }
            var body = new JsonObject { ["apiVersion"] = "coordination.k8s.io/v1", ["kind"] = "Lease", ["metadata"] = metadata, ["spec"] = spec };
            await client.CreateAsync(Resources.Leases, name, body, null, cancel);
        }
    }

    private static Dictionary<string, string> Missing(IReadOnlyDictionary<string, string> wanted, JsonObject? there) =>
        wanted.Where(p => (string?)there?[p.Key] != p.Value).ToDictionary(p => p.Key, p => p.Value);

    private static JsonObject Map(IReadOnlyDictionary<string, string> map)
    {
        var tree = new JsonObject();
        foreach (var (key, value) in map) tree[key] = value;
        return tree;
    }
}
