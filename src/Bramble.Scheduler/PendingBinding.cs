namespace Bramble.Scheduler;

/// <summary>A binding that waits for volumes or devices, and may be given up meanwhile. Thread-safe.</summary>
internal sealed class PendingBinding(string uid)
{
    // Not disposed: somebody may just be cancelling it, and without a timer there is nothing to give back.
    private readonly CancellationTokenSource _stop = new();
    private volatile string? _why;

    public string Uid => uid;
    public CancellationToken Token => _stop.Token;

    /// <summary>Why it was given up, in upstream's words; null: it was not.</summary>
    public string? Why => _why;

    public void Stop(string why)
    {
        _why ??= why;
        _stop.Cancel();
    }
}
