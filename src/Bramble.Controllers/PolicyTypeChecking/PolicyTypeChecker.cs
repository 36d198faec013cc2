using System.Text.Json.Nodes;
using Bramble.Api.Cel;

namespace Bramble.Controllers.PolicyTypeChecking;

/// <summary>Compiles the validations of a policy against the types of the objects that it is about. Behaviour of upstream's TypeChecker. Pure.</summary>
internal static class PolicyTypeChecker
{
    /// <param name="kinds">In order of group, version and kind.</param>
    /// <param name="paramsType">Null: the policy has no params, or nothing is known of them.</param>
    /// <returns>Warnings as the status has them.</returns>
    public static JsonArray Check(JsonObject spec, IReadOnlyList<CheckedKind> kinds, CelDeclaration? paramsType)
    {
        var warnings = new JsonArray();
        var index = 0;
        foreach (var validation in (spec["validations"] as JsonArray ?? []).OfType<JsonObject>())
        {
            foreach (var field in (ReadOnlySpan<string>)["expression", "messageExpression"])
            {
                if ((string?)validation[field] is not { Length: > 0 } expression) continue;
                var wrong = kinds.Select(kind => Complaint(expression, spec, kind, paramsType)).OfType<string>().ToList();
                if (wrong.Count > 0) warnings.Add((JsonNode)new JsonObject { ["fieldRef"] = $"spec.validations[{index}].{field}", ["warning"] = string.Join('\n', wrong) });
            }
            index++;
        }
        return warnings;
    }

    private static string? Complaint(string expression, JsonObject spec, CheckedKind kind, CelDeclaration? paramsType)
    {
        var environment = CelEnvironment.ForTypeCheck(kind.Type, paramsType, spec["paramKind"] is JsonObject);
        foreach (var variable in (spec["variables"] as JsonArray ?? []).OfType<JsonObject>())
        {
            Compile((string?)variable["expression"] ?? "", environment, out var program);
            environment.AddPolicyVariable((string?)variable["name"] ?? "", program);
        }
        return Compile(expression, environment, out _) is { } error ? $"{kind}: {error}\n" : null;
    }

    /// <returns>What is wrong with it; null: nothing.</returns>
    private static string? Compile(string expression, CelEnvironment environment, out CelProgram? program)
    {
        program = null;
        try
        {
            program = CelProgram.Compile(expression, environment);
            return null;
        }
        catch (CelSyntaxException e)
        {
            return e.Message;
        }
    }
}
