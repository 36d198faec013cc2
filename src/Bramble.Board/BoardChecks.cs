using System.Globalization;

namespace Bramble.Board;

/// <summary>How serious a finding is. A failure keeps pods from running; a warning costs speed, life or safety.</summary>
public enum Verdict
{
    Pass,
    Info,
    Warning,
    Fail,
}

/// <summary>What one check saw, and what to do about it.</summary>
public sealed record Finding(Verdict Verdict, string Subject, string Text);

/// <summary>What a machine is like as a node, read from /proc and /sys alone. <c>bramble check-config</c> prints it.</summary>
/// <param name="read">A file's text; null: it is not there.</param>
/// <param name="exists">Whether a file or folder is there.</param>
public sealed class BoardChecks(Func<string, string?> read, Func<string, bool> exists)
{
    // The firmware's word: what holds now in the low bits, what happened since the boot 16 bits higher.
    private const int UnderVoltage = 1;
    private const int Throttled = 4;
    private const int SinceBoot = 16;

    /// <summary>All findings, in the order of the report.</summary>
    public IReadOnlyList<Finding> All() => [MemoryController(), .. Controllers(), Memory(), Swap(), Disk(), .. Power(), .. Heat(), Network(), Congestion(), Overlay()];

    private Finding MemoryController() => MemoryCgroup.Complaint(read) is { } complaint
        ? new(Verdict.Fail, "memory cgroup", complaint)
        : new(Verdict.Pass, "memory cgroup", "on");

    private List<Finding> Controllers()
    {
        var unified = Words(read("/sys/fs/cgroup/cgroup.controllers"));
        var old = Lines("/proc/cgroups").Select(line => line.Split('\t')).Where(fields => fields is [_, _, _, "1"]).Select(fields => fields[0]).ToList();
        List<Finding> findings = [new(Verdict.Info, "cgroups", unified.Length > 0 ? "version 2" : "version 1")];
        foreach (var (name, verdict) in (ReadOnlySpan<(string, Verdict)>)[("cpu", Verdict.Fail), ("pids", Verdict.Fail), ("cpuset", Verdict.Warning)])
            if (!unified.Contains(name) && !old.Contains(name)) findings.Add(new(verdict, "cgroups", $"the kernel has no {name} controller: limits of that kind are not kept"));
        return findings;
    }

    private Finding Memory()
    {
        var total = Lines("/proc/meminfo").Where(line => line.StartsWith("MemTotal:", StringComparison.Ordinal)).Select(line => Number(Words(line)[1]) / 1024).FirstOrDefault();
        return total < 900
            ? new(Verdict.Warning, "memory", $"{total} MB: a server wants 1 GB; this board is good for an agent")
            : new(Verdict.Pass, "memory", $"{total} MB");
    }

    private Finding Swap()
    {
        var areas = Lines("/proc/swaps").Skip(1).Select(line => Words(line)).Where(words => words.Length > 0).Select(words => words[0]).ToList();
        if (areas.Count == 0) return new(Verdict.Pass, "swap", "off");
        return areas.TrueForAll(area => area.Contains("zram", StringComparison.Ordinal))
            ? new(Verdict.Pass, "swap", "compressed memory (zram)")
            : new(Verdict.Warning, "swap", $"on {string.Join(", ", areas)}: it makes pods slow and wears an SD card. Fix: swapoff -a, and systemctl disable dphys-swapfile where there is one");
    }

    private Finding Disk()
    {
        var device = Lines("/proc/mounts").Select(line => Words(line)).Where(words => words.Length > 1 && words[1] == "/" && words[0].StartsWith('/')).Select(words => words[0]).LastOrDefault();
        if (device is null) return new(Verdict.Info, "disk", "not on a device of its own");
        return device.StartsWith("/dev/mmcblk", StringComparison.Ordinal)
            ? new(Verdict.Warning, "disk", $"{device} is an SD card or eMMC: it works; an SSD on USB 3 or NVMe is ten times faster and lives longer")
            : new(Verdict.Pass, "disk", device);
    }

    private List<Finding> Power()
    {
        if (read("/sys/devices/platform/soc/soc:firmware/get_throttled") is not { } text) return [];
        if (!int.TryParse(text.Trim().Replace("0x", "", StringComparison.Ordinal), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var bits)) return [];
        List<Finding> findings = [];
        if ((bits & UnderVoltage) != 0) findings.Add(new(Verdict.Fail, "power", "the supply's voltage is too low now: take the board's own power supply and a short cable"));
        else if ((bits & (UnderVoltage << SinceBoot)) != 0) findings.Add(new(Verdict.Warning, "power", "the supply's voltage was too low since the boot: take the board's own power supply and a short cable"));
        if ((bits & Throttled) != 0) findings.Add(new(Verdict.Warning, "power", "the firmware slows the CPU down now (heat or voltage)"));
        return findings.Count > 0 ? findings : [new(Verdict.Pass, "power", "enough voltage since the boot")];
    }

    private List<Finding> Heat()
    {
        if (read("/sys/class/thermal/thermal_zone0/temp") is not { } text || !int.TryParse(text.Trim(), CultureInfo.InvariantCulture, out var thousandths)) return [];
        var degrees = thousandths / 1000;
        return [degrees >= 80
            ? new(Verdict.Warning, "heat", $"{degrees} °C: the firmware slows the CPU down from 80 °C on; a heat sink or a fan helps")
            : new(Verdict.Pass, "heat", $"{degrees} °C")];
    }

    private Finding Network()
    {
        var link = Lines("/proc/net/route").Skip(1).Select(line => Words(line)).Where(words => words.Length > 7 && words[1] == "00000000" && words[7] == "00000000").Select(words => words[0]).FirstOrDefault();
        if (link is null) return new(Verdict.Info, "network", "no default route");
        return exists($"/sys/class/net/{link}/wireless")
            ? new(Verdict.Warning, "network", $"{link} is WiFi: a cable is steadier between nodes")
            : new(Verdict.Pass, "network", $"{link}, by cable");
    }

    private Finding Congestion() => (read("/proc/sys/net/ipv4/tcp_congestion_control") ?? "").Trim() is var control && control == "bbr"
        ? new(Verdict.Pass, "tcp", "bbr")
        : new(Verdict.Info, "tcp", $"{control}; over WiFi or the internet bbr is often faster: sysctl net.ipv4.tcp_congestion_control=bbr");

    private Finding Overlay() => Lines("/proc/filesystems").Any(line => line.EndsWith("overlay", StringComparison.Ordinal))
        ? new(Verdict.Pass, "overlayfs", "there")
        : new(Verdict.Warning, "overlayfs", "not loaded; the server loads it by modprobe overlay, else: --snapshotter native");

    private string[] Lines(string path) => (read(path) ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static string[] Words(string? text) => (text ?? "").Split((char[])[' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries);

    private static long Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
}
