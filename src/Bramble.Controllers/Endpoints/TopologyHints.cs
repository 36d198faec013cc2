using Bramble.Api.Quantities;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>The share of each zone in the cluster's CPUs; null: hints cannot be given.</summary>
internal static class ZoneShares
{
    public static IReadOnlyDictionary<string, double>? Of(IEnumerable<V1Node> nodes)
    {
        var byZone = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var node in nodes)
        {
            var labels = node.Metadata.Labels ?? new Dictionary<string, string>();
            if (labels.ContainsKey("node-role.kubernetes.io/control-plane") || labels.ContainsKey("node-role.kubernetes.io/master")) continue;
            if (node.Status?.Conditions?.FirstOrDefault(c => c.Type == "Ready")?.Status != "True") continue;
            var millis = node.Status.Allocatable is { } has && has.TryGetValue("cpu", out var cpu) ? Quantity.Parse(cpu.ToString()).ToMillis() : 0;
            // One node of which too little is known, and nothing is known.
            if (!labels.TryGetValue("topology.kubernetes.io/zone", out var zone) || zone.Length == 0 || millis == 0) return null;
            byZone[zone] = byZone.GetValueOrDefault(zone) + millis;
        }
        var total = (double)byZone.Values.Sum();
        return byZone.Count < 2 ? null : byZone.ToDictionary(z => z.Key, z => z.Value / total);
    }
}

/// <summary>What the annotation <c>service.kubernetes.io/topology-mode: Auto</c> asks for: endpoints in proportion to the zones' CPUs, so that no zone is
/// overloaded by more than a fifth; where that cannot be, no hints at all. KEP-2433. Pure.</summary>
internal static class TopologyHints
{
    public const string Disabled = "Topology Aware Hints has been disabled";
    public const string Enabled = "Topology Aware Hints has been enabled";
    private const double OverloadMax = 0.2;

    public static bool IsAsked(V1Service service)
    {
        if (service.Metadata.Annotations is not { } annotations) return false;
        var known = annotations.TryGetValue("service.kubernetes.io/topology-aware-hints", out var value) || annotations.TryGetValue("service.kubernetes.io/topology-mode", out value);
        return known && value is "Auto" or "auto";
    }

    /// <summary>Assigns hints to all that is written, and to unchanged slices whose hints do not do any more.</summary>
    /// <returns>How many endpoints each zone has; null with the reason: there are none, and those that were are taken away.</returns>
    public static (Dictionary<string, int>? ByZone, string? Why) Assign(SliceChanges changes, List<SliceTree> unchanged, IReadOnlyDictionary<string, double>? shares)
    {
        var ready = changes.Create.Concat(changes.Update).Concat(unchanged).Sum(s => s.Endpoints.Count(SliceTree.IsReady));
        var (allocations, why) = Allocations(ready, shares);
        if (allocations is null) return Refuse(why!);

        var byZone = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var slice in unchanged.ToList())
        {
            if (HintsOf(slice, byZone, allocations) is not { } known)
            {
                changes.Update.Add(slice.Copy());
                unchanged.Remove(slice);
                continue;
            }
            foreach (var (zone, count) in known) byZone[zone] = byZone.GetValueOrDefault(zone) + count;
        }
        // First each its own zone, then as many as must move.
        var open = changes.Create.Concat(changes.Update).SelectMany(s => s.Endpoints).ToList();
        foreach (var endpoint in open)
        {
            if (!SliceTree.IsReady(endpoint)) continue;
            if ((string?)endpoint["zone"] is not { Length: > 0 } zone) return Refuse("One or more endpoints do not have a zone specified");
            byZone[zone] = byZone.GetValueOrDefault(zone) + 1;
            Give(endpoint, zone);
        }
        var (giving, receiving) = Moves(allocations, byZone);
        foreach (var endpoint in open.Where(SliceTree.IsReady))
        {
            if (receiving.Count == 0) break;
            var from = (string)endpoint["zone"]!;
            if (giving.GetValueOrDefault(from) == 0) continue;
            var to = receiving.Keys.Order(StringComparer.Ordinal).First();
            Give(endpoint, to);
            giving[from]--;
            if (--receiving[to] == 0) receiving.Remove(to);
            byZone[to] = byZone.GetValueOrDefault(to) + 1;
            byZone[from]--;
        }
        return byZone.Count > 0 ? (byZone, null) : Refuse("No hints allocated for zones");

        (Dictionary<string, int>?, string?) Refuse(string reason)
        {
            Remove(changes, unchanged);
            return (null, reason);
        }
    }

    public static void Remove(SliceChanges changes, IEnumerable<SliceTree> unchanged)
    {
        foreach (var slice in unchanged)
            if (slice.Endpoints.Exists(e => e["hints"] is not null)) changes.Update.Add(slice.Copy());
        foreach (var endpoint in changes.Create.Concat(changes.Update).SelectMany(s => s.Endpoints)) endpoint.Remove("hints");
    }

    /// <summary>After a change of nodes: a zone has fewer endpoints than it needs.</summary>
    public static bool IsOverloaded(IReadOnlyDictionary<string, int> byZone, IReadOnlyDictionary<string, double>? shares)
    {
        if (byZone.Count == 0) return false;
        if (shares is null) return true;
        var total = byZone.Values.Sum();
        return shares.Any(s => byZone.GetValueOrDefault(s.Key) < (int)Math.Ceiling(total * s.Value * (1 / (1 + OverloadMax))));
    }

    private readonly record struct Allocation(int Minimum, int Maximum, double Desired);

    private static (Dictionary<string, Allocation>? Allocations, string? Why) Allocations(int endpoints, IReadOnlyDictionary<string, double>? shares)
    {
        if (shares is null) return (null, "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes");
        if (shares.Count > endpoints) return (null, $"Insufficient number of endpoints ({endpoints} endpoints, {shares.Count} zones)");
        var minimums = shares.ToDictionary(s => s.Key, s => (int)Math.Ceiling(s.Value * endpoints * (1 / (1 + OverloadMax))));
        var spare = endpoints - minimums.Values.Sum();
        if (spare < 0)
            return (null, $"Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ({endpoints} endpoints, {shares.Count} zones)");
        return (shares.ToDictionary(s => s.Key, s => new Allocation(minimums[s.Key], minimums[s.Key] + spare, Math.Max(s.Value * endpoints, minimums[s.Key]))), null);
    }

    /// <summary>The hints of a slice; null: they will not do.</summary>
    private static Dictionary<string, int>? HintsOf(SliceTree slice, Dictionary<string, int> given, Dictionary<string, Allocation> allocations)
    {
        var hints = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var endpoint in slice.Endpoints.Where(SliceTree.IsReady))
        {
            if (endpoint["hints"]?["forZones"] is not System.Text.Json.Nodes.JsonArray { Count: > 0 } zones) return null;
            foreach (var zone in zones.Select(z => (string?)z?["name"] ?? ""))
            {
                if (!allocations.ContainsKey(zone)) return null;
                hints[zone] = hints.GetValueOrDefault(zone) + 1;
            }
        }
        return hints.All(h => h.Value + given.GetValueOrDefault(h.Key) <= allocations[h.Key].Maximum) ? hints : null;
    }

    private static (Dictionary<string, int> Giving, Dictionary<string, int> Receiving) Moves(Dictionary<string, Allocation> allocations, Dictionary<string, int> byZone)
    {
        var tooMany = new Dictionary<string, double>(StringComparer.Ordinal);
        var tooFew = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (zone, allocation) in allocations)
        {
            var has = byZone.GetValueOrDefault(zone);
            if (has > allocation.Desired) tooMany[zone] = has - allocation.Desired;
            else if (has < allocation.Desired) tooFew[zone] = allocation.Desired - has;
        }
        var giving = new Dictionary<string, int>(StringComparer.Ordinal);
        var receiving = new Dictionary<string, int>(StringComparer.Ordinal);
        while (true)
        {
            var from = tooMany.Where(z => z.Value > 0).OrderByDescending(z => z.Value).ThenBy(z => z.Key, StringComparer.Ordinal).FirstOrDefault();
            var to = tooFew.Where(z => z.Value > 0).OrderByDescending(z => z.Value).ThenBy(z => z.Key, StringComparer.Ordinal).FirstOrDefault();
            // Half an endpoint too many here and half one too few there is nothing to move.
            if (from.Key is null || to.Key is null || (from.Value < 1.0 && to.Value < 1.0) || from.Value < 0.5 || to.Value < 0.5) return (giving, receiving);
            giving[from.Key] = giving.GetValueOrDefault(from.Key) + 1;
            receiving[to.Key] = receiving.GetValueOrDefault(to.Key) + 1;
            tooMany[from.Key]--;
            tooFew[to.Key]--;
        }
    }

    private static void Give(System.Text.Json.Nodes.JsonObject endpoint, string zone) => TrafficHints.Set(endpoint, new() { ["forZones"] = TrafficHints.Names(zone) });
}
