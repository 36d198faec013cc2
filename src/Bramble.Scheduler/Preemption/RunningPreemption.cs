using Bramble.Client;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Preemption;

/// <summary>Victims are being deleted for a Pod, which is not looked at meanwhile (KEP-4832). Thread-safe.</summary>
internal sealed class RunningPreemption
{
    private volatile PodInfo? _last;
    private volatile bool _hasHeldBack;
    private volatile bool _hasFreedRoom;

    /// <summary>Room became free without a deletion by us, and the Pod may have been held back when it did.</summary>
    public bool IsRoomMissed => _hasHeldBack && _hasFreedRoom;

    /// <summary>All victims but this one are deleted.</summary>
    public void LastComes(PodInfo victim) => _last = victim;

    public void FreedRoom() => _hasFreedRoom = true;

    /// <summary>When the last victim is going the deletions are all made: whatever happens from then on is worth a try.</summary>
    public bool HoldsBack(ILister<V1Pod> pods)
    {
        if (_last is { } last && (pods.Find(last.Name) is not { } now || now.Metadata.Uid != last.Uid || now.IsBeingDeleted())) return false;
        _hasHeldBack = true;
        return true;
    }
}
