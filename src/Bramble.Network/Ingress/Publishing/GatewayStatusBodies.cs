using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Client.GatewayApi;
using Bramble.Network.Ingress.Gateways;

namespace Bramble.Network.Ingress.Publishing;

/// <summary>The status fields of Gateway API objects as JSON. A condition keeps the time of its last change while its status stays. Pure.</summary>
internal static class GatewayStatusBodies
{
    // What HTTPRoutes may use here, by the names of the API's features.
    private static readonly string[] SupportedFeatures =
    [
        "Gateway", "HTTPRoute", "HTTPRouteBackendProtocolH2C", "HTTPRouteBackendProtocolWebSocket", "HTTPRouteBackendTimeout", "HTTPRouteHostRewrite",
        "HTTPRouteMethodMatching", "HTTPRouteParentRefPort", "HTTPRoutePathRedirect", "HTTPRoutePathRewrite", "HTTPRoutePortRedirect", "HTTPRouteQueryParamMatching",
        "HTTPRouteRequestTimeout", "HTTPRouteResponseHeaderModification", "HTTPRouteSchemeRedirect", "ReferenceGrant",
    ];

    public static JsonObject Class(GatewayClass one, JsonNode? now, DateTimeOffset time) => new()
    {
        ["conditions"] = Conditions([new("Accepted", true, "Accepted", "Handled by the ingress of every node")], now?["conditions"], one.Generation, time),
        ["supportedFeatures"] = new JsonArray([.. SupportedFeatures.Select(name => (JsonNode)new JsonObject { ["name"] = name })]),
    };

    public static JsonObject Of(GatewayStatus status, IReadOnlyList<string> addresses, JsonNode? now, DateTimeOffset time) => new()
    {
        ["addresses"] = new JsonArray([.. addresses.Select(ip => (JsonNode)new JsonObject { ["type"] = "IPAddress", ["value"] = ip })]),
        ["conditions"] = Conditions(status.Conditions, now?["conditions"], status.Gateway.Generation, time),
        ["listeners"] = new JsonArray([.. status.Listeners.Select(listener => (JsonNode)new JsonObject
        {
            ["name"] = listener.Name,
            ["attachedRoutes"] = listener.AttachedRoutes,
            ["supportedKinds"] = listener.TakesHttpRoutes ? new JsonArray(new JsonObject { ["group"] = GatewayKinds.Group, ["kind"] = "HTTPRoute" }) : [],
            ["conditions"] = Conditions(listener.Conditions, Fields.Objects(now?["listeners"]).FirstOrDefault(l => Fields.Text(l["name"]) == listener.Name)?["conditions"], status.Gateway.Generation, time),
        })]),
    };

    /// <summary>Ours and, untouched, those of other controllers.</summary>
    public static JsonArray Parents(HttpRouteStatus? status, JsonNode? now, DateTimeOffset time)
    {
        var parents = new JsonArray();
        foreach (var other in Fields.Objects(now).Where(p => !IsOurs(p))) parents.Add(other.DeepClone());
        foreach (var parent in status?.Parents ?? [])
        {
            var before = Fields.Objects(now).FirstOrDefault(p => IsOurs(p) && p["parentRef"] is JsonObject reference && ParentReference.Read(reference) == parent.Parent);
            parents.Add((JsonNode)new JsonObject
            {
                ["parentRef"] = parent.Parent.ToTree(),
                ["controllerName"] = GatewayClass.OwnController,
                ["conditions"] = Conditions(parent.Conditions, before?["conditions"], status!.Route.Generation, time),
            });
        }
        return parents;
    }

    private static bool IsOurs(JsonObject parent) => Fields.Text(parent["controllerName"]) == GatewayClass.OwnController;

    private static JsonArray Conditions(IReadOnlyList<Condition> wanted, JsonNode? now, long generation, DateTimeOffset time)
    {
        var list = new JsonArray();
        foreach (var condition in wanted)
        {
            var before = Fields.Objects(now).FirstOrDefault(c => Fields.Text(c["type"]) == condition.Type);
            var status = condition.IsTrue ? "True" : "False";
            var since = before is not null && Fields.Text(before["status"]) == status ? Fields.Text(before["lastTransitionTime"]) : null;
            list.Add((JsonNode)new JsonObject
            {
                ["type"] = condition.Type,
                ["status"] = status,
                ["observedGeneration"] = generation,
                ["lastTransitionTime"] = since ?? KubeTime.Seconds(time),
                ["reason"] = condition.Reason,
                ["message"] = condition.Message,
            });
        }
        return list;
    }
}
