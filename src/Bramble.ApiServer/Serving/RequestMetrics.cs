using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Bramble.ApiServer.Requests;

namespace Bramble.ApiServer.Serving;

/// <summary>Counts of requests under upstream's metric names, as Prometheus text. Cheap: one dictionary entry a verb, resource and code.</summary>
internal sealed class RequestMetrics
{
    private static readonly double[] Bounds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
    private readonly ConcurrentDictionary<(string Verb, string Group, string Version, string Resource, string Subresource, string Scope), Series> _series = new();

    private sealed class Series
    {
        public readonly ConcurrentDictionary<int, long> ByCode = new();
        public readonly long[] Buckets = new long[Bounds.Length + 1];
        public long SumMicroseconds;
    }

    public void Record(RequestInfo info, int code, TimeSpan elapsed)
    {
        if (!info.IsResourceRequest) return;
        var scope = info.Name.Length > 0 ? "resource" : info.Namespace.Length > 0 ? "namespace" : "cluster";
        var verb = info.Verb switch { "update" => "PUT", "create" => "POST", "patch" => "PATCH", var other => other.ToUpperInvariant() };
        var series = _series.GetOrAdd((verb, info.Group, info.Version, info.Resource, info.Subresource, scope), static _ => new Series());
        series.ByCode.AddOrUpdate(code, 1, static (_, count) => count + 1);
        if (verb == "WATCH") return; // its length says nothing
        var seconds = elapsed.TotalSeconds;
        var bucket = 0;
        while (bucket < Bounds.Length && seconds > Bounds[bucket]) bucket++;
        Interlocked.Increment(ref series.Buckets[bucket]);
        Interlocked.Add(ref series.SumMicroseconds, (long)elapsed.TotalMicroseconds);
    }

    public string Text()
    {
        var text = new StringBuilder();
        text.Append("# HELP apiserver_request_total [STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.\n# TYPE apiserver_request_total counter\n");
        foreach (var (key, series) in _series.OrderBy(s => s.Key.Resource, StringComparer.Ordinal))
            foreach (var (code, count) in series.ByCode.OrderBy(c => c.Key))
                text.Append(CultureInfo.InvariantCulture, $"apiserver_request_total{{code=\"{code}\",{Labels(key)},dry_run=\"\"}} {count}\n");
        text.Append("# HELP apiserver_request_duration_seconds [STABLE] Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.\n# TYPE apiserver_request_duration_seconds histogram\n");
        foreach (var (key, series) in _series.OrderBy(s => s.Key.Resource, StringComparer.Ordinal))
        {
            long sum = 0;
            for (var i = 0; i < Bounds.Length; i++)
            {
                sum += Volatile.Read(ref series.Buckets[i]);
                text.Append(CultureInfo.InvariantCulture, $"apiserver_request_duration_seconds_bucket{{{Labels(key)},dry_run=\"\",le=\"{Bounds[i]}\"}} {sum}\n");
            }
            sum += Volatile.Read(ref series.Buckets[^1]);
            text.Append(CultureInfo.InvariantCulture, $"apiserver_request_duration_seconds_bucket{{{Labels(key)},dry_run=\"\",le=\"+Inf\"}} {sum}\n");
            text.Append(CultureInfo.InvariantCulture, $"apiserver_request_duration_seconds_sum{{{Labels(key)},dry_run=\"\"}} {Volatile.Read(ref series.SumMicroseconds) / 1e6}\n");
            text.Append(CultureInfo.InvariantCulture, $"apiserver_request_duration_seconds_count{{{Labels(key)},dry_run=\"\"}} {sum}\n");
        }
        return text.ToString();
    }

    private static string Labels((string Verb, string Group, string Version, string Resource, string Subresource, string Scope) key) =>
        $"component=\"apiserver\",group=\"{key.Group}\",resource=\"{key.Resource}\",scope=\"{key.Scope}\",subresource=\"{key.Subresource}\",verb=\"{key.Verb}\",version=\"{key.Version}\"";
}
