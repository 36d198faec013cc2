using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Equality as upstream's Semantic.DeepEqual: an absent field, null, and an empty list or map are the same.
/// Quantities and times are compared as written: decoding has made them canonical.</summary>
internal static class TreeEquality
{
    public static bool Differs(this JsonObject? tree, JsonObject? other, string name) =>
        !Same(tree is not null && tree.TryGetPropertyValue(name, out var a) ? a : null, other is not null && other.TryGetPropertyValue(name, out var b) ? b : null);

    public static bool Differs(this JsonObject? tree, JsonObject? other, string name, string next) => tree.Object(name).Differs(other.Object(name), next);

    public static bool Same(JsonNode? a, JsonNode? b)
    {
        if (ReferenceEquals(a, b)) return true;
        switch (a, b)
        {
            case (JsonObject or null, JsonObject or null):
                return SameMembers(a as JsonObject, b as JsonObject);
            case (JsonArray or null, JsonArray or null):
                return SameItems(a as JsonArray, b as JsonArray);
            case (JsonValue, JsonValue):
                return SameValue(a, b);
            default:
                return false;
        }
    }

    private static bool SameMembers(JsonObject? a, JsonObject? b)
    {
        if (a is not null)
        {
            foreach (var (name, value) in a)
            {
                JsonNode? other = null;
                b?.TryGetPropertyValue(name, out other);
                // {} for an absent pointer differs: Go tells nil from a pointer to the zero struct.
                if (value is JsonObject { Count: 0 } != other is JsonObject { Count: 0 } && (value is null || other is null)) return false;
                if (!Same(value, other)) return false;
            }
        }

        if (b is null) return true;
        foreach (var (name, value) in b)
        {
            if (a is not null && a.ContainsKey(name)) continue;
            if (value is JsonObject { Count: 0 } || !Same(null, value)) return false;
        }

        return true;
    }

    private static bool SameItems(JsonArray? a, JsonArray? b)
    {
        if ((a?.Count ?? 0) != (b?.Count ?? 0)) return false;
        for (var i = 0; i < (a?.Count ?? 0); i++)
            if (!Same(a![i], b![i])) return false;
        return true;
    }

    private static bool SameValue(JsonNode a, JsonNode b)
    {
        if (a.AsText() is { } text) return text == b.AsText();
        return JsonNode.DeepEquals(a, b) || (a.IsNumber() && b.IsNumber() && a.AsLong() == b.AsLong() && a.ToJsonString() == b.ToJsonString());
    }
}
