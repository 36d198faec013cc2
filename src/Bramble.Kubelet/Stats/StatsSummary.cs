using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Kubelet.Node;
using Bramble.Kubelet.Pods;

namespace Bramble.Kubelet.Stats;

/// <summary>/stats/summary from cgroups, /proc and the file system; nothing is collected unless asked. Rates are over the time since the last asking.</summary>
internal sealed class StatsSummary(KubeletConfig config, Machine machine, PodWorkers workers, PodParts parts, CgroupStats stats, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, (long Usage, long At, long Rate)> _rates = new();

    public JsonObject Make()
    {
        var now = Text(time.GetUtcNow());
        var pods = new JsonArray();
        foreach (var worker in workers.Active)
            if (Pod(worker, now) is { } pod) pods.Add((JsonNode)pod);
        return new JsonObject { ["node"] = NodeStats(now), ["pods"] = pods };
    }

    private JsonObject NodeStats(string now)
    {
        var disk = new DriveInfo(config.RootDirectory);
        var fs = new JsonObject
        {
            ["time"] = now,
            ["availableBytes"] = disk.AvailableFreeSpace,
            ["capacityBytes"] = disk.TotalSize,
            ["usedBytes"] = disk.TotalSize - disk.TotalFreeSpace,
        };
        var boot = time.GetUtcNow().AddMilliseconds(-Environment.TickCount64);
        var node = new JsonObject { ["nodeName"] = config.NodeName, ["startTime"] = PodStatusTree.Time(boot.UtcDateTime) };
        if (stats.CpuOf("/") is { } cpu) node["cpu"] = Cpu("/", cpu, now);
        if (stats.NodeMemory(machine.MemoryBytes) is { } memory) node["memory"] = Memory(memory, machine.MemoryBytes, now);
        node["network"] = Network("/proc/net/dev", now);
        node["fs"] = fs;
        node["runtime"] = new JsonObject { ["imageFs"] = fs.DeepClone() };
        return node;
    }

    private JsonObject? Pod(PodWorker worker, string now)
    {
        var pod = worker.Pod;
        var cgroup = parts.Cgroups.PathOf(pod);
        if (stats.MemoryOf(cgroup) is not { } memory) return null;
        var containers = new JsonArray();
        foreach (var status in parts.Statuses.Find(pod)?.ContainerStatuses ?? [])
        {
            if (status.State?.Running is not { } running || status.ContainerID is null) continue;
            var path = ContainerCgroups.Path(config.CgroupDriver, cgroup, status.ContainerID);
            var one = new JsonObject { ["name"] = status.Name, ["startTime"] = PodStatusTree.Time(running.StartedAt) };
            if (stats.CpuOf(path) is { } used) one["cpu"] = Cpu(path, used, now);
            if (stats.MemoryOf(path) is { } m) one["memory"] = Memory(m, m.LimitBytes, now);
            containers.Add((JsonNode)one);
        }
        var result = new JsonObject
        {
            ["podRef"] = new JsonObject { ["name"] = pod.Name(), ["namespace"] = pod.Namespace(), ["uid"] = pod.Uid() },
            ["startTime"] = PodStatusTree.Time(parts.Statuses.Find(pod)?.StartTime),
            ["containers"] = containers,
        };
        if (stats.CpuOf(cgroup) is { } cpu) result["cpu"] = Cpu(cgroup, cpu, now);
        result["memory"] = Memory(memory, memory.LimitBytes, now);
        if (stats.PidsOf(cgroup) is { } pids) result["process_stats"] = new JsonObject { ["process_count"] = pids };
        return result;
    }

    private JsonObject Cpu(string key, CpuStats cpu, string now)
    {
        var at = time.GetTimestamp();
        var rate = 0L;
        if (_rates.TryGetValue(key, out var before))
        {
            var seconds = time.GetElapsedTime(before.At, at).TotalSeconds;
            // Two askers at once share one measurement.
            rate = seconds < 1 ? before.Rate : (long)Math.Max(0, (cpu.UsageNanoseconds - before.Usage) / seconds);
            if (seconds < 1) return Shown(rate);
        }
        if (_rates.Count > 4096) _rates.Clear();
        _rates[key] = (cpu.UsageNanoseconds, at, rate);
        return Shown(rate);

        JsonObject Shown(long nanoCores) => new() { ["time"] = now, ["usageNanoCores"] = nanoCores, ["usageCoreNanoSeconds"] = cpu.UsageNanoseconds };
    }

    private static JsonObject Memory(MemoryStats m, long limitBytes, string now)
    {
        var tree = new JsonObject { ["time"] = now };
        if (limitBytes > 0) tree["availableBytes"] = Math.Max(0, limitBytes - m.WorkingSetBytes);
        tree["usageBytes"] = m.UsageBytes;
        tree["workingSetBytes"] = m.WorkingSetBytes;
        tree["rssBytes"] = m.RssBytes;
        tree["pageFaults"] = m.PageFaults;
        tree["majorPageFaults"] = m.MajorPageFaults;
        return tree;
    }

    private static JsonObject Network(string path, string now)
    {
        var interfaces = new JsonArray();
        foreach (var line in File.ReadLines(path).Skip(2))
        {
            var halves = line.Split(':', 2);
            var fields = halves[1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (halves[0].Trim() == "lo" || fields.Length < 11) continue;
            interfaces.Add((JsonNode)new JsonObject
            {
                ["name"] = halves[0].Trim(),
                ["rxBytes"] = Number(fields[0]),
                ["rxErrors"] = Number(fields[2]),
                ["txBytes"] = Number(fields[8]),
                ["txErrors"] = Number(fields[10]),
            });
        }
        var network = new JsonObject { ["time"] = now };
        foreach (var (name, value) in interfaces.FirstOrDefault()?.AsObject() ?? []) network[name] = value?.DeepClone();
        network["interfaces"] = interfaces;
        return network;

        static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
    }

    private static string Text(DateTimeOffset at) => PodStatusTree.Time(at.UtcDateTime)!;
}
