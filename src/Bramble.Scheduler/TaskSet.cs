using Bramble.Client;

namespace Bramble.Scheduler;

/// <summary>Work that the loop has begun and does not wait for. The bounded kind is at most 64 at once: then whoever adds waits. Thread-safe.</summary>
internal sealed class TaskSet
{
    private const int BoundedMax = 64;

    private readonly Lock _gate = new();
    private readonly HashSet<Task> _running = [];
    private readonly Permits _slots = new(BoundedMax);

    /// <summary>How many are running.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _running.Count;
        }
    }

    public void Add(Func<Task> work)
    {
        var task = RunAsync(work);
        lock (_gate) _running.Add(task);
        _ = task.ContinueWith(Forget, TaskContinuationOptions.ExecuteSynchronously);
    }

    public async ValueTask AddAsync(Func<Task> work, bool isBounded, CancellationToken cancel)
    {
        if (!isBounded)
        {
            Add(work);
            return;
        }
        await _slots.TakeAsync(cancel);
        Add(async () =>
        {
            try
            {
                await work();
            }
            finally
            {
                _slots.Release();
            }
        });
    }

    public Task FinishedAsync()
    {
        lock (_gate) return Task.WhenAll(_running);
    }

    private static async Task RunAsync(Func<Task> work)
    {
        await Task.Yield();      // the loop goes on
        await work();
    }

    private void Forget(Task task)
    {
        lock (_gate) _running.Remove(task);
    }
}
