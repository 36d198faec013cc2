namespace Bramble.Board.Tests;

/// <summary>What check-config says of boards.</summary>
public class BoardChecksTests
{
    private static readonly Dictionary<string, string> GoodBoard = new()
    {
        ["/sys/fs/cgroup/cgroup.controllers"] = "cpuset cpu io memory pids\n",
        ["/proc/meminfo"] = "MemTotal:        3884480 kB\nMemFree: 1 kB\n",
        ["/proc/swaps"] = "Filename\tType\tSize\tUsed\tPriority\n",
        ["/proc/mounts"] = "proc /proc proc rw 0 0\n/dev/nvme0n1p2 / ext4 rw 0 0\n",
        ["/sys/devices/platform/soc/soc:firmware/get_throttled"] = "0\n",
        ["/sys/class/thermal/thermal_zone0/temp"] = "48312\n",
        ["/proc/net/route"] = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\n",
        ["/proc/sys/net/ipv4/tcp_congestion_control"] = "bbr\n",
        ["/proc/filesystems"] = "nodev\toverlay\n\text4\n",
    };

    public static TheoryData<string, string, string, Verdict, string> Troubles => new()
    {
        { "little memory", "/proc/meminfo", "MemTotal: 480000 kB\n", Verdict.Warning, "memory: 468 MB: a server wants 1 GB; this board is good for an agent" },
        { "zram", "/proc/swaps", "Filename\n/dev/zram0 partition 1 0 100\n", Verdict.Pass, "swap: compressed memory (zram)" },
        { "swap on the card", "/proc/swaps", "Filename\n/var/swap file 1 0 -2\n", Verdict.Warning, "swap: on /var/swap: it makes pods slow" },
        { "SD card", "/proc/mounts", "/dev/mmcblk0p2 / ext4 rw 0 0\n", Verdict.Warning, "disk: /dev/mmcblk0p2 is an SD card or eMMC" },
        { "weak supply now", "/sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n", Verdict.Fail, "power: the supply's voltage is too low now" },
        { "weak supply before", "/sys/devices/platform/soc/soc:firmware/get_throttled", "0x50000", Verdict.Warning, "power: the supply's voltage was too low since the boot" },
        { "hot", "/sys/class/thermal/thermal_zone0/temp", "82900\n", Verdict.Warning, "heat: 82 °C" },
        { "no memory cgroup", "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n", Verdict.Fail, "memory cgroup: the kernel's memory cgroup is off" },
        { "no pids", "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory\n", Verdict.Fail, "cgroups: the kernel has no pids controller" },
    };

    [Fact]
    public void A_good_board_passes() =>
        Assert.All(Check(GoodBoard), finding => Assert.True(finding.Verdict is Verdict.Pass or Verdict.Info, $"{finding.Subject}: {finding.Text}"));

    [Theory, MemberData(nameof(Troubles))]
    public void What_is_wrong_is_said_with_the_fix(string board, string file, string content, Verdict verdict, string begin)
    {
        Assert.NotEmpty(board);
        var findings = Check(new Dictionary<string, string>(GoodBoard) { [file] = content });
        Assert.Contains(findings, finding => finding.Verdict == verdict && $"{finding.Subject}: {finding.Text}".StartsWith(begin, StringComparison.Ordinal));
    }

    [Fact]
    public void Wireless_is_a_warning() =>
        Assert.Contains(new BoardChecks(path => GoodBoard.GetValueOrDefault(path), path => path == "/sys/class/net/eth0/wireless").All(),
            finding => finding is { Verdict: Verdict.Warning, Subject: "network" });

    private static IReadOnlyList<Finding> Check(Dictionary<string, string> files) => new BoardChecks(path => files.GetValueOrDefault(path), _ => false).All();
}
