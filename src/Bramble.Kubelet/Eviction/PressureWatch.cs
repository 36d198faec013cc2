using Bramble.Kubelet.Node;

namespace Bramble.Kubelet.Eviction;

/// <summary>How much of something there is and is left.</summary>
internal readonly record struct Signal(decimal Available, decimal Capacity);

/// <summary>What is scarce.</summary>
/// <param name="Due">Thresholds for which a pod must go now: hard ones, and soft ones crossed for longer than their grace. Memory first, then disk, then pids.</param>
internal sealed record Pressure(bool HasMemoryPressure, bool HasDiskPressure, bool HasPidPressure, IReadOnlyList<Threshold> Due, IReadOnlyDictionary<string, Signal> Signals)
{
    public static readonly Pressure None = new(false, false, false, [], new Dictionary<string, Signal>());
}

/// <summary>Compares signals with thresholds over time. Upstream's rules: a soft threshold counts after its grace, a crossed one is over only with the
/// minimum reclaimed, a condition stays for the transition period. No I/O; the time comes in.</summary>
internal sealed class PressureRules(EvictionConfig config)
{
    private static readonly string[] Order = ["memory.available", "allocatableMemory.available", "nodefs.available", "imagefs.available", "containerfs.available", "nodefs.inodesFree", "imagefs.inodesFree", "containerfs.inodesFree", "pid.available"];

    private readonly Dictionary<Threshold, DateTimeOffset> _crossedSince = [];
    private readonly Dictionary<string, DateTimeOffset> _lastSeen = [];

    public Pressure Decide(IReadOnlyDictionary<string, Signal> signals, DateTimeOffset now)
    {
        foreach (var threshold in config.Thresholds)
        {
            if (!signals.TryGetValue(threshold.Signal, out var signal)) continue;
            var limit = _crossedSince.ContainsKey(threshold) ? threshold.ResolvedAt(signal.Capacity) : threshold.Of(signal.Capacity);
            if (signal.Available >= limit) _crossedSince.Remove(threshold);
            else
            {
                _crossedSince.TryAdd(threshold, now);
                _lastSeen[Condition(threshold.Signal)] = now;
            }
        }
        var due = _crossedSince.Where(c => c.Key.Grace is not { } grace || now - c.Value >= grace).Select(c => c.Key)
            .OrderBy(t => Array.IndexOf(Order, t.Signal)).ThenBy(t => t.Grace ?? TimeSpan.Zero).ToList();
        return new(Has("memory"), Has("disk"), Has("pid"), due, signals);

        bool Has(string condition) => _crossedSince.Keys.Any(t => Condition(t.Signal) == condition)
            || (_lastSeen.TryGetValue(condition, out var at) && now - at < config.TransitionPeriod);
    }

    private static string Condition(string signal) => signal switch { "memory.available" or "allocatableMemory.available" => "memory", "pid.available" => "pid", _ => "disk" };
}

/// <summary>Looks every 10 s: upstream's period, as memory and disk give no event for "nearly full" without PSI.</summary>
internal sealed class PressureWatch(KubeletConfig config, Machine machine, EvictionConfig eviction, TimeProvider time)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(10);

    private readonly PressureRules _rules = new(eviction);
    private Pressure _current = Pressure.None;

    public Pressure Current => Volatile.Read(ref _current);

    /// <param name="changed">A condition of the node has come or gone.</param>
    /// <param name="relieve">Called at each look, with what is scarce now.</param>
    public async Task RunAsync(Action changed, Func<Pressure, CancellationToken, Task> relieve, CancellationToken cancel)
    {
        var start = time.GetTimestamp();
        while (!cancel.IsCancellationRequested)
        {
            // Elapsed time: a clock that jumps neither evicts nor holds.
            var now = _rules.Decide(Read(), DateTimeOffset.UnixEpoch + time.GetElapsedTime(start));
            var before = Current;
            Volatile.Write(ref _current, now);
            if ((before.HasMemoryPressure, before.HasDiskPressure, before.HasPidPressure) != (now.HasMemoryPressure, now.HasDiskPressure, now.HasPidPressure)) changed();
            await relieve(now, cancel);
            await Task.Delay(Every, time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private Dictionary<string, Signal> Read()
    {
        var signals = new Dictionary<string, Signal>(StringComparer.Ordinal);
        foreach (var line in File.ReadLines("/proc/meminfo"))
            if (line.StartsWith("MemAvailable:", StringComparison.Ordinal))
                signals["memory.available"] = new(Machine.Kibibytes(line.Split(':')[1]) * 1024m, machine.MemoryBytes);
        Directory.CreateDirectory(config.RootDirectory);
        var disk = new DriveInfo(config.RootDirectory);
        signals["nodefs.available"] = signals["imagefs.available"] = new(disk.AvailableFreeSpace, disk.TotalSize);
        if (Native.FileSystemNodes.Of(config.RootDirectory) is var (free, total) && total > 0) signals["nodefs.inodesFree"] = signals["imagefs.inodesFree"] = new(free, total);
        if (int.TryParse(File.ReadAllText("/proc/sys/kernel/pid_max"), out var pidsMax)
            && File.ReadAllText("/proc/loadavg").Split(' ') is [_, _, _, var tasks, ..] && int.TryParse(tasks.Split('/')[^1], out var pids))
            signals["pid.available"] = new(pidsMax - pids, pidsMax);
        return signals;
    }
}
