using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Csi.Protocol;
using Bramble.Kubelet.Native;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Volumes;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Csi;

/// <summary>Has drivers mount their volumes for pods and unmount them again. What is mounted is what the disk says (<see cref="CsiVolume"/>), so a restart
/// forgets nothing. Safe to repeat.</summary>
/// <param name="tellFailed">A pod hears that a volume it has could not be published anew.</param>
internal sealed class CsiMounts(
    KubeletConfig config, IKubeClient client, CsiDrivers drivers, ServiceAccountTokens tokens, Action inUseChanged, Action<V1Pod, string> tellFailed, TimeProvider time, ILogger log)
{
    private const string PodFolder = "kubernetes.io~csi";
    private const string TokensKey = "csi.storage.k8s.io/serviceAccount.tokens";

    /// <summary>As often as upstream looks at a pod that runs.</summary>
    private static readonly TimeSpan RepublishEvery = TimeSpan.FromMinutes(1);

    private readonly CsiAttachments _attachments = new(config, client, drivers, time);
    private volatile IReadOnlyList<string>? _inUse;

    /// <summary>Volumes of pods that are published anew.</summary>
    private readonly ConcurrentDictionary<(string Pod, string Volume), bool> _republished = new();

    /// <summary>Volumes that a driver would not grow; true: not while they are in use here.</summary>
    private readonly ConcurrentDictionary<string, bool> _refused = new(StringComparer.Ordinal);

    /// <summary>Staging and unstaging of one volume must not meet.</summary>
    private readonly SemaphoreSlim _staging = new(1, 1);

    public Func<string, bool> IsMountPoint { get; init; } = MountTable.IsMountPoint;

    /// <summary>What the node still has mounted or is about to, by unique name: the servers detach nothing of it.</summary>
    /// <remarks>The disk is read when something has changed, not with each heartbeat.</remarks>
    public IReadOnlyList<string> InUse => _inUse ??= [.. Published().Concat(Staged()).Where(v => !v.IsEphemeral).Select(v => v.UniqueName).Distinct().Order(StringComparer.Ordinal)];

    /// <exception cref="VolumeException">With upstream's words for the stage that failed.</exception>
    public async Task<MountedVolume> MountAsync(V1Pod pod, V1Volume volume, V1PersistentVolume pv, string podVolumes, CancellationToken cancel)
    {
        var source = pv.Spec.Csi!;
        var isReadOnly = volume.PersistentVolumeClaim?.ReadOnlyProperty == true || source.ReadOnlyProperty == true;
        var mounted = new CsiVolume(source.Driver, source.VolumeHandle, pv.Metadata.Name, IsEphemeral: false);
        var folder = Path.Combine(podVolumes, PodFolder, pv.Metadata.Name);
        var target = Path.Combine(folder, "mount");
        await CurrentAsync(pod, source.Driver, pv.Metadata.Name, target, isMounted => PutAsync(pod, volume, pv, mounted, folder, isReadOnly, isMounted, cancel));
        return new(target, isReadOnly);
    }

    /// <param name="put">Publishes it; given whether it is already.</param>
    private async Task CurrentAsync(V1Pod pod, string driver, string volume, string target, Func<bool, Task> put)
    {
        if (!IsMountPoint(target))
        {
            await put(false);
            return;
        }
        if (!MustRepublish(pod, driver, volume)) return;
        try
        {
            await put(true);
        }
        catch (Exception e) when (e is VolumeException or StatusException or HttpRequestException or IOException)
        {
            // What was published before stays.
            tellFailed(pod, e.Message);
        }
    }

    private async Task PutAsync(V1Pod pod, V1Volume volume, V1PersistentVolume pv, CsiVolume mounted, string folder, bool isReadOnly, bool isMounted, CancellationToken cancel)
    {
        var source = pv.Spec.Csi!;
        var target = Path.Combine(folder, "mount");
        if (pv.Spec.VolumeMode == "Block") throw VolumeException.AtStage($"MapVolume.SetUpDevice failed for volume \"{pv.Metadata.Name}\" : raw block volumes of drivers are not supported on this node");

        var about = await client.FindAsync(Resources.CSIDrivers, new NamespacedName("", source.Driver), cancel);
        var spec = about?.ToTree()["spec"];
        // On the disk before anything else: the servers see it in use, and an end at any moment is cleaned up.
        if (!isMounted) mounted.Save(folder, config.NodeName);
        if (!isMounted) Changed();
        var publishContext = (bool?)spec?["attachRequired"] == false ? [] : await _attachments.AttachedAsync(volume, mounted, isMounted, cancel);
        var driver = drivers.Find(source.Driver) ?? throw VolumeException.AtStage(
            $"MountVolume.MountDevice failed for volume \"{pv.Metadata.Name}\" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name {source.Driver} not found in the list of registered CSI drivers");
        var group = pod.Spec.SecurityContext?.FsGroup;
        var capability = CsiRequests.Capability(pv, driver, group);
        var staging = "";
        if (driver.Stages)
        {
            staging = mounted.StagingFolder(config.RootDirectory);
            if (!isMounted) await StageAsync(driver, mounted, pv, staging, capability, publishContext, cancel);
        }
        var request = new NodePublishVolumeRequest
        {
            VolumeId = source.VolumeHandle,
            StagingTargetPath = staging,
            TargetPath = target,
            VolumeCapability = capability,
            Readonly = isReadOnly,
        };
        Fill(request.PublishContext, publishContext);
        Fill(request.VolumeContext, source.VolumeAttributes);
        if ((bool?)spec?["podInfoOnMount"] == true) Fill(request.VolumeContext, CsiRequests.PodInfo(pod, isEphemeral: false));
        Fill(request.Secrets, await SecretAsync(source.NodePublishSecretRef, pv.Metadata.Name, cancel));
        await AddTokensAsync(request, pod, spec, pv.Metadata.Name, cancel);
        await PublishAsync(driver, request, pv.Metadata.Name, cancel);
        if (group is not null && !isReadOnly && !driver.SetsGroup && CsiRequests.MayOwn((string?)spec?["fsGroupPolicy"], pv))
            VolumeOwnership.Apply(target, group.Value, pod.Spec.SecurityContext!.FsGroupChangePolicy);
    }

    /// <summary>The storage has grown, the file system on it not yet: the driver grows it, and the claim shows its new size.</summary>
    /// <returns>What the pod and its claim are told; null: nothing was done.</returns>
    /// <exception cref="VolumeException">The driver refused: its words.</exception>
    public async Task<string?> ExpandAsync(V1PersistentVolumeClaim claim, V1PersistentVolume pv, MountedVolume mounted, long? group, CancellationToken cancel)
    {
        if (pv.Spec.Csi is not { } source || mounted.IsReadOnly || VolumeGrowth.Of(claim, pv) is not { } size || drivers.Find(source.Driver) is not { Expands: true } driver) return null;
        var volume = new CsiVolume(source.Driver, source.VolumeHandle, pv.Metadata.Name, false);
        if (_refused.TryGetValue(volume.UniqueName, out var isForInUse) && isForInUse) return null;
        var request = new NodeExpandVolumeRequest
        {
            VolumeId = source.VolumeHandle,
            VolumePath = mounted.HostPath,
            CapacityRange = new CapacityRange { RequiredBytes = size.ToUnits() },
            StagingTargetPath = driver.Stages ? volume.StagingFolder(config.RootDirectory) : "",
            VolumeCapability = CsiRequests.Capability(pv, driver, group),
        };
        Fill(request.Secrets, await SecretAsync(source.NodeExpandSecretRef, pv.Metadata.Name, cancel));
        var tellsSteps = VolumeGrowth.TellsSteps(claim);
        if (tellsSteps) await WriteAsync(claim, VolumeGrowth.Begun, cancel);
        try
        {
            await driver.ExpandAsync(request, cancel);
        }
        catch (CsiException e)
        {
            var why = $"Expander.NodeExpand failed to expand the volume {(e.IsInfeasible ? "" : ": ")}{e.Message}";
            // Who wants another size now is not held up by one that fails again and again.
            var isInfeasible = e.IsInfeasible || (VolumeGrowth.IsOutdated(claim, size) && _refused.ContainsKey(volume.UniqueName));
            _refused[volume.UniqueName] = e.IsForInUse;
            if (tellsSteps) await WriteAsync(claim, status => VolumeGrowth.Failed(status, why, isInfeasible, time.GetUtcNow()), cancel);
            return e.IsForInUse ? null : throw new VolumeException(why);
        }
        _refused.TryRemove(volume.UniqueName, out _);
        await WriteAsync(claim, status => VolumeGrowth.Done(status, size.ToString()), cancel);
        return $"MountVolume.NodeExpandVolume succeeded for volume \"{pv.Metadata.Name}\" {config.NodeName}";
    }

    private async Task WriteAsync(V1PersistentVolumeClaim claim, Func<JsonObject, JsonObject> change, CancellationToken cancel)
    {
        if (await client.FindAsync(Resources.PersistentVolumeClaims, claim.NamespacedName(), cancel) is not { } found) return;
        var tree = found.ToTree();
        var before = tree["status"]?.DeepClone();
        tree["status"] = change(tree["status"]?.DeepClone().AsObject() ?? []);
        if (!JsonNode.DeepEquals(before, tree["status"])) await client.UpdateAsync(Resources.PersistentVolumeClaims, tree, "status", cancel);
    }

    /// <summary>A volume that lives and dies with its pod, made by the driver at this very moment.</summary>
    /// <exception cref="VolumeException">With upstream's words for the stage that failed.</exception>
    public async Task<MountedVolume> MountEphemeralAsync(V1Pod pod, V1Volume volume, string podVolumes, CancellationToken cancel)
    {
        var source = volume.Csi!;
        var isReadOnly = source.ReadOnlyProperty == true;
        var folder = Path.Combine(podVolumes, PodFolder, volume.Name);
        var target = Path.Combine(folder, "mount");
        await CurrentAsync(pod, source.Driver, volume.Name, target, isMounted => PutEphemeralAsync(pod, volume, folder, isReadOnly, isMounted, cancel));
        return new(target, isReadOnly);
    }

    private async Task PutEphemeralAsync(V1Pod pod, V1Volume volume, string folder, bool isReadOnly, bool isMounted, CancellationToken cancel)
    {
        var source = volume.Csi!;
        var target = Path.Combine(folder, "mount");
        var driver = drivers.Find(source.Driver)
            ?? throw VolumeException.AtStage($"MountVolume.NewMounter initialization failed for volume \"{volume.Name}\" : driver name {source.Driver} not found in the list of registered CSI drivers");
        var spec = (await client.FindAsync(Resources.CSIDrivers, new NamespacedName("", source.Driver), cancel))?.ToTree()["spec"];
        if ((spec?["volumeLifecycleModes"] as JsonArray ?? []).All(m => (string?)m != "Ephemeral"))
            throw VolumeException.AtStage($"MountVolume.SetUp failed for volume \"{volume.Name}\" : kubernetes.io/csi: mounter.SetUpAt failed to check volume lifecycle mode: volume mode \"Ephemeral\" not supported by driver {source.Driver} (only supports [\"Persistent\"])");
        var mounted = new CsiVolume(source.Driver, CsiVolume.EphemeralHandle(pod.Namespace(), pod.Uid(), volume.Name), volume.Name, IsEphemeral: true);
        if (!isMounted) mounted.Save(folder, config.NodeName);
        var request = new NodePublishVolumeRequest
        {
            VolumeId = mounted.Handle,
            TargetPath = target,
            Readonly = isReadOnly,
            VolumeCapability = new VolumeCapability
            {
                Mount = new VolumeCapability.Types.MountVolume { FsType = source.FsType ?? "", VolumeMountGroup = driver.SetsGroup ? $"{pod.Spec.SecurityContext?.FsGroup}" : "" },
                AccessMode = new VolumeCapability.Types.AccessMode { Mode = VolumeCapability.Types.AccessMode.Types.Mode.SingleNodeWriter },
            },
        };
        Fill(request.VolumeContext, source.VolumeAttributes);
        if ((bool?)spec?["podInfoOnMount"] == true) Fill(request.VolumeContext, CsiRequests.PodInfo(pod, isEphemeral: true));
        var secret = source.NodePublishSecretRef is { } named ? new V1SecretReference { Name = named.Name, NamespaceProperty = pod.Namespace() } : null;
        Fill(request.Secrets, await SecretAsync(secret, volume.Name, cancel));
        await AddTokensAsync(request, pod, spec, volume.Name, cancel);
        await PublishAsync(driver, request, volume.Name, cancel);
        if (pod.Spec.SecurityContext?.FsGroup is { } group && !isReadOnly && !driver.SetsGroup && CsiRequests.MayOwnInline((string?)spec?["fsGroupPolicy"], source.FsType))
            VolumeOwnership.Apply(target, group, pod.Spec.SecurityContext.FsGroupChangePolicy);
    }

    /// <summary>When the pod's volumes want to be published anew; null: never.</summary>
    public DateTimeOffset? NextPublication(string podUid) => _republished.Keys.Any(k => k.Pod == podUid) ? time.GetUtcNow() + RepublishEvery : null;

    /// <summary>Some drivers change what is mounted: tokens, secrets.</summary>
    private bool MustRepublish(V1Pod pod, string driver, string volume)
    {
        if ((bool?)drivers.About(driver)?.ToTree()["spec"]?["requiresRepublish"] == true) return _republished[(pod.Uid(), volume)] = true;
        _republished.TryRemove((pod.Uid(), volume), out _);
        return false;
    }

    /// <summary>Tokens by which the driver acts for the pod: KEP-1855.</summary>
    private async Task AddTokensAsync(NodePublishVolumeRequest request, V1Pod pod, JsonNode? spec, string volume, CancellationToken cancel)
    {
        if ((bool?)spec?["requiresRepublish"] == true) _republished[(pod.Uid(), volume)] = true;
        if (spec?["tokenRequests"] is not JsonArray { Count: > 0 } wanted) return;
        var tokensOf = new JsonObject();
        try
        {
            foreach (var audience in wanted.OfType<JsonObject>().OrderBy(w => (string?)w["audience"] ?? "", StringComparer.Ordinal))
            {
                var name = (string?)audience["audience"] ?? "";
                var (token, expires) = await tokens.GetWithExpiryAsync(pod, name, (long?)audience["expirationSeconds"] ?? 3600, cancel);
                tokensOf[name] = new JsonObject { ["token"] = token, ["expirationTimestamp"] = KubeTime.Seconds(expires) };
            }
        }
        catch (Exception e) when (e is StatusException or VolumeException)
        {
            throw VolumeException.AtStage($"MountVolume.SetUp failed for volume \"{volume}\" : kubernetes.io/csi: mounter.SetUpAt failed to get service accoount token attributes: {e.Message}");
        }
        ((bool?)spec["serviceAccountTokenInSecrets"] == true ? request.Secrets : request.VolumeContext)[TokensKey] = tokensOf.ToJsonString();
    }

    /// <summary>All volumes of drivers that a pod has, and their staging where it was the last.</summary>
    /// <exception cref="VolumeException">A driver that still has something mounted for the pod is not there, or refuses: again later.</exception>
    public async Task UnmountAsync(string podFolder, CancellationToken cancel)
    {
        var folder = Path.Combine(podFolder, "volumes", PodFolder);
        if (!Directory.Exists(folder)) return;
        foreach (var place in Directory.EnumerateDirectories(folder))
        {
            if (CsiVolume.Load(place) is not { } volume) continue;
            var target = Path.Combine(place, "mount");
            try
            {
                if (drivers.Find(volume.Driver) is { } driver) await driver.UnpublishAsync(volume.Handle, target, cancel);
                else if (MountTable.IsMountPoint(target)) throw new CsiException($"driver name {volume.Driver} not found in the list of registered CSI drivers");
                if (Directory.Exists(target)) Directory.Delete(target);
                File.Delete(Path.Combine(place, CsiVolume.FileName));
            }
            catch (Exception e) when (e is CsiException or IOException)
            {
                throw new VolumeException($"UnmountVolume.TearDown failed for volume \"{volume.Name}\" : {e.Message}");
            }
            foreach (var known in _republished.Keys.Where(k => k.Volume == volume.Name && k.Pod == Path.GetFileName(podFolder)).ToList()) _republished.TryRemove(known, out _);
            if (!IsPublished(volume)) _refused.TryRemove(volume.UniqueName, out _);
            if (!volume.IsEphemeral) await TryUnstageAsync(volume, cancel);
            Changed();
        }
    }

    /// <summary>What no pod has any more and is staged still: its driver was not there, or refused.</summary>
    public async Task UnstageUnusedAsync(CancellationToken cancel)
    {
        var isAny = false;
        foreach (var volume in Staged().ToList())
            if (!IsPublished(volume)) isAny |= await TryUnstageAsync(volume, cancel);
        if (isAny) Changed();
    }

    /// <summary>No pod waits for it.</summary>
    private async Task<bool> TryUnstageAsync(CsiVolume volume, CancellationToken cancel)
    {
        try
        {
            await UnstageAsync(volume, cancel);
            return true;
        }
        catch (Exception e) when (e is CsiException or IOException)
        {
            Log.CleanupFailed(log, volume.UniqueName, $"UnmountDevice failed for volume \"{volume.Name}\" : {e.Message}");
            return false;
        }
    }

    private void Changed()
    {
        _inUse = null;
        inUseChanged();
    }

    private async Task StageAsync(
        CsiDriver driver, CsiVolume volume, V1PersistentVolume pv, string staging, VolumeCapability capability, IReadOnlyDictionary<string, string> publishContext, CancellationToken cancel)
    {
        var request = new NodeStageVolumeRequest { VolumeId = volume.Handle, StagingTargetPath = staging, VolumeCapability = capability };
        Fill(request.PublishContext, publishContext);
        Fill(request.VolumeContext, pv.Spec.Csi!.VolumeAttributes);
        Fill(request.Secrets, await SecretAsync(pv.Spec.Csi.NodeStageSecretRef, pv.Metadata.Name, cancel));
        await _staging.WaitAsync(cancel);
        try
        {
            volume.Save(Path.GetDirectoryName(staging)!, config.NodeName);
            Directory.CreateDirectory(staging, (UnixFileMode)0b111_101_000);
            await driver.StageAsync(request, cancel);
        }
        catch (CsiException e)
        {
            // There is nothing to take back of it; of what may be under way still there is.
            if (e.IsFinal && Published().Count(volume.IsSame) < 2 && !MountTable.IsMountPoint(staging) && !Directory.EnumerateFileSystemEntries(staging).Any()) Forget(staging);
            throw VolumeException.AtStage($"MountVolume.MountDevice failed for volume \"{pv.Metadata.Name}\" : {e.Message}");
        }
        finally
        {
            _staging.Release();
        }
    }

    private async Task UnstageAsync(CsiVolume volume, CancellationToken cancel)
    {
        await _staging.WaitAsync(cancel);
        try
        {
            var staging = volume.StagingFolder(config.RootDirectory);
            if (!Directory.Exists(staging) || IsPublished(volume)) return;
            if (drivers.Find(volume.Driver) is { } driver) await driver.UnstageAsync(volume.Handle, staging, cancel);
            if (MountTable.IsMountPoint(staging)) throw new CsiException($"{staging} is still mounted");
            Forget(staging);
        }
        finally
        {
            _staging.Release();
        }
    }

    private static void Forget(string staging)
    {
        Directory.Delete(staging);
        Directory.Delete(Path.GetDirectoryName(staging)!, recursive: true);
    }

    private static async Task PublishAsync(CsiDriver driver, NodePublishVolumeRequest request, string name, CancellationToken cancel)
    {
        try
        {
            await driver.PublishAsync(request, cancel);
        }
        catch (CsiException e)
        {
            throw VolumeException.AtStage($"MountVolume.SetUp failed for volume \"{name}\" : {e.Message}");
        }
    }

    private async Task<IEnumerable<KeyValuePair<string, string>>> SecretAsync(V1SecretReference? reference, string volume, CancellationToken cancel)
    {
        if (reference is null) return [];
        var secret = (await client.FindAsync(Resources.Secrets, new NamespacedName(reference.NamespaceProperty ?? "", reference.Name), cancel))?.Model<V1Secret>()
            ?? throw VolumeException.AtStage($"MountVolume.SetUp failed for volume \"{volume}\" : fetching NodePublishSecretRef {reference.NamespaceProperty}/{reference.Name} failed: secrets \"{reference.Name}\" not found");
        return (secret.Data ?? new Dictionary<string, byte[]>()).Select(d => KeyValuePair.Create(d.Key, System.Text.Encoding.UTF8.GetString(d.Value)));
    }

    private bool IsPublished(CsiVolume volume) => Published().Any(volume.IsSame);

    private IEnumerable<CsiVolume> Published()
    {
        var pods = Path.Combine(config.RootDirectory, "pods");
        if (!Directory.Exists(pods)) yield break;
        foreach (var pod in Directory.EnumerateDirectories(pods))
        {
            var folder = Path.Combine(pod, "volumes", PodFolder);
            if (!Directory.Exists(folder)) continue;
            foreach (var place in Directory.EnumerateDirectories(folder))
                if (CsiVolume.Load(place) is { } volume) yield return volume;
        }
    }

    private IEnumerable<CsiVolume> Staged()
    {
        var root = Path.Combine(config.RootDirectory, "plugins", "kubernetes.io", "csi");
        if (!Directory.Exists(root)) yield break;
        foreach (var driver in Directory.EnumerateDirectories(root))
            foreach (var place in Directory.EnumerateDirectories(driver))
                if (CsiVolume.Load(place) is { } volume) yield return volume;
    }

    private static void Fill(Google.Protobuf.Collections.MapField<string, string> map, IEnumerable<KeyValuePair<string, string>>? entries)
    {
        foreach (var (key, value) in entries ?? []) map[key] = value;
    }
}
