using System.Globalization;
using System.Runtime.InteropServices;

namespace Bramble.Kubelet.Node;

/// <summary>The machine as the kernel describes it; what does not change while it runs.</summary>
internal sealed record Machine
{
    public required int Cores { get; init; }
    public required long MemoryBytes { get; init; }
    public required long SwapBytes { get; init; }

    /// <summary>Bytes reserved as huge pages, by size of a page in KiB; the kernel's sizes are there also where nothing is reserved.</summary>
    public required IReadOnlyDictionary<long, long> HugePages { get; init; }
    public required string MachineId { get; init; }
    public required string SystemUuid { get; init; }
    public required string BootId { get; init; }
    public required string KernelVersion { get; init; }
    public required string OsImage { get; init; }
    public required string Architecture { get; init; }

    public static Machine Read()
    {
        var memory = File.ReadLines("/proc/meminfo").Select(l => l.Split(':', 2)).ToDictionary(p => p[0], p => p[1]);
        var machineId = FirstLine("/etc/machine-id");
        var uuid = FirstLine("/sys/class/dmi/id/product_uuid");
        // A Raspberry Pi has no DMI; its serial number is in the device tree.
        if (uuid.Length == 0) uuid = FirstLine("/proc/device-tree/serial-number").Trim('\0');
        return new Machine
        {
            Cores = OnlineCores(),
            HugePages = ReadHugePages(),
            MemoryBytes = Kibibytes(memory.GetValueOrDefault("MemTotal")) * 1024,
            SwapBytes = Kibibytes(memory.GetValueOrDefault("SwapTotal")) * 1024,
            MachineId = machineId,
            SystemUuid = uuid.Length > 0 ? uuid : machineId,
            BootId = FirstLine("/proc/sys/kernel/random/boot_id"),
            KernelVersion = FirstLine("/proc/sys/kernel/osrelease"),
            OsImage = OsName(),
            Architecture = RuntimeInformation.OSArchitecture switch
            {
                System.Runtime.InteropServices.Architecture.X64 => "amd64",
                System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
                var other => other.ToString().ToLowerInvariant(),
            },
        };
    }

    /// <summary>The machine's, not this process's: a CPU quota of the service or an affinity is no property of the node.</summary>
    private static int OnlineCores() => CountRanges(FirstLine("/sys/devices/system/cpu/online")) is > 0 and var count ? count : Environment.ProcessorCount;

    /// <summary>"0-3,6" → 5.</summary>
    internal static int CountRanges(string text)
    {
        var count = 0;
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part.Split('-') is not [var first, .. var rest] || !int.TryParse(first, out var from)) return 0;
            var to = from;
            if (rest.Length > 1 || (rest is [var last] && !int.TryParse(last, out to))) return 0;
            count += to - from + 1;
        }
        return count;
    }

    private static Dictionary<long, long> ReadHugePages()
    {
        const string Folder = "/sys/kernel/mm/hugepages";
        var pages = new Dictionary<long, long>();
        if (!Directory.Exists(Folder)) return pages;
        // hugepages-2048kB, and in it how many are reserved.
        foreach (var folder in Directory.EnumerateDirectories(Folder, "hugepages-*kB"))
            if (long.TryParse(Path.GetFileName(folder)["hugepages-".Length..^"kB".Length], out var size) && long.TryParse(FirstLine(Path.Combine(folder, "nr_hugepages")), out var count))
                pages[size] = size * 1024 * count;
        return pages;
    }

    /// <summary>"  16384256 kB" → 16384256.</summary>
    public static long Kibibytes(string? text) =>
        long.TryParse((text ?? "").Replace("kB", "", StringComparison.Ordinal).Trim(), NumberStyles.Integer, CultureInfo.InvariantCulture, out var n) ? n : 0;

    private static string FirstLine(string path) => File.Exists(path) ? File.ReadLines(path).FirstOrDefault()?.Trim() ?? "" : "";

    private static string OsName()
    {
        foreach (var path in (string[])["/etc/os-release", "/usr/lib/os-release"])
            if (File.Exists(path))
                foreach (var line in File.ReadLines(path))
                    if (line.StartsWith("PRETTY_NAME=", StringComparison.Ordinal)) return line["PRETTY_NAME=".Length..].Trim('"', '\'');
        return "Linux";
    }
}
