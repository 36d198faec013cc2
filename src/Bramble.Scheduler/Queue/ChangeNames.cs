namespace Bramble.Scheduler.Queue;

/// <summary>Upstream's names of changes, for metrics.</summary>
internal static class ChangeNames
{
    /// <param name="isWaitingPod">Of a Pod that waits itself; else of one that has a place.</param>
    public static string Of(ChangeKinds kind, bool isWaitingPod) => kind switch
    {
        ChangeKinds.NodeAdded => "NodeAdd",
        ChangeKinds.NodeAllocatable => "NodeUpdateNodeAllocatable",
        ChangeKinds.NodeLabels => "NodeUpdateNodeLabel",
        ChangeKinds.NodeTaints => "NodeUpdateNodeTaint",
        ChangeKinds.NodeDeclaredFeatures => "NodeUpdateNodeDeclaredFeature",
        ChangeKinds.NodeRemoved => "NodeDelete",
        ChangeKinds.PodAdded => "AssignedPodAdd",
        ChangeKinds.PodRemoved => "AssignedPodDelete",
        ChangeKinds.PodLabels => isWaitingPod ? "UnschedulablePodUpdatePodLabel" : "AssignedPodUpdatePodLabel",
        ChangeKinds.PodScaledDown => isWaitingPod ? "UnschedulablePodUpdatePodScaleDown" : "AssignedPodUpdatePodScaleDown",
        ChangeKinds.PodTolerations => isWaitingPod ? "UnschedulablePodUpdatePodToleration" : "AssignedPodUpdatePodToleration",
        ChangeKinds.PodGatesGone => "UnschedulablePodUpdatePodSchedulingGatesEliminated",
        ChangeKinds.PodResourceClaims => "UnschedulablePodUpdatePodGeneratedResourceClaim",
        ChangeKinds.ClaimAdded => "PersistentVolumeClaimAdd",
        ChangeKinds.ClaimChanged => "PersistentVolumeClaimUpdate",
        ChangeKinds.VolumeAdded => "PersistentVolumeAdd",
        ChangeKinds.VolumeChanged => "PersistentVolumeUpdate",
        ChangeKinds.ClassAdded => "storage.k8s.io/StorageClassAdd",
        ChangeKinds.ClassChanged => "storage.k8s.io/StorageClassUpdate",
        ChangeKinds.CsiNodeAdded => "storage.k8s.io/CSINodeAdd",
        ChangeKinds.CsiNodeChanged => "storage.k8s.io/CSINodeUpdate",
        ChangeKinds.CsiDriverChanged => "storage.k8s.io/CSIDriverUpdate",
        ChangeKinds.CapacityAdded => "storage.k8s.io/CSIStorageCapacityAdd",
        ChangeKinds.CapacityChanged => "storage.k8s.io/CSIStorageCapacityUpdate",
        ChangeKinds.AttachmentRemoved => "storage.k8s.io/VolumeAttachmentDelete",
        ChangeKinds.ResourceClaimAdded => "resource.k8s.io/ResourceClaimAdd",
        ChangeKinds.ResourceClaimChanged => "resource.k8s.io/ResourceClaimUpdate",
        ChangeKinds.ResourceClaimRemoved => "resource.k8s.io/ResourceClaimDelete",
        ChangeKinds.DevicesChanged => "resource.k8s.io/ResourceSliceUpdate",
        ChangeKinds.Other => isWaitingPod ? "UnschedulablePodUpdate" : "AssignedPodUpdate",
        _ => "resource.k8s.io/DeviceClassUpdate",
    };
}
