using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;

namespace Bramble.Api.Patching;

/// <summary>The patch formats that name a change (server-side apply is <see cref="Bramble.Api.Apply.ManagedFields"/>).</summary>
public enum PatchType { Json, Merge, Strategic }

/// <summary>Applies a patch to an object as upstream's PATCH handler does, with its errors.</summary>
public static class ObjectPatcher
{
    private static readonly SchemaType JsonPatchType = new()
    {
        Kind = SchemaKind.Array,
        GoName = "[]handlers.jsonPatchOp",
        ElementReference = new(new SchemaType
        {
            Kind = SchemaKind.Struct,
            GoName = "handlers.jsonPatchOp",
            Fields =
            [
                new SchemaField(GoTypeNames.String) { Name = "op" },
                new SchemaField(GoTypeNames.String) { Name = "path" },
                new SchemaField(GoTypeNames.String) { Name = "from" },
                new SchemaField(GoTypeNames.Any) { Name = "value" },
            ],
        }),
    };

    private static readonly SchemaType AnyMap = new() { Kind = SchemaKind.Map, GoName = "map[string]interface {}", ElementReference = new(GoTypeNames.Any) };

    /// <param name="current">The object as it is served; not changed.</param>
    /// <returns>A new tree in normal form, and warnings under <see cref="FieldValidation.Warn"/>.</returns>
    /// <exception cref="StatusException">400, 413, 422 or 500 as upstream: not a patch, a patch that does not fit, a result that is not of the type.</exception>
    public static DecodedObject Patch(
        JsonObject current, ReadOnlyMemory<byte> patch, PatchType patchType, SchemaType type, GroupVersionKind kind, FieldValidation validation)
    {
        current = EmbeddedJson.Without(current, kind);
        return patchType switch
        {
            PatchType.Json => PatchJson(current, patch, type, kind, validation),
            PatchType.Merge => PatchMerge(current, patch, type, kind, validation),
            _ => PatchStrategic(current, patch, type, kind, validation),
        };
    }

    private static DecodedObject PatchJson(JsonObject current, ReadOnlyMemory<byte> patch, SchemaType type, GroupVersionKind kind, FieldValidation validation)
    {
        List<string> strictErrors = [];
        if (validation != FieldValidation.Ignore)
        {
            (_, strictErrors) = Decode(patch, JsonPatchType, validation, error => StatusErrors.BadRequest($"error decoding patch: {error}"));
            for (var i = 0; i < strictErrors.Count; i++) strictErrors[i] = "json patch " + strictErrors[i];
        }
        var (node, _) = Decode(patch, GoTypeNames.Any, FieldValidation.Ignore, StatusErrors.BadRequest);
        if (node is not (JsonArray or null)) throw StatusErrors.BadRequest($"json: cannot unmarshal {ShortKind(node)} into Go value of type jsonpatch.Patch");
        var operations = node as JsonArray ?? [];
        foreach (var operation in operations)
            if (operation is not (JsonObject or null)) throw StatusErrors.BadRequest($"json: cannot unmarshal {ShortKind(operation)} into Go value of type jsonpatch.Operation");
        if (operations.Count > JsonPatch.OperationsMax)
            throw new StatusException(new Status(413, "RequestEntityTooLarge",
                $"Request entity too large: The allowed maximum operations in a JSON patch is {JsonPatch.OperationsMax}, got {operations.Count}"));
        var opened = new OpenedObjects();
        try
        {
            return Finish(JsonPatch.Apply(current.DeepClone(), operations, opened), opened, strictErrors, type, kind, validation);
        }
        catch (Exception failed) when (failed is PatchDoesNotApplyException)
        {
            throw new StatusException(new Status(422, "Invalid", "the server rejected our request due to an error in our request", new StatusDetails()));
        }
    }

    private static DecodedObject PatchMerge(JsonObject current, ReadOnlyMemory<byte> patch, SchemaType type, GroupVersionKind kind, FieldValidation validation)
    {
        List<string> strictErrors = [];
        if (validation != FieldValidation.Ignore) (_, strictErrors) = Decode(patch, AnyMap, validation, error => StatusErrors.BadRequest($"error decoding patch: {error}"));
        var (node, _) = Decode(patch, GoTypeNames.Any, FieldValidation.Ignore, _ => StatusErrors.BadRequest("Invalid JSON Patch"));
        var opened = new OpenedObjects();
        switch (node)
        {
            case JsonObject map:
                var document = (JsonObject)current.DeepClone();
                MergePatch.Apply(document, map, opened);
                return Finish(document, opened, strictErrors, type, kind, validation);
            case JsonArray:
                return Finish(node, opened, strictErrors, type, kind, validation);
            default:
                throw StatusErrors.BadRequest("Invalid JSON Patch");
        }
    }

    private static DecodedObject PatchStrategic(JsonObject current, ReadOnlyMemory<byte> patch, SchemaType type, GroupVersionKind kind, FieldValidation validation)
    {
        if (type.IsCustom) throw StatusErrors.BadRequest("strategic merge patch format is not supported");
        var (node, strictErrors) = Decode(patch, AnyMap, validation, StatusErrors.BadRequest);
        var map = node as JsonObject ?? [];
        var patchText = GoFormat.Value(map);
        var merged = StrategicMergePatch.Apply((JsonObject)current.DeepClone(), map, type);
        var converter = new StructConverter(validation != FieldValidation.Ignore);
        JsonObject tree;
        try
        {
            tree = converter.Convert(merged, type);
        }
        catch (GoUnmarshalException failed)
        {
            throw InvalidPatch(patchText, failed.Message);
        }
        var errors = strictErrors.Concat(converter.UnknownFields).ToList();
        if (errors.Count > 0 && validation == FieldValidation.Strict) throw InvalidPatch(patchText, "strict decoding error: " + string.Join(", ", errors));
        ObjectDecoder.SetKind(tree, kind);
        return new DecodedObject(tree, kind, validation == FieldValidation.Warn ? errors : []);
    }

    private static DecodedObject Finish(
        JsonNode? patched, OpenedObjects opened, List<string> strictErrors, SchemaType type, GroupVersionKind kind, FieldValidation validation)
    {
        var (tree, _, errors) = ObjectDecoder.ReadKind(TreeText.Write(patched), type, kind, validation, error => InvalidPatch(opened.Write(patched), error));
        strictErrors.AddRange(errors);
        if (strictErrors.Count > 0 && validation == FieldValidation.Strict)
            throw InvalidPatch(opened.Write(patched), "strict decoding error: " + string.Join(", ", strictErrors));
        return new DecodedObject(tree, kind, validation == FieldValidation.Warn ? strictErrors : []);
    }

    private static StatusException InvalidPatch(string shown, string error)
    {
        var field = new FieldError(FieldErrorType.Invalid, "patch", FieldError.Quote(shown), error);
        return StatusErrors.Invalid(new GroupVersionKind("", "", ""), "", [field]);
    }

    private static (JsonNode? Node, List<string> StrictErrors) Decode(ReadOnlyMemory<byte> json, SchemaType type, FieldValidation validation, Func<string, Exception> refuse) =>
        ObjectDecoder.ReadNode(json, type, validation, refuse);

    private static string ShortKind(JsonNode? node) => GoFormat.KindName(node) switch
    {
        "map" => "object",
        "slice" => "array",
        "int64" or "float64" => "number",
        var kind => kind,
    };
}
