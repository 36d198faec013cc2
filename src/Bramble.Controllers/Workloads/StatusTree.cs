using System.Text.Json.Nodes;
using Bramble.Client;

namespace Bramble.Controllers.Workloads;

/// <summary>Builds status trees as Go writes them: zero counts are left out where the API leaves them out.</summary>
internal static class StatusTree
{
    public static JsonObject Count(this JsonObject status, string field, long value)
    {
        if (value != 0) status[field] = value;
        return status;
    }

    /// <summary>A count; 0 when it is left out. A tree that was built here has ints and longs, one that was read has neither.</summary>
    public static long Number(this JsonObject status, string field) =>
        status[field] is not JsonValue value ? 0 : value.TryGetValue<long>(out var wide) ? wide : value.TryGetValue<int>(out var narrow) ? narrow : 0;

    public static JsonObject? Condition(this JsonObject status, string type) =>
        (status["conditions"] as JsonArray)?.OfType<JsonObject>().FirstOrDefault(c => (string?)c["type"] == type);

    /// <summary>Sets a condition; an equal one stays, and lastTransitionTime moves only with the status.</summary>
    public static void SetCondition(this JsonObject status, string type, bool isTrue, string reason, string message, DateTimeOffset now, bool hasUpdateTime = false)
    {
        if (status["conditions"] is not JsonArray conditions) status["conditions"] = conditions = [];
        var value = isTrue ? "True" : "False";
        var known = status.Condition(type);
        if (known is not null && (string?)known["status"] == value && (string?)known["reason"] == reason && (hasUpdateTime || (string?)known["message"] == message)) return;
        var since = known is not null && (string?)known["status"] == value ? (string?)known["lastTransitionTime"] : null;
        var condition = new JsonObject { ["type"] = type, ["status"] = value };
        if (hasUpdateTime) condition["lastUpdateTime"] = KubeTime.Seconds(now);
        condition["lastTransitionTime"] = since ?? KubeTime.Seconds(now);
        condition["reason"] = reason;
        condition["message"] = message;
        // Go's setters remove the old one and append the new.
        if (known is not null) conditions.Remove(known);
        conditions.Add((JsonNode)condition);
    }

    public static void RemoveCondition(this JsonObject status, string type)
    {
        if (status["conditions"] is not JsonArray conditions || status.Condition(type) is not { } known) return;
        conditions.Remove(known);
        if (conditions.Count == 0) status.Remove("conditions");
    }

    /// <summary>Writes the status when it differs from what the object has.</summary>
    /// <returns>Null: nothing to write.</returns>
    public static async Task<KubeObject?> WriteStatusAsync(this IKubeClient client, ResourceId resource, JsonObject tree, JsonObject status, CancellationToken cancel)
    {
        if (JsonNode.DeepEquals(tree["status"], status)) return null;
        tree["status"] = status;
        return await client.UpdateAsync(resource, tree, "status", cancel);
    }
}
