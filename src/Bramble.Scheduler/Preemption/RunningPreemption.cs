using Bramble.Client;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Preemption;

/// <summary>Victims are being deleted for a Pod, which is not looked at meanwhile (KEP-4832). Thread-safe.</summary>
internal sealed class RunningPreemption
{
    private volatile PodInfo? _last;

    /// <summary>All victims but this one are deleted.</summary>
    public void LastComes(PodInfo victim) => _last = victim;

    /// <summary>When the last victim is going the deletions are all made: whatever happens from then on is worth a try.</summary>
    public bool HoldsBack(ILister<V1Pod> pods) => _last is not { } last || (pods.Find(last.Name) is { } now && now.Metadata.Uid == last.Uid && !now.IsBeingDeleted());
}
