using System.Text.Json;

namespace Bramble.Api.Schemas;

/// <summary>Names of types as Go prints them in errors of its JSON decoder, and the scalar types everybody shares.</summary>
internal static class GoTypeNames
{
    public static readonly SchemaType String = new() { Kind = SchemaKind.String, GoName = "string" };
    public static readonly SchemaType Boolean = new() { Kind = SchemaKind.Boolean, GoName = "bool" };
    public static readonly SchemaType Int32 = new() { Kind = SchemaKind.Integer, GoName = "int32", Format = "int32" };
    public static readonly SchemaType Int64 = new() { Kind = SchemaKind.Integer, GoName = "int64", Format = "int64" };
    public static readonly SchemaType Double = new() { Kind = SchemaKind.Number, GoName = "float64", Format = "double" };
    public static readonly SchemaType Bytes = new() { Kind = SchemaKind.Bytes, GoName = "[]uint8", Format = "byte" };
    public static readonly SchemaType Any = new() { Kind = SchemaKind.Any, PreservesUnknownFields = true };

    public static SchemaType Scalar(string type, string format) => (type, format) switch
    {
        ("integer", "int32") => Int32,
        ("integer", _) => Int64,
        ("boolean", _) => Boolean,
        ("number", _) => Double,
        _ => String,
    };

    /// <summary><c>io.k8s.api.core.v1.Pod</c> → <c>v1.Pod</c>.</summary>
    public static string OfBuiltIn(string name)
    {
        var type = name.LastIndexOf('.');
        var package = name.LastIndexOf('.', type - 1);
        return name[(package + 1)..];
    }

    /// <summary>The Go type of a field where the schema does not say it (named strings); null: as the schema says.</summary>
    public static string? OfField(string owner, string field) => null;

    public static string Of(JsonElement node)
    {
        if (node.TryGetProperty("ref", out var named)) return OfBuiltIn(named.GetString()!);
        return SchemaTypeReader.Text(node, "type") switch
        {
            "array" => "[]" + Of(node.GetProperty("items")),
            "map" => "map[string]" + Of(node.GetProperty("values")),
            "string" when SchemaTypeReader.Text(node, "format") == "byte" => Bytes.GoName,
            var scalar => Scalar(scalar, SchemaTypeReader.Text(node, "format")).GoName,
        };
    }
}

/// <summary>Types of structures that no OpenAPI document has: their fields come with Go's declaration only.</summary>
internal static class GoTypeHints
{
    /// <param name="hint">A Go type as written in the declaration: <c>[]ContainerPort</c>, <c>*int64</c>, <c>v1.ListMeta</c>.</param>
    /// <param name="ownerName">The type that has the field; unqualified names are of its package.</param>
    public static SchemaReference Read(string hint, string ownerName)
    {
        hint = hint.TrimStart('*');
        if (hint == "[]byte") return new(GoTypeNames.Bytes);
        if (hint.StartsWith("[]", StringComparison.Ordinal))
            return new(new SchemaType { Kind = SchemaKind.Array, GoName = hint, ElementReference = Read(hint[2..], ownerName) });
        if (hint.StartsWith("map[string]", StringComparison.Ordinal))
            return new(new SchemaType { Kind = SchemaKind.Map, GoName = hint, ElementReference = Read(hint["map[string]".Length..], ownerName) });
        var package = ownerName[..ownerName.LastIndexOf('.')];
        return hint switch
        {
            "string" => new(GoTypeNames.String),
            "bool" => new(GoTypeNames.Boolean),
            "int32" => new(GoTypeNames.Int32),
            "int64" => new(GoTypeNames.Int64),
            "float64" => new(GoTypeNames.Double),
            "runtime.RawExtension" => new("io.k8s.apimachinery.pkg.runtime.RawExtension"),
            _ when BuiltInSchemas.TypeExists($"{package}.{hint}") => new($"{package}.{hint}"),
            _ when hint.Contains('.') && BuiltInSchemas.TypeExists("io.k8s.apimachinery.pkg.apis.meta.v1." + hint[(hint.IndexOf('.') + 1)..]) =>
                new("io.k8s.apimachinery.pkg.apis.meta.v1." + hint[(hint.IndexOf('.') + 1)..]),
            // What is left are named strings (ResourceScope, DeletionPropagation).
            _ => new(GoTypeNames.String),
        };
    }
}
