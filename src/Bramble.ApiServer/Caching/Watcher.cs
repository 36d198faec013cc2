using System.Threading.Tasks.Sources;

namespace Bramble.ApiServer.Caching;

/// <summary>What wakes one watch: a change of its resource, its timer, its end. One object for the watch's whole life, so that an event costs nothing but the waking,
/// however many watch. One sleeper; anybody rings.</summary>
internal sealed class Watcher : IValueTaskSource
{
    private readonly Lock _gate = new();            // also keeps a ring that is under way from the next sleep
    private ManualResetValueTaskSourceCore<bool> _wakeUp = new() { RunContinuationsAsynchronously = true };
    private bool _isAsleep;
    private bool _hasRung;

    /// <summary>Waits to be told of a change; only its <see cref="ResourceCache"/> touches this, under its lock.</summary>
    public bool IsListed { get; set; }

    /// <summary>The timer is set and has not rung.</summary>
    public bool IsTimed { get; set; }

    /// <summary>Until it rings; at once when it has rung since the last time.</summary>
    public ValueTask SleepAsync()
    {
        lock (_gate)
        {
            if (_hasRung)
            {
                _hasRung = false;
                return ValueTask.CompletedTask;
            }
            _wakeUp.Reset();
            _isAsleep = true;
            return new ValueTask(this, _wakeUp.Version);
        }
    }

    public void Ring()
    {
        lock (_gate)
        {
            if (!_isAsleep)
            {
                _hasRung = true;
                return;
            }
            _isAsleep = false;
            _wakeUp.SetResult(true);
        }
    }

    public void TimeIsUp()
    {
        IsTimed = false;
        Ring();
    }

    void IValueTaskSource.GetResult(short token) => _wakeUp.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _wakeUp.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) => _wakeUp.OnCompleted(continuation, state, token, flags);
}
