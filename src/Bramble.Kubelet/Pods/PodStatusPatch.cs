using System.Text.Json.Nodes;

namespace Bramble.Kubelet.Pods;

/// <summary>The smallest strategic merge patch that makes the API's status the wanted one; conditions of others are left alone. Pure.</summary>
internal static class PodStatusPatch
{
    /// <returns>Null: nothing to write.</returns>
    public static JsonObject? Decide(JsonObject? current, JsonObject wanted, string uid)
    {
        var patch = new JsonObject();
        foreach (var (name, value) in wanted)
        {
            var old = current?[name];
            if (JsonNode.DeepEquals(old, value)) continue;
            var change = name switch
            {
                "conditions" => Keyed(old as JsonArray, value!.AsArray(), "type", PodConditions.Passing.Contains),
                "podIPs" or "hostIPs" => Keyed(old as JsonArray, value!.AsArray(), "ip", _ => true),
                _ => value!.DeepClone(),
            };
            if (change is not null) patch[name] = change;
        }
        foreach (var name in (string[])["message", "reason", "podIP", "podIPs", "initContainerStatuses", "ephemeralContainerStatuses"])
            if (current?.ContainsKey(name) == true && !wanted.ContainsKey(name)) patch[name] = null;
        return patch.Count == 0 ? null : new JsonObject { ["metadata"] = new JsonObject { ["uid"] = uid }, ["status"] = patch };
    }

    private static JsonArray? Keyed(JsonArray? old, JsonArray wanted, string key, Func<string, bool> isRemoved)
    {
        var changes = new JsonArray();
        foreach (var item in wanted)
        {
            var same = old?.FirstOrDefault(o => (string?)o?[key] == (string?)item![key]);
            if (!JsonNode.DeepEquals(same, item)) changes.Add(item!.DeepClone());
        }
        foreach (var item in old ?? [])
            if ((string?)item![key] is { } left && isRemoved(left) && !wanted.Any(w => (string?)w![key] == left))
                changes.Add((JsonNode)new JsonObject { [key] = left, ["$patch"] = "delete" });
        return changes.Count == 0 ? null : changes;
    }
}
