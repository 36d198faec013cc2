using System.Globalization;
using Bramble.Kubelet.Csi;
using Bramble.Kubelet.Native;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Volumes;

/// <summary>A volume that is ready: where it is on the node. An image volume has no place there: the runtime mounts it.</summary>
internal sealed record MountedVolume(string HostPath, bool IsReadOnly = false, string? Image = null)
{
    /// <summary>Its files are this group's: whoever mounts it is of the group.</summary>
    public long? Group { get; init; }
}

/// <summary>Makes pods' volumes ready, keeps their projected files current and takes them away again. Everything is found again after a restart by its
/// place under the root directory. Safe to repeat.</summary>
internal sealed class PodVolumes(KubeletConfig config, ClaimVolumes claims, CsiMounts drivers, Projections projections, TimeProvider time)
{
    private const UnixFileMode Everybody = (UnixFileMode)0b111_111_111;

    public string PodFolder(string uid) => Path.Combine(config.RootDirectory, "pods", uid);

    public string EmptyDirFolder(V1Pod pod, string volume) => Place(pod, "empty-dir", volume);

    /// <summary>When some of the pod's volumes want to be made current; null: never.</summary>
    public DateTimeOffset? NextLook(string podUid) => drivers.NextPublication(podUid);

    /// <summary>All volumes of the pod, ready and current, by name.</summary>
    /// <exception cref="VolumesNotReadyException">With upstream's words for the FailedMount events.</exception>
    /// <exception cref="AttachLimitException">The pod cannot run here.</exception>
    public async Task<Dictionary<string, MountedVolume>> EnsureAsync(V1Pod pod, IReadOnlyList<string> podIps, CancellationToken cancel)
    {
        var ready = new Dictionary<string, MountedVolume>(StringComparer.Ordinal);
        var used = pod.Spec.AllContainers().SelectMany(c => (c.Container.VolumeMounts ?? []).Select(m => m.Name).Concat((c.Container.VolumeDevices ?? []).Select(d => d.Name))).ToHashSet(StringComparer.Ordinal);
        List<string> problems = [];
        foreach (var volume in pod.Spec.Volumes ?? [])
        {
            // What no container mounts is not made ready.
            if (!used.Contains(volume.Name)) continue;
            try
            {
                ready[volume.Name] = await OneAsync(pod, volume, podIps, cancel);
            }
            catch (VolumeException e) when (e.HasStage)
            {
                problems.Add(e.Message);
            }
            catch (Exception e) when (e is not (OperationCanceledException or AttachLimitException))
            {
                problems.Add($"MountVolume.SetUp failed for volume \"{volume.Name}\" : {e.Message}");
            }
        }
        // Each that is not ready is told of: who mends one wants to see the others too.
        return problems.Count == 0 ? ready : throw new VolumesNotReadyException(problems);
    }

    private async Task<MountedVolume> OneAsync(V1Pod pod, V1Volume volume, IReadOnlyList<string> podIps, CancellationToken cancel)
    {
        var group = pod.Spec.SecurityContext?.FsGroup;
        if (volume.HostPath is { } hostPath)
        {
            HostPathType.Ensure(hostPath.Path, hostPath.Type);
            return new(hostPath.Path);
        }
        if (volume.EmptyDir is { } emptyDir)
        {
            var path = Place(pod, "empty-dir", volume.Name);
            if (!Directory.Exists(path) || (emptyDir.Medium == "Memory" && !MountTable.IsMountPoint(path))) EmptyDir(path, emptyDir, group);
            return new(path);
        }
        if (volume.Image is { } image) return new("", IsReadOnly: true, Image: image.Reference);
        if (volume.PersistentVolumeClaim is not null || volume.Ephemeral is not null) return await claims.MountAsync(pod, volume, Path.Combine(PodFolder(pod.Uid()), "volumes"), cancel);
        if (volume.Nfs is { } nfs) return await claims.NfsAsync(volume.Name, nfs.Server, nfs.Path, nfs.ReadOnlyProperty == true, null, Place(pod, "nfs", volume.Name), cancel);
        if (await projections.FilesAsync(pod, volume, podIps, cancel) is { } files)
        {
            var kind = volume.ConfigMap is not null ? "configmap" : volume.Secret is not null ? "secret" : volume.DownwardAPI is not null ? "downward-api" : "projected";
            var path = Place(pod, kind, volume.Name);
            Directory.CreateDirectory(path);
            // Secrets stay off the disk.
            if (kind != "configmap" && !MountTable.IsMountPoint(path)) Libc.Mount("tmpfs", path, "tmpfs", Libc.MsNoSuid | Libc.MsNoDev, "size=64m,mode=0755");
            AtomicWriter.Write(path, files, group, time.GetUtcNow());
            // What a container wrote here would be gone with the next change.
            return new(path, IsReadOnly: true);
        }
        if (volume.Csi is not null) return await drivers.MountEphemeralAsync(pod, volume, Path.Combine(PodFolder(pod.Uid()), "volumes"), cancel);
        throw new VolumeException("no volume plugin matched: this kind of volume is not supported on this node");
    }

    private static void EmptyDir(string path, V1EmptyDirVolumeSource source, long? group)
    {
        Directory.CreateDirectory(path);
        if (source.Medium == "Memory")
        {
            var size = source.SizeLimit is { } limit ? $"size={limit.ToInt64().ToString(CultureInfo.InvariantCulture)}," : "";
            Libc.Mount("tmpfs", path, "tmpfs", Libc.MsNoSuid | Libc.MsNoDev, $"{size}mode=0777");
        }
        else if (source.Medium is not (null or "")) throw new VolumeException($"unknown storage medium \"{source.Medium}\"");
        File.SetUnixFileMode(path, group is null ? Everybody : Everybody | UnixFileMode.SetGroup);
        if (group is not null) Libc.ChangeOwner(path, null, group);
    }

    /// <summary>A subPath of a volume, bound to a place of its own: nothing the container changes later can lead the mount out of the volume.</summary>
    public string BindSubPath(V1Pod pod, string volumeName, string volumePath, string subPath, string container, int index, long? group)
    {
        if (subPath.Split('/').Contains("..")) throw new VolumeException($"subPath \"{subPath}\" must not contain '..'");
        var place = Path.Combine(PodFolder(pod.Uid()), "volume-subpaths", volumeName, container, index.ToString(CultureInfo.InvariantCulture));
        using var opened = Libc.OpenBeneath(volumePath, subPath) ?? CreateBeneath(volumePath, subPath, group);
        var source = $"/proc/self/fd/{(int)opened.DangerousGetHandle()}";
        var isFolder = FileKind.Of(source) == 'd';
        Libc.Unmount(place);
        Directory.CreateDirectory(Path.GetDirectoryName(place)!);
        if (isFolder) Directory.CreateDirectory(place);
        else if (!File.Exists(place)) File.Create(place).Dispose();
        Libc.Mount(source, place, null, Libc.MsBind, null);
        return place;
    }

    /// <summary>The text of a small file in a volume; whatever links say, it is never outside. Null: there is no such file.</summary>
    /// <exception cref="VolumeException">It is no file, or too large to be meant.</exception>
    public static string? ReadBeneath(string volumePath, string path)
    {
        const int Max = 1 << 20;
        using var opened = Open();
        if (opened is null) return null;
        var real = $"/proc/self/fd/{(int)opened.DangerousGetHandle()}";
        // A pipe would be waited for.
        if (FileKind.Of(real) != 'f') throw new VolumeException($"{path} is no file");
        return new FileInfo(real).ResolveLinkTarget(true) is FileInfo { Length: > Max } ? throw new VolumeException($"{path} is larger than {Max} bytes") : File.ReadAllText(real);

        Microsoft.Win32.SafeHandles.SafeFileHandle? Open()
        {
            try
            {
                return Libc.OpenBeneath(volumePath, path);
            }
            catch (System.ComponentModel.Win32Exception e)
            {
                throw new VolumeException(e.Message);
            }
        }
    }

    private static Microsoft.Win32.SafeHandles.SafeFileHandle CreateBeneath(string volumePath, string subPath, long? group)
    {
        var built = "";
        foreach (var part in subPath.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            using (var parent = Libc.OpenBeneath(volumePath, built.Length == 0 ? "." : built)!)
            {
                var real = $"/proc/self/fd/{(int)parent.DangerousGetHandle()}/{part}";
                if (FileKind.Of(real) == '-')
                {
                    Directory.CreateDirectory(real, (UnixFileMode)0b111_101_000);
                    File.SetUnixFileMode(real, File.GetUnixFileMode(volumePath));
                    if (group is not null) Libc.ChangeOwner(real, null, group);
                }
            }
            built = built.Length == 0 ? part : $"{built}/{part}";
        }
        return Libc.OpenBeneath(volumePath, built) ?? throw new VolumeException($"subPath \"{subPath}\" could not be made");
    }

    /// <summary>Unmounts everything of a pod and removes its folder. Never deletes below something that is still mounted.</summary>
    /// <exception cref="VolumeException">Something of it is still mounted: again later.</exception>
    public async Task RemoveAsync(string uid, CancellationToken cancel)
    {
        claims.Forget(uid);
        var folder = PodFolder(uid);
        if (!Directory.Exists(folder)) return;
        // What lies over a driver's volume goes first, else the driver finds it busy.
        foreach (var point in MountTable.Below(Path.Combine(folder, "volume-subpaths"))) Libc.Unmount(point);
        await drivers.UnmountAsync(folder, cancel);
        foreach (var point in MountTable.Below(folder)) Libc.Unmount(point);
        if (MountTable.Below(folder) is [var left, ..]) throw new VolumeException($"{left} is still mounted");
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Pods that have left a folder.</summary>
    public IReadOnlyList<string> PodUids() =>
        Directory.Exists(Path.Combine(config.RootDirectory, "pods"))
            ? [.. Directory.EnumerateDirectories(Path.Combine(config.RootDirectory, "pods")).Select(d => Path.GetFileName(d))]
            : [];

    private string Place(V1Pod pod, string kind, string volume) => Path.Combine(PodFolder(pod.Uid()), "volumes", $"kubernetes.io~{kind}", volume);
}
