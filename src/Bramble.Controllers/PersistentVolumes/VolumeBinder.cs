using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>Binds claims to volumes, asks provisioners for new ones, and gives volumes back whose claims are gone. A key with a namespace is a claim, one
/// without a volume.</summary>
internal sealed class VolumeBinder : IReconciler
{
    private const string BindCompleted = "pv.kubernetes.io/bind-completed";
    private const string BoundByController = "pv.kubernetes.io/bound-by-controller";
    private const string PreResizeCapacity = "volume.alpha.kubernetes.io/pre-resize-capacity";
    private const string Provisioner = "volume.kubernetes.io/storage-provisioner";
    private const string BetaProvisioner = "volume.beta.kubernetes.io/storage-provisioner";
    private const string SelectedNode = "volume.kubernetes.io/selected-node";

    /// <summary>So often what cannot be done yet is tried and told again: upstream's <c>pvclaimbinder-sync-period</c>. A told event lasts an hour, and who looks at a
    /// claim that has been waiting for longer must still find why.</summary>
    public static readonly TimeSpan Resync = TimeSpan.FromSeconds(15);

    private readonly ControllerContext _context;
    private readonly IInformer<V1PersistentVolumeClaim> _claims;
    private readonly IInformer<V1PersistentVolume> _volumes;
    private readonly IInformer<V1StorageClass> _classes;
    private readonly IInformer<V1Pod> _pods;
    private readonly WriteBarrier _writes = new();
    private readonly RecyclerEvents _recyclerEvents;

    /// <summary>The Pods that this process has begun, by volume: one of an earlier process (or of a user) is not trusted to have emptied anything.</summary>
    private readonly Dictionary<string, string> _recycling = new(StringComparer.Ordinal);

    public VolumeBinder(ControllerContext context)
    {
        _context = context;
        _recyclerEvents = new RecyclerEvents(context);
        _pods = context.Watches(Resources.Pods, change =>
        {
            if (Recycler.VolumeOf(change.Name) is { } emptied) context.Queue.Add(emptied);
        });
        _pods.AddIndex(ClaimPods.ByClaim, ClaimPods.Claims);
        _classes = context.Watches(Resources.StorageClasses, _ => AddUnbound());
        _claims = context.Watches(Resources.PersistentVolumeClaims, change =>
        {
            if (change.New is not null) context.Queue.Add(change.Name);
            foreach (var version in (V1PersistentVolumeClaim?[])[change.Old, change.New])
                if (version?.Spec.VolumeName is { Length: > 0 } volume) context.Queue.Add(new NamespacedName("", volume));
        });
        _volumes = context.Watches(Resources.PersistentVolumes, change =>
        {
            if (change.New is not null) context.Queue.Add(change.Name);
            if ((change.New ?? change.Old!).Spec.ClaimRef is { } claimed) context.Queue.Add(new NamespacedName(claimed.NamespaceProperty, claimed.Name));
            if (change.New is { Spec.ClaimRef: null }) AddUnbound();
        });
    }

    /// <remarks>One worker: two claims must not get one volume.</remarks>
    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(default, _context.Time, cancel);
        if (name.Namespace.Length == 0)
        {
            if (_volumes.FindObject(name) is { } volume) return await SyncVolumeAsync(volume.ToTree(), volume.Model<V1PersistentVolume>(), cancel);
            _recyclerEvents.End(name.Name);
            _recycling.Remove(name.Name);
            return Requeue.Never;
        }
        if (_claims.FindObject(name) is not { } found) return Requeue.Never;
        var claim = found.Model<V1PersistentVolumeClaim>();
        var tree = found.ToTree();
        if (InTreePlugins.NoteMigration(tree, Provisioner, BetaProvisioner))
        {
            await WriteAsync(Resources.PersistentVolumeClaims, _claims, tree, cancel);
            return Requeue.Never;
        }
        if (claim.Metadata.Annotation(BindCompleted) is null) return await SyncUnboundAsync(tree, claim, cancel) ? Requeue.After(Resync) : Requeue.Never;
        await SyncBoundAsync(tree, claim, cancel);
        return Requeue.Never;
    }

    /// <returns>True: it waits, and that has been told.</returns>
    private async Task<bool> SyncUnboundAsync(JsonObject tree, V1PersistentVolumeClaim claim, CancellationToken cancel)
    {
        var about = EventSubject.Of(Resources.PersistentVolumeClaims, claim);
        if (string.IsNullOrEmpty(claim.Spec.VolumeName))
        {
            var storageClass = VolumeMatch.ClassOf(claim) is { Length: > 0 } named ? _classes.Find(new NamespacedName("", named)) : null;
            var isDelayed = storageClass?.VolumeBindingMode == "WaitForFirstConsumer";
            if (VolumeMatch.Best(claim, tree, _volumes.List(), isDelayed) is { } best)
            {
                await BindAsync(best, tree, claim, cancel);
                return false;
            }
            if (await AssignDefaultClassAsync(tree, claim, cancel)) return false;
            if (isDelayed && claim.Metadata.Annotation(SelectedNode) is null)
            {
                TellWaiting(about, claim);
            }
            else if (VolumeMatch.ClassOf(claim).Length > 0)
            {
                await ProvisionAsync(about, tree, claim, storageClass, cancel);
                return true;
            }
            else
            {
                _context.Events.Normal(about, "FailedBinding", "no persistent volumes available for this claim and no storage class is set");
            }
            await SetClaimStatusAsync(tree, "Pending", null, cancel);
            return true;
        }
        if (_volumes.Find(new NamespacedName("", claim.Spec.VolumeName)) is not { } volume)
        {
            await SetClaimStatusAsync(tree, "Pending", null, cancel);
            return false;
        }
        if (volume.Spec.ClaimRef is null)
        {
            if (VolumeMatch.Mismatch(volume, claim) is { } mismatch)
            {
                _context.Events.Warning(about, "VolumeMismatch", $"Cannot bind to requested volume \"{volume.Metadata.Name}\": {mismatch}");
                await SetClaimStatusAsync(tree, "Pending", null, cancel);
                return true;
            }
            await BindAsync(volume, tree, claim, cancel);
            return false;
        }
        if (VolumeMatch.IsReservedFor(volume, claim))
        {
            await BindAsync(volume, tree, claim, cancel);
            return false;
        }
        _context.Events.Warning(about, "FailedBinding", $"volume \"{volume.Metadata.Name}\" already bound to a different claim.");
        // A binding of our own that somebody has undone half: not for us to call the claim free.
        if (claim.Metadata.Annotation(BoundByController) is null) await SetClaimStatusAsync(tree, "Pending", null, cancel);
        return true;
    }

    private async Task SyncBoundAsync(JsonObject tree, V1PersistentVolumeClaim claim, CancellationToken cancel)
    {
        if (string.IsNullOrEmpty(claim.Spec.VolumeName))
        {
            await LoseAsync("ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
            return;
        }
        var name = new NamespacedName("", claim.Spec.VolumeName);
        if (_volumes.Find(name) is not { } volume)
        {
            // The copies of claims and volumes may be of different moments: a loss is believed only when the API says so.
            if (await _context.Client.FindAsync(Resources.PersistentVolumes, name, cancel) is null)
                await LoseAsync("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
            return;
        }
        if (volume.Spec.ClaimRef is null || volume.Spec.ClaimRef.Uid == claim.Metadata.Uid) await BindAsync(volume, tree, claim, cancel);
        else await LoseAsync("ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly");

        async Task LoseAsync(string reason, string message)
        {
            if (claim.Status?.Phase == "Lost") return;
            await SetClaimStatusAsync(tree, "Lost", null, cancel);
            _context.Events.Warning(EventSubject.Of(Resources.PersistentVolumeClaims, claim), reason, message);
        }
    }

    /// <summary>Four writes, each of which may be the last before a crash: the next look goes on where they stopped.</summary>
    private async Task BindAsync(V1PersistentVolume volume, JsonObject claimTree, V1PersistentVolumeClaim claim, CancellationToken cancel)
    {
        if (_volumes.FindObject(volume.NamespacedName())?.ToTree() is not { } volumeTree) return;
        if (volume.Spec.ClaimRef?.Uid != claim.Metadata.Uid)
        {
            if (volume.Spec.ClaimRef is null) SetAnnotation(volumeTree, BoundByController);
            volumeTree["spec"]!["claimRef"] = new JsonObject
            {
                ["kind"] = "PersistentVolumeClaim",
                ["namespace"] = claim.Metadata.NamespaceProperty,
                ["name"] = claim.Metadata.Name,
                ["uid"] = claim.Metadata.Uid,
                ["apiVersion"] = "v1",
                ["resourceVersion"] = claim.Metadata.ResourceVersion,
            };
            volumeTree = await WriteAsync(Resources.PersistentVolumes, _volumes, volumeTree, cancel);
        }
        await SetPhaseAsync(volumeTree, "Bound", cancel);
        if (claim.Spec.VolumeName != volume.Metadata.Name || claim.Metadata.Annotation(BindCompleted) is null)
        {
            if (string.IsNullOrEmpty(claim.Spec.VolumeName)) SetAnnotation(claimTree, BoundByController);
            claimTree["spec"]!["volumeName"] = volume.Metadata.Name;
            SetAnnotation(claimTree, BindCompleted);
            claimTree = await WriteAsync(Resources.PersistentVolumeClaims, _claims, claimTree, cancel);
        }
        await SetClaimStatusAsync(claimTree, "Bound", volumeTree, cancel);
    }

    private async Task<Requeue> SyncVolumeAsync(JsonObject tree, V1PersistentVolume volume, CancellationToken cancel)
    {
        if (InTreePlugins.NoteMigration(tree, Reclaiming.ProvisionedBy) | Reclaiming.ProtectInTree(tree))
        {
            await WriteAsync(Resources.PersistentVolumes, _volumes, tree, cancel);
            return Requeue.Never;
        }
        if (volume.Spec.ClaimRef is not { } claimed || string.IsNullOrEmpty(claimed.Uid))
        {
            await SetPhaseAsync(tree, "Available", cancel);
            return Requeue.Never;
        }
        var claimName = new NamespacedName(claimed.NamespaceProperty, claimed.Name);
        var claim = _claims.Find(claimName);
        // Before a volume is given back the API is asked: the copy of claims may be older than that of volumes.
        if (claim?.Metadata.Uid != claimed.Uid) claim = (await _context.Client.FindAsync(Resources.PersistentVolumeClaims, claimName, cancel))?.Model<V1PersistentVolumeClaim>();
        if (claim?.Metadata.Uid != claimed.Uid)
        {
            return await ReclaimAsync(tree, volume, cancel);
        }
        else if (string.IsNullOrEmpty(claim.Spec.VolumeName))
        {
            if (VolumeMatch.HasSameMode(volume, claim))
            {
                _context.Queue.Add(claimName);      // the claim's own look finishes the binding
                return Requeue.Never;
            }
            _context.Events.Warning(EventSubject.Of(Resources.PersistentVolumes, volume), "VolumeMismatch",
                $"Cannot bind PersistentVolume to requested PersistentVolumeClaim \"{claim.Metadata.Name}\" due to incompatible volumeMode.");
            _context.Events.Warning(EventSubject.Of(Resources.PersistentVolumeClaims, claim), "VolumeMismatch",
                $"Cannot bind PersistentVolume \"{volume.Metadata.Name}\" to requested PersistentVolumeClaim due to incompatible volumeMode.");
            return Requeue.After(Resync);
        }
        else if (claim.Spec.VolumeName == volume.Metadata.Name)
        {
            await SetPhaseAsync(tree, "Bound", cancel);
        }
        else if (volume.Metadata.Annotation(Reclaiming.ProvisionedBy) is not null && volume.Spec.PersistentVolumeReclaimPolicy == "Delete")
        {
            // Made for a claim that got another one meanwhile.
            return await ReclaimAsync(tree, volume, cancel);
        }
        else
        {
            // The claim went to another volume.
            await UnbindAsync(tree, cancel);
        }
        return Requeue.Never;
    }

    /// <summary>What was reserved here is free again; a user's own reservation stays, without the uid.</summary>
    private async Task UnbindAsync(JsonObject tree, CancellationToken cancel)
    {
        if (tree["metadata"]!["annotations"]?[BoundByController] is not null)
        {
            tree["spec"]!.AsObject().Remove("claimRef");
            var annotations = tree["metadata"]!["annotations"]!.AsObject();
            annotations.Remove(BoundByController);
            if (annotations.Count == 0) tree["metadata"]!.AsObject().Remove("annotations");
        }
        else
        {
            tree["spec"]!["claimRef"]!.AsObject().Remove("uid");
        }
        tree = await WriteAsync(Resources.PersistentVolumes, _volumes, tree, cancel);
        await SetPhaseAsync(tree, "Available", cancel);
    }

    private async Task<Requeue> ReclaimAsync(JsonObject tree, V1PersistentVolume volume, CancellationToken cancel)
    {
        if (volume.Status?.Phase is not ("Released" or "Failed")) tree = await SetPhaseAsync(tree, "Released", cancel);
        switch (Reclaiming.Decide(volume))
        {
            case Reclaim.Fail(var reason, var message):
                await FailAsync(reason, message);
                break;
            case Reclaim.Recycle:
                return await RecycleAsync();
            case Reclaim.RemoveFolder(var path):
                try
                {
                    if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
                    else if (File.Exists(path)) File.Delete(path);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    await FailAsync("VolumeFailedDelete", e.Message);
                    return Requeue.After(Resync);
                }
                if (Reclaiming.Unprotect(tree)) await WriteAsync(Resources.PersistentVolumes, _volumes, tree, cancel);
                await _context.Client.DeleteAsync(Resources.PersistentVolumes, volume.NamespacedName(), new DeleteQuery(Uid: volume.Metadata.Uid), cancel);
                break;
        }
        return Requeue.Never;

        async Task<Requeue> RecycleAsync()
        {
            var name = Recycler.PodOf(volume);
            var pod = _pods.Find(name);
            var step = Recycler.Decide(volume, pod, _recycling.GetValueOrDefault(volume.Metadata.Name), _context.Time.GetUtcNow().UtcDateTime);
            switch (step)
            {
                case RecyclerStep.Wait(var delay):
                    return new Requeue(delay);
                case RecyclerStep.Start or RecyclerStep.RemoveOld when UsersOf(volume) is { Length: > 0 } users:
                    _context.Events.Normal(EventSubject.Of(Resources.PersistentVolumes, volume), "VolumeFailedRecycle", $"Volume is used by pods: {users}");
                    break;
                case RecyclerStep.Start:
                    _recyclerEvents.Begin(volume, cancel);
                    try
                    {
                        var created = await _context.Client.CreateAsync(Resources.Pods, Recycler.Pod(volume), cancel);
                        _recycling[volume.Metadata.Name] = created.Uid;
                        _writes.Wrote(default, _pods, created);
                        return Requeue.Never;
                    }
                    catch (StatusException e) when (e.IsAlreadyExists)
                    {
                        await RemoveOldAsync();
                    }
                    catch (StatusException e)
                    {
                        _recyclerEvents.End(volume.Metadata.Name);
                        await FailAsync("VolumeFailedRecycle", $"Recycle failed: unexpected error creating recycler pod:  {e.Message}");
                    }
                    break;
                case RecyclerStep.RemoveOld:
                    await RemoveOldAsync();
                    break;
                case RecyclerStep.Done(var failure):
                    _recycling.Remove(volume.Metadata.Name);
                    await RemovePodAsync(pod?.Metadata.Uid);
                    if (failure is null)
                    {
                        _context.Events.Normal(EventSubject.Of(Resources.PersistentVolumes, volume), "VolumeRecycled", "Volume recycled");
                        await UnbindAsync(tree, cancel);
                        return Requeue.Never;
                    }
                    await FailAsync("VolumeFailedRecycle", $"Recycle failed: failed to recycle volume: {failure}");
                    break;
            }
            return Requeue.After(Resync);

            // What it has done nobody knows; the next one begins anew.
            async Task RemoveOldAsync()
            {
                await RemovePodAsync(pod?.Metadata.Uid);
                await FailAsync("VolumeFailedRecycle", "Recycle failed: old recycler pod found, will retry later");
            }

            async Task RemovePodAsync(string? uid)
            {
                _recyclerEvents.End(volume.Metadata.Name);
                try
                {
                    await _context.Client.DeleteAsync(Resources.Pods, name, new DeleteQuery(Uid: uid), cancel);
                }
                catch (StatusException e) when (e.IsNotFound)
                {
                    // Somebody else has.
                }
            }
        }

        // Told once: when the phase changes.
        async Task FailAsync(string reason, string message)
        {
            if (volume.Status?.Phase == "Failed") return;
            await SetPhaseAsync(tree, "Failed", cancel, message);
            _context.Events.Warning(EventSubject.Of(Resources.PersistentVolumes, volume), reason, message);
        }
    }

    /// <summary>The Pods that use the claim which a volume was bound to, unless there is a new claim of that name.</summary>
    private string UsersOf(V1PersistentVolume volume)
    {
        var claimed = volume.Spec.ClaimRef;
        if (_claims.Find(new NamespacedName(claimed.NamespaceProperty, claimed.Name)) is not null) return "";
        return string.Join(',', _pods.ByIndex(ClaimPods.ByClaim, $"{claimed.NamespaceProperty}/{claimed.Name}").Where(p => !p.IsTerminated())
            .Select(p => $"{p.Metadata.NamespaceProperty}/{p.Metadata.Name}").Order(StringComparer.Ordinal));
    }

    private async Task ProvisionAsync(EventSubject about, JsonObject tree, V1PersistentVolumeClaim claim, V1StorageClass? storageClass, CancellationToken cancel)
    {
        if (storageClass is null)
        {
            _context.Events.Warning(about, "ProvisioningFailed", $"storageclass.storage.k8s.io \"{VolumeMatch.ClassOf(claim)}\" not found");
            return;
        }
        var provisioner = InTreePlugins.DriverOf(storageClass.Provisioner);
        var why = InTreePlugins.WhyNotProvisioned(storageClass, claim, out var isNoted);
        if (isNoted && claim.Metadata.Annotation(Provisioner) != provisioner)
        {
            SetAnnotation(tree, BetaProvisioner, provisioner);
            SetAnnotation(tree, Provisioner, provisioner);
            await WriteAsync(Resources.PersistentVolumeClaims, _claims, tree, cancel);
        }
        if (why is not null) _context.Events.Warning(about, "ProvisioningFailed", why);
        else _context.Events.Normal(about, "ExternalProvisioning",
            $"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system administrator. If volume creation is delayed, please verify "
            + "that the provisioner is running and correctly registered.");
    }

    /// <summary>A claim that named no class when there was no default gets the default that came later. KEP-3333.</summary>
    private async Task<bool> AssignDefaultClassAsync(JsonObject tree, V1PersistentVolumeClaim claim, CancellationToken cancel)
    {
        if (claim.Spec.StorageClassName is not null || claim.Metadata.Annotation(VolumeMatch.ClassAnnotation) is not null) return false;
        var byDefault = _classes.List().Where(c => c.Metadata.Annotation("storageclass.kubernetes.io/is-default-class") == "true" || c.Metadata.Annotation("storageclass.beta.kubernetes.io/is-default-class") == "true")
            .OrderByDescending(c => c.Metadata.CreationTimestamp).ThenBy(c => c.Metadata.Name, StringComparer.Ordinal).FirstOrDefault();
        if (byDefault is null) return false;
        tree["spec"]!["storageClassName"] = byDefault.Metadata.Name;
        await WriteAsync(Resources.PersistentVolumeClaims, _claims, tree, cancel);
        return true;
    }

    private void TellWaiting(EventSubject about, V1PersistentVolumeClaim claim)
    {
        var pods = _pods.ByIndex(ClaimPods.ByClaim, claim.NamespacedName().ToString()).Where(p => string.IsNullOrEmpty(p.Spec.NodeName) && !p.IsTerminated())
            .Select(p => p.Metadata.Name).Order(StringComparer.Ordinal).ToList();
        if (pods.Count == 0) _context.Events.Normal(about, "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
        else _context.Events.Normal(about, "WaitForPodScheduled", pods.Count == 1 ? $"waiting for pod {pods[0]} to be scheduled" : $"waiting for pods {string.Join(',', pods)} to be scheduled");
    }

    private async Task<JsonObject> SetPhaseAsync(JsonObject tree, string phase, CancellationToken cancel, string? message = null)
    {
        var status = tree["status"]?.DeepClone().AsObject() ?? [];
        if ((string?)status["phase"] == phase) return tree;
        status["phase"] = phase;
        status["lastPhaseTransitionTime"] = KubeTime.Seconds(_context.Time.GetUtcNow());
        status.Remove("message");
        if (message is not null) status["message"] = message;
        return await WriteStatusAsync(Resources.PersistentVolumes, _volumes, tree, status, cancel);
    }

    private async Task SetClaimStatusAsync(JsonObject tree, string phase, JsonObject? volume, CancellationToken cancel)
    {
        var status = tree["status"]?.DeepClone().AsObject() ?? [];
        var before = (string?)status["phase"];
        status["phase"] = phase;
        if (volume is null)
        {
            status.Remove("accessModes");
            status.Remove("capacity");
            status.Remove("currentVolumeAttributesClassName");
        }
        else
        {
            status["accessModes"] = volume["spec"]!["accessModes"]?.DeepClone();
            // A bound claim's size is the resizer's to write: a volume that grows shows its new size before the file system on it has it.
            if (before != phase)
            {
                if ((string?)volume["metadata"]!["annotations"]?[PreResizeCapacity] is { } size && Quantity.TryParse(size, out _, out _)) status["capacity"] = new JsonObject { ["storage"] = size };
                else status["capacity"] = volume["spec"]!["capacity"]?.DeepClone();
            }
            if (before == "Pending" && phase == "Bound" && volume["spec"]!["volumeAttributesClassName"] is { } attributes) status["currentVolumeAttributesClassName"] = attributes.DeepClone();
        }
        await WriteStatusAsync(Resources.PersistentVolumeClaims, _claims, tree, status, cancel);
    }

    private async Task<JsonObject> WriteAsync<T>(Resource<T> resource, IInformer<T> copy, JsonObject tree, CancellationToken cancel) where T : class
    {
        var written = await _context.Client.UpdateAsync(resource, tree, null, cancel);
        _writes.Wrote(default, copy, written);
        return written.ToTree();
    }

    private async Task<JsonObject> WriteStatusAsync<T>(Resource<T> resource, IInformer<T> copy, JsonObject tree, JsonObject status, CancellationToken cancel) where T : class
    {
        if (await _context.Client.WriteStatusAsync(resource, tree, status, cancel) is not { } written) return tree;
        _writes.Wrote(default, copy, written);
        return written.ToTree();
    }

    private void AddUnbound()
    {
        foreach (var claim in _claims.List())
            if (claim.Metadata.Annotation(BindCompleted) is null) _context.Queue.Add(claim.NamespacedName());
    }

    private static void SetAnnotation(JsonObject tree, string name, string value = "yes")
    {
        if (tree["metadata"]!["annotations"] is not JsonObject annotations) tree["metadata"]!["annotations"] = annotations = [];
        annotations[name] = value;
    }
}
