using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Errors;

namespace Bramble.Api.CustomResources;

/// <summary>x-kubernetes-validations of a custom resource's schema: CEL rules over values and what they were before. Thread-safe; one for each version of a definition.</summary>
public sealed class RuleValidation(JsonObject schema)
{
    private readonly ConcurrentDictionary<string, CelProgram?> _programs = new(StringComparer.Ordinal);

    /// <param name="old">Null on create.</param>
    public void Validate(JsonObject obj, JsonObject? old, FieldErrors errors) => Check(obj, old, old is not null, schema, "", errors);

    private void Check(JsonNode? value, JsonNode? old, bool hasOld, JsonObject type, string path, FieldErrors errors)
    {
        if (value is null) return;
        foreach (var rule in type["x-kubernetes-validations"] as JsonArray ?? [])
            if (rule is JsonObject tree) Apply(tree, value, old, hasOld, path, errors);
        switch (value)
        {
            case JsonObject map:
                foreach (var (name, member) in map)
                {
                    if ((type["properties"]?[name] ?? type["additionalProperties"]) is not JsonObject inner) continue;
                    JsonNode? before = null;
                    var hadIt = hasOld && old is JsonObject known && known.TryGetPropertyValue(name, out before) && before is not null;
                    Check(member, before, hadIt, inner, path.Length == 0 ? name : $"{path}.{name}", errors);
                }
                break;
            case JsonArray list when type["items"] is JsonObject items:
                for (var i = 0; i < list.Count; i++)
                {
                    var before = hasOld ? Counterpart(list[i], old as JsonArray, type) : null;
                    Check(list[i], before, before is not null, items, $"{path}[{i.ToString(System.Globalization.CultureInfo.InvariantCulture)}]", errors);
                }
                break;
        }
    }

    /// <summary>What an item was before: only items of a list with keys can be told from each other.</summary>
    private static JsonNode? Counterpart(JsonNode? item, JsonArray? old, JsonObject type)
    {
        if (old is null || StructuralSchema.Text(type, "x-kubernetes-list-type") != "map" || type["x-kubernetes-list-map-keys"] is not JsonArray keys) return null;
        return old.FirstOrDefault(other => keys.All(key => JsonNode.DeepEquals(other?[(string)key!], item?[(string)key!])));
    }

    private void Apply(JsonObject rule, JsonNode value, JsonNode? old, bool hasOld, string path, FieldErrors errors)
    {
        var text = StructuralSchema.Text(rule, "rule");
        // A rule with a function this server does not have is not enforced: refusing every object would be worse.
        if (Program(text) is not { } program) return;
        var isTransition = program.Uses("oldSelf");
        var isOptional = StructuralSchema.IsTrue(rule, "optionalOldSelf");
        if (isTransition && !hasOld && !isOptional) return;
        if (!isTransition && hasOld && JsonNode.DeepEquals(value, old)) return;
        var variables = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["self"] = CelProgram.ValueOf(value),
            ["oldSelf"] = isOptional ? new CelOptional(CelProgram.ValueOf(old), hasOld) : CelProgram.ValueOf(old),
        };
        string message;
        try
        {
            if (program.Evaluate(variables) is true) return;
            message = Message(rule, text, variables);
        }
        catch (CelException e)
        {
            message = $"rule evaluation error: {e.Message}, rule: {text}";
        }
        var at = path + StructuralSchema.Text(rule, "fieldPath");
        if (at.StartsWith('.')) at = at[1..];
        var (kind, shown) = StructuralSchema.Text(rule, "reason") switch
        {
            "FieldValueForbidden" => (FieldErrorType.Forbidden, null),
            "FieldValueRequired" => (FieldErrorType.Required, null),
            "FieldValueDuplicate" => (FieldErrorType.Duplicate, Shown(value)),
            _ => (FieldErrorType.Invalid, Shown(value)),
        };
        errors.Add(new FieldError(kind, at.Length == 0 ? "<nil>" : at, shown, message));
    }

    /// <summary>Objects and lists are not shown whole.</summary>
    private static string? Shown(JsonNode value) => value is JsonValue ? FieldError.Show(value) : null;

    private string Message(JsonObject rule, string text, Dictionary<string, object?> variables)
    {
        if (StructuralSchema.Text(rule, "messageExpression") is { Length: > 0 } expression && Program(expression) is { } program)
            try
            {
                if (program.Evaluate(variables) is string { Length: > 0 } made && !made.Contains('\n')) return made;
            }
            catch (CelException)
            {
                // As upstream: a message that cannot be made is replaced by the fixed one.
            }
        return StructuralSchema.Text(rule, "message") is { Length: > 0 } message ? message : $"failed rule: {text}";
    }

    private CelProgram? Program(string text) => _programs.GetOrAdd(text, static source =>
    {
        try
        {
            return CelProgram.Compile(source);
        }
        catch (CelSyntaxException)
        {
            return null;
        }
    });
}
