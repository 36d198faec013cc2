using Bramble.Api.Naming;
using Bramble.Scheduler.Filters;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler;

/// <summary>Pods that want a node: ready ones by priority and age, refused ones until something happens that their refusing rules named, with a back-off of
/// 1 s doubled up to 10 s, and after five minutes in any case. Thread-safe.</summary>
internal sealed class SchedulingQueue : IDisposable
{
    private static readonly TimeSpan BackOffMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BackOffMax = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan UnschedulableMax = TimeSpan.FromMinutes(5);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly Dictionary<NamespacedName, Entry> _entries = [];
    private readonly SortedSet<Entry> _ready = new(Comparer<Entry>.Create((a, b) =>
        a.Pod.Priority != b.Pod.Priority ? b.Pod.Priority.CompareTo(a.Pod.Priority) : a.Order.CompareTo(b.Order)));
    private readonly SemaphoreSlim _available = new(0);
    private readonly ITimer _timer;
    private long _order;
    private ClusterEvents _sinceTaken;

    public SchedulingQueue(TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(_ => Tick(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private enum State { Ready, InWork, BackingOff, Unschedulable }

    /// <summary>A new Pod, or a new version of one.</summary>
    public void Set(PodInfo pod, bool isWorthTrying)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(pod.Name, out var known) && known.Pod.Uid == pod.Uid)
            {
                if (known.State == State.Ready) _ready.Remove(known);
                known.Pod = pod;
                if (known.State == State.Ready) _ready.Add(known);
                else if (known.State == State.Unschedulable && isWorthTrying) BackOff(known);
                else if (known.State == State.InWork) known.ChangedInWork |= isWorthTrying;
                SetTimer();
                return;
            }
            RemoveLocked(pod.Name);
            var entry = new Entry { Pod = pod, Order = _order++ };
            _entries.Add(pod.Name, entry);
            MakeReady(entry);
        }
    }

    public void Remove(NamespacedName name)
    {
        lock (_gate) RemoveLocked(name);
    }

    /// <summary>The next Pod; <see cref="Placed"/> or <see cref="Refused"/> must follow.</summary>
    public async ValueTask<PodInfo> TakeAsync(CancellationToken cancel)
    {
        while (true)
        {
            await _available.WaitAsync(cancel);
            lock (_gate)
            {
                if (_ready.Min is not { } entry) continue;      // it was removed meanwhile
                _ready.Remove(entry);
                entry.State = State.InWork;
                entry.Attempts++;
                _sinceTaken = ClusterEvents.None;
                return entry.Pod;
            }
        }
    }

    public void Placed(NamespacedName name) => Remove(name);

    /// <param name="mayHelp">What could change the refusal.</param>
    public void Refused(PodInfo pod, ClusterEvents mayHelp)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(pod.Name, out var entry) || entry.Pod.Uid != pod.Uid) return;
            entry.MayHelp = mayHelp;
            entry.DueAt = _time.GetTimestamp() + Ticks(UnschedulableMax);
            entry.State = State.Unschedulable;
            // What happened while it was being looked at may be just what it needs.
            if (entry.ChangedInWork || (mayHelp & _sinceTaken) != 0) BackOff(entry);
            entry.ChangedInWork = false;
            SetTimer();
        }
    }

    /// <summary>Something happened that may help some of the refused.</summary>
    public void Happened(ClusterEvents what)
    {
        lock (_gate)
        {
            _sinceTaken |= what;
            foreach (var entry in _entries.Values)
                if (entry.State == State.Unschedulable && (entry.MayHelp & what) != 0) BackOff(entry);
            SetTimer();
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        _available.Dispose();
    }

    private void BackOff(Entry entry)
    {
        var delay = TimeSpan.FromTicks(Math.Min(BackOffMax.Ticks, BackOffMin.Ticks << Math.Min(Math.Max(entry.Attempts - 1, 0), 10)));
        entry.State = State.BackingOff;
        entry.DueAt = _time.GetTimestamp() + Ticks(delay);
    }

    private void MakeReady(Entry entry)
    {
        entry.State = State.Ready;
        _ready.Add(entry);
        _available.Release();
    }

    private void RemoveLocked(NamespacedName name)
    {
        if (!_entries.Remove(name, out var gone)) return;
        if (gone.State == State.Ready) _ready.Remove(gone);
    }

    private void Tick()
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            foreach (var entry in _entries.Values)
                if (entry.State is State.BackingOff or State.Unschedulable && entry.DueAt <= now) MakeReady(entry);
            SetTimer();
        }
    }

    private void SetTimer()
    {
        long? next = null;
        foreach (var entry in _entries.Values)
            if (entry.State is State.BackingOff or State.Unschedulable && (next is null || entry.DueAt < next)) next = entry.DueAt;
        if (next is null) return;
        var wait = _time.GetElapsedTime(_time.GetTimestamp(), next.Value);
        _timer.Change(wait < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : wait, Timeout.InfiniteTimeSpan);
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * _time.TimestampFrequency);

    private sealed class Entry
    {
        public required PodInfo Pod { get; set; }
        public long Order { get; init; }
        public State State { get; set; }
        public int Attempts { get; set; }
        public ClusterEvents MayHelp { get; set; }
        public bool ChangedInWork { get; set; }
        public long DueAt { get; set; }

    }
}
