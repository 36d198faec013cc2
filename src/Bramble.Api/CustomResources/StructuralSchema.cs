using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.CustomResources;

/// <summary>Turns the openAPIV3Schema of a CustomResourceDefinition's version into a type, for pruning, server-side apply and OpenAPI. Pure.</summary>
public static class StructuralSchema
{
    private const string Preserve = "x-kubernetes-preserve-unknown-fields";
    private const string ObjectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

    /// <summary>The type of the custom resource itself; apiVersion, kind and metadata are always known.</summary>
    /// <param name="schema">Null: everything is kept.</param>
    public static SchemaType TypeOf(JsonObject? schema, string kind)
    {
        List<SchemaField> fields =
        [
            new(GoTypeNames.String) { Name = "apiVersion" },
            new(GoTypeNames.String) { Name = "kind" },
            new(BuiltInSchemas.Find(ObjectMeta)!) { Name = "metadata" },
        ];
        foreach (var (name, property) in schema?["properties"] as JsonObject ?? [])
            if (name is not ("apiVersion" or "kind" or "metadata")) fields.Add(new SchemaField(Read(property as JsonObject ?? [], schema is not null && IsTrue(schema, Preserve))) { Name = name });
        return new SchemaType
        {
            Kind = SchemaKind.Struct,
            Name = kind,
            GoName = kind,
            Fields = fields,
            IsCustom = true,
            PreservesUnknownFields = schema is null || IsTrue(schema, Preserve),
        };
    }

    /// <summary>True when a value has fields that its schema does not know and would prune; metadata of objects inside does not count.</summary>
    public static bool HasUnknownFields(JsonNode value, JsonObject schema)
    {
        var pruning = new Decoding.CustomResourcePruning(reportsUnknown: true, isStored: true);
        pruning.Prune(value.DeepClone(), Read(schema));
        return pruning.Unknown.Count > 0;
    }

    /// <summary>In place: a stored object as a type would have it now, without the nulls that may not be.</summary>
    public static void Prune(JsonObject stored, SchemaType type, JsonObject? schema)
    {
        new Decoding.CustomResourcePruning(reportsUnknown: false, isStored: true).Prune(stored, type);
        if (schema is not null) StructuralDefaults.DropNulls(stored, schema);
    }

    /// <param name="keepsAbove">Something above keeps what it does not know.</param>
    private static SchemaType Read(JsonObject schema, bool keepsAbove = false)
    {
        var isNullable = IsTrue(schema, "nullable");
        keepsAbove |= IsTrue(schema, Preserve);
        if (IsTrue(schema, "x-kubernetes-int-or-string")) return new SchemaType { Kind = SchemaKind.IntOrString, IsCustom = true, IsNullable = isNullable };
        switch (Text(schema, "type"))
        {
            case "object": return ReadObject(schema, isNullable, keepsAbove);
            case "array":
                return new SchemaType
                {
                    Kind = SchemaKind.Array,
                    IsCustom = true,
                    IsNullable = isNullable,
                    ElementReference = new(Read(ItemsOf(schema), keepsAbove)),
                    ListType = Text(schema, "x-kubernetes-list-type") switch { "map" => ListType.Map, "set" => ListType.Set, _ => ListType.Atomic },
                    ListMapKeys = schema["x-kubernetes-list-map-keys"] is JsonArray keys ? [.. keys.Select(k => (string)k!)] : [],
                };
            case "string": return new SchemaType { Kind = SchemaKind.String, IsCustom = true, IsNullable = isNullable };
            case "integer": return new SchemaType { Kind = SchemaKind.Integer, Format = "int64", IsCustom = true, IsNullable = isNullable };
            case "number": return new SchemaType { Kind = SchemaKind.Number, IsCustom = true, IsNullable = isNullable };
            case "boolean": return new SchemaType { Kind = SchemaKind.Boolean, IsCustom = true, IsNullable = isNullable };
            // Without a type it may be anything; what is said of members holds where it is an object.
            default: return new SchemaType { Kind = SchemaKind.Any, IsCustom = true, IsNullable = isNullable, Fields = FieldsOf(schema, keepsAbove), ElementReference = ValuesOf(schema, keepsAbove), PreservesUnknownFields = IsTrue(schema, Preserve) };
        }
    }

    private static List<SchemaField> FieldsOf(JsonObject schema, bool keepsAbove)
    {
        var fields = new List<SchemaField>();
        foreach (var (name, property) in schema["properties"] as JsonObject ?? [])
            fields.Add(new SchemaField(Read(property as JsonObject ?? [], keepsAbove)) { Name = name, DefaultJson = DefaultOf(property as JsonObject) });
        return fields;
    }

    /// <summary>The type of members without a name of their own; null: there are none. Of those that additionalProperties only allows nothing is known, and nothing in them kept.</summary>
    private static SchemaReference? ValuesOf(JsonObject schema, bool keepsAbove) => schema["additionalProperties"] switch
    {
        null => null,
        JsonObject values => new(Read(values, keepsAbove)),
        _ => new(new SchemaType { Kind = SchemaKind.Any, IsCustom = true }),
    };

    /// <summary>What is kept in a list is kept in its items.</summary>
    private static JsonObject ItemsOf(JsonObject list)
    {
        var items = list["items"] as JsonObject ?? [];
        if (!IsTrue(list, Preserve) || IsTrue(items, Preserve)) return items;
        items = (JsonObject)items.DeepClone();
        items[Preserve] = true;
        return items;
    }

    private static SchemaType ReadObject(JsonObject schema, bool isNullable, bool keepsAbove)
    {
        var isAtomic = Text(schema, "x-kubernetes-map-type") == "atomic";
        var isEmbedded = IsTrue(schema, "x-kubernetes-embedded-resource");
        var values = ValuesOf(schema, keepsAbove);
        var fields = FieldsOf(schema, keepsAbove);
        if (values is not null && fields.Count == 0 && !isEmbedded) return new SchemaType { Kind = SchemaKind.Map, IsCustom = true, IsNullable = isNullable, IsAtomic = isAtomic, ElementReference = values };
        if (isEmbedded) fields.RemoveAll(field => field.Name == "metadata");
        foreach (var name in isEmbedded ? (ReadOnlySpan<string>)["apiVersion", "kind", "metadata"] : [])
            if (!fields.Exists(field => field.Name == name)) fields.Add(new SchemaField(name == "metadata" ? BuiltInSchemas.Find(ObjectMeta)! : GoTypeNames.String) { Name = name });
        return new SchemaType
        {
            Kind = SchemaKind.Struct,
            IsCustom = true,
            IsNullable = isNullable,
            IsAtomic = isAtomic,
            Fields = fields,
            ElementReference = values,
            IsEmbeddedResource = isEmbedded,
            PreservesUnknownFields = IsTrue(schema, Preserve),
            MayBeAppliedUnknownFields = keepsAbove && values is null,
        };
    }

    /// <summary>A scalar default stands for a key that an applied item of a list does not give.</summary>
    private static string? DefaultOf(JsonObject? property) =>
        property?["default"] is JsonValue value ? System.Text.Encoding.UTF8.GetString(Decoding.TreeText.Write(value).Span) : null;

    internal static string Text(JsonObject schema, string name) =>
        schema[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";

    internal static bool IsTrue(JsonObject schema, string name) => schema[name]?.GetValueKind() == System.Text.Json.JsonValueKind.True;
}
