using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.Decoding;

/// <summary>Brings a tree of a built-in type into normal form in place, without writing and reading text: what code adds to a decoded object (defaults,
/// allocated values) is of the right type, but may be out of order, empty or not canonical.</summary>
/// <remarks>Hot: every write does this twice. One request's; not thread-safe.</remarks>
internal static class TreeNormalizer
{
    /// <summary>False: something is of another type than the schema says, and only the decoder can say what is wrong. The tree is then as it was in all that counts.</summary>
    public static bool TryNormalize(JsonObject tree, SchemaType type)
    {
        if (!Fits(tree, type)) return false;
        Struct(tree, type);
        return true;
    }

    private static bool Fits(JsonNode? node, SchemaType type)
    {
        if (node is null) return true;
        switch (type.Kind)
        {
            case SchemaKind.Struct:
                if (type.IsCustom || node is not JsonObject members) return false;
                foreach (var (name, value) in members)
                    if (value is not null && type.FindField(name) is { } field && !Fits(value, field.Type)) return false;
                return true;
            case SchemaKind.Map:
                if (node is not JsonObject map || type.Element is not { } values) return false;
                foreach (var (_, value) in map)
                    if (!Fits(value, values)) return false;
                return true;
            case SchemaKind.Array:
                if (node is not JsonArray list || type.Element is not { } element) return false;
                foreach (var item in list)
                    if (!Fits(item, element)) return false;
                return true;
            case SchemaKind.String or SchemaKind.Bytes:
                return node is JsonValue text && text.GetValueKind() == JsonValueKind.String;
            case SchemaKind.Boolean:
                return node is JsonValue flag && flag.GetValueKind() is JsonValueKind.True or JsonValueKind.False;
            case SchemaKind.Integer:
                return node is JsonValue number && (number.TryGetValue<long>(out _) || number.TryGetValue<int>(out _));
            case SchemaKind.Any or SchemaKind.RawExtension or SchemaKind.Json or SchemaKind.FieldsV1:
                return true;
            case SchemaKind.IntOrString:
                return node is JsonValue either && (either.GetValueKind() == JsonValueKind.String || either.TryGetValue<long>(out _) || either.TryGetValue<int>(out _));
            case SchemaKind.Quantity or SchemaKind.Time or SchemaKind.MicroTime or SchemaKind.Duration:
                return node is JsonValue scalar && scalar.GetValueKind() == JsonValueKind.String;
            default:
                return false;
        }
    }

    private static JsonNode? Value(JsonNode? node, SchemaType type)
    {
        switch (node)
        {
            case JsonObject map when type.Kind == SchemaKind.Struct:
                return Struct(map, type);
            case JsonObject map when type.Kind == SchemaKind.Map:
                return Map(map, type.Element!);
            case JsonArray list when type.Kind == SchemaKind.Array:
                for (var i = 0; i < list.Count; i++)
                {
                    var item = list[i];
                    var normal = item is null ? StructShape.Zero(type.Element!) : Value(item, type.Element!);
                    if (!ReferenceEquals(item, normal)) list[i] = normal;
                }
                return list;
            case JsonValue value:
                return Scalar(value, type.Kind);
            default:
                return node;
        }
    }

    private static JsonObject Struct(JsonObject map, SchemaType type)
    {
        var slots = new JsonNode?[type.Fields.Count];
        foreach (var (name, value) in map)
            if (type.FindField(name) is { } field) slots[field.Index] = value;
        map.Clear(); // its members belong to nobody now
        for (var i = 0; i < slots.Length; i++)
        {
            if (slots[i] is not { } value) continue;
            var field = type.Fields[i];
            var normal = Value(value, field.Type);
            slots[i] = field.IsPointer ? normal : StructShape.NullWhenZero(field.Type.Kind, normal);
        }
        return StructShape.Write(type, slots, map);
    }

    private static JsonObject Map(JsonObject map, SchemaType values)
    {
        List<KeyValuePair<string, JsonNode?>>? changed = null;
        foreach (var (name, value) in map)
        {
            var normal = value is null ? StructShape.Zero(values) : Value(value, values);
            if (!ReferenceEquals(value, normal)) (changed ??= []).Add(new(name, normal));
        }
        foreach (var (name, value) in changed ?? []) map[name] = value;
        return map;
    }

    private static JsonNode? Scalar(JsonValue value, SchemaKind kind)
    {
        switch (kind)
        {
            case SchemaKind.Integer or SchemaKind.IntOrString:
                return value.TryGetValue<int>(out var number) ? JsonValue.Create((long)number) : value;
            case SchemaKind.Quantity or SchemaKind.Time or SchemaKind.MicroTime or SchemaKind.Duration:
                var text = value.GetValue<string>();
                var canonical = GoScalars.Text(kind, text);
                return canonical is JsonValue same && same.GetValue<string>() == text ? value : canonical;
            default:
                return value;
        }
    }
}
