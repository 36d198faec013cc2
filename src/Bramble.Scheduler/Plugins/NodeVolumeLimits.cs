using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using Bramble.Scheduler.Volumes;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>How many volumes a CSI driver can attach to a node. A volume that several Pods of the node use counts once.</summary>
internal sealed class NodeVolumeLimits(StorageView storage) : IFilterPlugin
{
    private static readonly FilterResult TooMany = FilterResult.Unschedulable("node(s) exceed max volume count");

    public string Name => "NodeVolumeLimits";
    public ChangeKinds MayHelp => ChangeKinds.CsiNodeAdded | ChangeKinds.CsiNodeChanged | ChangeKinds.PodRemoved | ChangeKinds.ClaimAdded | ChangeKinds.AttachmentRemoved;

    public Preparation Prepare(PodInfo pod, ClusterState cluster)
    {
        if (!pod.Claims().Any()) return Preparation.Skip;
        var wanted = new Dictionary<string, string>(StringComparer.Ordinal);
        Collect(pod, wanted);
        return wanted.Count == 0 ? Preparation.Skip : new(new ForPod(this, wanted));
    }

    public bool Helps(PodInfo pod, in ClusterChange change) => change switch
    {
        { New: V1PersistentVolumeClaim claim } => claim.Metadata.NamespaceProperty == pod.Name.Namespace && pod.Claims().Any(c => c.Name == claim.Metadata.Name),
        { Old: PodInfo gone } => gone.Claims().Any(),
        _ => true,
    };

    /// <summary>The CSI volumes of a Pod: unique name → driver.</summary>
    private void Collect(PodInfo pod, Dictionary<string, string> volumes)
    {
        foreach (var (name, _) in pod.Claims())
        {
            if (storage.FindClaim(pod.Name.Namespace, name) is not { } claim) continue;
            if (!string.IsNullOrEmpty(claim.Spec.VolumeName) && storage.FindVolume(claim.Spec.VolumeName) is { } volume)
            {
                if (volume.Spec.Csi is { } csi) volumes[$"{csi.Driver}/{csi.VolumeHandle}"] = csi.Driver;
            }
            else if (storage.FindClass(StorageView.ClassOf(claim)) is { } storageClass)
            {
                // Not made yet: it will be a volume of this provisioner, and no other Pod's but those that share the claim.
                volumes[$"{storageClass.Provisioner}/claim {pod.Name.Namespace}/{name}"] = storageClass.Provisioner;
            }
        }
    }

    private sealed class ForPod(NodeVolumeLimits plugin, Dictionary<string, string> wanted) : INodeFilter
    {
        public FilterResult Filter(NodeInfo node)
        {
            if (plugin.LimitsOf(node.Name) is not { Count: > 0 } limits || !IsLimited(limits)) return FilterResult.Fits;
            var attached = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var other in node.Pods) plugin.Collect(other, attached);
            foreach (var attachment in plugin.AttachedTo(node.Name))
                if (plugin.HandleOf(attachment) is { } handle) attached.TryAdd($"{attachment.Attacher}/{handle}", attachment.Attacher);
            foreach (var (driver, limit) in limits)
            {
                var more = wanted.Count(v => v.Value == driver && !attached.ContainsKey(v.Key));
                if (more > 0 && attached.Values.Count(d => d == driver) + more > limit) return TooMany;
            }
            return FilterResult.Fits;
        }

        private bool IsLimited(IReadOnlyDictionary<string, int> limits)
        {
            foreach (var driver in wanted.Values)
                if (limits.ContainsKey(driver)) return true;
            return false;
        }
    }

    private IReadOnlyDictionary<string, int>? LimitsOf(string node) => storage.LimitsOf(node);

    private IReadOnlyList<CsiAttachment> AttachedTo(string node) => storage.AttachedTo(node);

    private string? HandleOf(CsiAttachment attachment) => storage.FindVolume(attachment.Volume)?.Spec.Csi?.VolumeHandle;
}
