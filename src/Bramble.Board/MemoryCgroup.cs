namespace Bramble.Board;

/// <summary>Whether the kernel accounts memory by cgroup. Raspberry Pi OS boots with it off; without it a node can neither enforce limits nor see usage.</summary>
public static class MemoryCgroup
{
    /// <summary>What to say to the user, or null when the controller is there. The fix differs with the board's boot loader.</summary>
    public static string? Complaint(Func<string, string?> read)
    {
        // cgroup v2 lists the controllers of the root; v1 and hybrid say it in /proc/cgroups (name, hierarchy, number, enabled).
        if (read("/sys/fs/cgroup/cgroup.controllers") is { Length: > 0 } v2 && v2.Split((char[])[' ', '\n']).Contains("memory")) return null;
        var isEnabled = (read("/proc/cgroups") ?? "").Split('\n')
            .Select(line => line.Split('\t'))
            .Any(fields => fields is ["memory", _, _, "1"]);
        if (isEnabled) return null;
        var commandLine = new[] { "/boot/firmware/cmdline.txt", "/boot/cmdline.txt" }.FirstOrDefault(path => read(path) is not null);
        return commandLine is null
            ? "the kernel's memory cgroup is off: boot with cgroup_enable=memory (in the boot loader's kernel command line)"
            : $"the kernel's memory cgroup is off: add \"cgroup_enable=memory cgroup_memory=1\" to the one line of {commandLine} and reboot";
    }

    /// <summary>A file's text, or null when it is not there.</summary>
    public static string? ReadFile(string path) => File.Exists(path) ? File.ReadAllText(path) : null;
}
