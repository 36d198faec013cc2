namespace Bramble.Scheduler.Queue;

/// <summary>What in a cluster changed that could make a Pod fit which did not. As fine as upstream's events, because each rule names those that could change its mind.</summary>
[Flags]
internal enum ChangeKinds
{
    None = 0,
    NodeAdded = 1 << 0,
    NodeAllocatable = 1 << 1,
    NodeLabels = 1 << 2,

    /// <summary>Taints, or the node is no longer cordoned.</summary>
    NodeTaints = 1 << 3,
    NodeRemoved = 1 << 4,

    /// <summary>A Pod got a node.</summary>
    PodAdded = 1 << 5,

    /// <summary>A Pod gave up its node, or a node that was nominated for it.</summary>
    PodRemoved = 1 << 6,
    PodLabels = 1 << 7,
    PodScaledDown = 1 << 8,
    PodTolerations = 1 << 9,
    PodGatesGone = 1 << 10,
    PodResourceClaims = 1 << 11,
    ClaimAdded = 1 << 12,
    ClaimChanged = 1 << 13,
    VolumeAdded = 1 << 14,
    VolumeChanged = 1 << 15,
    ClassAdded = 1 << 16,
    ClassChanged = 1 << 17,
    CsiNodeAdded = 1 << 18,
    CsiNodeChanged = 1 << 19,
    CsiDriverChanged = 1 << 20,
    CapacityAdded = 1 << 21,
    CapacityChanged = 1 << 22,
    AttachmentRemoved = 1 << 23,
    ResourceClaimAdded = 1 << 24,
    ResourceClaimChanged = 1 << 25,
    ResourceClaimRemoved = 1 << 26,
    DevicesChanged = 1 << 27,
    DeviceClassChanged = 1 << 28,
    NodeDeclaredFeatures = 1 << 29,

    /// <summary>Anything else of a placed Pod, anything else that a waiting Pod itself wishes or is noted at it, or anything of a node but its heartbeat: only extenders may care.</summary>
    Other = 1 << 30,
}

/// <summary>One change. <c>Old</c> null: new; <c>New</c> null: gone. Pods are <see cref="State.PodInfo"/> and have (had) a place, but for the waiting Pod itself;
/// other objects are their models.</summary>
internal readonly record struct ClusterChange(ChangeKinds Kind, object? Old, object? New);
