using Bramble.Client;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using Bramble.Scheduler.Volumes;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>A Pod's claims must be bound to volumes that the node reaches, or be bindable once a node is chosen (WaitForFirstConsumer): to a volume that is
/// there, or one that the class's provisioner can make.</summary>
internal sealed class VolumeBinding(StorageView storage, IKubeClient client, TimeProvider time, VolumePromises promises, TimeSpan? patience = null) : IFilterPlugin, IReservingPlugin
{
    private const string SelectedNode = "volume.kubernetes.io/selected-node";
    private const string NoProvisioner = "kubernetes.io/no-provisioner";

    private static readonly FilterResult NotReachable = FilterResult.Unresolvable("node(s) didn't match PersistentVolume's node affinity");
    private static readonly FilterResult NothingToBind = FilterResult.Unresolvable("node(s) didn't find available persistent volumes to bind");
    private static readonly FilterResult NoRoom = FilterResult.Unresolvable("node(s) did not have enough free storage");
    private static readonly FilterResult VolumeIsGone = FilterResult.Unresolvable("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");

    private readonly TimeSpan _patience = patience ?? TimeSpan.FromMinutes(10);

    public string Name => "VolumeBinding";

    public ChangeKinds MayHelp => ChangeKinds.ClassAdded | ChangeKinds.ClassChanged | ChangeKinds.ClaimAdded | ChangeKinds.ClaimChanged | ChangeKinds.VolumeAdded | ChangeKinds.VolumeChanged
        | ChangeKinds.NodeAdded | ChangeKinds.NodeLabels | ChangeKinds.CsiNodeAdded | ChangeKinds.CsiDriverChanged | ChangeKinds.CapacityAdded | ChangeKinds.CapacityChanged;

    public Preparation Prepare(PodInfo pod, ClusterState cluster)
    {
        if (pod.Pod.Spec.Volumes is not { Count: > 0 }) return Preparation.Skip;
        List<V1PersistentVolumeClaim> bound = [], waiting = [];
        var hasUnbound = false;
        foreach (var (name, isEphemeral) in pod.Claims())
        {
            if (storage.FindClaim(pod.Name.Namespace, name) is not { } claim)
                return Preparation.Refuse(isEphemeral ? $"waiting for ephemeral volume controller to create the persistentvolumeclaim \"{name}\"" : $"persistentvolumeclaim \"{name}\" not found");
            if (claim.Status?.Phase == "Lost") return Preparation.Refuse($"persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{claim.Spec.VolumeName}\"");
            if (claim.IsBeingDeleted()) return Preparation.Refuse($"persistentvolumeclaim \"{name}\" is being deleted");
            if (isEphemeral && !StorageView.IsOwnedBy(claim, pod.Pod)) return Preparation.Refuse($"PVC {pod.Name.Namespace}/{name} was not created for pod {pod.Name} (pod is not owner)");
            if (StorageView.IsBound(claim)) bound.Add(claim);
            else if (!string.IsNullOrEmpty(claim.Spec.VolumeName) || storage.FindClass(StorageView.ClassOf(claim))?.VolumeBindingMode != "WaitForFirstConsumer") hasUnbound = true;
            else if (!waiting.Contains(claim)) waiting.Add(claim);
        }
        if (hasUnbound) return Preparation.Refuse("pod has unbound immediate PersistentVolumeClaims");
        if (bound.Count + waiting.Count == 0) return Preparation.Skip;
        // The smallest claims choose first, so that a big volume is not spent on a small one.
        waiting.Sort((a, b) => VolumeChoice.BytesOf(a).CompareTo(VolumeChoice.BytesOf(b)));
        return new(new ForPod(this, bound, waiting));
    }

    public bool Helps(PodInfo pod, in ClusterChange change) => change.Kind switch
    {
        ChangeKinds.ClaimAdded or ChangeKinds.ClaimChanged => change.New is V1PersistentVolumeClaim claim && claim.Metadata.NamespaceProperty == pod.Name.Namespace
            && pod.Claims().Any(c => c.Name == claim.Metadata.Name),
        ChangeKinds.ClassChanged => change is { Old: V1StorageClass old, New: V1StorageClass now } && !HaveSameTopologies(old, now),
        _ => true,
    };

    public IReservation? Reserve(PodInfo pod, INodeFilter filter, NodeInfo node)
    {
        if (filter is not ForPod prepared || prepared.Chosen(node.Node) is not { } volumes) return null;
        foreach (var (volume, claim) in volumes.Bindings) promises.ClaimOfVolume[volume.Metadata.Name] = claim.Metadata.Uid;
        foreach (var claim in volumes.Provisions) promises.NodeOfClaim[claim.Metadata.Uid] = node.Name;
        return new VolumeReservation(volumes, client, storage, promises, _patience, time);
    }

    private static bool HaveSameTopologies(V1StorageClass a, V1StorageClass b) =>
        Flat(a).SequenceEqual(Flat(b), StringComparer.Ordinal);

    private static IEnumerable<string> Flat(V1StorageClass storageClass) =>
        (storageClass.AllowedTopologies ?? []).SelectMany(t => (t.MatchLabelExpressions ?? []).Select(e => $"{e.Key}={string.Join(',', e.Values ?? [])}").Append(";"));

    /// <summary>The class allows the node when one of its terms does; no terms allow all.</summary>
    private static bool Allows(IList<V1TopologySelectorTerm>? terms, V1Node node)
    {
        if (terms is not { Count: > 0 }) return true;
        foreach (var term in terms)
            if ((term.MatchLabelExpressions ?? []).All(e => node.Metadata.Labels is { } labels && labels.TryGetValue(e.Key, out var value) && e.Values.Contains(value))) return true;
        return false;
    }

    private sealed class ForPod(VolumeBinding plugin, List<V1PersistentVolumeClaim> bound, List<V1PersistentVolumeClaim> waiting) : INodeFilter
    {
        private readonly Dictionary<string, IReadOnlyList<V1PersistentVolume>> _volumes = new(StringComparer.Ordinal);    // by class, as they were when the Pod was looked at
        private readonly Dictionary<string, PodVolumes> _chosen = new(StringComparer.Ordinal);                           // by node

        public FilterResult Filter(NodeInfo node)
        {
            var known = CheckBound(node.Node);
            var more = waiting.Count == 0 ? FilterResult.Fits : Choose(node.Node);
            if (known.DoesFit || more.DoesFit) return known.DoesFit ? more : known;
            return FilterResult.Unresolvable([.. known.Reasons!, .. more.Reasons!]);
        }

        /// <summary>What the waiting claims get on the node; null: none waits.</summary>
        public PodVolumes? Chosen(V1Node node)
        {
            if (waiting.Count == 0) return null;
            return _chosen.GetValueOrDefault(node.Metadata.Name) ?? throw new SchedulingException($"no pod volume found for node \"{node.Metadata.Name}\"");
        }

        private FilterResult CheckBound(V1Node node)
        {
            foreach (var claim in bound)
            {
                if (plugin.FindVolume(claim) is not { } volume) return VolumeIsGone;
                if (!VolumeChoice.IsReachable(volume, node)) return NotReachable;
            }
            return FilterResult.Fits;
        }

        private FilterResult Choose(V1Node node)
        {
            List<(V1PersistentVolume Volume, V1PersistentVolumeClaim Claim)> bindings = [];
            List<V1PersistentVolumeClaim> provisions = [];
            foreach (var claim in waiting)
            {
                if (plugin.SelectedNodeOf(claim) is not { } selected) continue;
                // A provisioner is at work for another node already.
                if (selected != node.Metadata.Name) return NothingToBind;
                provisions.Add(claim);
            }
            foreach (var claim in waiting)
            {
                if (provisions.Contains(claim)) continue;
                if (VolumeChoice.Best(claim, VolumesOf(claim), node, PromisedTo) is { } volume) bindings.Add((volume, claim));
                else provisions.Add(claim);
            }
            foreach (var claim in provisions)
            {
                var storageClass = plugin.ClassOf(claim);
                if (storageClass is null || storageClass.Provisioner is null or "" or NoProvisioner || !Allows(storageClass.AllowedTopologies, node)) return NothingToBind;
                if (!plugin.HasRoom(storageClass, claim, node)) return NoRoom;
            }
            _chosen[node.Metadata.Name] = new PodVolumes(node, bindings, provisions);
            return FilterResult.Fits;

            string? PromisedTo(string volume)
            {
                foreach (var (chosen, claim) in bindings)
                    if (chosen.Metadata.Name == volume) return claim.Metadata.Uid;
                return plugin.PromisedTo(volume);
            }
        }

        private IReadOnlyList<V1PersistentVolume> VolumesOf(V1PersistentVolumeClaim claim)
        {
            var name = StorageView.ClassOf(claim);
            if (!_volumes.TryGetValue(name, out var known)) _volumes.Add(name, known = plugin.VolumesOfClass(name));
            return known;
        }
    }

    private V1PersistentVolume? FindVolume(V1PersistentVolumeClaim claim) => storage.FindVolume(claim.Spec.VolumeName);

    private IReadOnlyList<V1PersistentVolume> VolumesOfClass(string name) => storage.VolumesOfClass(name);

    private string? PromisedTo(string volume) => promises.ClaimOfVolume.GetValueOrDefault(volume);

    private V1StorageClass? ClassOf(V1PersistentVolumeClaim claim) => storage.FindClass(StorageView.ClassOf(claim));

    private bool HasRoom(V1StorageClass storageClass, V1PersistentVolumeClaim claim, V1Node node) =>
        storage.HasRoom(storageClass.Provisioner, storageClass.Metadata.Name, VolumeChoice.BytesOf(claim), node);

    private string? SelectedNodeOf(V1PersistentVolumeClaim claim) =>
        StorageView.Annotation(claim.Metadata, SelectedNode) ?? promises.NodeOfClaim.GetValueOrDefault(claim.Metadata.Uid);
}
