using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using Bramble.Scheduler.Volumes;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>A bound volume that is labelled with zones or regions is used only there.</summary>
internal sealed class VolumeZone(StorageView storage) : IFilterPlugin
{
    private const string Zone = "topology.kubernetes.io/zone", Region = "topology.kubernetes.io/region";
    private const string OldZone = "failure-domain.beta.kubernetes.io/zone", OldRegion = "failure-domain.beta.kubernetes.io/region";

    private static readonly string[] Keys = [OldZone, OldRegion, Zone, Region];
    private static readonly FilterResult Elsewhere = FilterResult.Unresolvable("node(s) had no available volume zone");

    public string Name => "VolumeZone";

    public ChangeKinds MayHelp => ChangeKinds.ClassAdded | ChangeKinds.NodeAdded | ChangeKinds.NodeLabels | ChangeKinds.ClaimAdded | ChangeKinds.ClaimChanged | ChangeKinds.VolumeAdded | ChangeKinds.VolumeChanged;

    public Preparation Prepare(PodInfo pod, ClusterState cluster)
    {
        List<(string Key, string[] Values)>? places = null;
        foreach (var volume in pod.Pod.Spec.Volumes ?? [])
        {
            if (volume.PersistentVolumeClaim is not { } used) continue;
            if (storage.FindClaim(pod.Name.Namespace, used.ClaimName) is not { } claim) return Preparation.Refuse($"persistentvolumeclaim \"{used.ClaimName}\" not found");
            if (string.IsNullOrEmpty(claim.Spec.VolumeName))
            {
                var className = StorageView.ClassOf(claim);
                if (className.Length == 0) return Preparation.Refuse("PersistentVolumeClaim had no pv name and storageClass name");
                if (storage.FindClass(className) is not { } storageClass) return Preparation.Refuse($"storageclass.storage.k8s.io \"{className}\" not found");
                if (storageClass.VolumeBindingMode == "WaitForFirstConsumer") continue;
                return Preparation.Refuse("PersistentVolume had no name");
            }
            if (storage.FindVolume(claim.Spec.VolumeName) is not { } bound) return Preparation.Refuse($"persistentvolume \"{claim.Spec.VolumeName}\" not found");
            foreach (var place in PlacesOf(bound)) (places ??= []).Add(place);
        }
        return places is null ? Preparation.Skip : new(new ForPod(places));
    }

    public bool Helps(PodInfo pod, in ClusterChange change) => change.Kind switch
    {
        ChangeKinds.ClaimAdded or ChangeKinds.ClaimChanged => change.New is V1PersistentVolumeClaim claim && claim.Metadata.NamespaceProperty == pod.Name.Namespace
            && pod.Claims().Any(c => !c.IsEphemeral && c.Name == claim.Metadata.Name),
        ChangeKinds.ClassAdded => change.New is V1StorageClass { VolumeBindingMode: "WaitForFirstConsumer" },
        ChangeKinds.VolumeChanged => change is { Old: V1PersistentVolume old, New: V1PersistentVolume now }
            && !PlacesOf(old).Select(p => $"{p.Key}={string.Join(',', p.Values)}").SequenceEqual(PlacesOf(now).Select(p => $"{p.Key}={string.Join(',', p.Values)}")),
        _ => true,
    };

    /// <summary>A volume that is in several zones names them <c>a__b</c>; a list with a hole says nothing.</summary>
    private static IEnumerable<(string Key, string[] Values)> PlacesOf(V1PersistentVolume volume)
    {
        foreach (var key in Keys)
            if (volume.Metadata.Labels is { } labels && labels.TryGetValue(key, out var value) && value.Split("__") is var zones && Array.IndexOf(zones, "") < 0) yield return (key, zones);
    }

    private sealed class ForPod(List<(string Key, string[] Values)> places) : INodeFilter
    {
        public FilterResult Filter(NodeInfo node)
        {
            var hasPlace = false;
            foreach (var key in Keys) hasPlace |= node.Label(key) is not null;
            // A node that says nothing of zones is everywhere.
            if (!hasPlace) return FilterResult.Fits;
            foreach (var (key, values) in places)
                if ((node.Label(key) ?? node.Label(key == OldZone ? Zone : key == OldRegion ? Region : key)) is not { } value || Array.IndexOf(values, value) < 0) return Elsewhere;
            return FilterResult.Fits;
        }
    }
}
