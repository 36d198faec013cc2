using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Queue;

/// <summary>InFlight: it is being looked at. Binding: it has a node, which is being written.</summary>
internal enum QueueState { Active, BackingOff, Unschedulable, InFlight, Binding }

/// <summary>A Pod on its way through the queue. Changed only by <see cref="SchedulingQueue"/> under its lock.</summary>
internal sealed class QueuedPod(PodInfo pod, long order)
{
    public PodInfo Pod { get; set; } = pod;
    public long Order { get; } = order;
    public QueueState State { get; set; }

    /// <summary>When it came, or was last refused; of two Pods with one priority the longer waiting goes first.</summary>
    public long Since { get; set; }

    /// <summary>Until when it backs off; 0: not worked out yet.</summary>
    public long BackOffUntil { get; set; }

    /// <summary>How often it was looked at, and since when it could have been; 0: it was gated so far.</summary>
    public int Attempts { get; set; }
    public long FirstActiveAt { get; set; }

    /// <summary>How often rules refused it, and how often in a row something else failed.</summary>
    public int RefusedCount { get; set; }
    public int ErrorCount { get; set; }

    /// <summary>The rules that refused it. None: it failed for another reason, and only time helps.</summary>
    public IReadOnlyList<IFilterPlugin> Rejectors { get; set; } = [];
    public ChangeKinds MayHelp { get; set; }

    /// <summary>What keeps it from being looked at at all; null: nothing.</summary>
    public QueueGate? Gate { get; set; }

    /// <summary>It was not woken by any change, but because it had waited for so long.</summary>
    public bool WasForgotten { get; set; }

    /// <summary>Whatever refuses it this time, it is worth another try.</summary>
    public bool IsForced { get; set; }

    /// <summary>Changes of which one must happen before it moves.</summary>
    public ChangeKinds Awaits => Gate?.Opens ?? MayHelp;

    public static int ByPriority(QueuedPod a, QueuedPod b)
    {
        if (a.Pod.Priority != b.Pod.Priority) return b.Pod.Priority.CompareTo(a.Pod.Priority);
        return a.Since != b.Since ? a.Since.CompareTo(b.Since) : a.Order.CompareTo(b.Order);
    }
}
