using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.CustomResources;

/// <summary>What makes a schema structural (KEP-1693): every value has one type, said once; what is beside it only narrows. Behaviour of apiextensions' schema.ValidateStructural. Pure.</summary>
internal static class StructuralRules
{
    private enum Level { Root, Item, Field }

    private static readonly JsonNode IntOrString = JsonNode.Parse("""[{"type":"integer"},{"type":"string"}]""")!;

    /// <summary>The complaints, in the order of their texts.</summary>
    public static IReadOnlyList<FieldError> Check(JsonObject schema, FieldPath path)
    {
        var errors = new FieldErrors();
        Value(schema, Level.Root, path, errors);
        Complete(schema, schema, path, errors);
        return [.. errors.OrderBy(e => e.ToString(), StringComparer.Ordinal)];
    }

    /// <summary>What cannot be said in a structural schema at all; null: nothing.</summary>
    public static string? FindUnsupported(JsonObject schema)
    {
        foreach (var field in (ReadOnlySpan<string>)["id", "$schema", "$ref", "patternProperties", "dependencies", "additionalItems", "definitions"])
            if (schema.Has(field)) return $"OpenAPIV3Schema '{field.Replace("$schema", "schema", StringComparison.Ordinal)}' is not supported";
        if (schema["items"] is JsonArray) return "OpenAPIV3Schema 'items' must be a schema, but is an array";
        foreach (var (_, part) in Parts(schema, FieldPath.Spec))
            if (FindUnsupported(part) is { } found) return found;
        return null;
    }

    /// <summary>The schemas inside a schema, with their places.</summary>
    public static IEnumerable<(FieldPath Path, JsonObject Schema)> Parts(JsonObject schema, FieldPath path)
    {
        foreach (var name in (string[])["items", "additionalProperties", "not"])
            if (schema.Object(name) is { } inner) yield return (path.Child(name), inner);
        foreach (var (name, property) in schema.Object("properties") ?? [])
            if (property is JsonObject type) yield return (path.Child("properties").Key(name), type);
        foreach (var name in (string[])["allOf", "anyOf", "oneOf"])
            foreach (var (index, part) in schema.Items(name)) yield return (path.Child(name).Index(index), part);
    }

    private static void Value(JsonObject schema, Level level, FieldPath path, FieldErrors errors)
    {
        var (type, isEmbedded, keepsUnknown, isIntOrString) =
            (schema.Text("type"), schema.Bool("x-kubernetes-embedded-resource"), schema.Bool("x-kubernetes-preserve-unknown-fields"), schema.Bool("x-kubernetes-int-or-string"));
        if (type == "array" && schema.Object("items") is null) errors.Required(path.Child("items"), "must be specified");
        if (schema.Object("items") is { } items) Value(items, Level.Item, path.Child("items"), errors);
        var properties = schema.Object("properties") ?? [];
        foreach (var (name, property) in properties)
            if (property is JsonObject inner) Value(inner, Level.Field, path.Child("properties").Key(name), errors);
        if (schema.Has("additionalProperties"))
        {
            if (level == Level.Root) errors.Forbidden(path.Child("additionalProperties"), "must not be used at the root");
            if (schema.Object("additionalProperties") is { } values) Value(values, Level.Field, path.Child("additionalProperties"), errors);
        }
        if (isIntOrString && keepsUnknown) errors.Invalid(path.Child("x-kubernetes-preserve-unknown-fields"), true, "must be false if x-kubernetes-int-or-string is true");
        if (isIntOrString && isEmbedded) errors.Invalid(path.Child("x-kubernetes-embedded-resource"), true, "must be false if x-kubernetes-int-or-string is true");
        Narrowing(schema, JsonNode.DeepEquals(schema["anyOf"], IntOrString), JsonNode.DeepEquals(schema.Array("allOf") is { Count: > 0 } all ? all[0]?["anyOf"] : null, IntOrString), path, errors);
        var at = path.Child("type");
        if (isEmbedded && type != "object")
        {
            if (type.Length == 0) errors.Required(at, "must be object if x-kubernetes-embedded-resource is true");
            else errors.Invalid(at, type, "must be object if x-kubernetes-embedded-resource is true");
        }
        else if (type.Length == 0 && !isIntOrString && !keepsUnknown)
            errors.Required(at, level switch { Level.Root => "must not be empty at the root", Level.Item => "must not be empty for specified array items", _ => "must not be empty for specified object fields" });
        if (isEmbedded && schema.Has("additionalProperties")) errors.Forbidden(path.Child("additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set");
        if (level == Level.Root && type.Length > 0 && type != "object") errors.Invalid(at, type, "must be object at the root");
        Metadata(properties, level, isEmbedded, path.Child("properties"), errors);
        if (isEmbedded && !keepsUnknown && properties.Count == 0)
            errors.Required(path.Child("properties"), "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields");
    }

    private static void Metadata(JsonObject properties, Level level, bool isEmbedded, FieldPath path, FieldErrors errors)
    {
        var isObject = level == Level.Root || isEmbedded;
        if (!isObject) return;
        foreach (var name in (ReadOnlySpan<string>)["kind", "apiVersion"])
            if (properties.Object(name) is { } text && text.Text("type") != "string") errors.Invalid(path.Key(name).Child("type"), text.Text("type"), "must be string");
        if (properties.Object("metadata") is not { } metadata) return;
        if (metadata.Text("type") != "object") errors.Invalid(path.Key("metadata").Child("type"), metadata.Text("type"), "must be object");
        if (level != Level.Root) return;
        foreach (var (field, value) in metadata)
        {
            if (field is "type" or "default") continue;
            if (field == "properties" && value is JsonObject names && names.All(n => n.Key is "name" or "generateName")) continue;
            errors.Forbidden(path.Key("metadata"), "must not specify anything other than name and generateName, but metadata is implicitly specified");
            return;
        }
    }

    /// <summary>allOf, anyOf, oneOf, not and patterns.</summary>
    private static void Narrowing(JsonObject schema, bool skipsAnyOf, bool skipsFirstAllOf, FieldPath path, FieldErrors errors)
    {
        if (!skipsAnyOf)
            foreach (var (index, part) in schema.Items("anyOf")) Nested(part, false, path.Child("anyOf").Index(index), errors);
        foreach (var (index, part) in schema.Items("allOf")) Nested(part, skipsFirstAllOf && index == 0, path.Child("allOf").Index(index), errors);
        foreach (var (index, part) in schema.Items("oneOf")) Nested(part, false, path.Child("oneOf").Index(index), errors);
        if (schema.Object("not") is { } not) Nested(not, false, path.Child("not"), errors);
        if (schema.Text("pattern") is not { Length: > 0 } pattern) return;
        try
        {
            GoPattern.Compile(pattern);
        }
        catch (ArgumentException e)
        {
            errors.Invalid(path.Child("pattern"), pattern, $"must be a valid regular expression, but isn't: {e.Message}");
        }
    }

    private static void Nested(JsonObject part, bool skipsAnyOf, FieldPath path, FieldErrors errors)
    {
        Narrowing(part, skipsAnyOf, false, path, errors);
        if (part.Object("items") is { } items) Nested(items, false, path.Child("items"), errors);
        foreach (var (name, property) in part.Object("properties") ?? [])
            if (property is JsonObject inner) Nested(inner, false, path.Child("properties").Key(name), errors);
        if (part.Text("type").Length > 0) errors.Forbidden(path.Child("type"), "must be empty to be structural");
        if (part.Has("additionalProperties")) errors.Forbidden(path.Child("additionalProperties"), "must be undefined to be structural");
        if (part.Has("default")) errors.Forbidden(path.Child("default"), "must be undefined to be structural");
        foreach (var field in (ReadOnlySpan<string>)["title", "description"])
            if (part.Text(field).Length > 0) errors.Forbidden(path.Child(field), "must be empty to be structural");
        foreach (var field in (ReadOnlySpan<string>)["nullable", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string"])
            if (part.Bool(field)) errors.Forbidden(path.Child(field), "must be false to be structural");
        if (part.Count("x-kubernetes-list-map-keys") > 0) errors.Forbidden(path.Child("x-kubernetes-list-map-keys"), "must be empty to be structural");
        foreach (var field in (ReadOnlySpan<string>)["x-kubernetes-list-type", "x-kubernetes-map-type"])
            if (part.Has(field)) errors.Forbidden(path.Child(field), "must be undefined to be structural");
        if (part.Count("x-kubernetes-validations") > 0) errors.Forbidden(path.Child("x-kubernetes-validations"), "must be empty to be structural");
        if (part.Object("properties").Has("metadata")) errors.Forbidden(path.Child("properties").Key("metadata"), "must not be specified in a nested context");
    }

    /// <summary>What a narrowing part speaks of must be there in the schema itself.</summary>
    private static void Complete(JsonObject schema, JsonObject structure, FieldPath path, FieldErrors errors)
    {
        foreach (var name in (ReadOnlySpan<string>)["allOf", "anyOf", "oneOf"])
            foreach (var (index, part) in schema.Items(name)) CompleteNested(part, structure, path.Child(name).Index(index), path, errors);
        if (schema.Object("not") is { } not) CompleteNested(not, structure, path.Child("not"), path, errors);
    }

    private static void CompleteNested(JsonObject part, JsonObject structure, FieldPath path, FieldPath at, FieldErrors errors)
    {
        foreach (var name in (ReadOnlySpan<string>)["allOf", "anyOf", "oneOf"])
            foreach (var (index, inner) in part.Items(name)) CompleteNested(inner, structure, path.Child(name).Index(index), at, errors);
        if (part.Object("not") is { } not) CompleteNested(not, structure, path.Child("not"), at, errors);
        if (part.Object("items") is { } items)
        {
            if (structure.Object("items") is { } known) CompleteNested(items, known, path.Child("items"), at.Child("items"), errors);
            else errors.Required(at.Child("items"), $"because it is defined in {path.Child("items")}");
        }
        foreach (var (name, property) in part.Object("properties") ?? [])
        {
            if (property is not JsonObject inner) continue;
            var (below, place) = (path.Child("properties").Key(name), at.Child("properties").Key(name));
            if (structure.Object("properties").Object(name) is { } known) CompleteNested(inner, known, below, place, errors);
            else errors.Required(place, $"because it is defined in {below}");
        }
    }
}
