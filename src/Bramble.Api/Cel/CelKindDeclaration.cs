using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.Cel;

/// <summary>What CEL knows of a whole object of a kind: from the built-in types, or from a custom resource's published schema. Source: apiserver/pkg/cel/common SchemaDeclType over what its
/// openapi/resolver finds: a type inside itself is an object without fields, and what has no type of its own (quantities, arbitrary JSON) is not known at all.</summary>
public static class CelKindDeclaration
{
    /// <param name="type">The root type of a built-in kind.</param>
    /// <param name="name">The kind.</param>
    public static CelDeclaration? Of(SchemaType type, string name) => Of(type, name, []);

    /// <param name="schema">Of a custom resource. Its metadata is an object's, whatever it says.</param>
    public static CelDeclaration? OfCustom(JsonObject schema, string name)
    {
        if (CelDeclaration.Of(schema, isRoot: false, name) is not { IsObject: true } own) return null;
        List<(string, CelDeclaration)> fields = [.. own.Fields.Where(f => f.Name is not ("apiVersion" or "kind" or "metadata"))];
        fields.Add(("apiVersion", CelDeclaration.Simple(CelType.String)));
        fields.Add(("kind", CelDeclaration.Simple(CelType.String)));
        if (BuiltInSchemas.Find("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta") is { } type && Of(type, $"{name}.metadata") is { } metadata) fields.Add(("metadata", metadata));
        return CelDeclaration.Struct(name, [.. fields]);
    }

    private static CelDeclaration? Of(SchemaType type, string name, HashSet<string> around)
    {
        switch (type.Kind)
        {
            case SchemaKind.String or SchemaKind.Duration:
                return CelDeclaration.Simple(CelType.String);
            case SchemaKind.Integer:
                return CelDeclaration.Simple(CelType.Int);
            case SchemaKind.Number:
                return CelDeclaration.Simple(CelType.Double);
            case SchemaKind.Boolean:
                return CelDeclaration.Simple(CelType.Bool);
            case SchemaKind.Bytes:
                return CelDeclaration.Simple(CelType.Bytes);
            case SchemaKind.Time or SchemaKind.MicroTime:
                return CelDeclaration.Simple(CelType.Timestamp);
            case SchemaKind.IntOrString:
                return CelDeclaration.Simple(CelType.Dyn);
            case SchemaKind.RawExtension or SchemaKind.FieldsV1:
                return CelDeclaration.Struct(name);
            case SchemaKind.Array:
                return type.Element is { } item && Of(item, $"{name}.@idx", around) is { } element ? CelDeclaration.Simple(CelType.List(element.Type), element) : null;
            case SchemaKind.Map:
                return type.Element is { } entry && Of(entry, $"{name}.@elem", around) is { } value ? CelDeclaration.Simple(CelType.Map(CelType.String, value.Type), value) : null;
            case SchemaKind.Struct:
                return OfStruct(type, name, around);
            default:
                return null;
        }
    }

    private static CelDeclaration OfStruct(SchemaType type, string name, HashSet<string> around)
    {
        if (type.Name.Length > 0 && !around.Add(type.Name)) return CelDeclaration.Struct(name);
        List<(string, CelDeclaration)> fields = [];
        foreach (var field in type.Fields)
            if (CelDeclaration.Escape(field.Name) is { } escaped && Of(field.Type, $"{name}.{escaped}", around) is { } known) fields.Add((escaped, known));
        around.Remove(type.Name);
        return CelDeclaration.Struct(name, [.. fields]);
    }
}
