using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
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
            if (Binding.ClaimOf(change.New ?? change.Old!) is { } claim) context.Queue.Add(claim);
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
        var tree = found.ToTree();
        if (InTreePlugins.NoteMigration(tree, ClaimAnnotations.Provisioner, ClaimAnnotations.BetaProvisioner))
        {
            await WriteAsync(Resources.PersistentVolumeClaims, _claims, tree, cancel);
            return Requeue.Never;
        }
        return await SyncClaimAsync(tree, found.Model<V1PersistentVolumeClaim>(), cancel);
    }

    private async Task<Requeue> SyncClaimAsync(JsonObject tree, V1PersistentVolumeClaim claim, CancellationToken cancel)
    {
        switch (await DecideAsync(tree, claim, cancel))
        {
            case ClaimStep.Bind(var volume):
                await BindAsync(volume, tree, claim, cancel);
                break;
            case ClaimStep.TakeDefault(var storageClass):
                tree["spec"]!["storageClassName"] = storageClass;
                await WriteAsync(Resources.PersistentVolumeClaims, _claims, tree, cancel);
                break;
            case ClaimStep.Wait(var news, var isPending):
                if (news is not null) Tell(claim, news);
                if (isPending) await SetClaimStatusAsync(tree, "Pending", null, cancel);
                return news is null ? Requeue.Never : Requeue.After(Resync);
            case ClaimStep.Provision(var provisioner, var news):
                if (provisioner is not null)
                {
                    ClaimAnnotations.Set(tree, ClaimAnnotations.BetaProvisioner, provisioner);
                    ClaimAnnotations.Set(tree, ClaimAnnotations.Provisioner, provisioner);
                    await WriteAsync(Resources.PersistentVolumeClaims, _claims, tree, cancel);
                }
                Tell(claim, news);
                return Requeue.After(Resync);
            case ClaimStep.Lose(var news):
                await SetClaimStatusAsync(tree, "Lost", null, cancel);
                Tell(claim, news);
                break;
        }
        return Requeue.Never;
    }

    private async Task<ClaimStep> DecideAsync(JsonObject tree, V1PersistentVolumeClaim claim, CancellationToken cancel)
    {
        var isBound = claim.Metadata.Annotation(ClaimAnnotations.BindCompleted) is not null;
        if (string.IsNullOrEmpty(claim.Spec.VolumeName))
        {
            return isBound ? ClaimStep.OfBound(claim, null)
                : ClaimStep.OfUnnamed(claim, tree, _volumes.List(), _classes.List(), _pods.ByIndex(ClaimPods.ByClaim, claim.NamespacedName().ToString()));
        }
        var name = new NamespacedName("", claim.Spec.VolumeName);
        var volume = _volumes.Find(name);
        if (!isBound) return ClaimStep.OfNamed(claim, volume);
        // The copies of claims and volumes may be of different moments: a loss is believed only when the API says so.
        return ClaimStep.OfBound(claim, volume ?? (await _context.Client.FindAsync(Resources.PersistentVolumes, name, cancel))?.Model<V1PersistentVolume>());
    }

    private void Tell(V1PersistentVolumeClaim claim, ClaimNews news)
    {
        var about = EventSubject.Of(Resources.PersistentVolumeClaims, claim);
        if (news.IsWarning) _context.Events.Warning(about, news.Reason, news.Message);
        else _context.Events.Normal(about, news.Reason, news.Message);
    }

    private async Task BindAsync(V1PersistentVolume volume, JsonObject claimTree, V1PersistentVolumeClaim claim, CancellationToken cancel)
    {
        if (_volumes.FindObject(volume.NamespacedName())?.ToTree() is not { } volumeTree) return;
        if (Binding.NoteInVolume(volumeTree, volume, claim)) volumeTree = await WriteAsync(Resources.PersistentVolumes, _volumes, volumeTree, cancel);
        await SetPhaseAsync(volumeTree, "Bound", cancel);
        if (Binding.NoteInClaim(claimTree, claim, volume)) claimTree = await WriteAsync(Resources.PersistentVolumeClaims, _claims, claimTree, cancel);
        await SetClaimStatusAsync(claimTree, "Bound", volumeTree, cancel);
    }

    private async Task<Requeue> SyncVolumeAsync(JsonObject tree, V1PersistentVolume volume, CancellationToken cancel)
    {
        if (InTreePlugins.NoteMigration(tree, Reclaiming.ProvisionedBy) | Reclaiming.ProtectInTree(tree))
        {
            await WriteAsync(Resources.PersistentVolumes, _volumes, tree, cancel);
            return Requeue.Never;
        }
        V1PersistentVolumeClaim? claim = null;
        if (volume.Spec.ClaimRef is { Uid.Length: > 0 } claimed && Binding.ClaimOf(volume) is { } claimName)
        {
            claim = _claims.Find(claimName);
            // Before a volume is given back the API is asked: the copy of claims may be older than that of volumes.
            if (claim?.Metadata.Uid != claimed.Uid) claim = (await _context.Client.FindAsync(Resources.PersistentVolumeClaims, claimName, cancel))?.Model<V1PersistentVolumeClaim>();
        }
        switch (VolumeSteps.Decide(volume, claim))
        {
            case VolumeStep.Available:
                await SetPhaseAsync(tree, "Available", cancel);
                break;
            case VolumeStep.Bound:
                await SetPhaseAsync(tree, "Bound", cancel);
                break;
            case VolumeStep.FinishBinding:
                _context.Queue.Add(claim!.NamespacedName());
                break;
            case VolumeStep.TellMismatch:
                _context.Events.Warning(EventSubject.Of(Resources.PersistentVolumes, volume), "VolumeMismatch",
                    $"Cannot bind PersistentVolume to requested PersistentVolumeClaim \"{claim!.Metadata.Name}\" due to incompatible volumeMode.");
                Tell(claim, new(true, "VolumeMismatch", $"Cannot bind PersistentVolume \"{volume.Metadata.Name}\" to requested PersistentVolumeClaim due to incompatible volumeMode."));
                return Requeue.After(Resync);
            case VolumeStep.Unbind:
                await UnbindAsync(tree, cancel);
                break;
            case VolumeStep.Reclaim:
                return await ReclaimAsync(tree, volume, cancel);
        }
        return Requeue.Never;
    }

    private async Task UnbindAsync(JsonObject tree, CancellationToken cancel)
    {
        Binding.Undo(tree);
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
        if (Binding.ClaimOf(volume) is not { } claim || _claims.Find(claim) is not null) return "";
        return string.Join(',', _pods.ByIndex(ClaimPods.ByClaim, claim.ToString()).Where(p => !p.IsTerminated())
            .Select(p => $"{p.Metadata.NamespaceProperty}/{p.Metadata.Name}").Order(StringComparer.Ordinal));
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

    private async Task SetClaimStatusAsync(JsonObject tree, string phase, JsonObject? volume, CancellationToken cancel) =>
        await WriteStatusAsync(Resources.PersistentVolumeClaims, _claims, tree, Binding.ClaimStatus(tree, phase, volume), cancel);

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
            if (claim.Metadata.Annotation(ClaimAnnotations.BindCompleted) is null) _context.Queue.Add(claim.NamespacedName());
    }
}
