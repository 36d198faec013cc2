using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Placement;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Filters;

/// <summary>Claims must be there and bound, or bindable once a node is chosen (WaitForFirstConsumer); a bound volume may name its nodes.</summary>
internal sealed class VolumeBinding(ILister<V1PersistentVolumeClaim> claims, ILister<V1PersistentVolume> volumes, ILister<V1StorageClass> classes) : IFilterPlugin
{
    public ClusterEvents MayHelp => ClusterEvents.VolumeChanged | ClusterEvents.NodeAdded | ClusterEvents.NodeChanged;

    public FilterResult Filter(PodInfo pod, NodeInfo node, ClusterState cluster)
    {
        foreach (var claimName in ClaimNames(pod.Pod))
        {
            if (claims.Find(new NamespacedName(pod.Name.Namespace, claimName)) is not { } claim)
                return FilterResult.UnschedulableAndUnresolvable($"persistentvolumeclaim \"{claimName}\" not found");
            if (claim.IsBeingDeleted()) return FilterResult.UnschedulableAndUnresolvable($"persistentvolumeclaim \"{claimName}\" is being deleted");
            if (string.IsNullOrEmpty(claim.Spec.VolumeName))
            {
                if (!WaitsForConsumer(claim)) return FilterResult.UnschedulableAndUnresolvable("pod has unbound immediate PersistentVolumeClaims");
                continue;
            }
            if (volumes.Find(new NamespacedName("", claim.Spec.VolumeName)) is { Spec.NodeAffinity.Required: { } required } && !NodeSelection.Matches(required, node.Node))
                return FilterResult.UnschedulableAndUnresolvable("node(s) didn't match PersistentVolume's node affinity");
        }
        return FilterResult.Fits;
    }

    /// <summary>Claims that a provisioner shall make a volume for on the chosen node.</summary>
    public IEnumerable<V1PersistentVolumeClaim> WaitingClaims(V1Pod pod) => ClaimNames(pod)
        .Select(n => claims.Find(new NamespacedName(pod.Metadata.NamespaceProperty, n))).OfType<V1PersistentVolumeClaim>()
        .Where(c => string.IsNullOrEmpty(c.Spec.VolumeName) && WaitsForConsumer(c));

    private static IEnumerable<string> ClaimNames(V1Pod pod)
    {
        foreach (var volume in pod.Spec.Volumes ?? [])
        {
            if (volume.PersistentVolumeClaim is { } claim) yield return claim.ClaimName;
            else if (volume.Ephemeral is not null) yield return $"{pod.Metadata.Name}-{volume.Name}";
        }
    }

    private bool WaitsForConsumer(V1PersistentVolumeClaim claim) =>
        claim.Spec.StorageClassName is { Length: > 0 } name && classes.Find(new NamespacedName("", name))?.VolumeBindingMode == "WaitForFirstConsumer";
}
