namespace Bramble.Scheduler.Queue;

/// <summary>Why a Pod is not looked at: what upstream's PreEnqueue plugins say.</summary>
/// <param name="Plugin">Whose gate it is.</param>
/// <param name="Opens">Changes after which it is asked again.</param>
internal sealed record QueueGate(string Plugin, ChangeKinds Opens)
{
    public static readonly QueueGate SchedulingGates = new("SchedulingGates", ChangeKinds.PodGatesGone);

    /// <summary>A claim is not made yet.</summary>
    public static readonly QueueGate Claims = new(
        "DynamicResources", ChangeKinds.ResourceClaimAdded | ChangeKinds.ResourceClaimChanged | ChangeKinds.ResourceClaimRemoved | ChangeKinds.PodResourceClaims);

    /// <summary>Its victims are being deleted. That they go says nothing yet: whether it helps know the rules that refused the Pod.</summary>
    public static readonly QueueGate Preemption = new("DefaultPreemption", ChangeKinds.PodRemoved);
}
