using Bramble.Kubelet.DevicePlugins.Protocol;
using Bramble.Kubelet.Pods;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.DevicePlugins;

/// <summary>Extended resources of device plugins (<c>/var/lib/kubelet/device-plugins</c>): plugins register at the kubelet's socket there, the node tells how many
/// devices they have, and containers that ask for some get them before the pod's sandbox is made. Behaviour of pkg/kubelet/cm/devicemanager; there is no
/// NUMA topology here. Thread-safe.</summary>
internal sealed class DevicePluginManager : IAsyncDisposable
{
    private const string Version = "v1beta1";

    private readonly Lock _gate = new();

    // One pod at a time: what is chosen for one is chosen before the next looks.
    private readonly SemaphoreSlim _allocating = new(1);
    private readonly SortedDictionary<string, PluginResource> _resources = new(StringComparer.Ordinal);
    private readonly DeviceAllocations _allocations;
    private readonly string _folder;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();

    public DevicePluginManager(string rootDirectory, TimeProvider time, ILogger log)
    {
        (_folder, _time, _log) = (Path.Combine(rootDirectory, "device-plugins"), time, log);
        Directory.CreateDirectory(_folder, (UnixFileMode)0b111_101_000);
        var file = Path.Combine(_folder, "kubelet_internal_checkpoint");
        IsNew = !File.Exists(file);
        _allocations = DeviceAllocations.Open(file, log);
        // Their capacity is zero until their plugins come.
        foreach (var resource in _allocations.Registered) _resources[resource] = new PluginResource { StoppedAt = time.GetUtcNow() };
        // Plugins wait for the kubelet's socket to come back and register anew; what is left of the last start answers nobody.
        foreach (var path in Directory.EnumerateFileSystemEntries(_folder))
            if (Native.FileKind.Of(path) == 's') File.Delete(path);
        if (_resources.Count > 0) ChangeLater();
    }

    public string Socket => Path.Combine(_folder, "kubelet.sock");

    /// <summary>No plugin was ever here: whatever the node's object says of extended resources is not from this machine.</summary>
    public bool IsNew { get; }

    /// <summary>The node's status is to be written again. Set before plugins come.</summary>
    public Action Changed { get; set; } = () => { };

    /// <summary>Pods (by uid) whose devices' health has changed.</summary>
    public Action<IEnumerable<string>> HealthChanged { get; set; } = _ => { };

    /// <summary>Devices of each resource: all, and those that can be given. A resource whose plugin has been away too long has none, and is forgotten.</summary>
    public IReadOnlyList<(string Resource, int Capacity, int Allocatable)> Amounts()
    {
        var amounts = new List<(string, int, int)>();
        lock (_gate)
        {
            foreach (var (name, resource) in _resources.ToList())
            {
                var isOver = resource.IsOver(_time.GetUtcNow());
                amounts.Add((name, isOver ? 0 : resource.Count, isOver ? 0 : resource.HealthyDevices.Count()));
                if (isOver) _resources.Remove(name);
                if (isOver) _allocations.Save(_resources);
            }
        }
        return amounts;
    }

    /// <summary>A plugin says that it is there.</summary>
    /// <exception cref="DevicePluginException">It is not taken.</exception>
    public async Task RegisterAsync(RegisterRequest request, CancellationToken cancel)
    {
        try
        {
            if (request.Version != Version) throw new DevicePluginException($"requested API version \"{request.Version}\" is not supported by kubelet. Supported version is \"[{Version}]\"");
            if (!ExtendedResources.IsName(request.ResourceName)) throw new DevicePluginException($"the ResourceName \"{request.ResourceName}\" is invalid");
            var plugin = await PluginClient.ConnectAsync(Path.Combine(_folder, request.Endpoint), cancel);
            PluginClient? old;
            lock (_gate)
            {
                if (!_resources.TryGetValue(request.ResourceName, out var resource)) _resources[request.ResourceName] = resource = new PluginResource();
                old = resource.Plugin;
                (resource.Plugin, resource.StoppedAt) = (plugin, null);
            }
            if (old is not null) await old.DisposeAsync();
            Log.DriverRegistered(_log, "DevicePlugin", request.ResourceName);
            plugin.Follow(devices => Told(request.ResourceName, plugin, devices), why => Ended(request.ResourceName, plugin, why));
        }
        catch (DevicePluginException e)
        {
            Log.DevicePluginRefused(_log, request.ResourceName, e.Message);
            throw;
        }
    }

    /// <summary>Gives a pod's containers their devices; what they have already stays.</summary>
    /// <exception cref="DevicePluginException">There are not enough, or a plugin refuses.</exception>
    public async Task AllocateAsync(V1Pod pod, CancellationToken cancel)
    {
        if (!AllOf(pod).Any(c => Wanted(pod, c).Any())) return;
        await _allocating.WaitAsync(cancel);
        try
        {
            // Devices of an init container are free for those after it: it has ended by then. A sidecar goes on.
            var reusable = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
            foreach (var container in AllOf(pod))
            {
                var endsBeforeOthers = !container.IsSidecar() && pod.Spec.InitContainers?.Contains(container) == true;
                foreach (var (resource, count) in Wanted(pod, container))
                {
                    if (!reusable.TryGetValue(resource, out var free)) reusable[resource] = free = new HashSet<string>(StringComparer.Ordinal);
                    var given = await AllocateAsync(pod.Uid(), container.Name, resource, count, free, cancel);
                    if (endsBeforeOthers) free.UnionWith(given);
                    else free.ExceptWith(given);
                }
            }
        }
        finally
        {
            _allocating.Release();
        }
    }

    /// <summary>What plugins have said must be done to a container.</summary>
    public IReadOnlyList<ContainerAllocateResponse> Of(string podUid, string container)
    {
        lock (_gate) return [.. _allocations.Of(podUid, container).Select(a => a.Response)];
    }

    /// <summary>Tells the plugins that want it that a container with their devices starts.</summary>
    /// <exception cref="DevicePluginException">One refuses.</exception>
    public async Task PreStartAsync(string podUid, string container, CancellationToken cancel)
    {
        List<(PluginClient, IReadOnlyList<string>)> calls = [];
        lock (_gate)
        {
            foreach (var allocation in _allocations.Of(podUid, container))
                if (_resources.TryGetValue(allocation.Resource, out var resource) && resource.Plugin is { Options.PreStartRequired: true } plugin) calls.Add((plugin, allocation.Devices));
        }
        foreach (var (plugin, devices) in calls) await plugin.PreStartAsync(devices, cancel);
    }

    /// <summary>The pod has ended: its devices are free.</summary>
    public void Release(string podUid)
    {
        lock (_gate)
            if (_allocations.Remove(podUid)) _allocations.Save(_resources);
    }

    /// <summary>Pods that have devices here.</summary>
    public IReadOnlyCollection<string> PodUids()
    {
        lock (_gate) return [.. _allocations.PodUids];
    }

    /// <summary>Writes the health of the containers' devices into a status (KEP-4680).</summary>
    public void AddHealth(V1Pod pod, V1PodStatus status)
    {
        foreach (var shown in status.ContainerStatuses.Concat(status.InitContainerStatuses ?? []))
        {
            lock (_gate)
            {
                foreach (var allocation in _allocations.Of(pod.Uid(), shown.Name))
                {
                    var resource = _resources.GetValueOrDefault(allocation.Resource);
                    (shown.AllocatedResourcesStatus ??= []).Add(new V1ResourceStatus
                    {
                        Name = allocation.Resource,
                        Resources = [.. allocation.Devices.Select(d => new V1ResourceHealth { ResourceID = d, Health = resource?.HealthOf(d) ?? "Unknown" })],
                    });
                }
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        List<PluginClient> plugins;
        lock (_gate) plugins = [.. _resources.Values.Select(r => r.Plugin).OfType<PluginClient>()];
        foreach (var plugin in plugins) await plugin.DisposeAsync();
        _allocating.Dispose();
        _stop.Dispose();
    }

    private static IEnumerable<V1Container> AllOf(V1Pod pod) => (pod.Spec.InitContainers ?? []).Concat(pod.Spec.Containers);

    /// <summary>What a container wants of plugins. Extended resources are not shared: the limit is the request.</summary>
    private IReadOnlyList<(string Resource, int Count)> Wanted(V1Pod pod, V1Container container)
    {
        if (container.Resources?.Limits is not { Count: > 0 } limits) return [];
        lock (_gate)
            return [.. limits.Where(l => (_resources.ContainsKey(l.Key) || _allocations.Has(l.Key)) && l.Value.ToDecimal() > 0 && !IsOfClaim(pod, container, l.Key))
                .Select(l => (l.Key, (int)l.Value.ToDecimal())).OrderBy(w => w.Key, StringComparer.Ordinal)];
    }

    // Devices that a driver's ResourceClaim gives under an extended resource's name (KEP-5004).
    private static bool IsOfClaim(V1Pod pod, V1Container container, string resource) =>
        pod.Status?.ExtendedResourceClaimStatus?.RequestMappings?.Any(m => m.ContainerName == container.Name && m.ResourceName == resource) == true;

    private async Task<IReadOnlyList<string>> AllocateAsync(string podUid, string container, string resource, int count, HashSet<string> reusable, CancellationToken cancel)
    {
        DeviceChoice choice;
        PluginClient plugin;
        lock (_gate)
        {
            if (_allocations.Find(podUid, container, resource) is { } had) return had.Devices;
            if (!_resources.TryGetValue(resource, out var known)) throw new DevicePluginException($"cannot allocate unregistered device {resource}");
            var healthy = known.HealthyDevices.ToList();
            if (healthy.Count == 0 || known.Plugin is null) throw new DevicePluginException($"no healthy devices present; cannot allocate unhealthy devices {resource}");
            plugin = known.Plugin;
            choice = new DeviceChoice(resource, count, healthy, _allocations.InUse(resource), reusable);
        }
        var preferred = choice.IsOpen && plugin.Options.GetPreferredAllocationAvailable
            ? await plugin.PreferredAsync(choice.Available.Concat(choice.Reused), choice.Reused, count, cancel)
            : [];
        var devices = choice.Decide(preferred);
        var answer = await plugin.AllocateAsync(devices, cancel);
        if (answer.ContainerResponses.Count == 0) throw new DevicePluginException($"no containers return in allocation response {answer}");
        lock (_gate)
        {
            _allocations.Add(new DeviceAllocation(podUid, container, resource, devices, answer.ContainerResponses[0]));
            _allocations.Save(_resources);
        }
        return devices;
    }

    private void Told(string name, PluginClient plugin, IEnumerable<PluginDevice> devices)
    {
        List<string> pods;
        lock (_gate)
        {
            if (!_resources.TryGetValue(name, out var resource) || resource.Plugin != plugin) return;
            pods = [.. _allocations.PodsWith(name, resource.Update(devices))];
            _allocations.Save(_resources);
        }
        Changed();
        HealthChanged(pods);
    }

    private void Ended(string name, PluginClient plugin, string why)
    {
        List<string> pods;
        lock (_gate)
        {
            if (!_resources.TryGetValue(name, out var resource) || resource.Plugin != plugin) return;
            resource.Lose();
            (resource.Plugin, resource.StoppedAt) = (null, _time.GetUtcNow());
            pods = [.. _allocations.PodsWith(name, _allocations.InUse(name).ToList())];
        }
        Log.DevicePluginGone(_log, name, why);
        Changed();
        HealthChanged(pods);
        ChangeLater();
    }

    /// <summary>When the time of a plugin that went is over, the node's status says so.</summary>
    private void ChangeLater() => _ = Task.Delay(PluginResource.StopGrace + TimeSpan.FromSeconds(1), _time, _stop.Token).ContinueWith(
        _ => Changed(), _stop.Token, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
}
