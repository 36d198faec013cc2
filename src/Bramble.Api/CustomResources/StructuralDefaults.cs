using System.Text.Json.Nodes;

namespace Bramble.Api.CustomResources;

/// <summary>Fills in the defaults of a structural schema (behaviour of apiextensions' defaulting). Pure.</summary>
public static class StructuralDefaults
{
    /// <summary>In place: what is absent gets its default; a null that may not be gets it too, or goes.</summary>
    public static void Apply(JsonNode? node, JsonObject schema)
    {
        switch (node)
        {
            case JsonObject map:
                ApplyToMap(map, schema);
                break;
            case JsonArray list when schema["items"] is JsonObject items:
                foreach (var item in list) Apply(item, items);
                break;
        }
    }

    private static void ApplyToMap(JsonObject map, JsonObject schema)
    {
        var properties = schema["properties"] as JsonObject;
        foreach (var (name, property) in properties ?? [])
        {
            if (property is not JsonObject type) continue;
            var isThere = map.TryGetPropertyValue(name, out var value);
            if (isThere && (value is not null || StructuralSchema.IsTrue(type, "nullable"))) continue;
            if (type["default"] is { } @default) map[name] = @default.DeepClone();
            else if (isThere) map.Remove(name);
        }
        var others = schema["additionalProperties"] as JsonObject;
        foreach (var (name, value) in map.ToList())
        {
            if (properties?[name] is JsonObject type) Apply(value, type);
            else if (others is not null)
            {
                if (value is null && !StructuralSchema.IsTrue(others, "nullable")) map[name] = others["default"]?.DeepClone();
                Apply(map[name], others);
            }
        }
    }
}
