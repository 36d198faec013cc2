using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Bramble.Network.Ingress.Routing;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>Counts by entry point and by service, in Prometheus' text format with Traefik's names, so that its dashboards go on. Thread-safe.</summary>
/// <remarks>Bounded: entry points, methods (unknown ones are one) and status codes are few; services are those of the table.</remarks>
public sealed class IngressMetrics
{
    // Seconds; Traefik's default buckets.
    private static readonly double[] Buckets = [0.1, 0.3, 1.2, 5];

    private readonly ConcurrentDictionary<(string Name, string Method, int Code), Series> _entryPoints = new();
    private readonly ConcurrentDictionary<(string Name, string Method, int Code), Series> _services = new();

    internal void Add(EntryPoints entry, string method, int code, string? service, TimeSpan took)
    {
        var known = method is "GET" or "HEAD" or "POST" or "PUT" or "DELETE" or "PATCH" or "OPTIONS" or "CONNECT" or "TRACE" ? method : "EXTENSION_METHOD";
        _entryPoints.GetOrAdd((entry == EntryPoints.Web ? "web" : "websecure", known, code), static _ => new Series()).Add(took);
        if (service is not null) _services.GetOrAdd((service, known, code), static _ => new Series()).Add(took);
    }

    /// <summary>All series; nothing when no request has come yet.</summary>
    public string Write()
    {
        var text = new StringBuilder();
        Family(text, "entrypoint", "an entrypoint", _entryPoints, static name => name);
        Family(text, "service", "a service", _services, static name => name + "@kubernetes");
        return text.ToString();
    }

    private static void Family(StringBuilder text, string kind, string of, ConcurrentDictionary<(string Name, string Method, int Code), Series> all, Func<string, string> shown)
    {
        if (all.IsEmpty) return;
        var series = all.OrderBy(s => s.Key.Name, StringComparer.Ordinal).ThenBy(s => s.Key.Code).ThenBy(s => s.Key.Method, StringComparer.Ordinal)
            .Select(s => (Labels: string.Create(CultureInfo.InvariantCulture, $"code=\"{s.Key.Code}\",{kind}=\"{shown(s.Key.Name)}\",method=\"{s.Key.Method}\",protocol=\"http\""), s.Value)).ToList();
        var total = $"traefik_{kind}_requests_total";
        text.Append(CultureInfo.InvariantCulture, $"# HELP {total} How many HTTP requests processed on {of}, partitioned by status code, protocol, and method.\n# TYPE {total} counter\n");
        foreach (var (labels, one) in series) text.Append(CultureInfo.InvariantCulture, $"{total}{{{labels}}} {one.Count}\n");
        var duration = $"traefik_{kind}_request_duration_seconds";
        text.Append(CultureInfo.InvariantCulture, $"# HELP {duration} How long it took to process the request on {of}, partitioned by status code, protocol, and method.\n# TYPE {duration} histogram\n");
        foreach (var (labels, one) in series)
        {
            var sum = 0L;
            for (var i = 0; i < Buckets.Length; i++)
            {
                sum += one.InBucket(i);
                text.Append(CultureInfo.InvariantCulture, $"{duration}_bucket{{{labels},le=\"{Buckets[i]}\"}} {sum}\n");
            }
            text.Append(CultureInfo.InvariantCulture, $"{duration}_bucket{{{labels},le=\"+Inf\"}} {one.Count}\n{duration}_sum{{{labels}}} {one.Seconds:0.######}\n{duration}_count{{{labels}}} {one.Count}\n");
        }
    }

    private sealed class Series
    {
        private readonly long[] _buckets = new long[Buckets.Length];
        private long _count, _microseconds;

        public long Count => Interlocked.Read(ref _count);
        public double Seconds => Interlocked.Read(ref _microseconds) / 1e6;

        public long InBucket(int index) => Interlocked.Read(ref _buckets[index]);

        public void Add(TimeSpan took)
        {
            var seconds = took.TotalSeconds;
            Interlocked.Increment(ref _count);
            Interlocked.Add(ref _microseconds, (long)took.TotalMicroseconds);
            for (var i = 0; i < Buckets.Length; i++)
                if (seconds <= Buckets[i])
                {
                    Interlocked.Increment(ref _buckets[i]);
                    return;
                }
        }
    }
}
