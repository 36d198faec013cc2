using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Scheduler.Plugins;
using k8s.Models;

namespace Bramble.Scheduler.Volumes;

/// <summary>Volumes and claims that were promised to Pods and do not show it yet. Guarded by the scheduler's lock.</summary>
internal sealed class VolumePromises
{
    /// <summary>Volume → uid of the claim it will be bound to.</summary>
    public Dictionary<string, string> ClaimOfVolume { get; } = new(StringComparer.Ordinal);

    /// <summary>Uid of a claim → node that a volume will be made for.</summary>
    public Dictionary<string, string> NodeOfClaim { get; } = new(StringComparer.Ordinal);
}

/// <summary>What is written about volumes before a Pod is bound: volumes that are there get their claims, claims that need a new one get the chosen node; then
/// the PV controller and the provisioner do their part, for at most the profile's bind timeout.</summary>
internal sealed class VolumeReservation(
    PodVolumes volumes, V1Pod pod, string node, IKubeClient client, StorageView storage, VolumePromises promises, TimeSpan patience, TimeProvider time) : IReservation
{
    private const string SelectedNode = "volume.kubernetes.io/selected-node";
    private const string BoundByController = "pv.kubernetes.io/bound-by-controller";

    private readonly Dictionary<string, long> _selected = new(StringComparer.Ordinal);     // uid of a claim → version that has the chosen node

    public string Plugin => "VolumeBinding";

    public async Task WriteAsync(BindingReport report, CancellationToken cancel)
    {
        foreach (var (volume, claim) in volumes.Bindings) await BindAsync(volume, claim, cancel);
        foreach (var claim in volumes.Provisions) await SelectNodeAsync(claim, cancel);
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var timer = time.CreateTimer(_ => bounded.Cancel(), null, patience, Timeout.InfiniteTimeSpan);
        try
        {
            foreach (var claim in volumes.Bindings.Select(b => b.Claim).Concat(volumes.Provisions))
                await storage.Claims.WaitUntilAsync(() => IsDone(claim), bounded.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new SchedulingException("binding volumes: context deadline exceeded");
        }
        foreach (var claim in volumes.Provisions) CheckProvisioned(claim);
    }

    /// <summary>Claims are seen bound before the Pod is.</summary>
    public void Fulfilled() => Revert();

    public void Revert()
    {
        foreach (var (volume, _) in volumes.Bindings) promises.ClaimOfVolume.Remove(volume.Metadata.Name);
        foreach (var claim in volumes.Provisions) promises.NodeOfClaim.Remove(claim.Metadata.Uid);
    }

    private async Task BindAsync(V1PersistentVolume volume, V1PersistentVolumeClaim claim, CancellationToken cancel)
    {
        if (volume.Spec.ClaimRef?.Uid == claim.Metadata.Uid) return;
        var tree = storage.Volumes.FindObject(volume.NamespacedName())?.ToTree() ?? throw new SchedulingException($"persistentvolume \"{volume.Metadata.Name}\" not found");
        if (volume.Spec.ClaimRef is null) Annotations(tree)[BoundByController] = "yes";
        tree["spec"]!["claimRef"] = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "PersistentVolumeClaim",
            ["name"] = claim.Metadata.Name,
            ["namespace"] = claim.Metadata.NamespaceProperty,
            ["resourceVersion"] = claim.Metadata.ResourceVersion,
            ["uid"] = claim.Metadata.Uid,
        };
        // The version goes along: a volume that somebody else took meanwhile answers 409.
        await client.UpdateAsync(Resources.PersistentVolumes, tree, null, cancel);
    }

    private async Task SelectNodeAsync(V1PersistentVolumeClaim claim, CancellationToken cancel)
    {
        if (StorageView.Annotation(claim.Metadata, SelectedNode) == node) return;
        if (storage.Claims.FindObject(claim.NamespacedName())?.ToTree() is not { } tree) throw StatusErrors.NotFound(Resources.PersistentVolumeClaims.GroupResource, claim.Metadata.Name);
        Annotations(tree)[SelectedNode] = node;
        _selected[claim.Metadata.Uid] = (await client.UpdateAsync(Resources.PersistentVolumeClaims, tree, null, cancel)).ResourceVersion;
    }

    /// <summary>Bound, or something went so wrong that waiting is over; what, is looked at afterwards.</summary>
    private bool IsDone(V1PersistentVolumeClaim claim) =>
        storage.Claims.Find(claim.NamespacedName()) is not { } now || now.Metadata.Uid != claim.Metadata.Uid || StorageView.IsBound(now) || WasGivenBack(now);

    /// <summary>A provisioner that cannot make a volume for the node takes the node's name off again.</summary>
    private bool WasGivenBack(V1PersistentVolumeClaim now) =>
        _selected.TryGetValue(now.Metadata.Uid, out var version) && long.TryParse(now.Metadata.ResourceVersion, out var seen) && seen >= version
        && StorageView.Annotation(now.Metadata, SelectedNode) != node;

    private void CheckProvisioned(V1PersistentVolumeClaim claim)
    {
        var now = storage.Claims.Find(claim.NamespacedName());
        if (now is null) throw new SchedulingException($"binding volumes: failed to check provisioning pvc: could not find v1.PersistentVolumeClaim \"{pod.Metadata.NamespaceProperty}/{claim.Metadata.Name}\"");
        if (StorageView.Annotation(now.Metadata, SelectedNode) != node && !StorageView.IsBound(now)) throw new SchedulingException($"binding volumes: provisioning failed for PVC \"{claim.Metadata.Name}\"");
        if (storage.FindVolume(now.Spec.VolumeName ?? "") is { } made && !VolumeChoice.IsReachable(made, volumes.Node))
            throw new SchedulingException($"binding volumes: pv \"{made.Metadata.Name}\" node affinity doesn't match node \"{node}\": no matching NodeSelectorTerms");
    }

    private static JsonObject Annotations(JsonObject tree)
    {
        if (tree["metadata"]!["annotations"] is not JsonObject annotations) tree["metadata"]!["annotations"] = annotations = [];
        return annotations;
    }
}

/// <summary>What a Pod's claims get on one node.</summary>
internal sealed record PodVolumes(V1Node Node, IReadOnlyList<(V1PersistentVolume Volume, V1PersistentVolumeClaim Claim)> Bindings, IReadOnlyList<V1PersistentVolumeClaim> Provisions);
