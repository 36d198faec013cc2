namespace Bramble.Client;

/// <summary>A number of things to be taken; who finds none waits in turn. Thread-safe.</summary>
/// <remarks>Not SemaphoreSlim: see <see cref="Waiting"/>.</remarks>
public sealed class Permits(int count)
{
    private readonly Lock _gate = new();
    private readonly Queue<TaskCompletionSource> _waiting = [];
    private int _free = count;

    public Task TakeAsync(CancellationToken cancel)
    {
        if (cancel.IsCancellationRequested) return Task.FromCanceled(cancel);
        TaskCompletionSource waiter;
        lock (_gate)
        {
            if (_free > 0)
            {
                _free--;
                return Task.CompletedTask;
            }
            waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(waiter);
        }
        return waiter.OrUntil(cancel);
    }

    public void Release()
    {
        lock (_gate)
        {
            // Who was cancelled meanwhile gets none.
            while (_waiting.TryDequeue(out var waiter))
                if (waiter.TrySetResult()) return;
            _free++;
        }
    }
}
