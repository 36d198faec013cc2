using Bramble.Kubelet.Native;
using Bramble.Kubelet.Node;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Eviction;

/// <summary>Disk that pods use on the node, against the limits they set themselves: emptyDir's sizeLimit, ephemeral-storage of the pod. Only pods with such
/// limits are measured (a walk over their files).</summary>
internal sealed class LocalStorageLimits(PodParts parts)
{
    /// <returns>Why the pod must go; null: it keeps its limits, or has none.</returns>
    public string? Exceeded(V1Pod pod)
    {
        foreach (var volume in pod.Spec.Volumes ?? [])
        {
            // A limit of a memory volume is the file system's own size.
            if (volume.EmptyDir is not { SizeLimit: { } limit, Medium: not "Memory" } || limit.ToDecimal() <= 0) continue;
            if (BytesBelow(parts.Volumes.EmptyDirFolder(pod, volume.Name)) > limit.ToDecimal())
                return $"Usage of EmptyDir volume \"{volume.Name}\" exceeds the limit \"{limit}\". ";
        }
        var limits = pod.Spec.Containers.Select(c => PodSpecs.Amount(c.Resources?.Limits, "ephemeral-storage")).ToList();
        if (limits.Count == 0 || limits.Any(l => l <= 0)) return null;
        return UsedBytes(pod) > limits.Sum()
            ? $"Pod ephemeral local storage usage exceeds the total limit of containers {NodeResources.Show("ephemeral-storage", limits.Sum())}. "
            : null;
    }

    /// <summary>Its emptyDirs on disk and its logs. What containers write into their own layers is the runtime's and not counted here.</summary>
    public long UsedBytes(V1Pod pod) =>
        (pod.Spec.Volumes ?? []).Where(v => v.EmptyDir is { Medium: not "Memory" }).Sum(v => BytesBelow(parts.Volumes.EmptyDirFolder(pod, v.Name)))
        + BytesBelow(parts.Sandboxes.LogFolder(pod));

    private static long BytesBelow(string folder)
    {
        if (!Directory.Exists(folder)) return 0;
        var options = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint };
        long sum = 0;
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", options))
        {
            // It may be deleted between the listing and the question.
            if (file.Exists) sum += FileKind.AllocatedBytes(file.FullName);
        }
        return sum;
    }
}
