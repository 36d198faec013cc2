using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Services.Health;

/// <summary>How the service proxy is, as kube-proxy says it: <c>/healthz</c> and <c>/livez</c> (port 10256), <c>/metrics</c> and <c>/proxyMode</c> (port
/// 10249). Source: kube-proxy's healthz answers and metric names. The proxy loop writes, anybody reads.</summary>
internal sealed class ProxyHealth(TimeProvider time)
{
    // kube-proxy's: twice its sync period of 30 s.
    private static readonly TimeSpan LateAfter = TimeSpan.FromSeconds(60);
    private const string ToBeDeletedTaint = "ToBeDeletedByClusterAutoscaler";

    private readonly Lock _gate = new();
    private readonly int[] _answers = new int[4];
    private DateTimeOffset? _pendingSince;
    private DateTimeOffset _updatedAt;
    private DateTimeOffset _queuedAt;
    private TimeSpan _lastDuration;
    private TimeSpan _durations;
    private long _syncs;
    private long _failures;
    private long _serviceChanges;
    private long _endpointChanges;
    private bool _isEligible;
    private IReadOnlyList<string> _families = [];

    /// <summary>Whether everything that came was loaded in time.</summary>
    public bool IsHealthy
    {
        get
        {
            lock (_gate) return _pendingSince is not { } since || time.GetUtcNow() - since < LateAfter;
        }
    }

    /// <summary>Whether a load balancer may send traffic here: the node is not about to go. Null: there is no Node.</summary>
    public static bool IsEligible(V1Node? node) =>
        node is not null && node.Metadata.DeletionTimestamp is null && node.Spec?.Taints?.Any(taint => taint.Key == ToBeDeletedTaint) != true;

    /// <summary>Something came that is not in the kernel yet.</summary>
    public void Queued(int services, int endpoints)
    {
        lock (_gate)
        {
            _queuedAt = time.GetUtcNow();
            _pendingSince ??= _queuedAt;
            _serviceChanges += services;
            _endpointChanges += endpoints;
        }
    }

    /// <summary>All that came is in the kernel.</summary>
    public void Updated(IReadOnlyList<string> families, TimeSpan duration)
    {
        lock (_gate)
        {
            _pendingSince = null;
            _updatedAt = time.GetUtcNow();
            _families = families;
            _lastDuration = duration;
            _durations += duration;
            _syncs++;
        }
    }

    public void Failed() => Interlocked.Increment(ref _failures);

    public void NodeIs(V1Node? node) => Volatile.Write(ref _isEligible, IsEligible(node));

    /// <summary>The ports that are wanted and free; one that is taken is a warning, not the end of the node's network.</summary>
    public IReadOnlyList<StatusPort> Open(ProxyOptions options, ILogger logger)
    {
        var ports = new List<StatusPort>();
        foreach (var (address, answer) in new (IPEndPoint? Address, Func<string, StatusAnswer> Answer)[] { (options.HealthzAddress, AnswerHealth), (options.MetricsAddress, AnswerMetrics) })
        {
            if (address is null) continue;
            try
            {
                ports.Add(StatusPort.Open(address.Address.Equals(IPAddress.Any) || address.Address.Equals(IPAddress.IPv6Any) ? null : address.Address, address.Port, answer, time, logger));
            }
            catch (SocketException taken)
            {
                Log.ProxyPortTaken(logger, address, taken.Message);
            }
        }
        return ports;
    }

    internal StatusAnswer AnswerHealth(string path)
    {
        if (path is not ("/healthz" or "/livez")) return StatusAnswer.NotFound;
        var isHealthz = path == "/healthz";
        var isHealthy = IsHealthy;
        var isEligible = Volatile.Read(ref _isEligible);
        var isFine = isHealthy && (!isHealthz || isEligible);
        Interlocked.Increment(ref _answers[(isHealthz ? 0 : 2) + (isFine ? 0 : 1)]);
        lock (_gate)
        {
            var now = time.GetUtcNow();
            // A healthy answer's time is the asking's, as in kube-proxy: monitors take an old one for trouble.
            var body = $"{{\"lastUpdated\":\"{Stamp(isFine ? now : _updatedAt)}\",\"currentTime\":\"{Stamp(now)}\"";
            if (isHealthz) body += $",\"nodeEligible\":{(isEligible ? "true" : "false")}";
            body += $",\"healthy\":{(isHealthy ? "true" : "false")}";
            if (_families.Count > 0) body += $",\"status\":{{{string.Join(',', _families.Select(family => $"\"{family}\":{{\"lastUpdated\":\"{Stamp(_updatedAt)}\",\"healthy\":{(isHealthy ? "true" : "false")}}}"))}}}";
            return new StatusAnswer(isFine ? 200 : 503, body + "}");
        }
    }

    internal StatusAnswer AnswerMetrics(string path) => path switch
    {
        "/metrics" => new StatusAnswer(200, Metrics(), "text/plain; version=0.0.4; charset=utf-8"),
        "/proxyMode" => new StatusAnswer(200, "nftables", "text/plain; charset=utf-8"),
        "/healthz" => new StatusAnswer(200, "ok", "text/plain; charset=utf-8"),
        _ => StatusAnswer.NotFound,
    };

    private string Metrics()
    {
        var text = new StringBuilder();
        lock (_gate)
        {
            Family("sync_proxy_rules_duration_seconds", "summary", "SyncProxyRules latency in seconds");
            Sample("sync_proxy_rules_duration_seconds_sum", _durations.TotalSeconds);
            Sample("sync_proxy_rules_duration_seconds_count", _syncs);
            One("sync_proxy_rules_last_duration_seconds", "gauge", "SyncProxyRules latency of the last sync in seconds", _lastDuration.TotalSeconds);
            One("sync_proxy_rules_last_timestamp_seconds", "gauge", "The last time proxy rules were successfully synced", Seconds(_updatedAt));
            One("sync_proxy_rules_last_queued_timestamp_seconds", "gauge", "The last time a sync of proxy rules was queued", Seconds(_queuedAt));
            One("sync_proxy_rules_endpoint_changes_total", "counter", "Cumulative proxy rules Endpoint changes", _endpointChanges);
            One("sync_proxy_rules_service_changes_total", "counter", "Cumulative proxy rules Service changes", _serviceChanges);
            One("sync_proxy_rules_nftables_sync_failures_total", "counter", "Cumulative proxy nftables sync failures", _failures);
            Answered("proxy_healthz_total", "Cumulative proxy healthz HTTP status", 0);
            Answered("proxy_livez_total", "Cumulative proxy livez HTTP status", 2);
        }
        return text.ToString();

        void Family(string name, string type, string help) => text.Append($"# HELP kubeproxy_{name} {help}\n# TYPE kubeproxy_{name} {type}\n");
        void Sample(string name, double value) => text.Append(CultureInfo.InvariantCulture, $"kubeproxy_{name} {value}\n");
        void One(string name, string type, string help, double value)
        {
            Family(name, type, help);
            Sample(name, value);
        }
        void Answered(string name, string help, int first)
        {
            Family(name, "counter", help);
            Sample($"{name}{{code=\"200\"}}", _answers[first]);
            Sample($"{name}{{code=\"503\"}}", _answers[first + 1]);
        }
    }

    private static double Seconds(DateTimeOffset when) => when == default ? 0 : when.ToUnixTimeMilliseconds() / 1000.0;

    private static string Stamp(DateTimeOffset when) => when.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);
}
