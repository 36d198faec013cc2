using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.PersistentVolumes;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.LocalPath;

/// <summary>Makes volumes that are folders on nodes, and removes them with their claims: what K3s' local-path-provisioner does, without Pods. A key with a
/// namespace is a claim, one without a volume.</summary>
/// <remarks>The folder comes before the volume and goes before it: a crash leaves at most an empty folder of a known name, never data nobody knows of.</remarks>
internal sealed class LocalPathProvisioner : IReconciler
{
    private static readonly NamespacedName ConfigName = new("kube-system", "local-path-config");

    /// <summary>A node that does not answer is asked again as often as K3s' provisioner tries first.</summary>
    private static readonly Requeue NodeRetry = Requeue.After(TimeSpan.FromSeconds(15));

    /// <summary>What cannot be made is told again as often as its library looks at all claims: the event that says why lasts an hour.</summary>
    private static readonly Requeue Refused = Requeue.After(TimeSpan.FromMinutes(15));

    private readonly ControllerContext _context;
    private readonly LocalPathSettings _settings;
    private readonly IInformer<V1PersistentVolumeClaim> _claims;
    private readonly IInformer<V1PersistentVolume> _volumes;
    private readonly IInformer<V1StorageClass> _classes;
    private readonly IInformer<V1Node> _nodes;
    private readonly IInformer<V1ConfigMap> _configs;

    public LocalPathProvisioner(ControllerContext context, LocalPathSettings settings)
    {
        _context = context;
        _settings = settings;
        _classes = context.Reads(Resources.StorageClasses);
        _nodes = context.Reads(Resources.Nodes);
        _configs = context.Watches(Resources.ConfigMaps, change =>
        {
            // What was refused for want of a path may be possible now.
            if (change.Name == ConfigName) AddWaiting();
        });
        _claims = context.Watches(Resources.PersistentVolumeClaims, change =>
        {
            if (change.New is { } claim && IsWaiting(claim)) context.Queue.Add(change.Name);
        });
        _volumes = context.Watches(Resources.PersistentVolumes, change =>
        {
            if (change.New is { } volume && IsReleased(volume)) context.Queue.Add(change.Name);
        });
    }

    public Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel) => name.Namespace.Length > 0 ? ProvisionAsync(name, cancel) : RemoveAsync(name, cancel);

    /// <summary>The binder named us, and where the class asks for it the scheduler named a node.</summary>
    private static bool IsWaiting(V1PersistentVolumeClaim claim) => string.IsNullOrEmpty(claim.Spec.VolumeName) && !claim.IsBeingDeleted()
        && (claim.Metadata.Annotation("volume.kubernetes.io/storage-provisioner") ?? claim.Metadata.Annotation("volume.beta.kubernetes.io/storage-provisioner")) == LocalPathVolume.Provisioner;

    private static bool IsReleased(V1PersistentVolume volume) => volume.Status?.Phase == "Released" && !volume.IsBeingDeleted()
        && volume.Spec.PersistentVolumeReclaimPolicy == "Delete" && volume.Metadata.Annotation(LocalPathVolume.ProvisionedBy) == LocalPathVolume.Provisioner;

    private void AddWaiting()
    {
        foreach (var claim in _claims.List())
            if (IsWaiting(claim)) _context.Queue.Add(claim.NamespacedName());
    }

    private async Task<Requeue> ProvisionAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_claims.FindObject(name) is not { } found) return Requeue.Never;
        var claim = found.Model<V1PersistentVolumeClaim>();
        var className = VolumeMatch.ClassOf(claim);
        if (!IsWaiting(claim) || _classes.Find(new NamespacedName("", className)) is not { } storageClass) return Requeue.Never;
        var chosen = claim.Metadata.Annotation(LocalPathVolume.SelectedNode);
        if (chosen is null && storageClass.VolumeBindingMode == "WaitForFirstConsumer") return Requeue.Never;
        if (_volumes.Find(new NamespacedName("", LocalPathVolume.NameFor(claim))) is not null) return Requeue.Never;

        var about = EventSubject.Of(Resources.PersistentVolumeClaims, claim);
        if (claim.Spec.VolumeMode == "Block")
        {
            _context.Events.Warning(about, "ProvisioningFailed", $"{LocalPathVolume.Provisioner} does not support block volume provisioning");
            return Refused;
        }
        _context.Events.Normal(about, "Provisioning", $"External provisioner is provisioning volume for claim \"{name}\"");
        var node = chosen is null ? null : _nodes.Find(new NamespacedName("", chosen));
        if (chosen is not null && node is null)
        {
            Failed($"failed to get target node: node \"{chosen}\" not found");
            await GiveBackAsync(found, cancel);
            return Requeue.Never;
        }
        switch (Plan(claim, storageClass, node))
        {
            case LocalPathPlan.Refuse(var why):
                Failed($"failed to provision volume with StorageClass \"{className}\": {why}");
                return Refused;
            case LocalPathPlan.Make(var nodeName, var path, var volume):
                try
                {
                    await _settings.Folders.MakeAsync(nodeName, path, cancel);
                }
                catch (Exception e) when (e is StatusException or IOException or TimeoutException)
                {
                    Failed($"failed to provision volume with StorageClass \"{className}\": failed to create volume {LocalPathVolume.NameFor(claim)}: {e.Message}");
                    return NodeRetry;
                }
                try
                {
                    await _context.Client.CreateAsync(Resources.PersistentVolumes, volume, cancel);
                }
                catch (StatusException e) when (e.IsAlreadyExists)
                {
                    // Made before a crash, or by another server a moment ago.
                }
                _context.Events.Normal(about, "ProvisioningSucceeded", $"Successfully provisioned volume {LocalPathVolume.NameFor(claim)}");
                return Requeue.Never;
        }
        return Requeue.Never;

        void Failed(string message) => _context.Events.Warning(about, "ProvisioningFailed", message);
    }

    /// <summary>The chosen node is gone: without the annotation the scheduler chooses again.</summary>
    private async Task GiveBackAsync(KubeObject claim, CancellationToken cancel)
    {
        var tree = claim.ToTree();
        tree["metadata"]!["annotations"]!.AsObject().Remove(LocalPathVolume.SelectedNode);
        await _context.Client.UpdateAsync(Resources.PersistentVolumeClaims, tree, null, cancel);
    }

    private LocalPathPlan Plan(V1PersistentVolumeClaim claim, V1StorageClass storageClass, V1Node? node)
    {
        LocalPathConfig config;
        try
        {
            var text = _configs.Find(ConfigName)?.Data is { } data && data.TryGetValue(LocalPathConfig.Key, out var given) ? given : LocalPathConfig.Initial(_settings.DefaultPath);
            config = LocalPathConfig.Parse(text);
        }
        catch (FormatException e)
        {
            return new LocalPathPlan.Refuse($"{ConfigName}: {LocalPathConfig.Key}: {e.Message}");
        }
        return LocalPathVolume.Decide(claim, storageClass, node, config, Random.Shared.Next);
    }

    private async Task<Requeue> RemoveAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_volumes.Find(name) is not { } known || !IsReleased(known)) return Requeue.Never;
        // What is removed does not come back: the API says once more that nobody has this volume.
        if (await _context.Client.FindModelAsync(Resources.PersistentVolumes, name, cancel) is not { } volume || !IsReleased(volume)) return Requeue.Never;
        var (node, path, error) = LocalPathVolume.PlaceOf(volume);
        try
        {
            if (error is not null) throw new InvalidDataException(error);
            // A node that has left the cluster took its disk along.
            if (_nodes.Find(new NamespacedName("", node)) is not null) await _settings.Folders.RemoveAsync(node, path, cancel);
        }
        catch (Exception e) when (e is StatusException or IOException or InvalidDataException or TimeoutException)
        {
            _context.Events.Warning(EventSubject.Of(Resources.PersistentVolumes, volume), "VolumeFailedDelete", $"failed to delete volume {name.Name}: {e.Message}");
            return NodeRetry;
        }
        await _context.Client.DeleteAsync(Resources.PersistentVolumes, name, new DeleteQuery(Uid: volume.Metadata.Uid), cancel);
        return Requeue.Never;
    }
}
