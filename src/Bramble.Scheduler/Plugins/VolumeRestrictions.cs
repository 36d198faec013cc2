using Bramble.Api.Naming;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using Bramble.Scheduler.Volumes;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>A claim with ReadWriteOncePod has one Pod in the whole cluster; a network disk that takes one writer is on a node once.</summary>
internal sealed class VolumeRestrictions(StorageView storage) : IFilterPlugin
{
    private static readonly FilterResult DiskTaken = FilterResult.Unschedulable("node(s) had no available disk");
    private static readonly FilterResult ClaimTaken = FilterResult.Unschedulable("node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod");

    public string Name => "VolumeRestrictions";
    public ChangeKinds MayHelp => ChangeKinds.PodRemoved | ChangeKinds.NodeAdded | ChangeKinds.ClaimAdded;

    public Preparation Prepare(PodInfo pod, ClusterState cluster)
    {
        if (pod.Pod.Spec.Volumes is not { Count: > 0 } volumes) return Preparation.Skip;
        var disks = volumes.Where(IsDisk).ToArray();
        HashSet<string>? alone = null;
        foreach (var volume in volumes)
        {
            if (volume.PersistentVolumeClaim is not { } used) continue;
            if (storage.FindClaim(pod.Name.Namespace, used.ClaimName) is not { } claim) return Preparation.Refuse($"persistentvolumeclaim \"{used.ClaimName}\" not found");
            if (claim.Spec.AccessModes?.Contains("ReadWriteOncePod") == true) (alone ??= new(StringComparer.Ordinal)).Add(used.ClaimName);
        }
        var conflicts = alone?.Count(name => cluster.IsClaimUsed(new NamespacedName(pod.Name.Namespace, name))) ?? 0;
        return disks.Length == 0 && conflicts == 0 ? Preparation.Skip : new(new ForPod(disks, alone ?? [], pod.Name.Namespace, conflicts));
    }

    public bool Helps(PodInfo pod, in ClusterChange change)
    {
        if (change.New is V1PersistentVolumeClaim claim) return claim.Metadata.NamespaceProperty == pod.Name.Namespace && UsesClaim(pod, claim.Metadata.Name);
        if (change.Old is not PodInfo gone) return true;
        return gone.Name.Namespace == pod.Name.Namespace
            && ((pod.Pod.Spec.Volumes ?? []).Any(v => IsDisk(v) && Conflicts(v, gone.Pod)) || gone.Claims().Any(c => !c.IsEphemeral && UsesClaim(pod, c.Name)));
    }

    private static bool UsesClaim(PodInfo pod, string name) => pod.Claims().Any(c => !c.IsEphemeral && c.Name == name);

    private static bool IsDisk(V1Volume volume) => volume.GcePersistentDisk is not null || volume.AwsElasticBlockStore is not null || volume.Rbd is not null || volume.Iscsi is not null;

    private static bool Conflicts(V1Volume volume, V1Pod other)
    {
        foreach (var used in other.Spec.Volumes ?? [])
        {
            if (volume.GcePersistentDisk is { } gce && used.GcePersistentDisk is { } otherGce && gce.PdName == otherGce.PdName && !(gce.ReadOnlyProperty == true && otherGce.ReadOnlyProperty == true)) return true;
            if (volume.AwsElasticBlockStore is { } aws && used.AwsElasticBlockStore is { } otherAws && aws.VolumeID == otherAws.VolumeID) return true;
            if (volume.Iscsi is { } iscsi && used.Iscsi is { } otherIscsi && iscsi.Iqn == otherIscsi.Iqn && !(iscsi.ReadOnlyProperty == true && otherIscsi.ReadOnlyProperty == true)) return true;
            if (volume.Rbd is { } rbd && used.Rbd is { } otherRbd && rbd.Monitors.Intersect(otherRbd.Monitors, StringComparer.Ordinal).Any()
                && (rbd.Pool ?? "rbd") == (otherRbd.Pool ?? "rbd") && rbd.Image == otherRbd.Image && !(rbd.ReadOnlyProperty == true && otherRbd.ReadOnlyProperty == true)) return true;
        }
        return false;
    }

    private sealed class ForPod(V1Volume[] disks, HashSet<string> alone, string ns, int conflicts) : INodeFilter
    {
        private int _conflicts = conflicts;

        public FilterResult Filter(NodeInfo node)
        {
            foreach (var disk in disks)
                foreach (var other in node.Pods)
                    if (Conflicts(disk, other.Pod)) return DiskTaken;
            return _conflicts > 0 ? ClaimTaken : FilterResult.Fits;
        }

        public void Add(PodInfo other, NodeInfo node) => _conflicts += ConflictsWith(other);

        public void Remove(PodInfo other, NodeInfo node) => _conflicts -= ConflictsWith(other);

        public INodeFilter Copy() => new ForPod(disks, alone, ns, _conflicts);

        private int ConflictsWith(PodInfo other) => other.Name.Namespace == ns ? other.Claims().Count(c => !c.IsEphemeral && alone.Contains(c.Name)) : 0;
    }
}
