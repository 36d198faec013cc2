using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;

namespace Bramble.Api.CustomResources;

/// <summary>What a custom resource must have at the paths of its scale: whole numbers that are not negative, and a text for the selector.</summary>
public static class CustomScaleRules
{
    public static void Spec(JsonObject obj, JsonObject scale, FieldErrors errors) => Replicas(obj, StructuralSchema.Text(scale, "specReplicasPath"), errors);

    public static void Status(JsonObject obj, JsonObject scale, FieldErrors errors)
    {
        Replicas(obj, StructuralSchema.Text(scale, "statusReplicasPath"), errors);
        var path = StructuralSchema.Text(scale, "labelSelectorPath");
        if (path.Length == 0 || (!TryFind(obj, path, out var value, out var wrong) && wrong.Length == 0)) return;
        if (wrong.Length == 0 && GoFormat.TypeName(value) != "string") wrong = Wrong(path, value, "string");
        if (wrong.Length > 0) errors.Invalid(path, "", wrong);
    }

    private static void Replicas(JsonObject obj, string path, FieldErrors errors)
    {
        long number = 0;
        if (TryFind(obj, path, out var value, out var wrong) && (value is null || !GoFormat.IsInteger(value, out number))) wrong = Wrong(path, value, "int64");
        if (wrong.Length > 0) errors.Invalid(path, 0, wrong);
        else if (number < 0) errors.Invalid(path, number, "should be a non-negative integer");
        else if (number > int.MaxValue) errors.Invalid(path, number, $"should be less than or equal to {int.MaxValue}");
    }

    /// <returns>False: nothing is there, or (<paramref name="wrong"/>) something on the way is no object.</returns>
    private static bool TryFind(JsonObject obj, string path, out JsonNode? value, out string wrong)
    {
        (value, wrong) = (obj, "");
        var at = "";
        foreach (var name in path.TrimStart('.').Split('.'))
        {
            at += "." + name;
            if (value is null) return false;
            if (value is not JsonObject map)
            {
                wrong = Wrong(at, value, "map[string]interface{}");
                return false;
            }
            if (!map.TryGetPropertyValue(name, out value)) return false;
        }
        return true;
    }

    private static string Wrong(string path, JsonNode? value, string wanted) =>
        $".{path.TrimStart('.')} accessor error: {GoFormat.Value(value)} is of the type {GoFormat.TypeName(value)}, expected {wanted}";
}
