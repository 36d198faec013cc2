using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
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
internal sealed class VolumeReservation(PodVolumes volumes, IKubeClient client, StorageView storage, VolumePromises promises, TimeSpan patience, TimeProvider time) : IReservation
{
    private const string SelectedNode = "volume.kubernetes.io/selected-node";
    private const string BoundByController = "pv.kubernetes.io/bound-by-controller";

    private readonly string _node = volumes.Node.Metadata.Name;
    private readonly Dictionary<string, long> _written = new(StringComparer.Ordinal);     // uid → version that shows what was written

    public string Plugin => "VolumeBinding";

    public async Task WriteAsync(BindingReport report, CancellationToken cancel)
    {
        foreach (var (volume, claim) in volumes.Bindings) await BindAsync(volume, claim, cancel);
        foreach (var claim in volumes.Provisions) await SelectNodeAsync(claim, cancel);
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var timer = time.CreateTimer(_ => bounded.Cancel(), null, patience, Timeout.InfiniteTimeSpan);
        try
        {
            await BoundAsync(bounded.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw Failed("context deadline exceeded");
        }
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
        var tree = storage.Volumes.FindObject(volume.NamespacedName())?.ToTree() ?? throw StatusErrors.NotFound(Resources.PersistentVolumes.GroupResource, volume.Metadata.Name);
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
        // The version that was decided on goes along: a volume that somebody else took meanwhile answers 409.
        tree["metadata"]!["resourceVersion"] = volume.Metadata.ResourceVersion;
        _written[volume.Metadata.Uid] = (await client.UpdateAsync(Resources.PersistentVolumes, tree, null, cancel)).ResourceVersion;
    }

    private async Task SelectNodeAsync(V1PersistentVolumeClaim claim, CancellationToken cancel)
    {
        if (StorageView.Annotation(claim.Metadata, SelectedNode) == _node) return;
        var tree = storage.Claims.FindObject(claim.NamespacedName())?.ToTree() ?? throw StatusErrors.NotFound(Resources.PersistentVolumeClaims.GroupResource, claim.Metadata.Name);
        Annotations(tree)[SelectedNode] = _node;
        tree["metadata"]!["resourceVersion"] = claim.Metadata.ResourceVersion;
        _written[claim.Metadata.Uid] = (await client.UpdateAsync(Resources.PersistentVolumeClaims, tree, null, cancel)).ResourceVersion;
    }

    /// <summary>Until all are bound; looks again when one of the claims or of their volumes changes, or the node goes.</summary>
    private async Task BoundAsync(CancellationToken cancel)
    {
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            List<NamespacedName> claims = [], theirs = [];
            foreach (var (volume, claim) in volumes.Bindings)
            {
                claims.Add(claim.NamespacedName());
                theirs.Add(volume.NamespacedName());
            }
            foreach (var claim in volumes.Provisions)
            {
                claims.Add(claim.NamespacedName());
                theirs.Add(new NamespacedName("", storage.Claims.Find(claim.NamespacedName())?.Spec.VolumeName ?? ""));
            }
            var (before, theirsBefore) = (Versions(storage.Claims, claims), Versions(storage.Volumes, theirs));
            if (IsNodeGone()) throw Failed($"failed to get node \"{_node}\": node \"{_node}\" not found");
            if (AreBound()) return;
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            // Each condition reads only the copy that asks it: it is asked under the copy's lock.
            await Task.WhenAny(
                storage.Claims.WaitUntilAsync(() => Versions(storage.Claims, claims) != before, either.Token), storage.Volumes.WaitUntilAsync(() => Versions(storage.Volumes, theirs) != theirsBefore, either.Token),
                storage.Nodes.WaitUntilAsync(IsNodeGone, either.Token));
            await either.CancelAsync();
        }
    }

    private bool IsNodeGone() => storage.Nodes.Find(new NamespacedName("", _node)) is null;

    private static string Versions<T>(IInformer<T> copy, List<NamespacedName> names) where T : class
    {
        var versions = new StringBuilder();
        foreach (var name in names) versions.Append(copy.FindObject(name)?.ResourceVersion ?? 0).Append(' ');
        return versions.ToString();
    }

    private bool AreBound()
    {
        foreach (var (volume, claim) in volumes.Bindings)
            if (!IsBound(volume, claim)) return false;
        foreach (var claim in volumes.Provisions)
            if (!IsProvisioned(claim)) return false;
        return true;
    }

    /// <returns>False: not yet.</returns>
    /// <exception cref="SchedulingException">It will not become so.</exception>
    private bool IsBound(V1PersistentVolume volume, V1PersistentVolumeClaim claim)
    {
        var now = storage.FindVolume(volume.Metadata.Name) ?? throw Failed($"failed to check binding: persistentvolumes \"{volume.Metadata.Name}\" not found");
        var claimNow = storage.Claims.Find(claim.NamespacedName()) ?? throw Failed($"failed to check binding: persistentvolumeclaims \"{claim.NamespacedName()}\" not found");
        if (!Shows(now.Metadata)) return false;
        CheckReach(now);
        if (string.IsNullOrEmpty(now.Spec.ClaimRef?.Uid)) throw Failed($"ClaimRef got reset for pv \"{volume.Metadata.Name}\"");
        return StorageView.IsBound(claimNow);
    }

    private bool IsProvisioned(V1PersistentVolumeClaim claim)
    {
        var now = storage.Claims.Find(claim.NamespacedName()) ?? throw Failed($"failed to check provisioning pvc: persistentvolumeclaims \"{claim.NamespacedName()}\" not found");
        if (!Shows(now.Metadata)) return false;
        if (now.Metadata.Annotations is null) throw Failed($"selectedNode annotation reset for PVC \"{claim.Metadata.Name}\"");
        // A provisioner that cannot make a volume for the node takes the node's name off again.
        if (StorageView.Annotation(now.Metadata, SelectedNode) != _node) throw Failed($"provisioning failed for PVC \"{claim.Metadata.Name}\"");
        if (!string.IsNullOrEmpty(now.Spec.VolumeName))
        {
            // Its volume may be seen after it.
            if (storage.FindVolume(now.Spec.VolumeName) is not { } made) return false;
            CheckReach(made);
        }
        return StorageView.IsBound(now);
    }

    private bool Shows(V1ObjectMeta now) => !_written.TryGetValue(now.Uid, out var version) || (long.TryParse(now.ResourceVersion, out var seen) && seen >= version);

    private void CheckReach(V1PersistentVolume volume)
    {
        if (!VolumeChoice.IsReachable(volume, volumes.Node)) throw Failed($"pv \"{volume.Metadata.Name}\" node affinity doesn't match node \"{_node}\": no matching NodeSelectorTerms");
    }

    private static SchedulingException Failed(string why) => new($"binding volumes: {why}");

    private static JsonObject Annotations(JsonObject tree)
    {
        if (tree["metadata"]!["annotations"] is not JsonObject annotations) tree["metadata"]!["annotations"] = annotations = [];
        return annotations;
    }
}

/// <summary>What a Pod's claims get on one node.</summary>
internal sealed record PodVolumes(V1Node Node, IReadOnlyList<(V1PersistentVolume Volume, V1PersistentVolumeClaim Claim)> Bindings, IReadOnlyList<V1PersistentVolumeClaim> Provisions);
