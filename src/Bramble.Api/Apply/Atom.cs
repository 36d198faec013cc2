using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.Apply;

/// <summary>How apply looks at a value of a type: as a map, a list or one scalar. A type that says nothing takes the form of its value.</summary>
internal enum Atom { Map, List, Scalar }

/// <summary>What is known of a type for apply (structured-merge-diff's schema, made of the OpenAPI document upstream).</summary>
internal static class Atoms
{
    /// <param name="value">May be null: then an undeclared type is taken as a map.</param>
    public static Atom Of(SchemaType type, JsonNode? value) => type.Kind switch
    {
        SchemaKind.Struct or SchemaKind.Map or SchemaKind.RawExtension or SchemaKind.FieldsV1 => Atom.Map,
        SchemaKind.Array or SchemaKind.StringList => Atom.List,
        SchemaKind.Any or SchemaKind.Json or SchemaKind.SchemaOrArray or SchemaKind.SchemaOrBool or SchemaKind.SchemaOrStrings => value switch
        {
            JsonArray => Atom.List,
            JsonValue => Atom.Scalar,
            _ => Atom.Map,
        },
        _ => Atom.Scalar,
    };

    /// <summary>True: the map or list is one value with one owner.</summary>
    public static bool IsAtomic(SchemaType type, Atom atom) => atom switch
    {
        // An embedded object of unknown kind has one owner.
        Atom.Map => type.IsAtomic || type.Kind == SchemaKind.RawExtension,
        Atom.List => type.Kind != SchemaKind.Array || type.ListType == ListType.Atomic,
        _ => true,
    };

    /// <summary>The type of a map's member; null: the type has no such field.</summary>
    public static SchemaType? Member(SchemaType type, string name)
    {
        if (type.Kind == SchemaKind.Map) return type.Element ?? GoTypeNames.Any;
        if (type.Kind != SchemaKind.Struct) return GoTypeNames.Any;
        if (type.FindField(name) is { } field) return field.Type;
        if (type.Element is { } values) return values;
        // A structure without any fields is a free-form object.
        return type.PreservesUnknownFields || type.MayBeAppliedUnknownFields || type.Fields.Count == 0 ? GoTypeNames.Any : null;
    }

    public static bool IsDeclared(SchemaType type, string name) => type.Kind != SchemaKind.Any && type.FindField(name) is not null;
}
