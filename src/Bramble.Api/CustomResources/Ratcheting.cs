using System.Text.Json.Nodes;

namespace Bramble.Api.CustomResources;

/// <summary>When a value of a custom resource counts as unchanged, so that what is wrong with it may stay (KEP-4008). Pure.</summary>
internal static class Ratcheting
{
    /// <summary>Items of a list with keys may be in another order. An object with a field that its schema does not describe never counts as unchanged: so it is upstream, where a field is compared
    /// by its schema.</summary>
    public static bool IsUnchanged(JsonNode? value, JsonNode? old, JsonObject schema)
    {
        switch (value, old)
        {
            case (JsonObject map, JsonObject before):
                if (map.Count != before.Count) return false;
                var (properties, others) = (schema["properties"] as JsonObject, schema["additionalProperties"] as JsonObject);
                foreach (var (name, member) in map)
                    if ((properties?[name] as JsonObject ?? others) is not { } type || !before.TryGetPropertyValue(name, out var was) || !IsUnchanged(member, was, type)) return false;
                return true;
            case (JsonArray list, JsonArray before) when schema["items"] is JsonObject items && ListKeys.Index(before, schema) is { } index:
                if (list.Count != before.Count) return false;
                foreach (var item in list)
                    if (ListKeys.Find(index, item, schema) is not { } was || !IsUnchanged(item, was, items)) return false;
                return true;
            default:
                return JsonNode.DeepEquals(value, old);
        }
    }
}
