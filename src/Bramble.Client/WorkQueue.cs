using Bramble.Api.Metrics;

namespace Bramble.Client;

/// <summary>Keys that want work. A key is in it once however often it is added, is never worked on twice at a time, and comes back when it was added while
/// being worked on. Failures back off per key: by default 5 ms doubled up to 1000 s. No bound of its own: it never holds more than the distinct keys there are.
/// Thread-safe.</summary>
public sealed class WorkQueue<TKey> : IDisposable where TKey : notnull
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly LinkedList<TKey> _ready = [];
    private readonly Dictionary<TKey, long> _dirty = [];           // with when they were added
    private readonly Dictionary<TKey, long> _processing = [];      // with when they were taken
    private readonly Dictionary<TKey, int> _failures = [];
    private readonly Dictionary<TKey, long> _due = [];
    private readonly Dictionary<TKey, long> _resting = [];         // done, but not to be taken again yet: they count as being worked on
    private readonly PriorityQueue<TKey, long> _delayed = new();
    private readonly Permits _available = new(0);
    private readonly ITimer _timer;
    private readonly Histogram _waits = new(WorkQueueMetrics.Bounds);
    private readonly Histogram _works = new(WorkQueueMetrics.Bounds);
    private long _adds;
    private long _retries;

    public WorkQueue(TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(_ => AddDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The first delay after a failure, and the longest. Set before the first use.</summary>
    public (TimeSpan Min, TimeSpan Max) BackOff { get; set; } = (TimeSpan.FromMilliseconds(5), TimeSpan.FromSeconds(1000));

    /// <summary>Keys that wait to be taken.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _ready.Count;
        }
    }

    public void Add(TKey key)
    {
        lock (_gate) AddLocked(key);
    }

    /// <summary>Adds the key when <paramref name="delay"/> is over; of several delays of one key the earliest counts.</summary>
    public void AddAfter(TKey key, TimeSpan delay)
    {
        lock (_gate)
        {
            if (delay <= TimeSpan.Zero)
            {
                AddLocked(key);
                return;
            }
            var due = DueAfter(delay);
            if (_due.TryGetValue(key, out var known) && known <= due) return;
            _due[key] = due;
            _delayed.Enqueue(key, due);
            SetTimer();
        }
    }

    /// <summary>Adds the key after its back-off, which grows with each call until <see cref="Forget"/>.</summary>
    /// <returns>The delay.</returns>
    public TimeSpan AddRateLimited(TKey key)
    {
        TimeSpan delay;
        lock (_gate)
        {
            _retries++;
            var failures = _failures.GetValueOrDefault(key);
            _failures[key] = failures + 1;
            delay = TimeSpan.FromTicks(Math.Min(BackOff.Max.Ticks, BackOff.Min.Ticks << Math.Min(failures, 30)));
        }
        AddAfter(key, delay);
        return delay;
    }

    /// <summary>The key went well: its back-off starts anew.</summary>
    public void Forget(TKey key)
    {
        lock (_gate) _failures.Remove(key);
    }

    /// <summary>How often the key has failed in a row.</summary>
    public int Failures(TKey key)
    {
        lock (_gate) return _failures.GetValueOrDefault(key);
    }

    /// <summary>The next key; <see cref="Done"/> must follow.</summary>
    public async ValueTask<TKey> TakeAsync(CancellationToken cancel)
    {
        await _available.TakeAsync(cancel);
        lock (_gate)
        {
            var key = _ready.First!.Value;
            _ready.RemoveFirst();
            var now = _time.GetTimestamp();
            _dirty.Remove(key, out var added);
            _waits.Observe(_time.GetElapsedTime(added, now).TotalSeconds);
            _processing.Add(key, now);
            return key;
        }
    }

    /// <param name="pause">Before it is over the key is not taken again, however often it is added.</param>
    public void Done(TKey key, TimeSpan pause = default)
    {
        lock (_gate)
        {
            _works.Observe(_time.GetElapsedTime(_processing[key]).TotalSeconds);
            if (pause <= TimeSpan.Zero)
            {
                DoneLocked(key);
                return;
            }
            _resting[key] = DueAfter(pause);
            _delayed.Enqueue(key, _resting[key]);
            SetTimer();
        }
    }

    /// <summary>What it did so far and has at hand now.</summary>
    /// <param name="name">Upstream's name of the queue.</param>
    public void WriteTo(WorkQueueMetrics metrics, string name)
    {
        lock (_gate)
        {
            double all = 0, longest = 0;
            foreach (var (key, taken) in _processing)
            {
                if (_resting.ContainsKey(key)) continue;
                var seconds = _time.GetElapsedTime(taken).TotalSeconds;
                all += seconds;
                longest = Math.Max(longest, seconds);
            }
            metrics.Add(name, _adds, _retries, _ready.Count, all, longest, _waits, _works);
        }
    }

    public void Dispose() => _timer.Dispose();

    /// <summary>On the monotonic clock: the wall clock of a board without a clock battery jumps.</summary>
    private long DueAfter(TimeSpan delay) => _time.GetTimestamp() + (long)(delay.TotalSeconds * _time.TimestampFrequency);

    private void DoneLocked(TKey key)
    {
        _processing.Remove(key);
        if (_dirty.ContainsKey(key)) MakeReady(key);
    }

    private void AddLocked(TKey key)
    {
        if (!_dirty.TryAdd(key, _time.GetTimestamp())) return;
        _adds++;
        if (!_processing.ContainsKey(key)) MakeReady(key);
    }

    private void MakeReady(TKey key)
    {
        _ready.AddLast(key);
        _available.Release();
    }

    private void AddDue()
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            while (_delayed.TryPeek(out var key, out var due) && due <= now)
            {
                _delayed.Dequeue();
                if (_resting.TryGetValue(key, out var rested) && rested == due)
                {
                    _resting.Remove(key);
                    DoneLocked(key);
                }
                // An entry that an earlier one replaced says nothing.
                if (!_due.TryGetValue(key, out var known) || known != due) continue;
                _due.Remove(key);
                AddLocked(key);
            }
            SetTimer();
        }
    }

    private void SetTimer()
    {
        if (!_delayed.TryPeek(out _, out var next)) return;
        var wait = _time.GetElapsedTime(_time.GetTimestamp(), next);
        // A timer takes at most 49 days.
        wait = wait < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : wait > TimeSpan.FromDays(1) ? TimeSpan.FromDays(1) : wait;
        _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }
}
