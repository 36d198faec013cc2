namespace Bramble.Kubelet.Node;

/// <summary>Notices that somebody has set the clock: the date went on by another amount than the time that passed. One caller.</summary>
internal sealed class ClockWatch(TimeProvider time)
{
    /// <summary>What time synchronisation corrects without anybody having to know.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(10);

    private DateTimeOffset _date = time.GetUtcNow();
    private long _stamp = time.GetTimestamp();

    /// <returns>By how much since the last question; null: not at all.</returns>
    public TimeSpan? HasJumped()
    {
        var (date, stamp) = (time.GetUtcNow(), time.GetTimestamp());
        var jump = date - _date - time.GetElapsedTime(_stamp, stamp);
        (_date, _stamp) = (date, stamp);
        return jump.Duration() > Tolerance ? jump : null;
    }
}
