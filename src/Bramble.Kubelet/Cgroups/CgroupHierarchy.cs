namespace Bramble.Kubelet.Cgroups;

/// <summary>Where the kernel shows cgroups: version 2 as one tree, or version 1 as a tree a controller.</summary>
public sealed record CgroupHierarchy(bool IsUnified, IReadOnlyDictionary<string, string> Controllers)
{
    public const string UnifiedRoot = "/sys/fs/cgroup";
    private const string HybridRoot = "/sys/fs/cgroup/unified";

    /// <summary>From /proc/self/mountinfo. Version 2 counts only where it has controllers: a hybrid host keeps them in version 1.</summary>
    public static CgroupHierarchy Detect()
    {
        if (UnifiedControllers().Length > 0)
            return new(true, new Dictionary<string, string> { [""] = UnifiedRoot });
        var controllers = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in File.ReadLines("/proc/self/mountinfo"))
        {
            var halves = line.Split(" - ", 2);
            var after = halves[1].Split(' ');
            if (after[0] != "cgroup") continue;
            var point = halves[0].Split(' ')[4];
            foreach (var option in after[2].Split(','))
                if (option is "cpu" or "cpuacct" or "cpuset" or "memory" or "devices" or "freezer" or "blkio" or "pids" or "hugetlb" or "net_cls" or "net_prio" or "perf_event" or "name=systemd")
                    controllers.TryAdd(option, point);
        }
        return new(false, controllers);
    }

    /// <summary>Who makes the pods' cgroups, as K3s chooses: systemd where it started us and cpusets can be had below it, else we ourselves.</summary>
    /// <param name="asked">What <c>--kubelet-arg=cgroup-driver</c> says; null: nothing.</param>
    /// <exception cref="InvalidDataException">There is no such driver.</exception>
    public static CgroupDriver ChooseDriver(string? asked, Func<string, string?> variable) => asked switch
    {
        "systemd" => CgroupDriver.Systemd,
        "cgroupfs" => CgroupDriver.Cgroupfs,
        null or "" => variable("INVOCATION_ID") is { Length: > 0 } && Directory.Exists("/run/systemd/system") && UnifiedControllers().Contains("cpuset")
            ? CgroupDriver.Systemd
            : CgroupDriver.Cgroupfs,
        _ => throw new InvalidDataException($"--kubelet-arg: cgroup-driver is \"systemd\" or \"cgroupfs\", not \"{asked}\""),
    };

    private static string[] UnifiedControllers()
    {
        var file = Path.Combine(UnifiedRoot, "cgroup.controllers");
        return File.Exists(file) ? File.ReadAllText(file).Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries) : [];
    }

    /// <summary>Folder of a cgroup in the tree of a controller; null: the kernel has no such controller.</summary>
    public string? Folder(string controller, string cgroup) => IsUnified
        ? Path.Join(UnifiedRoot, cgroup)
        : Controllers.TryGetValue(controller, out var root) ? Path.Join(root, cgroup) : null;

    /// <summary>Folders of a cgroup in all trees.</summary>
    public IEnumerable<string> Folders(string cgroup) => Controllers.Values.Distinct().Select(root => Path.Join(root, cgroup));

    /// <summary>Folders that a cgroup may have left: on a hybrid host runc makes it in the tree without controllers too, and leaves it there.</summary>
    public IEnumerable<string> LeftFolders(string cgroup) =>
        IsUnified || !Directory.Exists(HybridRoot) ? Folders(cgroup) : Folders(cgroup).Append(Path.Join(HybridRoot, cgroup));
}
