using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Aggregation;

/// <summary>What the condition Available of an APIService is to say.</summary>
internal sealed record AvailableCondition(bool IsTrue, string Reason, string Message);

/// <summary>Whether an APIService can be asked, from what the cluster says of its Service, before it is asked. Pure.
/// Reasons and messages are those of kube-aggregator's availability controller.</summary>
internal static class Availability
{
    public static readonly AvailableCondition Passed = new(true, "Passed", "all checks passed");

    public static AvailableCondition FailedDiscovery(string why) => new(false, "FailedDiscoveryCheck", why);

    /// <returns>Null: nothing speaks against it, so ask.</returns>
    public static AvailableCondition? Decide(RemoteService remote, JsonObject? service, IReadOnlyList<JsonObject> slices)
    {
        var shown = $"service/{remote.Service.Name} in \"{remote.Service.Namespace}\"";
        if (service is null) return new(false, "ServiceNotFound", $"{shown} is not present");
        if (service.Text("spec", "type") != "ClusterIP") return null;
        if (ServiceResolver.PortName(service, remote.Port) is not { } port) return new(false, "ServicePortError", $"{shown} is not listening on port {remote.Port}");
        if (slices.Count == 0) return new(false, "EndpointsNotFound", $"cannot find endpointslices for {shown}");
        return ServiceResolver.Endpoints(service, port, slices).Any() ? null : new(false, "MissingEndpoints", $"endpointslices for {shown} have no addresses with port name \"{port}\"");
    }

    /// <summary>The status with the condition; null: it says so already.</summary>
    public static JsonObject? Change(JsonObject? status, AvailableCondition condition, DateTimeOffset now)
    {
        var changed = (JsonObject?)status?.DeepClone() ?? [];
        var wanted = condition.IsTrue ? "True" : "False";
        foreach (var (_, known) in changed.Items("conditions"))
        {
            if (known.Text("type") != "Available") continue;
            if (known.Text("status") == wanted && known.Text("reason") == condition.Reason && known.Text("message") == condition.Message) return null;
            if (known.Text("status") != wanted) known["lastTransitionTime"] = KubernetesTime.Write(now);
            (known["status"], known["reason"], known["message"]) = (wanted, condition.Reason, condition.Message);
            return changed;
        }

        if (changed.Array("conditions") is not { } conditions) changed["conditions"] = conditions = [];
        conditions.Add((JsonNode)new JsonObject
        {
            ["type"] = "Available",
            ["status"] = wanted,
            ["lastTransitionTime"] = KubernetesTime.Write(now),
            ["reason"] = condition.Reason,
            ["message"] = condition.Message,
        });
        return changed;
    }
}
