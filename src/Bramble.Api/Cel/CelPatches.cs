using System.Text.Json.Nodes;
using Bramble.Api.Patching;

namespace Bramble.Api.Cel;

/// <summary>What the expressions of MutatingAdmissionPolicies make: lists of <c>JSONPatch{…}</c> and an <c>Object{…}</c>.</summary>
public static class CelPatches
{
    /// <summary>The operations of a JSON patch.</summary>
    /// <exception cref="PolicyPatchException">It is none.</exception>
    public static JsonArray Operations(object? value)
    {
        if (value is not IReadOnlyList<object?> list) throw new PolicyPatchException("type mismatch: JSONPatchType.expression should evaluate to array");
        var operations = new JsonArray();
        foreach (var item in list)
        {
            if (item is not CelStruct { Type: "JSONPatch" } made) throw new PolicyPatchException("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch");
            // Both are always there, if only empty.
            var operation = new JsonObject { ["op"] = "", ["path"] = "" };
            foreach (var (name, field) in made.Fields)
                switch (name)
                {
                    case "op" or "path" or "from":
                        operation[name] = field as string ?? throw new PolicyPatchException($"unexpected type {CelValues.TypeName(field)} for JSONPatchType '{name}' field");
                        break;
                    case "value":
                        operation[name] = Json(field);
                        break;
                    default:
                        throw new PolicyPatchException($"unexpected JSONPatchType field: {name}");
                }
            operations.Add((JsonNode)operation);
        }
        return operations;
    }

    /// <summary>The configuration to apply.</summary>
    /// <exception cref="PolicyPatchException">It is none.</exception>
    public static JsonObject Configuration(object? value) =>
        value is CelStruct { Type: "Object" } made ? (JsonObject)Json(made)! : throw new PolicyPatchException($"unsupported return type from ApplyConfiguration expression: {CelValues.TypeName(value)}");

    private static JsonNode? Json(object? value)
    {
        List<string> wrong = [];
        // A value in a patch may start anywhere; an Object's parts are named by their path from it.
        if (value is CelStruct made) CheckTypes(made, [made.Type.Split('.')[0] == "Object" && made.Type.Length > 6 ? made.Type : "Object"], wrong);
        if (wrong.Count > 0) throw new PolicyPatchException($"type mismatch: {string.Join('\n', wrong)}");
        var json = CelJson.ToJson(value, out var error);
        return error is null ? json : throw new PolicyPatchException($"JSONPath valueExpression evaluated to a type that could not marshal to JSON: {error}");
    }

    private static void CheckTypes(object? value, IReadOnlyList<string> path, List<string> wrong)
    {
        switch (value)
        {
            case CelStruct made:
                var expected = string.Join('.', path);
                if (made.Type != expected) wrong.Add($"unexpected type name {Errors.FieldError.Quote(made.Type)}, expected {Errors.FieldError.Quote(expected)}, which matches field name path from root Object type");
                foreach (var (name, field) in made.Fields) CheckTypes(field, [.. path, name], wrong);
                break;
            case CelMap map:
                foreach (var key in map.Keys)
                    if (map.TryGet(key, out var member)) CheckTypes(member, path, wrong);
                break;
            case IReadOnlyList<object?> list:
                foreach (var item in list) CheckTypes(item, path, wrong);
                break;
        }
    }
}
