namespace Bramble.Controllers.Tests.Simulation;

/// <summary>A clock that jumps from one timer to the next; nothing ever waits. (FakeTimeProvider moves by steps of its user's, who cannot ask when the next timer is due.)</summary>
internal sealed class SimulatedTime : TimeProvider
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly Lock _gate = new();
    private readonly SortedSet<Alarm> _alarms = new(Comparer<Alarm>.Create((a, b) => a.Due != b.Due ? a.Due.CompareTo(b.Due) : a.Order.CompareTo(b.Order)));
    private long _now;
    private long _order;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public TimeSpan Elapsed => TimeSpan.FromTicks(_now);

    public override DateTimeOffset GetUtcNow() => Start.AddTicks(_now);

    public override long GetTimestamp() => _now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var alarm = new Alarm(this, callback, state);
        alarm.Change(dueTime, period);
        return alarm;
    }

    /// <summary>Goes to the next timer and lets it ring. False: there is none.</summary>
    public bool MoveOn()
    {
        Alarm? next;
        lock (_gate)
        {
            next = _alarms.Min;
            if (next is null) return false;
            _alarms.Remove(next);
            _now = Math.Max(_now, next.Due);
            if (next.Period > TimeSpan.Zero) Set(next, next.Period);
        }
        next.Ring();
        return true;
    }

    private void Set(Alarm alarm, TimeSpan wait)
    {
        alarm.Due = _now + wait.Ticks;
        alarm.Order = _order++;
        _alarms.Add(alarm);
    }

    private sealed class Alarm(SimulatedTime time, TimerCallback callback, object? state) : ITimer
    {
        public long Due { get; set; }
        public long Order { get; set; }
        public TimeSpan Period { get; private set; }

        public void Ring() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._gate)
            {
                time._alarms.Remove(this);
                Period = period;
                if (dueTime >= TimeSpan.Zero) time.Set(this, dueTime);
            }
            return true;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
