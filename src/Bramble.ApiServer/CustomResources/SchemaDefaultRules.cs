using System.Text.Json.Nodes;
using Bramble.Api.CustomResources;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.CustomResources;

/// <summary>Defaults in a schema must be what the schema allows: known fields only, right values, no rule broken. Behaviour of apiextensions' defaulting.ValidateDefaults. Pure.</summary>
internal static class SchemaDefaultRules
{
    public static FieldErrors Check(JsonObject schema, FieldPath path)
    {
        var errors = new FieldErrors();
        Visit(schema, path, isInMetadata: false, isObject: true, errors);
        return errors;
    }

    private static void Visit(JsonObject schema, FieldPath path, bool isInMetadata, bool isObject, FieldErrors errors)
    {
        if (schema.TryGetPropertyValue("default", out var value) && value is not null) Default(schema, value, path.Child("default"), isInMetadata, errors);
        isObject |= schema.Bool("x-kubernetes-embedded-resource");
        if (schema.Object("items") is { } items) Visit(items, path.Child("items"), isInMetadata, false, errors);
        foreach (var (name, property) in schema.Object("properties") ?? [])
            if (property is JsonObject inner) Visit(inner, path.Child("properties").Key(name), isInMetadata || (isObject && (name is "metadata" or "apiVersion" or "kind")), false, errors);
    }

    private static void Default(JsonObject schema, JsonNode value, FieldPath path, bool isInMetadata, FieldErrors errors)
    {
        if (!isInMetadata && StructuralSchema.HasUnknownFields(value, schema)) errors.Invalid(path, value.DeepClone(), "must not have unknown fields");
        var found = new FieldErrors();
        if (!isInMetadata) EmbeddedObjects.Validate(value, schema, found);
        if (found.Count == 0) SchemaValidation.ValidateValue(value, schema, found);
        // Rules may count on values of the right type.
        if (found.Count == 0) new RuleValidation(schema, isRoot: false).ValidateDefault(value, found);
        foreach (var error in found) errors.Add(error with { Field = error.Field is "" or "<nil>" ? path : $"{path}.{error.Field}" });
    }
}
