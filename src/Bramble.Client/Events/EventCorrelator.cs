using System.Globalization;
using Bramble.Api.Naming;

namespace Bramble.Client.Events;

/// <summary>What is known of events that are the same but for their time.</summary>
internal sealed class CorrelatedEvent(string message)
{
    private DateTimeOffset _seriesWrittenAt;

    public string Message { get; set; } = message;
    public int Count { get; set; }
    public DateTimeOffset FirstAt { get; set; }

    /// <summary>The event object it was written as; null: not yet.</summary>
    public NamespacedName? Written { get; set; }

    /// <summary>A series is written when it begins and then every six minutes at most.</summary>
    public bool ShouldWriteSeries(DateTimeOffset now)
    {
        if (Count > 2 && now - _seriesWrittenAt < TimeSpan.FromMinutes(6)) return false;
        _seriesWrittenAt = now;
        return true;
    }
}

/// <summary>client-go's event correlation: a token bucket for each object (25 at once, then one in five minutes); more than ten different messages with the
/// same reason within ten minutes are combined; equal events are counted. Holds 4096 of each, then forgets the oldest. Not thread-safe.</summary>
internal sealed class EventCorrelator(TimeProvider time)
{
    private const int KnownMax = 4096;
    private const int SpamBurst = 25;
    private const int SimilarMax = 10;
    private static readonly TimeSpan SpamRefill = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan SimilarWindow = TimeSpan.FromMinutes(10);

    private static long _last;

    private readonly Recent<Bucket> _buckets = new(KnownMax);
    private readonly Recent<Similar> _similar = new(KnownMax);
    private readonly Recent<CorrelatedEvent> _events = new(KnownMax);

    /// <summary>Null: dropped, because the object has had too many.</summary>
    public CorrelatedEvent? Correlate(EventSubject about, string type, string reason, string message, string? action, string component, EventSubject? related = null)
    {
        var now = time.GetUtcNow();
        var subject = $"{component}\n{about.Kind}\n{about.Name.Namespace}\n{about.Name.Name}\n{about.Uid}\n{about.ApiVersion}";
        // Events with an action are correlated by what happened to which version of the object, and neither combined nor limited (KEP-383).
        if (action is not null)
        {
            var series = _events.Get($"{subject}\n{about.ResourceVersion}\n{type}\n{reason}\n{action}\n{related?.Uid}", () => new CorrelatedEvent(message));
            series.Count++;
            return series;
        }
        var alike = $"{subject}\n{about.FieldPath}\n{type}\n{reason}";

        var similar = _similar.Get(alike, () => new Similar(now));
        if (now - similar.LastAt > SimilarWindow) similar.Messages.Clear();
        similar.LastAt = now;
        similar.Messages.Add(message);
        var key = $"{alike}\n{message}";
        if (similar.Messages.Count >= SimilarMax)
        {
            similar.Messages.Remove(similar.Messages.First(m => m != message));
            message = "(combined from similar events): " + message;
            key = alike;
        }
        if (!_buckets.Get(subject, () => new Bucket(SpamBurst, now)).TryTake(now)) return null;
        var known = _events.Get(key, () => new CorrelatedEvent(message));
        known.Message = message;
        known.Count++;
        return known;
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
