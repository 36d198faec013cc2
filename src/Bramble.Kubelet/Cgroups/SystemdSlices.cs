using System.Collections.Concurrent;

namespace Bramble.Kubelet.Cgroups;

/// <summary>What a slice may use, in systemd's units; null: no limit.</summary>
internal readonly record struct SliceLimits(ulong CpuWeight, ulong? CpuMicrosecondsPerSecond, ulong? MemoryBytes)
{
    /// <param name="cpuWeight">The kernel's cpu.weight, 1 to 10000.</param>
    /// <param name="quotaMicroseconds">CPU time in each 100 ms; 0: no limit.</param>
    /// <param name="memoryBytes">0: no limit.</param>
    public static SliceLimits Of(long cpuWeight, long quotaMicroseconds, long memoryBytes) => new(
        (ulong)cpuWeight,
        // systemd counts a second's time and rounds down to whole hundredths: rounded up here, so that a pod gets no less than it was promised.
        quotaMicroseconds == 0 ? null : (ulong)((quotaMicroseconds * 10 + 9_999) / 10_000 * 10_000),
        memoryBytes == 0 ? null : (ulong)memoryBytes);
}

/// <summary>Pods' cgroups as slices of systemd. systemd owns the tree: what others write there it takes back at its next <c>daemon-reload</c>, so limits are
/// properties of units. Slices are transient: they live in memory until stopped or the machine goes down.</summary>
internal sealed class SystemdSlices(ISystemd systemd)
{
    private readonly ConcurrentDictionary<string, SliceLimits> _set = new(StringComparer.Ordinal);

    /// <summary>Makes the slice or gives an existing one these limits.</summary>
    /// <exception cref="IOException">systemd refused or cannot be reached.</exception>
    public void Ensure(string slice, SliceLimits limits)
    {
        if (_set.TryGetValue(slice, out var before) && before == limits) return;
        // One that is there: made before our start, or by systemd as the parent of a container's scope.
        if (!systemd.TryStartSlice(slice, limits)) systemd.SetLimits(slice, limits);
        _set[slice] = limits;
    }

    /// <exception cref="IOException">systemd refused or cannot be reached.</exception>
    public void Stop(string slice)
    {
        _set.TryRemove(slice, out _);
        systemd.Stop(slice);
    }
}

/// <summary>What is asked of the machine's service manager.</summary>
internal interface ISystemd
{
    /// <returns>False: a unit of this name is there already.</returns>
    bool TryStartSlice(string slice, SliceLimits limits);

    void SetLimits(string slice, SliceLimits limits);

    /// <summary>A unit that is not there is stopped already.</summary>
    void Stop(string slice);
}
