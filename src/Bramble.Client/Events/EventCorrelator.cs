using System.Globalization;
using Bramble.Api.Naming;

namespace Bramble.Client.Events;

/// <summary>One thing that happened, as it was told.</summary>
internal sealed class ObservedEvent(EventSubject about, string type, string reason, string message, string? action, DateTimeOffset at, EventSubject? related = null)
{
    public EventSubject About => about;
    public string Type => type;
    public string Reason => reason;
    public string Message => message;

    /// <summary>Null: an event of the core group.</summary>
    public string? Action => action;

    public DateTimeOffset At => at;
    public EventSubject? Related => related;
}

/// <summary>What is known of events that are the same but for their time.</summary>
internal sealed class CorrelatedEvent(ObservedEvent first)
{
    public ObservedEvent First => first;
    public string Message { get; set; } = first.Message;
    public int Count { get; set; }
    public DateTimeOffset LastAt { get; set; }

    /// <summary>The event object it was written as; null: not yet.</summary>
    public NamespacedName? Written { get; set; }

    /// <summary>The count that was written last.</summary>
    public int WrittenCount { get; set; }
}

/// <summary>client-go's event correlation: a token bucket for each object and type (25 at once, then one in five minutes); more than ten different messages
/// with the same reason within ten minutes are combined; equal events are counted. Holds 4096 of each, then forgets the oldest. Not thread-safe.</summary>
internal sealed class EventCorrelator(TimeProvider time)
{
    private const int KnownMax = 4096;
    private const int SpamBurst = 25;
    private const int SimilarMax = 10;
    private static readonly TimeSpan SpamRefill = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan SimilarWindow = TimeSpan.FromMinutes(10);

    /// <summary>A series ends when it has not been seen for so long; the series are gone through as often.</summary>
    public static readonly TimeSpan SeriesEnds = TimeSpan.FromMinutes(6);

    /// <summary>One round in so many also writes the count of the series that go on: every half an hour.</summary>
    private const int RoundsToRefresh = 5;

    private static long _last;

    private readonly Recent<Bucket> _buckets = new(KnownMax);
    private readonly Recent<Similar> _similar = new(KnownMax);
    private readonly Recent<CorrelatedEvent> _events = new(KnownMax);
    private readonly Recent<CorrelatedEvent> _series = new(KnownMax);
    private int _rounds;

    public bool HasSeries => _series.Count > 0;

    /// <summary>Null: nothing is to be written, because the object has had too many or the series is written later.</summary>
    public CorrelatedEvent? Correlate(ObservedEvent observed, string component)
    {
        var (now, about, message) = (time.GetUtcNow(), observed.About, observed.Message);
        var subject = $"{component}\n{about.Kind}\n{about.Name.Namespace}\n{about.Name.Name}\n{about.Uid}\n{about.ApiVersion}\n{observed.Type}";
        // Events with an action are correlated by what happened to which version of the object, whatever their notes say, and neither combined nor limited (KEP-383).
        if (observed.Action is not null)
        {
            var series = _series.Get($"{subject}\n{about.ResourceVersion}\n{observed.Reason}\n{observed.Action}\n{observed.Related?.Uid}", () => new CorrelatedEvent(observed));
            series.Count++;
            series.LastAt = observed.At;
            return series.Count <= 2 ? series : null;
        }
        var alike = $"{subject}\n{observed.Reason}";
        var similar = _similar.Get(alike, () => new Similar(now));
        if (now - similar.LastAt > SimilarWindow) similar.Messages.Clear();
        similar.LastAt = now;
        similar.Messages.Add(message);
        var key = $"{alike}\n{about.FieldPath}\n{message}";
        if (similar.Messages.Count >= SimilarMax)
        {
            similar.Messages.Remove(similar.Messages.First(m => m != message));
            message = "(combined from similar events): " + message;
            key = alike;
        }
        var known = _events.Get(key, () => new CorrelatedEvent(observed));
        known.Message = message;
        known.Count++;
        known.LastAt = observed.At;
        // One that is not told is counted all the same.
        return _buckets.Get(subject, () => new Bucket(SpamBurst, now)).TryTake(now) ? known : null;
    }

    /// <summary>Ends the series that are over: what comes later is a new event.</summary>
    /// <returns>Those whose count is to be written.</returns>
    public IReadOnlyList<CorrelatedEvent> EndSeries()
    {
        var before = time.GetUtcNow() - SeriesEnds;
        var isRefresh = ++_rounds % RoundsToRefresh == 0;
        var changed = new List<CorrelatedEvent>();
        _series.RemoveWhere(series =>
        {
            var isOver = series.LastAt < before;
            if ((isOver || isRefresh) && series.Count > 1 && series.Count != series.WrittenCount) changed.Add(series);
            return isOver;
        });
        return changed;
    }

    /// <summary>Nanoseconds since 1970 in hex as upstream names events; never twice in a process.</summary>
    public static string UniqueSuffix(TimeProvider time)
    {
        var nanoseconds = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;
        long known, next;
        do
        {
            known = Volatile.Read(ref _last);
            next = nanoseconds > known ? nanoseconds : known + 1;
        }
        while (Interlocked.CompareExchange(ref _last, next, known) != known);
        return next.ToString("x", CultureInfo.InvariantCulture);
    }

    private sealed class Similar(DateTimeOffset at)
    {
        public DateTimeOffset LastAt { get; set; } = at;
        public HashSet<string> Messages { get; } = new(StringComparer.Ordinal);
    }

    private sealed class Bucket(double tokens, DateTimeOffset at)
    {
        private double _tokens = tokens;
        private DateTimeOffset _at = at;

        public bool TryTake(DateTimeOffset now)
        {
            _tokens = Math.Min(SpamBurst, _tokens + Math.Max(0, (now - _at) / SpamRefill));
            _at = now;
            if (_tokens < 1) return false;
            _tokens--;
            return true;
        }
    }

    private sealed class Recent<T>(int countMax)
    {
        private readonly Dictionary<string, T> _known = new(StringComparer.Ordinal);
        private readonly Queue<string> _order = new();

        public int Count => _known.Count;

        public void RemoveWhere(Predicate<T> isOver)
        {
            for (var left = _order.Count; left > 0; left--)
            {
                var key = _order.Dequeue();
                if (isOver(_known[key])) _known.Remove(key);
                else _order.Enqueue(key);
            }
        }

        public T Get(string key, Func<T> make)
        {
            if (_known.TryGetValue(key, out var value)) return value;
            if (_known.Count >= countMax) _known.Remove(_order.Dequeue());
            _known.Add(key, value = make());
            _order.Enqueue(key);
            return value;
        }
    }
}
