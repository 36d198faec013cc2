using System.Globalization;
using Bramble.Kubelet.Cgroups;

namespace Bramble.Kubelet.Stats;

/// <summary>Memory of a cgroup. The working set is what cannot be given back at once: usage without inactive file pages.</summary>
internal readonly record struct MemoryStats(long UsageBytes, long WorkingSetBytes, long RssBytes, long PageFaults, long MajorPageFaults, long LimitBytes);

/// <summary>CPU of a cgroup since it was made.</summary>
internal readonly record struct CpuStats(long UsageNanoseconds);

/// <summary>Reads what cgroups have used, version 1 and 2. Null where the cgroup or its controller is not there.</summary>
internal sealed class CgroupStats(CgroupHierarchy hierarchy)
{
    public MemoryStats? MemoryOf(string cgroup)
    {
        if (hierarchy.Folder("memory", cgroup) is not { } folder || !Directory.Exists(folder)) return null;
        var stat = Map(Path.Join(folder, "memory.stat"));
        if (stat is null) return null;
        if (hierarchy.IsUnified)
        {
            var usage = Number(Path.Join(folder, "memory.current")) ?? 0;
            return new(usage, Math.Max(0, usage - Get("inactive_file")), Get("anon"), Get("pgfault"), Get("pgmajfault"), Number(Path.Join(folder, "memory.max")) ?? 0);
        }
        var used = Number(Path.Join(folder, "memory.usage_in_bytes")) ?? 0;
        return new(used, Math.Max(0, used - Get("total_inactive_file")), Get("total_rss"), Get("total_pgfault"), Get("total_pgmajfault"), Limit(Number(Path.Join(folder, "memory.limit_in_bytes"))));

        long Get(string name) => stat.GetValueOrDefault(name);
    }

    /// <summary>The node's own: version 2 has no memory.current at the root, so /proc/meminfo tells.</summary>
    public MemoryStats? NodeMemory(long limitBytes)
    {
        if (!hierarchy.IsUnified) return MemoryOf("/");
        var info = File.ReadLines("/proc/meminfo").Select(l => l.Split(':', 2)).ToDictionary(p => p[0], p => Node.Machine.Kibibytes(p[1]) * 1024);
        var stat = Map(Path.Join(CgroupHierarchy.UnifiedRoot, "memory.stat"));
        var usage = info.GetValueOrDefault("MemTotal") - info.GetValueOrDefault("MemFree");
        return new(
            usage, Math.Max(0, usage - info.GetValueOrDefault("Inactive(file)")), info.GetValueOrDefault("AnonPages"), stat?.GetValueOrDefault("pgfault") ?? 0,
            stat?.GetValueOrDefault("pgmajfault") ?? 0, limitBytes);
    }

    public CpuStats? CpuOf(string cgroup)
    {
        if (hierarchy.IsUnified)
        {
            var stat = Map(Path.Join(CgroupHierarchy.UnifiedRoot, cgroup, "cpu.stat"));
            return stat is null ? null : new(stat.GetValueOrDefault("usage_usec") * 1000);
        }
        return hierarchy.Folder("cpuacct", cgroup) is { } folder && Number(Path.Join(folder, "cpuacct.usage")) is { } usage ? new(usage) : null;
    }

    public long? PidsOf(string cgroup) =>
        hierarchy.Folder("pids", cgroup) is { } folder ? Number(Path.Join(folder, "pids.current")) : null;

    // Version 1 shows "no limit" as the largest number of pages.
    private static long Limit(long? bytes) => bytes is null or > (long.MaxValue >> 1) ? 0 : bytes.Value;

    private static long? Number(string path)
    {
        try
        {
            return long.TryParse(File.ReadAllText(path).Trim(), NumberStyles.Integer, CultureInfo.InvariantCulture, out var n) ? n : null;
        }
        catch (IOException)
        {
            // The cgroup ended while it was looked at: nothing to tell.
            return null;
        }
    }

    private static Dictionary<string, long>? Map(string path)
    {
        try
        {
            var map = new Dictionary<string, long>(StringComparer.Ordinal);
            foreach (var line in File.ReadLines(path))
                if (line.Split(' ') is [var name, var value] && long.TryParse(value, NumberStyles.Integer, CultureInfo.InvariantCulture, out var n)) map[name] = n;
            return map;
        }
        catch (IOException)
        {
            // The cgroup ended while it was looked at: nothing to tell.
            return null;
        }
    }
}
