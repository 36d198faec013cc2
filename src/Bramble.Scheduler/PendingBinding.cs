namespace Bramble.Scheduler;

/// <summary>A binding that waits for volumes or devices, and may be given up meanwhile. Thread-safe.</summary>
internal sealed class PendingBinding(string uid)
{
    private const int Open = 0, Preempted = 1, Written = 2;

    // Not disposed: somebody may just be cancelling it, and without a timer there is nothing to give back.
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _fate;
    private volatile string? _why;

    public string Uid => uid;
    public CancellationToken Token => _stop.Token;

    /// <summary>Why it was given up, in upstream's words; null: it was not.</summary>
    public string? Why => _why;

    /// <summary>It is through, and where it failed the room is free.</summary>
    public Task Ended => _ended.Task;

    public void Stop(string why)
    {
        _why ??= why;
        _stop.Cancel();
    }

    /// <summary>A more important Pod takes the room.</summary>
    /// <returns>False: it is too late, the binding is being written.</returns>
    public bool TryPreempt()
    {
        var fate = Interlocked.CompareExchange(ref _fate, Preempted, Open);
        if (fate == Open) Stop("preempted by DefaultPreemption");
        return fate != Written;
    }

    /// <summary>All is prepared.</summary>
    /// <returns>False: it was given up.</returns>
    public bool TryWrite() => Interlocked.CompareExchange(ref _fate, Written, Open) == Open;

    public void End() => _ended.TrySetResult();
}
