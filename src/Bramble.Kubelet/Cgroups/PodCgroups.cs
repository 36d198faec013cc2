using System.Globalization;
using Bramble.Kubelet.Containers;
using Bramble.Kubelet.Pods;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Cgroups;

/// <summary>Limits of a pod's cgroup; 0: none.</summary>
internal readonly record struct PodCgroupLimits(long Shares, long QuotaMicroseconds, long MemoryBytes)
{
    /// <summary>Limits under which both fit.</summary>
    public PodCgroupLimits Max(PodCgroupLimits other) =>
        new(Math.Max(Shares, other.Shares), Larger(QuotaMicroseconds, other.QuotaMicroseconds), Larger(MemoryBytes, other.MemoryBytes));

    private static long Larger(long a, long b) => a == 0 || b == 0 ? 0 : Math.Max(a, b);

    public static PodCgroupLimits Of(V1Pod pod) => new(
        ContainerResourceLimits.Shares(pod.Spec.EffectiveRequest("cpu")),
        ContainerResourceLimits.Quota(pod.Spec.EffectiveLimit("cpu")),
        (long)pod.Spec.EffectiveLimit("memory"));
}

/// <summary>The tree of pods' cgroups: <c>kubepods</c>, in it <c>burstable</c> and <c>besteffort</c>, in those <c>pod&lt;uid&gt;</c>; guaranteed pods directly in
/// kubepods. With systemd as driver they are slices of the same names. A limit that cannot be written is said once.</summary>
internal sealed class PodCgroups(KubeletConfig config, CgroupHierarchy hierarchy, SystemdSlices slices, ILogger log)
{
    private static readonly string[] QosClasses = ["Guaranteed", "Burstable", "BestEffort"];

    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, bool> _told = new();

    public CgroupHierarchy Hierarchy => hierarchy;

    private bool IsSystemd => config.CgroupDriver == CgroupDriver.Systemd;

    /// <summary>Path of the tree's top: <c>/kubepods</c>.</summary>
    public string Top => IsSystemd ? "/kubepods.slice" : Path.Join(config.CgroupRoot, "kubepods");

    private string QosFolder(string qos) => (qos, IsSystemd) switch
    {
        ("Guaranteed", _) => Top,
        (_, false) => $"{Top}/{qos.ToLowerInvariant()}",
        _ => $"{Top}/kubepods-{qos.ToLowerInvariant()}.slice",
    };

    /// <summary>Path of a pod's cgroup below the hierarchy's root.</summary>
    public string PathOf(V1Pod pod) => IsSystemd ? $"{QosFolder(pod.QosClass())}/{SliceOf(pod)}" : $"{QosFolder(pod.QosClass())}/pod{pod.Uid()}";

    /// <summary>The parent as the runtime wants to hear it: a path, or with systemd the slice's name alone.</summary>
    public string ParentFor(V1Pod pod) => IsSystemd ? SliceOf(pod) : PathOf(pod);

    private static string SliceOf(V1Pod pod) => SliceOf(pod.QosClass(), pod.Uid());

    // A dash in a slice's name is a level of the tree.
    private static string SliceOf(string qos, string uid) =>
        $"kubepods{(qos == "Guaranteed" ? "" : "-" + qos.ToLowerInvariant())}-pod{uid.Replace('-', '_')}.slice";

    /// <summary>Makes the top and the QoS groups. All pods together get so much and no more.</summary>
    public void Prepare(decimal cores, long memoryBytes)
    {
        if (!IsSystemd)
            foreach (var cgroup in (string[])[Top, QosFolder("Burstable"), QosFolder("BestEffort")]) Make(cgroup);
        SetLimits(Top, new PodCgroupLimits(ContainerResourceLimits.Shares(cores), 0, memoryBytes));
        SetShares(QosFolder("BestEffort"), ContainerResourceLimits.SharesMin);
    }

    public void Ensure(V1Pod pod, PodCgroupLimits limits)
    {
        var cgroup = PathOf(pod);
        if (!IsSystemd) Make(cgroup);
        SetLimits(cgroup, limits);
    }

    private void SetLimits(string cgroup, PodCgroupLimits limits)
    {
        if (IsSystemd)
        {
            EnsureSlice(cgroup, SliceLimits.Of(Weight(limits.Shares), limits.QuotaMicroseconds, limits.MemoryBytes));
            return;
        }
        SetShares(cgroup, limits.Shares);
        if (hierarchy.IsUnified)
        {
            Write("cpu", cgroup, "cpu.max", limits.QuotaMicroseconds == 0 ? "max 100000" : $"{limits.QuotaMicroseconds.ToString(CultureInfo.InvariantCulture)} 100000");
            Write("memory", cgroup, "memory.max", limits.MemoryBytes == 0 ? "max" : limits.MemoryBytes.ToString(CultureInfo.InvariantCulture));
            return;
        }
        if (limits.QuotaMicroseconds > 0) Write("cpu", cgroup, "cpu.cfs_quota_us", limits.QuotaMicroseconds.ToString(CultureInfo.InvariantCulture));
        if (limits.MemoryBytes > 0) Write("memory", cgroup, "memory.limit_in_bytes", limits.MemoryBytes.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Shares of the burstable group: the sum of what its pods ask for.</summary>
    public void SetBurstableShares(IEnumerable<V1Pod> pods)
    {
        var cores = pods.Where(p => p.QosClass() == "Burstable").Sum(p => p.Spec.EffectiveRequest("cpu"));
        SetShares(QosFolder("Burstable"), ContainerResourceLimits.Shares(cores));
    }

    /// <summary>Uids of the pods that have a cgroup.</summary>
    public IReadOnlySet<string> PodUids()
    {
        var uids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var qos in QosClasses)
            foreach (var folder in hierarchy.LeftFolders(QosFolder(qos)).Where(Directory.Exists))
                foreach (var child in Directory.EnumerateDirectories(folder))
                    if (UidOf(Path.GetFileName(child)) is { } uid) uids.Add(uid);
        return uids;
    }

    /// <summary>The uid in a cgroup's name, <c>pod1-2</c> or <c>kubepods-burstable-pod1_2.slice</c>; null: it is no pod's.</summary>
    internal static string? UidOf(string name)
    {
        if (name.StartsWith("pod", StringComparison.Ordinal)) return name["pod".Length..];
        var at = name.IndexOf("-pod", StringComparison.Ordinal);
        return at >= 0 && name.StartsWith("kubepods", StringComparison.Ordinal) && name.EndsWith(".slice", StringComparison.Ordinal)
            ? name[(at + "-pod".Length)..^".slice".Length].Replace('_', '-')
            : null;
    }

    /// <summary>Removes a pod's cgroup from every tree. False: something still runs in it.</summary>
    public bool Remove(string uid)
    {
        var isGone = true;
        foreach (var qos in QosClasses)
            foreach (var folder in hierarchy.LeftFolders(IsSystemd ? $"{QosFolder(qos)}/{SliceOf(qos, uid)}" : $"{QosFolder(qos)}/pod{uid}").Where(Directory.Exists))
                isGone &= IsSystemd ? StopSlice(SliceOf(qos, uid), folder) : RemoveTree(folder);
        return isGone;
    }

    private bool StopSlice(string slice, string folder)
    {
        // Stopping a slice kills what is in it: a pod's end is the kubelet's to time.
        if (File.ReadLines(Path.Join(folder, "cgroup.events")).Contains("populated 1")) return false;
        slices.Stop(slice);
        return true;
    }

    private void EnsureSlice(string cgroup, SliceLimits limits)
    {
        try
        {
            slices.Ensure(Path.GetFileName(cgroup), limits);
        }
        catch (IOException e)
        {
            if (_told.TryAdd("systemd", true)) Log.CgroupsLimited(log, e.Message);
        }
    }

    private static bool RemoveTree(string folder)
    {
        // The kernel removes a cgroup's files with it: only folders are removed, deepest first.
        foreach (var child in Directory.EnumerateDirectories(folder, "*", SearchOption.AllDirectories).OrderByDescending(d => d.Length).Append(folder))
            if (!Native.RemoveFolder.TryRemove(child)) return false;
        return true;
    }

    private void Make(string cgroup)
    {
        var path = "";
        foreach (var part in cgroup.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            var parent = path;
            path += "/" + part;
            foreach (var folder in hierarchy.Folders(path))
                if (!Directory.Exists(folder)) Directory.CreateDirectory(folder);
            if (hierarchy.IsUnified) EnableControllers(parent);
            else FillCpuset(parent, path);
        }
    }

    private void EnableControllers(string parent)
    {
        var folder = Path.Join(CgroupHierarchy.UnifiedRoot, parent);
        var there = File.ReadAllText(Path.Join(folder, "cgroup.controllers")).Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        var enabled = File.ReadAllText(Path.Join(folder, "cgroup.subtree_control")).Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        foreach (var controller in there.Except(enabled).Where(c => c is "cpu" or "cpuset" or "memory" or "io" or "pids" or "hugetlb"))
            Write("", parent, "cgroup.subtree_control", "+" + controller);
    }

    // Version 1: an empty cpuset can hold no process.
    private void FillCpuset(string parent, string cgroup)
    {
        if (hierarchy.Folder("cpuset", cgroup) is not { } folder || hierarchy.Folder("cpuset", parent) is not { } above) return;
        foreach (var file in (string[])["cpuset.cpus", "cpuset.mems"])
            if (File.ReadAllText(Path.Join(folder, file)).Trim().Length == 0) Write("cpuset", cgroup, file, File.ReadAllText(Path.Join(above, file)).Trim());
    }

    private void SetShares(string cgroup, long shares)
    {
        if (IsSystemd) EnsureSlice(cgroup, SliceLimits.Of(Weight(shares), 0, 0));
        else if (hierarchy.IsUnified) Write("cpu", cgroup, "cpu.weight", Weight(shares).ToString(CultureInfo.InvariantCulture));
        else Write("cpu", cgroup, "cpu.shares", shares.ToString(CultureInfo.InvariantCulture));
    }

    // Version 2 has weights from 1 to 10000 for shares from 2 to 262144.
    private static long Weight(long shares) => 1 + (shares - 2) * 9999 / 262142;

    private void Write(string controller, string cgroup, string file, string value)
    {
        if (hierarchy.Folder(controller, cgroup) is not { } folder)
        {
            if (_told.TryAdd(controller, true)) Log.CgroupsLimited(log, $"the kernel has no {controller} controller");
            return;
        }
        if (!Directory.Exists(folder)) return;
        try
        {
            File.WriteAllText(Path.Join(folder, file), value);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (_told.TryAdd(file, true)) Log.CgroupsLimited(log, $"{Path.Join(folder, file)}: {e.Message}");
        }
    }
}
