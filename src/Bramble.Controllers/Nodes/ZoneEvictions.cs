using k8s.Models;

namespace Bramble.Controllers.Nodes;

/// <summary>How fast Pods of failed nodes are evicted. Upstream's defaults.</summary>
public sealed record NodeEvictionSettings
{
    /// <summary>Nodes a second whose Pods are evicted while the zone is healthy (<c>node-eviction-rate</c>): one every ten seconds.</summary>
    public double Rate { get; init; } = 0.1;

    /// <summary>While many nodes of a large zone are down (<c>secondary-node-eviction-rate</c>).</summary>
    public double SecondaryRate { get; init; } = 0.01;

    /// <summary>In a zone of so many nodes or fewer nobody is evicted while many are down (<c>large-cluster-size-threshold</c>).</summary>
    public int LargeZoneNodes { get; init; } = 50;

    /// <summary>From this share of nodes that are down a zone counts as unhealthy (<c>unhealthy-zone-threshold</c>); at least three.</summary>
    public double UnhealthyShare { get; init; } = 0.55;
}

internal enum ZoneState { Normal, PartialDisruption, FullDisruption }

/// <summary>How the zones are, from their nodes. Pure.</summary>
internal static class ZoneStates
{
    private const string ExcludedLabel = "node.kubernetes.io/exclude-disruption";

    public static ZoneState Of(int ready, int notReady, double unhealthyShare) =>
        ready == 0 && notReady > 0 ? ZoneState.FullDisruption
        : notReady > 2 && (double)notReady / (notReady + ready) >= unhealthyShare ? ZoneState.PartialDisruption
        : ZoneState.Normal;

    /// <summary>Nodes a second whose Pods may be evicted. A zone that is down as a whole is evicted at the normal rate: the others take its Pods.</summary>
    public static double Rate(ZoneState state, int nodes, NodeEvictionSettings settings) =>
        state != ZoneState.PartialDisruption ? settings.Rate : nodes > settings.LargeZoneNodes ? settings.SecondaryRate : 0;

    /// <summary>Region and zone of a node, by the labels' old names where it has them; empty without labels.</summary>
    public static string KeyOf(V1Node node)
    {
        if (node.Metadata.Labels is not { } labels) return "";
        string region = Value("region"), zone = Value("zone");
        return region.Length + zone.Length == 0 ? "" : $"{region}:\0:{zone}";

        string Value(string label) => labels.TryGetValue($"failure-domain.beta.kubernetes.io/{label}", out var old) ? old
            : labels.TryGetValue($"topology.kubernetes.io/{label}", out var value) ? value : "";
    }

    public static Dictionary<string, (ZoneState State, int Nodes)> All(IEnumerable<V1Node> nodes, double unhealthyShare) => nodes
        .Where(n => !IsExcluded(n)).GroupBy(KeyOf)
        .ToDictionary(
            zone => zone.Key,
            zone =>
            {
                var ready = zone.Count(IsReady);
                return (Of(ready, zone.Count() - ready, unhealthyShare), zone.Count());
            },
            StringComparer.Ordinal);

    public static bool IsExcluded(V1Node node) => node.Metadata.Labels?.ContainsKey(ExcludedLabel) == true;

    public static bool IsReady(V1Node? node) => node?.Status?.Conditions?.Any(c => c is { Type: "Ready", Status: "True" }) == true;
}

/// <summary>Lets the nodes of each zone be evicted one after the other. Thread-safe.</summary>
internal sealed class ZoneEvictions(NodeEvictionSettings settings, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Pace> _paces = new(StringComparer.Ordinal);
    private bool _isAllDown;

    /// <summary>No node anywhere is ready.</summary>
    public bool IsAllDown
    {
        get
        {
            lock (_gate) return _isAllDown;
        }
    }

    /// <summary>Notes how the zones are.</summary>
    /// <returns>True: until now all were down, and no longer.</returns>
    public bool Observe(IReadOnlyCollection<V1Node> nodes)
    {
        var zones = ZoneStates.All(nodes, settings.UnhealthyShare);
        lock (_gate)
        {
            var wasAllDown = _isAllDown;
            _isAllDown = zones.Count > 0 && zones.Values.All(z => z.State == ZoneState.FullDisruption);
            var hasReturned = wasAllDown && !_isAllDown;
            foreach (var (zone, (state, count)) in zones)
            {
                var rate = ZoneStates.Rate(state, count, settings);
                if (!_paces.TryGetValue(zone, out var pace)) _paces[zone] = new Pace(rate, null);
                // Who had to wait under the old rate waits the whole time of the new one.
                else if (pace.Rate != rate || hasReturned) _paces[zone] = new Pace(rate, hasReturned || Wait(pace) != TimeSpan.Zero ? time.GetTimestamp() : pace.Last);
            }
            // A zone all of whose nodes are excluded has no state, but evictions all the same.
            foreach (var node in nodes)
                if (ZoneStates.IsExcluded(node)) _paces.TryAdd(ZoneStates.KeyOf(node), new Pace(settings.Rate, null));
            return hasReturned;
        }
    }

    /// <summary>Zero: a node of this zone may be evicted now, and that is noted; else when to ask again, null: not before something changes.</summary>
    public TimeSpan? Next(string zone)
    {
        lock (_gate)
        {
            if (_isAllDown || !_paces.TryGetValue(zone, out var pace)) return null;
            var wait = Wait(pace);
            if (wait == TimeSpan.Zero) _paces[zone] = pace with { Last = time.GetTimestamp() };
            return wait;
        }
    }

    private TimeSpan? Wait(Pace pace) =>
        pace.Rate <= 0 ? null
        : pace.Last is { } last && TimeSpan.FromSeconds(1 / pace.Rate) - time.GetElapsedTime(last) is { Ticks: > 0 } left ? left
        : TimeSpan.Zero;

    /// <param name="Last">When a node of the zone was evicted last.</param>
    private sealed record Pace(double Rate, long? Last);
}
