namespace Bramble.Kubelet.Stats;

/// <summary>A container's cgroup below its pod's: named by its id, or with systemd a scope.</summary>
internal static class ContainerCgroups
{
    public static string Path(CgroupDriver driver, string podCgroup, string containerId)
    {
        var id = containerId[(containerId.IndexOf("://", StringComparison.Ordinal) + 3)..];
        return driver == CgroupDriver.Systemd ? $"{podCgroup}/cri-containerd-{id}.scope" : $"{podCgroup}/{id}";
    }
}
