using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.Decoding;

/// <summary>What Go's encoder writes for a struct: which fields are left out, and what an absent one that is not left out looks like.</summary>
internal static class StructShape
{
    /// <summary>Writes the fields in order. A null slot is a field at its zero value, or not there.</summary>
    public static JsonObject Write(SchemaType type, ReadOnlySpan<JsonNode?> slots) => Write(type, slots, []);

    /// <param name="result">An empty object, which is filled and returned.</param>
    public static JsonObject Write(SchemaType type, ReadOnlySpan<JsonNode?> slots, JsonObject result)
    {
        for (var i = 0; i < slots.Length; i++)
        {
            var field = type.Fields[i];
            var value = slots[i];
            // An empty list of managedFields is a wish (forget the owners), and one of an autoscaler's policies is none of its defaults: they must be seen after decoding.
            var isLeftOut = value is null || (field.Omit == OmitRule.Empty && !field.IsPointer && IsEmptyCollection(value, field.Type.Kind) && field.Name is not ("managedFields" or "policies"));
            if (isLeftOut)
                WriteAbsent(result, field);
            else
                result.Add(field.Name, Detached(value!));
        }
        return result;
    }

    /// <summary>Whether JSON null sets the field to "absent"; for a scalar or struct that is no pointer Go ignores null.</summary>
    public static bool IsNullable(SchemaField field) =>
        field.IsPointer || field.Type.Kind is not (SchemaKind.Struct or SchemaKind.String or SchemaKind.Integer or SchemaKind.Number or SchemaKind.Boolean);

    /// <summary>A field without pointer cannot tell its zero value from absence.</summary>
    public static JsonNode? NullWhenZero(SchemaKind kind, JsonNode? value) => value switch
    {
        null => null,
        JsonValue scalar when kind == SchemaKind.String && scalar.GetValue<string>().Length == 0 => null,
        JsonValue scalar when kind == SchemaKind.Bytes && scalar.GetValue<string>().Length == 0 => null,
        JsonValue scalar when kind == SchemaKind.Integer && scalar.TryGetValue<long>(out var number) && number == 0 => null,
        JsonValue scalar when kind == SchemaKind.Number && scalar.TryGetValue<double>(out var number) && number == 0 => null,
        JsonValue scalar when kind == SchemaKind.Boolean && scalar.TryGetValue<bool>(out var flag) && !flag => null,
        _ => value,
    };

    /// <summary>What a list item or map value that is null becomes.</summary>
    public static JsonNode? Zero(SchemaType type) => type.Kind switch
    {
        SchemaKind.Struct when !type.IsCustom => Write(type, new JsonNode?[type.Fields.Count]),
        SchemaKind.String or SchemaKind.Bytes => JsonValue.Create(""),
        SchemaKind.Integer or SchemaKind.IntOrString => JsonValue.Create(0L),
        SchemaKind.Number => JsonValue.Create(0d),
        SchemaKind.Boolean => JsonValue.Create(false),
        SchemaKind.Quantity => JsonValue.Create("0"),
        SchemaKind.Duration => JsonValue.Create("0s"),
        _ => null,
    };

    /// <summary>Makes always-written lists and maps that are empty null, in place: the form at rest upstream cannot tell empty from absent. Who owns them is decided before.</summary>
    public static void NullEmptyCollections(JsonNode? node, SchemaType type)
    {
        if (type.IsCustom) return;
        switch (node)
        {
            case JsonObject map when type.Kind == SchemaKind.Struct:
                foreach (var field in type.Fields)
                {
                    if (!map.TryGetPropertyValue(field.Name, out var value) || value is null) continue;
                    if (field.Omit == OmitRule.Never && !field.IsPointer && IsEmptyCollection(value, field.Type.Kind)) map[field.Name] = null;
                    else NullEmptyCollections(value, field.Type);
                }
                break;
            case JsonObject map when type is { Kind: SchemaKind.Map, Element: { } element }:
                foreach (var (_, value) in map) NullEmptyCollections(value, element);
                break;
            case JsonArray list when type is { Kind: SchemaKind.Array, Element: { } element }:
                foreach (var item in list) NullEmptyCollections(item, element);
                break;
        }
    }

    private static void WriteAbsent(JsonObject result, SchemaField field)
    {
        if (field.Omit == OmitRule.Zero || (field.Omit == OmitRule.Empty && (field.IsPointer || IsLeftOutWhenEmpty(field.Type.Kind)))) return;
        result.Add(field.Name, field.IsPointer ? null : Zero(field.Type));
    }

    private static bool IsLeftOutWhenEmpty(SchemaKind kind) => kind is SchemaKind.String or SchemaKind.Integer or SchemaKind.Number or SchemaKind.Boolean or SchemaKind.Bytes
        or SchemaKind.Array or SchemaKind.StringList or SchemaKind.Map;

    private static bool IsEmptyCollection(JsonNode value, SchemaKind kind) => kind switch
    {
        SchemaKind.Array or SchemaKind.StringList => value is JsonArray { Count: 0 },
        SchemaKind.Map => value is JsonObject { Count: 0 },
        _ => false,
    };

    private static JsonNode Detached(JsonNode value) => value.Parent is null ? value : value.DeepClone();
}
