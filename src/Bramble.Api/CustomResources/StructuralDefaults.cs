using System.Text.Json.Nodes;

namespace Bramble.Api.CustomResources;

/// <summary>Fills in the defaults of a structural schema (behaviour of apiextensions' defaulting). Pure.</summary>
public static class StructuralDefaults
{
    /// <summary>In place: what is absent gets its default; a null that may not be gets it too, or goes.</summary>
    public static void Apply(JsonNode? node, JsonObject schema) => Apply(node, schema, fillsIn: true);

    /// <summary>In place: a null that may not be, and has no default, goes.</summary>
    public static void DropNulls(JsonNode? node, JsonObject schema) => Apply(node, schema, fillsIn: false);

    private static void Apply(JsonNode? node, JsonObject schema, bool fillsIn)
    {
        switch (node)
        {
            case JsonObject map:
                ApplyToMap(map, schema, fillsIn);
                break;
            case JsonArray list when schema["items"] is JsonObject items:
                for (var i = 0; i < list.Count; i++)
                {
                    if (fillsIn && list[i] is null && !StructuralSchema.IsTrue(items, "nullable") && items["default"] is { } @default) list[i] = @default.DeepClone();
                    Apply(list[i], items, fillsIn);
                }
                break;
        }
    }

    private static void ApplyToMap(JsonObject map, JsonObject schema, bool fillsIn)
    {
        var properties = schema["properties"] as JsonObject;
        var others = schema["additionalProperties"] as JsonObject;
        if (fillsIn)
            foreach (var (name, property) in properties ?? [])
                if (property is JsonObject type && !map.ContainsKey(name) && type["default"] is { } @default) map[name] = @default.DeepClone();
        foreach (var (name, value) in map.ToList())
        {
            if ((properties?[name] as JsonObject ?? others) is not { } type) continue;
            if (value is null && !StructuralSchema.IsTrue(type, "nullable"))
            {
                if (type["default"] is not { } @default) map.Remove(name);
                else if (fillsIn) map[name] = @default.DeepClone();
            }
            Apply(map[name], type, fillsIn);
        }
    }
}
