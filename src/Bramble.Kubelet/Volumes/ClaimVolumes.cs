using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Placement;
using Bramble.Kubelet.Csi;
using Bramble.Kubelet.Native;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Volumes;

/// <summary>Persistent volumes on this node: from a pod's claim to the volume behind it, and its place in the pod's folder. Kinds: hostPath, local (folders
/// and raw block devices), nfs, and those of drivers.</summary>
/// <param name="tell">An event about a pod: type, reason, message.</param>
/// <param name="tellClaim">One about a claim: reason, message.</param>
internal sealed class ClaimVolumes(KubeletConfig config, IKubeClient client, CsiMounts drivers, Action<V1Pod, string, string, string> tell, Action<V1PersistentVolumeClaim, string, string> tellClaim)
{
    /// <summary>Only one at a time looks who else uses a volume and takes it: owners are set by the first.</summary>
    private readonly SemaphoreSlim _owning = new(1, 1);

    /// <summary>Who has which volume, by the pod's uid and the volume's name.</summary>
    private readonly ConcurrentDictionary<(string Pod, string Volume), bool> _users = new();
    private readonly Lock _taking = new();

    /// <exception cref="VolumeException">With upstream's words for the stage that failed.</exception>
    public async Task<MountedVolume> MountAsync(V1Pod pod, V1Volume volume, string podVolumes, CancellationToken cancel)
    {
        V1PersistentVolumeClaim claim;
        V1PersistentVolume pv;
        try
        {
            (claim, pv) = await ResolveAsync(pod, volume, cancel);
        }
        catch (VolumeException e)
        {
            throw VolumeException.AtStage($"Unable to attach or mount volumes: unmounted volumes=[{volume.Name}], unattached volumes=[], failed to process volumes=[{volume.Name}]: {e.Message}");
        }
        var key = (pod.Uid(), pv.Metadata.Name);
        var isNew = !_users.ContainsKey(key);
        if (isNew) await TakeAsync(key, pv, cancel);
        try
        {
            var mounted = await SetUpAsync(pod, volume, pv, podVolumes, cancel);
            await ExpandAsync(pod, claim, pv, mounted, isNew, cancel);
            return mounted with { Group = GroupOf(pv) };
        }
        catch when (isNew)
        {
            _users.TryRemove(key, out _);
            throw;
        }
    }

    /// <summary>The pod's volumes are taken away.</summary>
    public void Forget(string podUid)
    {
        foreach (var key in _users.Keys.Where(k => k.Pod == podUid).ToList()) _users.TryRemove(key, out _);
    }

    /// <summary>What the pod has it keeps, whatever becomes of labels later.</summary>
    private async Task TakeAsync((string Pod, string Volume) key, V1PersistentVolume pv, CancellationToken cancel)
    {
        var node = pv.Spec.NodeAffinity?.Required is null ? null : (await client.FindAsync(Resources.Nodes, new("", config.NodeName), cancel))?.Model<V1Node>();
        lock (_taking)
        {
            if (WhyNotHere(pv, node, IsUsedElsewhere(key)) is { } why) throw VolumeException.AtStage(why);
            _users[key] = true;
        }
    }

    private async Task<MountedVolume> SetUpAsync(V1Pod pod, V1Volume volume, V1PersistentVolume pv, string podVolumes, CancellationToken cancel)
    {
        var isReadOnly = volume.PersistentVolumeClaim?.ReadOnlyProperty == true;
        var name = pv.Metadata.Name;
        if (pv.Spec.HostPath is { } hostPath)
            return SetUp(name, () =>
            {
                HostPathType.Ensure(hostPath.Path, hostPath.Type);
                return new MountedVolume(hostPath.Path, isReadOnly);
            });
        if (pv.Spec.Local is { } local) return await LocalAsync(pod, pv, local.Path, isReadOnly, Path.Combine(podVolumes, "kubernetes.io~local-volume", name), cancel);
        if (pv.Spec.Nfs is { } nfs)
            return await NfsAsync(name, nfs.Server, nfs.Path, isReadOnly || nfs.ReadOnlyProperty == true, pv.Spec.MountOptions, Path.Combine(podVolumes, "kubernetes.io~nfs", name), cancel);
        if (pv.Spec.Csi is not null) return await drivers.MountAsync(pod, volume, pv, podVolumes, cancel);
        throw NotMade(name, "no volume plugin matched: this kind of volume is not supported on this node (supported: hostPath, local, nfs, csi)");
    }

    /// <summary>A pod that runs goes on with the size that it has; one that starts waits for what it was promised.</summary>
    private async Task ExpandAsync(V1Pod pod, V1PersistentVolumeClaim claim, V1PersistentVolume pv, MountedVolume mounted, bool isNew, CancellationToken cancel)
    {
        try
        {
            if (await drivers.ExpandAsync(claim, pv, mounted, pod.Spec.SecurityContext?.FsGroup, cancel) is not { } grown) return;
            tell(pod, "Normal", "FileSystemResizeSuccessful", grown);
            tellClaim(claim, "FileSystemResizeSuccessful", grown);
        }
        catch (VolumeException e) when (!e.HasStage)
        {
            if (isNew) throw VolumeException.AtStage($"MountVolume.Setup failed while expanding volume for volume \"{pv.Metadata.Name}\" : {e.Message}");
            tell(pod, "Warning", "VolumeResizeFailed", $"NodeExpandVolume.NodeExpandVolume failed for volume \"{pv.Metadata.Name}\" : {e.Message}");
        }
    }

    /// <summary>Mounts an export. Its server may be away: the mount ends when the pod does.</summary>
    public async Task<MountedVolume> NfsAsync(string name, string server, string export, bool isReadOnly, IList<string>? options, string place, CancellationToken cancel)
    {
        if (MountTable.IsMountPoint(place)) return new(place, isReadOnly);
        Directory.CreateDirectory(place, FolderMode);
        var all = (isReadOnly ? ["ro"] : (string[])[]).Concat(options ?? []).Distinct().ToList();
        // An IPv6 address has colons of its own.
        var source = $"{(server.Contains(':') && !server.StartsWith('[') ? $"[{server}]" : server)}:{export}";
        string[] words = ["-t", "nfs", .. all.Count > 0 ? (string[])["-o", string.Join(',', all)] : [], source, place];
        using var process = Process.Start(new ProcessStartInfo("mount", words) { RedirectStandardError = true, RedirectStandardOutput = true }) ?? throw NotSetUp(name, "cannot start mount");
        var said = Task.WhenAll(process.StandardOutput.ReadToEndAsync(cancel), process.StandardError.ReadToEndAsync(cancel));
        try
        {
            await process.WaitForExitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        if (process.ExitCode == 0) return new(place, isReadOnly);
        throw NotSetUp(name, $"mount failed: exit status {process.ExitCode}\nMounting command: mount\nMounting arguments: {string.Join(' ', words)}\nOutput: {string.Concat(await said)}");
    }

    private const UnixFileMode FolderMode = (UnixFileMode)0b111_101_000;

    private async Task<(V1PersistentVolumeClaim Claim, V1PersistentVolume Volume)> ResolveAsync(V1Pod pod, V1Volume volume, CancellationToken cancel)
    {
        var name = new NamespacedName(pod.Namespace(), volume.PersistentVolumeClaim?.ClaimName ?? $"{pod.Name()}-{volume.Name}");
        var claim = (await client.FindAsync(Resources.PersistentVolumeClaims, name, cancel))?.Model<V1PersistentVolumeClaim>()
            ?? throw new VolumeException($"error processing PVC {name}: failed to fetch PVC from API server: persistentvolumeclaims \"{name.Name}\" not found");
        if (volume.Ephemeral is not null && !claim.IsControlledBy(pod.Uid()))
            throw new VolumeException($"PVC {name} was not created for pod {pod.Namespace()}/{pod.Name()} (pod is not owner)");
        var pv = string.IsNullOrEmpty(claim.Spec.VolumeName) ? null : (await client.FindAsync(Resources.PersistentVolumes, new("", claim.Spec.VolumeName), cancel))?.Model<V1PersistentVolume>();
        if (WhyNotUsable(claim, pv) is { } why) throw new VolumeException($"error processing PVC {name}: {why}");
        var mode = string.IsNullOrEmpty(pv!.Spec.VolumeMode) ? "Filesystem" : pv.Spec.VolumeMode;
        var containers = pod.Spec.AllContainers().Select(c => c.Container).ToList();
        if (mode != "Filesystem" && containers.Exists(c => c.VolumeMounts?.Any(m => m.Name == volume.Name) == true))
            throw new VolumeException($"volume {volume.Name} has volumeMode {mode}, but is specified in volumeMounts");
        if (mode != "Block" && containers.Exists(c => c.VolumeDevices?.Any(d => d.Name == volume.Name) == true))
            throw new VolumeException($"volume {volume.Name} has volumeMode {mode}, but is specified in volumeDevices");
        return (claim, pv);
    }

    /// <summary>Upstream's checks of a claim and the volume that it names. Pure.</summary>
    public static string? WhyNotUsable(V1PersistentVolumeClaim claim, V1PersistentVolume? volume)
    {
        if (claim.IsBeingDeleted() && claim.Metadata.Finalizers?.Contains("kubernetes.io/pvc-protection") != true) return "PVC is being deleted";
        if (claim.Status?.Phase != "Bound") return "PVC is not bound";
        if (string.IsNullOrEmpty(claim.Spec.VolumeName)) return "PVC has empty pvc.Spec.VolumeName";
        if (volume is null) return $"failed to fetch PV {claim.Spec.VolumeName} from API server: persistentvolumes \"{claim.Spec.VolumeName}\" not found";
        if (volume.Spec.ClaimRef is not { } claimed) return $"found PV object {claim.Spec.VolumeName} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim";
        return claimed.Uid == claim.Metadata.Uid ? null
            : $"found PV object {claim.Spec.VolumeName} but its pv.Spec.ClaimRef.UID {claimed.Uid} does not point to claim.UID {claim.Metadata.Uid}";
    }

    /// <summary>Who names a node himself is not asked by the scheduler whether the volume can be used there. Pure.</summary>
    /// <param name="node">This one; null: nobody knows its labels, or they do not matter.</param>
    /// <returns>Upstream's words.</returns>
    public static string? WhyNotHere(V1PersistentVolume pv, V1Node? node, bool isUsedElsewhere)
    {
        var isBlock = pv.Spec.VolumeMode == "Block";
        if (pv.Spec.NodeAffinity?.Required is { } required && node is not null && !NodeSelection.Matches(required, node))
            return $"{(isBlock ? "Map" : "Mount")}Volume.NodeAffinity check failed for volume \"{pv.Metadata.Name}\" : no matching NodeSelectorTerms";
        // Of several modes nobody knows which one is meant.
        if (isUsedElsewhere && pv.Spec.AccessModes is ["ReadWriteOncePod"])
            return $"{(isBlock ? "MapVolume.SetUpDevice" : "MountVolume.SetUp")} failed for volume \"{pv.Metadata.Name}\" : volume uses the ReadWriteOncePod access mode and is already in use by another pod";
        return null;
    }

    /// <summary>The group that whoever made the volume gave its files to. Pure.</summary>
    public static long? GroupOf(V1PersistentVolume pv) =>
        pv.Metadata.Annotations is { } annotations && annotations.TryGetValue("pv.beta.kubernetes.io/gid", out var text)
        && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var group) ? group : null;

    /// <summary>A pod gets a volume that others have, with their group in place of its own. Pure.</summary>
    /// <returns>Upstream's words; null: the group is the pod's, or it does not care.</returns>
    public static string? AnothersGroup(V1Pod pod, string volume, long? group) => pod.Spec.SecurityContext?.FsGroup is not { } wanted || wanted == group ? null
        : $"The requested fsGroup is {wanted}, but the volume {volume} has GID {group}. The volume may not be shareable.";

    private async Task<MountedVolume> LocalAsync(V1Pod pod, V1PersistentVolume pv, string path, bool isReadOnly, string place, CancellationToken cancel)
    {
        var name = pv.Metadata.Name;
        if (pv.Spec.VolumeMode == "Block")
            return FileKind.Of(path) == 'b' ? new MountedVolume(path, isReadOnly) : throw NotMapped(name, $"{path} is not a block device");
        if (MountTable.IsMountPoint(place)) return new(place, isReadOnly);
        if (FileKind.Of(path) == '-') throw NotMade(name, $"path \"{path}\" does not exist");
        if (!Directory.Exists(path)) throw NotMade(name, $"path \"{path}\" is no folder; format and mount a block device on the node and name the folder");
        if (path.Split('/').Contains("..")) throw NotSetUp(name, $"invalid path: {path} must not contain '..'");
        await _owning.WaitAsync(cancel);
        try
        {
            return SetUp(name, () =>
            {
                Directory.CreateDirectory(place, FolderMode);
                var isFirst = !IsMountedElsewhere(name);
                Libc.Mount(path, place, null, Libc.MsBind | Libc.MsRec, null);
                // Owners are set once, by the first pod here: what runs already must not lose its files.
                if (pod.Spec.SecurityContext?.FsGroup is { } group && !isReadOnly && isFirst) VolumeOwnership.Apply(place, group, pod.Spec.SecurityContext.FsGroupChangePolicy);
                if (!isFirst && AnothersGroup(pod, name, FileKind.GroupOf(place)) is { } warning) tell(pod, "Warning", "AlreadyMountedVolume", warning);
                return new MountedVolume(place, isReadOnly);
            });
        }
        finally
        {
            _owning.Release();
        }
    }

    /// <summary>Whether another pod of this node has a volume; after a restart what is mounted tells.</summary>
    private bool IsUsedElsewhere((string Pod, string Volume) key)
    {
        if (_users.Keys.Any(other => other.Volume == key.Volume && other.Pod != key.Pod)) return true;
        var pods = Path.Combine(config.RootDirectory, "pods");
        string[] places = [$"~local-volume/{key.Volume}", $"~nfs/{key.Volume}", $"~csi/{key.Volume}/mount"];
        return MountTable.Below(pods).Any(point =>
            !point.StartsWith($"{pods}/{key.Pod}/", StringComparison.Ordinal) && Array.Exists(places, place => point.EndsWith(place, StringComparison.Ordinal)));
    }

    /// <summary>Whether another pod of this node has the volume already.</summary>
    private bool IsMountedElsewhere(string volume) =>
        MountTable.Below(Path.Combine(config.RootDirectory, "pods")).Any(point => point.EndsWith($"/volumes/kubernetes.io~local-volume/{volume}", StringComparison.Ordinal));

    private static MountedVolume SetUp(string name, Func<MountedVolume> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is VolumeException or IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
        {
            throw NotSetUp(name, e.Message);
        }
    }

    private static VolumeException NotMade(string name, string why) => VolumeException.AtStage($"MountVolume.NewMounter initialization failed for volume \"{name}\" : {why}");

    private static VolumeException NotSetUp(string name, string why) => VolumeException.AtStage($"MountVolume.SetUp failed for volume \"{name}\" : {why}");

    private static VolumeException NotMapped(string name, string why) => VolumeException.AtStage($"MapVolume.SetUpDevice failed for volume \"{name}\" : {why}");
}
