using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Kubelet.Plugins;
using Bramble.Kubelet.Plugins.Protocol;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Dra;

/// <summary>The drivers of devices that run on this node; of one driver several may be registered while it is being updated. The ResourceSlices of a driver that
/// stays away are removed, so that no more pods are scheduled here for its devices. Behaviour of pkg/kubelet/cm/dra/plugin. Thread-safe.</summary>
internal sealed class DraDrivers(KubeletConfig config, IKubeClient client, DeviceHealths healths, TimeProvider time, ILogger log) : IPluginKind, IAsyncDisposable
{
    /// <summary>Long enough for a container's restart; short, as pods are scheduled here meanwhile.</summary>
    private static readonly TimeSpan WipingDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RetryMax = TimeSpan.FromMinutes(5);

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();

    // In the order in which they registered.
    private readonly List<DraPlugin> _plugins = [];
    private readonly Dictionary<string, Wipe> _wipes = new(StringComparer.Ordinal);

    /// <summary>Called when a driver has registered: who waited for it goes on.</summary>
    public Func<CancellationToken, Task> Registered { get; set; } = _ => Task.CompletedTask;

    /// <summary>All registrations, in their order.</summary>
    public IReadOnlyList<DraPlugin> Plugins
    {
        get
        {
            lock (_gate) return [.. _plugins];
        }
    }

    /// <exception cref="DynamicResourcesException">None of that name has registered.</exception>
    public DraPlugin Get(string driver)
    {
        lock (_gate)
        {
            // The newest that is there; else the newest.
            return _plugins.LastOrDefault(p => p.Driver == driver && p.IsConnected) ?? _plugins.LastOrDefault(p => p.Driver == driver)
                ?? throw new DynamicResourcesException($"DRA driver {driver} is not registered");
        }
    }

    public string? WhyNot(PluginInfo plugin) => DraPlugin.TryChoose(plugin.SupportedVersions, out _) is { } why
        ? $"invalid supported gRPC versions of DRA driver plugin {plugin.Name} at endpoint {plugin.Endpoint}: {why}"
        : null;

    public Task AddAsync(string socket, PluginInfo plugin, CancellationToken cancel)
    {
        _ = DraPlugin.TryChoose(plugin.SupportedVersions, out var service);
        lock (_gate)
        {
            // One process cannot take another's place.
            if (_plugins.Any(p => p.Driver == plugin.Name && p.Endpoint == plugin.Endpoint))
                throw new InvalidOperationException($"endpoint {plugin.Endpoint} already registered for DRA driver plugin {plugin.Name}");
            var made = new DraPlugin(socket, plugin.Name, plugin.Endpoint, service, healths, p => Look(p.Driver), time);
            _plugins.Add(made);
            made.Start();
            Look(plugin.Name);
        }
        return Registered(cancel);
    }

    public async Task RemoveAsync(string socket, CancellationToken cancel)
    {
        DraPlugin? gone;
        lock (_gate)
        {
            gone = _plugins.FirstOrDefault(p => p.Socket == socket);
            if (gone is null) return;
            _plugins.Remove(gone);
            Look(gone.Driver);
        }
        await gone.DisposeAsync();
    }

    /// <summary>At the node's start no driver is there, and some may never come back: their devices are not to be counted on.</summary>
    public Task ForgetOldSlicesAsync(CancellationToken cancel) => WipeAsync("", cancel);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        List<DraPlugin> plugins;
        List<Wipe> wipes;
        lock (_gate)
        {
            plugins = [.. _plugins];
            wipes = [.. _wipes.Values];
            _plugins.Clear();
            _wipes.Clear();
        }
        foreach (var plugin in plugins) await plugin.DisposeAsync();
        foreach (var wipe in wipes)
        {
            await wipe.Stop.CancelAsync();
            await wipe.Task;
            wipe.Stop.Dispose();
        }
        _stop.Dispose();
    }

    /// <summary>Begins or gives up the removal of a driver's slices, after anything about it has changed.</summary>
    private void Look(string driver)
    {
        lock (_gate)
        {
            if (_stop.IsCancellationRequested) return;
            var isUsable = _plugins.Any(p => p.Driver == driver && p.IsConnected);
            if (isUsable && _wipes.Remove(driver, out var pending))
            {
                pending.Stop.Cancel();
                pending.Stop.Dispose();
            }
            // One that waits already keeps its time.
            else if (!isUsable && (!_wipes.TryGetValue(driver, out var old) || old.Task.IsCompleted))
            {
                old?.Stop.Dispose();
                var stop = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                _wipes[driver] = new Wipe(stop, WipeLaterAsync(driver, stop.Token));
            }
        }
    }

    private async Task WipeLaterAsync(string driver, CancellationToken cancel)
    {
        await Task.Delay(WipingDelay, time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
        if (!cancel.IsCancellationRequested && await WipeAsync(driver, cancel)) Log.SlicesWiped(log, driver);
    }

    /// <param name="driver">Empty: all of them.</param>
    /// <returns>Whether there was anything.</returns>
    private async Task<bool> WipeAsync(string driver, CancellationToken cancel)
    {
        var query = new ListQuery(FieldSelector: driver.Length == 0 ? $"spec.nodeName={config.NodeName}" : $"spec.driver={driver},spec.nodeName={config.NodeName}");
        for (var wait = TimeSpan.FromSeconds(1); !cancel.IsCancellationRequested; wait = wait * 2 < RetryMax ? wait * 2 : RetryMax)
        {
            try
            {
                var slices = await client.ListAsync(Resources.ResourceSlices, query, cancel);
                foreach (var slice in slices.Items) await client.DeleteAsync(Resources.ResourceSlices, slice.Name, new DeleteQuery(Uid: slice.Uid), cancel);
                return slices.Items.Count > 0;
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return false;
            }
            catch (Exception e) when (e is StatusException or HttpRequestException or IOException or OperationCanceledException)
            {
                Log.SlicesNotWiped(log, driver.Length == 0 ? "drivers before this start" : driver, e.Message, wait);
            }
            await Task.Delay(wait, time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
        }
        return false;
    }

    /// <summary>The removal of a driver's slices, waiting or under way.</summary>
    private sealed class Wipe(CancellationTokenSource stop, Task task)
    {
        public CancellationTokenSource Stop { get; } = stop;
        public Task Task { get; } = task;
    }
}
