using System.Text.Json.Nodes;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary><c>spec.trafficDistribution</c>: each ready endpoint is for its own zone (and with PreferSameNode its own node) first. KEP-4444, KEP-3015.</summary>
internal static class TrafficHints
{
    public static bool IsAsked(V1Service service) =>
        service.Spec.TrafficDistribution is "PreferClose" or "PreferSameZone" or "PreferSameNode" && !TopologyHints.IsAsked(service);

    /// <summary>Gives all slices that are written their hints, and adds those to <see cref="SliceChanges.Update"/> whose hints are wrong.</summary>
    public static void Apply(SliceChanges changes, IEnumerable<SliceTree> unchanged, bool isPerNode)
    {
        foreach (var slice in unchanged)
            if (slice.Endpoints.Exists(e => SliceTree.IsReady(e) && !JsonNode.DeepEquals(e["hints"], Hints(e, isPerNode)))) changes.Update.Add(slice.Copy());
        foreach (var slice in changes.Create.Concat(changes.Update))
            foreach (var endpoint in slice.Endpoints.Where(SliceTree.IsReady)) Set(endpoint, Hints(endpoint, isPerNode));
    }

    public static void Set(JsonObject endpoint, JsonObject? hints)
    {
        endpoint.Remove("hints");
        if (hints is not null) endpoint["hints"] = hints;
    }

    public static JsonArray Names(string name) => new((JsonNode)new JsonObject { ["name"] = name });

    private static JsonObject? Hints(JsonObject endpoint, bool isPerNode)
    {
        var hints = new JsonObject();
        if ((string?)endpoint["zone"] is { } zone) hints["forZones"] = Names(zone);
        if (isPerNode && (string?)endpoint["nodeName"] is { } node) hints["forNodes"] = Names(node);
        return hints.Count == 0 ? null : hints;
    }
}
