using System.Runtime.CompilerServices;

namespace Bramble.Storage;

/// <summary>The newest events of a store, for its watchers. Bounded by count and bytes: the oldest are forgotten, and a watcher that still needs one of
/// them gets a <see cref="StoreCompactedException"/>. Writers never wait for watchers. Thread-safe.</summary>
internal sealed class EventLog(long startRevision, int eventsMax = 2048, long bytesMax = 8 << 20)
{
    private const int BatchEventsMax = 256;

    private readonly Lock _gate = new();
    private readonly List<StoreEvent> _events = [];
    private int _forgotten;                     // leading items of _events that no longer count
    private long _bytes;
    private long _oldest = startRevision;       // every event after this revision is remembered
    private long _current = startRevision;
    private readonly List<TaskCompletionSource> _waiting = [];      // for more

    public long CurrentRevision => Volatile.Read(ref _current);

    /// <summary>Adds events of one commit, in revision order, and wakes the watchers.</summary>
    public void Append(IReadOnlyList<StoreEvent> events)
    {
        if (events.Count == 0) return;
        lock (_gate)
        {
            foreach (var change in events)
            {
                _events.Add(change);
                _bytes += Cost(change);
            }
            while (_events.Count - _forgotten > eventsMax || (_bytes > bytesMax && _events.Count - _forgotten > 1)) Forget();
            // Moving the rest down only now and then keeps forgetting cheap.
            if (_forgotten > eventsMax / 2)
            {
                _events.RemoveRange(0, _forgotten);
                _forgotten = 0;
            }
            Volatile.Write(ref _current, events[^1].Revision);
            foreach (var waiter in _waiting) waiter.TrySetResult();
            _waiting.Clear();
        }
    }

    public async IAsyncEnumerable<IReadOnlyList<StoreEvent>> WatchAsync(long afterRevision, [EnumeratorCancellation] CancellationToken cancel)
    {
        var position = afterRevision;
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            TaskCompletionSource? more = null;
            List<StoreEvent>? batch = null;
            lock (_gate)
            {
                if (position < _oldest) throw new StoreCompactedException(position, _oldest);
                var first = FirstAfter(position);
                if (first < _events.Count) batch = _events.GetRange(first, Math.Min(BatchEventsMax, _events.Count - first));
                else _waiting.Add(more = new(TaskCreationOptions.RunContinuationsAsynchronously));
            }
            if (batch is null)
            {
                using var registration = cancel.UnsafeRegister(static (waiter, token) => ((TaskCompletionSource)waiter!).TrySetCanceled(token), more);
                await more!.Task;
                continue;
            }
            position = batch[^1].Revision;
            yield return batch;
        }
    }

    private void Forget()
    {
        var gone = _events[_forgotten];
        _oldest = gone.Revision;
        _bytes -= Cost(gone);
        _events[_forgotten++] = default;
    }

    private int FirstAfter(long revision)
    {
        int low = _forgotten, high = _events.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_events[middle].Revision > revision) high = middle;
            else low = middle + 1;
        }
        return low;
    }

    private static long Cost(in StoreEvent change) => change.Value.Length + change.Previous.Length + 2 * change.Key.Length + 64;
}
