namespace Bramble.Board.Tests;

public class MemoryCgroupTests
{
    private const string Cgroups = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t60\t1\nmemory\t0\t60\t{0}\n";

    public static TheoryData<string, string?, Dictionary<string, string>> Boards => new()
    {
        { "cgroup v2 with memory", null, new() { ["/sys/fs/cgroup/cgroup.controllers"] = "cpuset cpu io memory pids\n" } },
        { "cgroup v1 with memory", null, new() { ["/proc/cgroups"] = string.Format(Cgroups, 1) } },
        {
            "Raspberry Pi OS as it comes",
            "the kernel's memory cgroup is off: add \"cgroup_enable=memory cgroup_memory=1\" to the one line of /boot/firmware/cmdline.txt and reboot",
            new() { ["/sys/fs/cgroup/cgroup.controllers"] = "cpuset cpu io pids\n", ["/proc/cgroups"] = string.Format(Cgroups, 0), ["/boot/firmware/cmdline.txt"] = "root=x" }
        },
        {
            "another boot loader",
            "the kernel's memory cgroup is off: boot with cgroup_enable=memory (in the boot loader's kernel command line)",
            new() { ["/proc/cgroups"] = string.Format(Cgroups, 0) }
        },
    };

    [Theory, MemberData(nameof(Boards))]
    public void The_fix_is_named(string board, string? complaint, Dictionary<string, string> files)
    {
        Assert.NotEmpty(board);
        Assert.Equal(complaint, MemoryCgroup.Complaint(path => files.GetValueOrDefault(path)));
    }
}
