using Bramble.Kubelet.Dra.Protocol;

namespace Bramble.Kubelet.Dra;

/// <summary>The health of devices as their drivers told it last (KEP-4680). In memory only: a driver tells all of it with each connection. Thread-safe.</summary>
internal sealed class DeviceHealths(TimeProvider time)
{
    private const int MessageMax = 1024;
    private static readonly TimeSpan FreshDefault = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Dictionary<string, Told>> _drivers = new(StringComparer.Ordinal);

    /// <summary>Called with a driver and the devices (<c>pool/device</c>) of which it said something new.</summary>
    public Action<string, IReadOnlySet<string>> Changed { get; set; } = (_, _) => { };

    /// <summary><c>Unknown</c> also where the driver has said nothing for as long as it said that its word holds.</summary>
    public (string Health, string? Message) Of(string driver, string pool, string device)
    {
        lock (_gate)
        {
            if (!_drivers.TryGetValue(driver, out var devices) || !devices.TryGetValue($"{pool}/{device}", out var told) || told.IsStale(time)) return ("Unknown", null);
            return (told.Health, told.Message.Length > 0 ? told.Message : null);
        }
    }

    public void Update(string driver, IReadOnlyCollection<DeviceHealth> devices)
    {
        var changed = new HashSet<string>(StringComparer.Ordinal);
        lock (_gate)
        {
            if (!_drivers.TryGetValue(driver, out var known)) _drivers[driver] = known = new(StringComparer.Ordinal);
            foreach (var device in devices)
            {
                var key = $"{device.Device?.PoolName}/{device.Device?.DeviceName}";
                var now = new Told(
                    device.Health switch { HealthStatus.Healthy => "Healthy", HealthStatus.Unhealthy => "Unhealthy", _ => "Unknown" },
                    device.Message.Length <= MessageMax ? device.Message : device.Message[..(MessageMax - 3)] + "...",
                    device.HealthCheckTimeoutSeconds > 0 ? TimeSpan.FromSeconds(Math.Min(device.HealthCheckTimeoutSeconds, int.MaxValue)) : FreshDefault,
                    time.GetUtcNow());
                if (!known.TryGetValue(key, out var old) || old.Health != now.Health || old.Message != now.Message || old.IsStale(time)) changed.Add(key);
                known[key] = now;
            }
            foreach (var (key, old) in known.Where(k => k.Value.Health != "Unknown" && k.Value.IsStale(time)).ToList())
            {
                known[key] = new Told("Unknown", "", old.Fresh, time.GetUtcNow());
                changed.Add(key);
            }
        }
        if (changed.Count > 0) Changed(driver, changed);
    }

    /// <summary>The driver's stream has ended: nothing is known.</summary>
    public void Forget(string driver)
    {
        Dictionary<string, Told>? known;
        lock (_gate) _drivers.Remove(driver, out known);
        if (known is not null) Changed(driver, known.Keys.ToHashSet(StringComparer.Ordinal));
    }

    private sealed class Told(string health, string message, TimeSpan fresh, DateTimeOffset at)
    {
        public string Health { get; } = health;
        public string Message { get; } = message;
        public TimeSpan Fresh { get; } = fresh;

        public bool IsStale(TimeProvider time) => time.GetUtcNow() - at > Fresh;
    }
}
