using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Stats;
using k8s.Models;

namespace Bramble.Kubelet.Resize;

/// <summary>Brings what the node has given to the running containers, which go on running (KEP-1287).</summary>
internal sealed class PodResizer(PodParts parts)
{
    /// <summary>When a resize that failed is tried again.</summary>
    public static readonly TimeSpan Again = TimeSpan.FromSeconds(10);

    /// <summary>Gives each container its new resources. The pod's own limits fit old and new before, and are set to the new ones afterwards.</summary>
    /// <returns>Null: done. Else why not; what was done stays done.</returns>
    public async Task<string?> ResizeAsync(V1Pod pod, PodResize state, IReadOnlyList<ContainerResize> resizes, CancellationToken cancel)
    {
        if (TooLittleMemory(pod, state, resizes) is { } problem) return problem;
        foreach (var resize in resizes)
        {
            try
            {
                await parts.Runtime.UpdateContainerResourcesAsync(resize.ContainerId, parts.Containers.Resources(pod, resize.Container), cancel);
            }
            catch (RuntimeException e)
            {
                return e.Message;
            }
            state.IsInForce(resize.Container.Name);
        }
        return null;
    }

    // The kernel would kill for a limit below what is in use.
    private string? TooLittleMemory(V1Pod pod, PodResize state, IReadOnlyList<ContainerResize> resizes)
    {
        var stats = new CgroupStats(parts.Cgroups.Hierarchy);
        var cgroup = parts.Cgroups.PathOf(pod);
        var problems = new List<string>();
        if (state.LoweredMemoryLimit is { } limit && stats.MemoryOf(cgroup)?.UsageBytes is { } used && used >= limit)
            problems.Add($"attempting to set pod memory limit ({limit}) below current usage ({used})");
        foreach (var resize in resizes)
        {
            if (!resize.IsMemoryLimitLowered) continue;
            var own = ContainerCgroups.Path(parts.Config.CgroupDriver, cgroup, $"{parts.RuntimeName}://{resize.ContainerId}");
            if (stats.MemoryOf(own)?.UsageBytes is { } usage && usage >= (long)resize.To.MemoryLimit)
                problems.Add($"attempting to set container \"{resize.Container.Name}\" memory limit ({(long)resize.To.MemoryLimit}) below current usage ({usage})");
        }
        return problems.Count switch
        {
            0 => null,
            1 => $"cannot decrease memory limits: {problems[0]}",
            _ => $"cannot decrease memory limits: [{string.Join(", ", problems)}]",
        };
    }
}
