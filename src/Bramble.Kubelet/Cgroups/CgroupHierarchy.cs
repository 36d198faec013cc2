namespace Bramble.Kubelet.Cgroups;

/// <summary>Where the kernel shows cgroups: version 2 as one tree, or version 1 as a tree a controller.</summary>
internal sealed record CgroupHierarchy(bool IsUnified, IReadOnlyDictionary<string, string> Controllers)
{
    public const string UnifiedRoot = "/sys/fs/cgroup";

    /// <summary>From /proc/self/mountinfo. Version 2 counts only where it has controllers: a hybrid host keeps them in version 1.</summary>
    public static CgroupHierarchy Detect()
    {
        var unified = Path.Combine(UnifiedRoot, "cgroup.controllers");
        if (File.Exists(unified) && File.ReadAllText(unified).Trim().Length > 0)
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

    /// <summary>Folder of a cgroup in the tree of a controller; null: the kernel has no such controller.</summary>
    public string? Folder(string controller, string cgroup) => IsUnified
        ? Path.Join(UnifiedRoot, cgroup)
        : Controllers.TryGetValue(controller, out var root) ? Path.Join(root, cgroup) : null;

    /// <summary>Folders of a cgroup in all trees.</summary>
    public IEnumerable<string> Folders(string cgroup) => Controllers.Values.Distinct().Select(root => Path.Join(root, cgroup));
}
