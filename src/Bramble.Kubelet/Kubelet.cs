using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Kubelet.Api;
using Bramble.Kubelet.Cgroups;
using Bramble.Kubelet.Containers;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Csi;
using Bramble.Kubelet.DevicePlugins;
using Bramble.Kubelet.Dra;
using Bramble.Kubelet.Eviction;
using Bramble.Kubelet.Images;
using Bramble.Kubelet.Node;
using Bramble.Kubelet.Plugins;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Probes;
using Bramble.Kubelet.Stats;
using Bramble.Kubelet.Volumes;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet;

/// <summary>A node's agent: registers the node, runs the pods bound to it, reports their state, serves the kubelet's HTTPS endpoints.
/// Recovery is the start path: what runs is found in the runtime and adopted; stopping leaves every container running.</summary>
public sealed class Kubelet(KubeletConfig config, IKubeClient client, TimeProvider time, ILoggerFactory logs)
{
    /// <summary>A safety net for events that the runtime lost; costs four calls a pod.</summary>
    private static readonly TimeSpan RelistEvery = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan HousekeepingEvery = TimeSpan.FromMinutes(5);

    private readonly ILogger _log = logs.CreateLogger("Bramble.Kubelet");

    /// <summary>Runs until <paramref name="stopping"/>. A runtime or API that cannot be reached is waited for, never an end.</summary>
    /// <exception cref="IOException">The server's port is in use.</exception>
    public async Task RunAsync(CancellationToken stopping)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var cancel = stop.Token;
        using var runtime = new CriRuntime(config.RuntimeEndpoint);
        var runtimeName = await WaitForRuntimeAsync(runtime, cancel);
        if (runtimeName is null) return;

        Directory.CreateDirectory(config.RootDirectory);
        Directory.CreateDirectory(config.PodLogsDirectory);
        var machine = Machine.Read();
        var eviction = EvictionConfig.Parse(config.Arguments.GetValueOrDefault);
        var resources = Resources(machine, eviction.Thresholds);
        var hierarchy = CgroupHierarchy.Detect();
        var cgroups = new PodCgroups(config, hierarchy, new SystemdSlices(new Native.SystemdBus()), _log);
        var forPods = config.Arguments.GetValueOrDefault("enforce-node-allocatable", "pods").Split(',').Contains("pods") ? resources.Enforced : resources.Capacity;
        cgroups.Prepare(forPods["cpu"], (long)forPods["memory"]);

        await using var events = new EventRecorder(client, "kubelet", config.NodeName, time, logs);
        var pressure = new PressureWatch(config, machine, eviction, time);
        var support = new RuntimeSupport();
        var node = new NodeAgent(config, client, runtime, support, machine, resources, pressure, events, time, _log);
        using var objects = new ObjectWatches(client, time, logs);
        var tokens = new ServiceAccountTokens(client, time);
        PodParts? parts = null;
        using var drivers = new CsiDrivers(config, client);
        var driverMounts = new CsiMounts(config, client, drivers, tokens, node.Hurry, (pod, why) => parts!.Tell(pod, null, "Warning", "FailedMount", why), time, _log);
        node.VolumesInUse = () => driverMounts.InUse;
        var volumes = new PodVolumes(
            config,
            new ClaimVolumes(
                config, client, driverMounts, (pod, type, reason, message) => parts!.Tell(pod, null, type, reason, message),
                (claim, reason, message) => events.Normal(EventSubject.Of(Client.Resources.PersistentVolumeClaims, claim), reason, message)),
            driverMounts, new Projections(objects, tokens, Allocatable, [.. config.NodeIps.Take(2).Select(ip => ip.ToString())]), time);
        var healths = new DeviceHealths(time);
        await using var deviceDrivers = new DraDrivers(config, client, healths, time, _log);
        var dynamicResources = new DynamicResources(client, PreparedClaims.Open(config.RootDirectory, _log), deviceDrivers, healths);
        await using var devicePlugins = new DevicePluginManager(config.RootDirectory, time, _log);
        devicePlugins.Changed = node.Hurry;
        (node.PluginDevices, node.IsWithoutPlugins) = (devicePlugins.Amounts, devicePlugins.IsNew);
        var sandboxes = new SandboxConfigs(config, cgroups);
        var prober = new Prober(runtime, time);
        var services = new Reflector(client, Client.Resources.Services, new ListQuery(), _ => { }, time, _log);
        PodWorkers? workers = null;
        using var probes = new PodProbes(prober, time, (pod, container, reason, message) => parts!.Tell(pod, container, "Warning", reason, message), uid => workers!.Wake(uid));
        var mirrors = new StaticPods(config, client, time, _log);
        Reflector? pods = null;
        parts = new PodParts
        {
            Config = config,
            Client = client,
            Runtime = runtime,
            RuntimeName = runtimeName,
            Observer = new PodObserver(runtime),
            Statuses = new PodStatusWriter(client, time, _log),
            Volumes = volumes,
            DynamicResources = dynamicResources,
            DevicePlugins = devicePlugins,
            RuntimeSupport = support,
            UserNamespaces = new UserNamespaces(Path.Combine(config.RootDirectory, "pods"), config.MaxPods, support),
            Tokens = tokens,
            Objects = objects,
            Images = new ImagePuller(runtime, time),
            Sandboxes = sandboxes,
            Containers = new ContainerConfigs(volumes, sandboxes, machine.MemoryBytes),
            TerminationMessages = new TerminationMessages(c => c.LogPath.Length > 0 ? c.LogPath : null),
            Cgroups = cgroups,
            Probes = probes,
            Prober = prober,
            Restarts = new Backoff(time),
            Events = events,
            Services = () => services.Synced.IsCompleted ? services.All.Select(o => o.Model<V1Service>()) : null,
            Allocatable = Allocatable,
            NetworkProblem = () => node.NetworkProblem,
            ApiUid = pod => pod.IsStatic() ? mirrors.MirrorUid(pod) : pod.Uid(),
            Tree = pod => pod.IsStatic() ? mirrors.Tree(pod) : pods!.Find(pod.NamespacedName()) is { } known && known.Uid == pod.Uid() ? known.ToTree() : null,
            Time = time,
            Log = _log,
        };
        workers = new PodWorkers(parts, () => node.Node, cancel);
        healths.Changed = (driver, devices) =>
        {
            foreach (var uid in dynamicResources.PodsWith(driver, devices)) workers.Wake(uid);
        };
        devicePlugins.HealthChanged = uids =>
        {
            foreach (var uid in uids) workers.Wake(uid);
        };
        deviceDrivers.Registered = async c =>
        {
            workers.WakeAll();
            if (pods!.Synced.IsCompleted) await workers.UnprepareEndedAsync(c);
        };
        var garbage = new ImageGarbage(runtime, config, events, time, _log);
        var stats = new CgroupStats(hierarchy);
        var evictor = new Evictor(workers, parts, stats, garbage, eviction, _log);
        pods = new Reflector(
            client, Client.Resources.Pods, new ListQuery(FieldSelector: $"spec.nodeName={config.NodeName}"), name => PodChanged(pods!, workers, mirrors, name), time, _log);

        // Pods come when the node is known: admission looks at it.
        List<Task> running =
        [
            // First: whoever sees the node Ready may ask it for a log at once.
            new Server.KubeletServer(config, client, parts, workers, stats, machine, node, time, logs).RunAsync(cancel),
            node.RunAsync(workers.WakeAll, cancel),
            services.RunAsync(cancel),
            parts.Statuses.RunAsync(cancel),
            workers.FollowRuntimeAsync(cancel),
            pressure.RunAsync(node.Hurry, evictor.RelieveAsync, cancel),
            RunPodsAsync(node, pods, workers, mirrors, cancel),
            new PluginSockets(config, new Dictionary<string, IPluginKind> { ["CSIPlugin"] = drivers, ["DRAPlugin"] = deviceDrivers }, time, _log).RunAsync(cancel),
            deviceDrivers.ForgetOldSlicesAsync(cancel),
            EnsureCsiNodeAsync(node, drivers, cancel),
            new CsiLimits(client, drivers, time, _log).RunAsync(cancel),
            Part("housekeeping", RelistEvery, async c =>
            {
                if (pods.Synced.IsCompleted) await workers.EndOrphansAsync(c);
                workers.WakeAll();
                await driverMounts.UnstageUnusedAsync(c);
            }, cancel),
            Part("image clean-up", HousekeepingEvery, garbage.CollectAsync, cancel),
            new ContainerLogRotation(runtime, sandboxes, config, time, _log).RunAsync(() => workers.Pods, cancel),
        ];
        // One part that cannot go on ends all: half a kubelet would only look well.
        while (running.Count > 0)
        {
            var ended = await Task.WhenAny(running);
            running.Remove(ended);
            if (!ended.IsFaulted) continue;
            await stop.CancelAsync();
            await Task.WhenAll(running);
            await ended;
        }

        decimal Allocatable(string name) => resources.Allocatable.GetValueOrDefault(name);
    }

    private async Task RunPodsAsync(NodeAgent node, Reflector pods, PodWorkers workers, StaticPods mirrors, CancellationToken cancel)
    {
        // Once after the start; the node registers within a second where the API answers. Static pods need no API.
        var statics = mirrors.RunAsync(workers, cancel);
        for (var i = 0; node.Node is null && i < 100 && !cancel.IsCancellationRequested; i++)
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
        var watching = pods.RunAsync(cancel);
        var ended = await Task.WhenAny(pods.Synced, watching);
        if (ended == pods.Synced && !cancel.IsCancellationRequested) await workers.EndOrphansAsync(cancel);
        await watching;
        await statics;
    }

    /// <summary>Once, when the node is there; an API that does not answer then is asked again with the first driver.</summary>
    private async Task EnsureCsiNodeAsync(NodeAgent node, CsiDrivers drivers, CancellationToken cancel)
    {
        while (node.Node is null && !cancel.IsCancellationRequested) await Task.Delay(TimeSpan.FromSeconds(1), time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
        if (cancel.IsCancellationRequested) return;
        try
        {
            await drivers.EnsureNodeAsync(cancel);
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException)
        {
            Log.PartFailed(_log, "CSINode", e.Message);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // stopping
        }
    }

    private static void PodChanged(Reflector pods, PodWorkers workers, StaticPods mirrors, Bramble.Api.Naming.NamespacedName name)
    {
        var pod = pods.Find(name)?.Model<V1Pod>();
        if (pod?.IsMirror() == true || (pod is null && mirrors.IsMirrorOf(name)))
        {
            mirrors.MirrorChanged(name, pod);
            return;
        }
        // A new pod of the same name: the old one is gone.
        workers.Remove(name, pod is null ? new HashSet<string>() : new HashSet<string> { pod.Uid() });
        if (pod is not null) workers.Apply(pod);
    }

    private NodeResources Resources(Machine machine, IReadOnlyList<Threshold> thresholds)
    {
        var disk = new DriveInfo(config.RootDirectory);
        var reserved = NodeResources.Parse(config.Arguments.GetValueOrDefault("kube-reserved"));
        foreach (var (name, amount) in NodeResources.Parse(config.Arguments.GetValueOrDefault("system-reserved")))
            reserved[name] = reserved.GetValueOrDefault(name) + amount;
        return NodeResources.Of(machine, disk.TotalSize, config.MaxPods, reserved, Hard("memory.available", machine.MemoryBytes), Hard("nodefs.available", disk.TotalSize));

        long Hard(string signal, long capacity) => (long)thresholds.Where(t => t.Signal == signal && t.Grace is null).Select(t => t.Of(capacity)).FirstOrDefault();
    }

    /// <summary>The runtime's name once it answers; null: stopped before.</summary>
    private async Task<string?> WaitForRuntimeAsync(CriRuntime runtime, CancellationToken cancel)
    {
        for (var tries = 0; !cancel.IsCancellationRequested; tries++)
        {
            try
            {
                var version = await runtime.VersionAsync(cancel);
                Log.RuntimeFound(_log, version.RuntimeName, version.RuntimeVersion, config.RuntimeEndpoint);
                return version.RuntimeName;
            }
            catch (Exception e) when (e is RuntimeException or HttpRequestException or IOException)
            {
                // It may be starting beside us: said after five seconds, then once a minute.
                if (tries == 25 || (tries > 25 && tries % 300 == 0)) Log.RuntimeMissing(_log, config.RuntimeEndpoint, e.Message);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return null;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
        }
        return null;
    }

    private async Task Part(string name, TimeSpan every, Func<CancellationToken, Task> run, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            await Task.Delay(every, time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
            if (cancel.IsCancellationRequested) return;
            try
            {
                await run(cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                Log.PartFailed(_log, name, e.Message);
            }
        }
    }
}
