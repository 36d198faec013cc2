using System.Globalization;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Native;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Volumes;

/// <summary>A volume that is ready: where it is on the node. An image volume has no place there: the runtime mounts it.</summary>
internal sealed record MountedVolume(string HostPath, bool IsReadOnly = false, string? Image = null);

/// <summary>Makes pods' volumes ready, keeps their projected files current and takes them away again. Everything is found again after a restart by its
/// place under the root directory. Safe to repeat.</summary>
internal sealed class PodVolumes(KubeletConfig config, IKubeClient client, Projections projections, TimeProvider time)
{
    private const UnixFileMode Everybody = (UnixFileMode)0b111_111_111;

    public string PodFolder(string uid) => Path.Combine(config.RootDirectory, "pods", uid);

    public string EmptyDirFolder(V1Pod pod, string volume) => Place(pod, "empty-dir", volume);

    /// <summary>All volumes of the pod, ready and current, by name.</summary>
    /// <exception cref="VolumeException">With upstream's words for the FailedMount event.</exception>
    public async Task<Dictionary<string, MountedVolume>> EnsureAsync(V1Pod pod, IReadOnlyList<string> podIps, CancellationToken cancel)
    {
        var ready = new Dictionary<string, MountedVolume>(StringComparer.Ordinal);
        var used = pod.Spec.AllContainers().SelectMany(c => c.Container.VolumeMounts ?? []).Select(m => m.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var volume in pod.Spec.Volumes ?? [])
        {
            // What no container mounts is not made ready.
            if (!used.Contains(volume.Name)) continue;
            try
            {
                ready[volume.Name] = await OneAsync(pod, volume, podIps, cancel);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new VolumeException($"MountVolume.SetUp failed for volume \"{volume.Name}\" : {e.Message}", e);
            }
        }
        return ready;
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
        if (volume.PersistentVolumeClaim is { } claim) return await ClaimAsync(pod, volume, claim.ClaimName, claim.ReadOnlyProperty == true, cancel);
        if (volume.Ephemeral is not null) return await ClaimAsync(pod, volume, $"{pod.Name()}-{volume.Name}", false, cancel);
        if (volume.Nfs is { } nfs) return Nfs(pod, volume.Name, nfs.Server, nfs.Path, nfs.ReadOnlyProperty == true, null);
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
        if (volume.Csi is { } csi) throw new VolumeException($"driver name {csi.Driver} not found in the list of registered CSI drivers");
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

    private async Task<MountedVolume> ClaimAsync(V1Pod pod, V1Volume volume, string claimName, bool isReadOnly, CancellationToken cancel)
    {
        var name = new NamespacedName(pod.Namespace(), claimName);
        var claim = (await client.FindAsync(Resources.PersistentVolumeClaims, name, cancel))?.Model<V1PersistentVolumeClaim>()
            ?? throw new VolumeException($"error processing PVC {name}: failed to fetch PVC from API server: persistentvolumeclaims \"{claimName}\" not found");
        if (claim.Status?.Phase != "Bound" || string.IsNullOrEmpty(claim.Spec.VolumeName))
            throw new VolumeException($"error processing PVC {name}: PVC is not bound");
        var pv = (await client.FindAsync(Resources.PersistentVolumes, new("", claim.Spec.VolumeName), cancel))?.Model<V1PersistentVolume>()
            ?? throw new VolumeException($"error processing PVC {name}: failed to fetch PV {claim.Spec.VolumeName} from API server");
        var group = pod.Spec.SecurityContext?.FsGroup;
        if (pv.Spec.HostPath is { } hostPath)
        {
            HostPathType.Ensure(hostPath.Path, hostPath.Type);
            return new(hostPath.Path, isReadOnly);
        }
        if (pv.Spec.Local is { } local)
        {
            if (!Directory.Exists(local.Path)) throw new VolumeException($"path \"{local.Path}\" does not exist");
            if (group is not null && !isReadOnly) Own(local.Path, group.Value, pod.Spec.SecurityContext?.FsGroupChangePolicy);
            return new(local.Path, isReadOnly);
        }
        if (pv.Spec.Nfs is { } nfs) return Nfs(pod, pv.Metadata.Name, nfs.Server, nfs.Path, isReadOnly || nfs.ReadOnlyProperty == true, pv.Spec.MountOptions);
        throw new VolumeException($"PersistentVolume {pv.Metadata.Name} is of a kind that is not supported on this node (supported: hostPath, local, nfs)");
    }

    private MountedVolume Nfs(V1Pod pod, string name, string server, string export, bool isReadOnly, IList<string>? options)
    {
        var path = Place(pod, "nfs", name);
        Directory.CreateDirectory(path);
        if (MountTable.IsMountPoint(path)) return new(path, isReadOnly);
        var all = (options ?? []).Concat(isReadOnly ? ["ro"] : (string[])[]).ToList();
        var start = new System.Diagnostics.ProcessStartInfo("mount") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var word in (string[])["-t", "nfs", .. all.Count > 0 ? (string[])["-o", string.Join(',', all)] : [], $"{server}:{export}", path]) start.ArgumentList.Add(word);
        using var process = System.Diagnostics.Process.Start(start) ?? throw new VolumeException("mount failed: cannot start mount");
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? new(path, isReadOnly) : throw new VolumeException($"mount failed: exit status {process.ExitCode}\nOutput: {error}");
    }

    /// <summary>fsGroup owns the volume; OnRootMismatch looks at the top only.</summary>
    private static void Own(string path, long group, string? policy)
    {
        var marker = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.SetGroup;
        if (policy == "OnRootMismatch" && (File.GetUnixFileMode(path) & marker) == marker) return;
        foreach (var entry in new DirectoryInfo(path).EnumerateFileSystemInfos("*", SearchOption.AllDirectories).Append(new DirectoryInfo(path)))
        {
            if (entry.LinkTarget is not null) continue;
            Libc.ChangeOwner(entry.FullName, null, group);
            var mode = File.GetUnixFileMode(entry.FullName) | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
            if (entry is DirectoryInfo) mode |= UnixFileMode.SetGroup | UnixFileMode.GroupExecute;
            File.SetUnixFileMode(entry.FullName, mode);
        }
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
    public void Remove(string uid)
    {
        var folder = PodFolder(uid);
        if (!Directory.Exists(folder)) return;
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
