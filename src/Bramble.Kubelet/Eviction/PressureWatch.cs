using Bramble.Kubelet.Node;

namespace Bramble.Kubelet.Eviction;

/// <summary>How much of something there is and is left.</summary>
internal readonly record struct Signal(decimal Available, decimal Capacity);

/// <summary>What is scarce: the threshold that was crossed, or null.</summary>
internal sealed record Pressure(Threshold? Memory, Threshold? Disk, Threshold? Pids, IReadOnlyDictionary<string, Signal> Signals)
{
    public static readonly Pressure None = new(null, null, null, new Dictionary<string, Signal>());
    public bool HasMemoryPressure => Memory is not null;
    public bool HasDiskPressure => Disk is not null;
    public bool HasPidPressure => Pids is not null;

    /// <summary>Compares signals with thresholds. Pure.</summary>
    public static Pressure Decide(IReadOnlyDictionary<string, Signal> signals, IReadOnlyList<Threshold> thresholds)
    {
        Threshold? Crossed(params string[] names)
        {
            foreach (var threshold in thresholds)
                if (names.Contains(threshold.Signal) && signals.TryGetValue(threshold.Signal, out var s) && s.Available < threshold.Of(s.Capacity)) return threshold;
            return null;
        }
        return new(
            Crossed("memory.available"),
            Crossed("nodefs.available", "imagefs.available", "containerfs.available", "nodefs.inodesFree", "imagefs.inodesFree"),
            Crossed("pid.available"), signals);
    }
}

/// <summary>Looks every 10 s (upstream's period: memory and disk give no event for "nearly full" without PSI) and keeps a pressure for five minutes after
/// it was last seen, so that pods do not come and go.</summary>
internal sealed class PressureWatch(KubeletConfig config, Machine machine, IReadOnlyList<Threshold> thresholds, TimeProvider time)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Keep = TimeSpan.FromMinutes(5);

    private Pressure _current = Pressure.None;
    private long? _memoryAt;
    private long? _diskAt;
    private long? _pidsAt;

    public Pressure Current => Volatile.Read(ref _current);

    /// <param name="crossed">Called with a pressure that is there now (not with one that is only kept).</param>
    public async Task RunAsync(Func<Pressure, CancellationToken, Task> crossed, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            var now = Pressure.Decide(Read(), thresholds);
            Volatile.Write(ref _current, now with
            {
                Memory = Kept(now.Memory, ref _memoryAt, Current.Memory),
                Disk = Kept(now.Disk, ref _diskAt, Current.Disk),
                Pids = Kept(now.Pids, ref _pidsAt, Current.Pids),
            });
            if (now.HasMemoryPressure || now.HasDiskPressure || now.HasPidPressure) await crossed(now, cancel);
            await Task.Delay(Every, time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private Threshold? Kept(Threshold? now, ref long? seenAt, Threshold? before)
    {
        if (now is not null) seenAt = time.GetTimestamp();
        else if (before is not null && seenAt is { } at && time.GetElapsedTime(at) < Keep) return before;
        return now;
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
        if (int.TryParse(File.ReadAllText("/proc/sys/kernel/pid_max"), out var pidsMax)
            && File.ReadAllText("/proc/loadavg").Split(' ') is [_, _, _, var tasks, ..] && int.TryParse(tasks.Split('/')[^1], out var pids))
            signals["pid.available"] = new(pidsMax - pids, pidsMax);
        return signals;
    }
}
