using Bramble.Kubelet.DevicePlugins.Protocol;

namespace Bramble.Kubelet.DevicePlugins;

/// <summary>A device plugin refused, or has not what is asked: the end of a pod's message, in upstream's words.</summary>
internal sealed class DevicePluginException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>An extended resource that a device plugin has registered, and its devices as last told. Changed under the gate of <see cref="DevicePluginManager"/> only.</summary>
internal sealed class PluginResource
{
    private const string Healthy = "Healthy";

    /// <summary>How long a resource is told with no allocatable device after its plugin has gone: the time of an upgrade.</summary>
    public static readonly TimeSpan StopGrace = TimeSpan.FromMinutes(5);

    private readonly SortedDictionary<string, bool> _devices = new(StringComparer.Ordinal);

    /// <summary>Null: known from before this start, or gone.</summary>
    public PluginClient? Plugin { get; set; }

    /// <summary>When the plugin went; null: it is there.</summary>
    public DateTimeOffset? StoppedAt { get; set; }

    public int Count => _devices.Count;
    public IEnumerable<string> HealthyDevices => _devices.Where(d => d.Value).Select(d => d.Key);

    public bool IsOver(DateTimeOffset now) => StoppedAt is { } at && now >= at + StopGrace;

    /// <returns>Devices whose health is another than before, or that are new.</returns>
    public IReadOnlyList<string> Update(IEnumerable<PluginDevice> told)
    {
        var before = new Dictionary<string, bool>(_devices, StringComparer.Ordinal);
        _devices.Clear();
        foreach (var device in told) _devices[device.ID] = device.Health == Healthy;
        return [.. _devices.Where(d => !before.TryGetValue(d.Key, out var was) || was != d.Value).Select(d => d.Key)];
    }

    public void Lose()
    {
        foreach (var id in _devices.Keys.ToList()) _devices[id] = false;
    }

    /// <summary>The health of one of its devices, as a pod's status tells it (KEP-4680).</summary>
    public string HealthOf(string id) => !_devices.TryGetValue(id, out var isHealthy) ? "Unknown" : isHealthy ? "Healthy" : "Unhealthy";
}
