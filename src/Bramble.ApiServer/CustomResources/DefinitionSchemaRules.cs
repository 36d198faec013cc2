using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.CustomResources;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.CustomResources;

/// <summary>Validation of the schema of a CustomResourceDefinition: what is allowed at all, structure, defaults, lists with keys, and its CEL rules with what they may cost. Behaviour of apiextensions'
/// validation; what is wrong with the schema comes before what is wrong with its rules, which are looked at in a right schema only.</summary>
internal sealed class DefinitionSchemaRules
{
    private const ulong RuleCostMax = 10_000_000;
    private const ulong DefinitionCostMax = 100_000_000;
    private const int ExpensiveShown = 4;

    private static readonly string[] Types = ["array", "boolean", "integer", "number", "object", "string"];
    private static readonly string[] Reasons = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

    private readonly FieldErrors _schemaErrors = [];
    private readonly FieldErrors _ruleErrors = [];
    private readonly bool _keepsCosts;
    private readonly List<(string Path, ulong Cost)> _expensive = [];
    private ulong _total;

    private DefinitionSchemaRules(bool keepsCosts) => _keepsCosts = keepsCosts;

    /// <param name="isUnchanged">The same schema was stored before: single rules may cost what they cost.</param>
    public static void Check(JsonObject? holder, bool hasStatus, bool isUnchanged, FieldPath path, FieldErrors errors)
    {
        if (holder.Object("openAPIV3Schema") is not { } schema) return;
        var at = path.Child("openAPIV3Schema");
        if (hasStatus) Root(schema, path, at, errors);
        if (schema.Bool("nullable")) errors.Forbidden(path.Child("openAPIV3Schema.nullable"), "nullable cannot be true at the root");
        var unsupported = StructuralRules.FindUnsupported(schema);
        var isRight = false;
        if (unsupported is null)
        {
            IReadOnlyList<FieldError> wrong = StructuralRules.Check(schema, at);
            if (wrong.Count == 0) wrong = SchemaDefaultRules.Check(schema, at);
            errors.AddRange(wrong);
            isRight = wrong.Count == 0;
        }
        var rules = new DefinitionSchemaRules(isUnchanged);
        rules.Visit(schema, at, new Place(true, false, null, null), isRight ? new Context(() => CelDeclaration.Of(schema, isRoot: true), 1) : null);
        errors.AddRange(rules._schemaErrors);
        errors.AddRange(rules._ruleErrors);
        if (errors.Count == 0 && unsupported is not null) errors.Add(new FieldError(FieldErrorType.Invalid, at, "\"\"", unsupported));
        if (rules._total <= DefinitionCostMax) return;
        foreach (var (rule, _) in rules._expensive.OrderByDescending(e => e.Cost).Take(ExpensiveShown))
            errors.Forbidden(rule, "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema");
        errors.Forbidden(at, CostMessage("x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema", rules._total, DefinitionCostMax));
    }

    /// <summary>With a status of its own, only what concerns the whole object may be said of it.</summary>
    private static void Root(JsonObject schema, FieldPath path, FieldPath at, FieldErrors errors)
    {
        string[] allowed =
        [
            "Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum", "ExclusiveMinimum", "MaxLength", "MinLength", "Pattern", "MaxItems", "MinItems", "UniqueItems", "MultipleOf",
            "Required", "Items", "Properties", "ExternalDocs", "Example", "XPreserveUnknownFields", "XValidations",
        ];
        foreach (var (name, _) in schema)
        {
            if (name == "type")
            {
                if (schema.Text("type") == "object") continue;
                errors.Invalid(path.Child("openAPIV3Schema.type"), schema.Text("type"), "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled");
                return;
            }
            var go = name switch
            {
                "x-kubernetes-preserve-unknown-fields" => "XPreserveUnknownFields",
                "x-kubernetes-validations" => "XValidations",
                _ => char.ToUpperInvariant(name[0]) + name[1..],
            };
            if (allowed.Contains(go) || name == "nullable") continue;
            errors.Invalid(at, InternalDefinition.Schema(schema), $"only [{string.Join(' ', allowed)}] fields are allowed at the root of the schema if the status subresource is enabled");
            return;
        }
    }

    /// <param name="NoDefaults">Why a default is forbidden here; null: it is not.</param>
    /// <param name="Uncorrelatable">Below this place a value cannot be told from others, so that there is no old one; null: it can.</param>
    private sealed record Place(bool IsRoot, bool IsInMetadata, string? NoDefaults, FieldPath? Uncorrelatable);

    /// <param name="Count">How often there can be such a value in an object; null: without limit.</param>
    private sealed record Context(Func<CelDeclaration?> Type, ulong? Count)
    {
        public Context Below(Func<CelDeclaration, CelDeclaration?> step, JsonObject parent, JsonObject child) =>
            new(() => Type() is { } own && step(own) is { } type ? type : CelDeclaration.Of(child, child.Bool("x-kubernetes-embedded-resource")), Times(Count, MostOf(parent)));
    }

    private static ulong? MostOf(JsonObject schema) => schema.Text("type") switch
    {
        "object" when schema.Has("additionalProperties") => schema.LongOrNull("maxProperties") is { } most ? (ulong)Math.Max(0, most) : null,
        "array" => schema.LongOrNull("maxItems") is { } most ? (ulong)Math.Max(0, most) : null,
        _ => 1,
    };

    private static ulong? Times(ulong? a, ulong? b) => a is { } x && b is { } y ? Times(x, y) : null;

    private static ulong Times(ulong a, ulong b) => b != 0 && a > ulong.MaxValue / b ? ulong.MaxValue : a * b;

    private void Visit(JsonObject schema, FieldPath path, Place place, Context? context)
    {
        Plain(schema, path, place);
        if (schema.Bool("uniqueItems")) _schemaErrors.Forbidden(path.Child("uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
        var properties = schema.Object("properties") ?? [];
        var below = place with { IsRoot = false };
        if (schema.Has("additionalProperties"))
        {
            var values = schema.Object("additionalProperties");
            if (properties.Count > 0 && (values is not null || !schema.Bool("additionalProperties"))) _schemaErrors.Forbidden(path.Child("additionalProperties"), "additionalProperties and properties are mutual exclusive");
            var inner = place.IsInMetadata ? below with { NoDefaults = "inside additionalProperties applying to object metadata" } : below;
            if (values is not null) Visit(values, path.Child("additionalProperties"), inner, context?.Below(type => type.BelowItems(), schema, values));
        }
        foreach (var (name, property) in properties)
        {
            if (property is not JsonObject type) continue;
            var inner = schema.Text("x-kubernetes-map-type") is "" or "granular" or "atomic" ? below : Uncorrelatable(below, path);
            if ((place.IsRoot || schema.Bool("x-kubernetes-embedded-resource")) && (name is "metadata" or "kind" or "apiVersion"))
                inner = inner with { IsInMetadata = true, NoDefaults = place.IsRoot ? $"in top-level {name}" : inner.NoDefaults };
            Visit(type, path.Child("properties").Key(name), inner, context?.Below(own => own.Below(name), schema, type));
        }
        if (schema.Object("not") is { } not) Visit(not, path.Child("not"), below, null);
        foreach (var field in (ReadOnlySpan<string>)["allOf", "oneOf", "anyOf"])
            foreach (var (index, part) in schema.Items(field)) Visit(part, path.Child(field).Index(index), below, null);
        foreach (var (name, definition) in schema.Object("definitions") ?? [])
            if (definition is JsonObject inner) Visit(inner, path.Child("definitions").Key(name), below, null);
        if (schema.Object("items") is { } items)
            Visit(items, path.Child("items"), schema.Text("x-kubernetes-list-type") == "map" ? below : Uncorrelatable(below, path), context?.Below(type => type.BelowItems(), schema, items));
        Extensions(schema, path);
        Rules(schema, path, place, context);
    }

    private static Place Uncorrelatable(Place place, FieldPath path) => place.Uncorrelatable is null ? place with { Uncorrelatable = path } : place;

    private void Plain(JsonObject schema, FieldPath path, Place place)
    {
        var type = schema.Text("type");
        if (type.Length > 0 && !Types.Contains(type)) _schemaErrors.NotSupported(path.Child("type"), type, Types);
        if (schema.Has("default") && place.NoDefaults is { } reason) _schemaErrors.Forbidden(path.Child("default"), $"must not be set {reason}");
        foreach (var field in (ReadOnlySpan<string>)["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"])
            if (schema.Has(field)) _schemaErrors.Forbidden(path.Child(field), $"{field} is not supported");
        if (type == "null") _schemaErrors.Forbidden(path.Child("type"), "type cannot be set to null, use nullable as an alternative");
        if (schema["items"] is JsonArray) _schemaErrors.Forbidden(path.Child("items"), "items must be a schema object and not an array");
        if (place.IsInMetadata && schema.Bool("x-kubernetes-embedded-resource")) _schemaErrors.Forbidden(path.Child("x-kubernetes-embedded-resource"), "must not be used inside of resource meta");
    }

    private void Extensions(JsonObject schema, FieldPath path)
    {
        var (errors, type, items) = (_schemaErrors, schema.Text("type"), schema.Object("items"));
        if (schema.BoolOrNull("x-kubernetes-preserve-unknown-fields") == false) errors.Invalid(path.Child("x-kubernetes-preserve-unknown-fields"), false, "must be true or undefined");
        foreach (var (field, wanted) in (ReadOnlySpan<(string, string)>)[("x-kubernetes-map-type", "object"), ("x-kubernetes-list-type", "array")])
        {
            if (!schema.Has(field) || type == wanted) continue;
            if (type.Length == 0) errors.Required(path.Child("type"), $"must be {wanted} if {field} is specified");
            else errors.Invalid(path.Child("type"), type, $"must be {wanted} if {field} is specified");
        }
        if (schema.TextOrNull("x-kubernetes-map-type") is { } map && map is not ("atomic" or "granular")) errors.NotSupported(path.Child("x-kubernetes-map-type"), map, ["atomic", "granular"]);
        var list = schema.TextOrNull("x-kubernetes-list-type");
        if (list == "set" && type == "array" && items is not null)
        {
            if (items.Text("type") == "array" && items.Text("x-kubernetes-list-type") is not ("" or "atomic"))
                errors.Invalid(path.Child("items", "x-kubernetes-list-type"), items.Text("x-kubernetes-list-type"), "must be atomic as item of a list with x-kubernetes-list-type=set");
            if (items.Text("type") == "object" && items.Text("x-kubernetes-map-type") != "atomic")
                errors.Invalid(path.Child("items", "x-kubernetes-map-type"), items["x-kubernetes-list-type"]?.DeepClone(), "must be atomic as item of a list with x-kubernetes-list-type=set");
        }
        if (list is not (null or "atomic" or "set" or "map")) errors.NotSupported(path.Child("x-kubernetes-list-type"), list, ["atomic", "set", "map"]);
        var keys = schema.Texts("x-kubernetes-list-map-keys").ToList();
        if (keys.Count > 0 && list is null) errors.Required(path.Child("x-kubernetes-list-type"), "must be map if x-kubernetes-list-map-keys is non-empty");
        else if (keys.Count > 0 && list != "map") errors.Invalid(path.Child("x-kubernetes-list-type"), list, "must be map if x-kubernetes-list-map-keys is non-empty");
        if (list == "map") Keys(schema, keys, items, path);
        if (list is not ("set" or "map") || items is null) return;
        if (items.Bool("nullable")) errors.Forbidden(path.Child("items", "nullable"), $"cannot be nullable when x-kubernetes-list-type is {list}");
        if (list != "map") return;
        foreach (var key in keys)
        {
            if (items.Object("properties").Object(key) is not { } property) continue;
            var at = path.Child("items", "properties").Key(key);
            if (!items.Texts("required").Contains(key) && !property.Has("default"))
                errors.Required(at.Child("default"), "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property");
            if (property.Bool("nullable")) errors.Forbidden(at.Child("nullable"), "this property is in x-kubernetes-list-map-keys, so it cannot be nullable");
        }
    }

    private void Keys(JsonObject schema, List<string> keys, JsonObject? items, FieldPath path)
    {
        var errors = _schemaErrors;
        if (keys.Count == 0) errors.Required(path.Child("x-kubernetes-list-map-keys"), "must not be empty if x-kubernetes-list-type is map");
        if (items is null)
        {
            errors.Required(path.Child("items"), "must have a schema if x-kubernetes-list-type is map");
            return;
        }
        if (items.Text("type") != "object")
        {
            errors.Invalid(path.Child("items", "type"), items.Text("type"), "must be object if parent array's x-kubernetes-list-type is map");
            return;
        }
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var key in keys)
        {
            if (items.Object("properties").Object(key) is not { } property)
                errors.Invalid(path.Child("x-kubernetes-list-map-keys"), schema["x-kubernetes-list-map-keys"]!.DeepClone(), "entries must all be names of item properties");
            else if (property.Text("type") is "array" or "object")
                errors.Invalid(path.Child("items", "properties").Key(key).Child("type"), items.Text("type"), "must be a scalar type if parent array's x-kubernetes-list-type is map");
            if (!seen.Add(key)) errors.Invalid(path.Child("x-kubernetes-list-map-keys"), schema["x-kubernetes-list-map-keys"]!.DeepClone(), "must not contain duplicate entries");
        }
    }

    private void Rules(JsonObject schema, FieldPath path, Place place, Context? context)
    {
        if (schema.Count("x-kubernetes-validations") == 0) return;
        var list = path.Child("x-kubernetes-validations");
        var before = _schemaErrors.Count;
        foreach (var (index, rule) in schema.Items("x-kubernetes-validations")) Texts(rule, schema, list.Index(index));
        // Upstream looks at the rules of a place only when nothing below it, nor the place itself, is wrong.
        if (before > 0 && _schemaErrors.Any(e => e.Field.StartsWith(path, StringComparison.Ordinal)) || _schemaErrors.Count > before || context is null) return;
        if (context.Type() is not { } type)
        {
            _ruleErrors.Internal(list, "internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations");
            return;
        }
        foreach (var (index, rule) in schema.Items("x-kubernetes-validations"))
            if (rule.Text("rule").Trim().Length > 0) Compile(rule, type, list.Index(index), place, context.Count);
    }

    private void Texts(JsonObject rule, JsonObject schema, FieldPath path)
    {
        var errors = _schemaErrors;
        var (text, message, expression, field) = (rule.Text("rule"), rule.Text("message"), rule.Text("messageExpression"), rule.Text("fieldPath"));
        if (text.Trim().Length == 0) errors.Required(path.Child("rule"), "rule is not specified");
        else if (message.Length > 0 && message.Trim().Length == 0) errors.Invalid(path.Child("message"), message, "must be non-empty if specified");
        else if (HasLineBreak(message.Trim())) errors.Invalid(path.Child("message"), message, "must not contain line breaks");
        else if (HasLineBreak(text.Trim()) && message.Trim().Length == 0) errors.Required(path.Child("message"), "message must be specified if rule contains line breaks");
        if (expression.Length > 0 && expression.Trim().Length == 0) errors.Required(path.Child("messageExpression"), "messageExpression must be non-empty if specified");
        if (rule.TextOrNull("reason") is { } reason && !Reasons.Contains(reason)) errors.NotSupported(path.Child("reason"), reason, Reasons);
        if (field.Length == 0) return;
        if (field.Trim().Length == 0) errors.Invalid(path.Child("fieldPath"), field, "must be non-empty if specified");
        if (HasLineBreak(field)) errors.Invalid(path.Child("fieldPath"), field, "must not contain line breaks");
        if (RulePath.Find(field, schema, out _) is null) errors.Invalid(path.Child("fieldPath"), field, "must be a valid path");
    }

    private static bool HasLineBreak(string text) => text.AsSpan().ContainsAny('\n', '\r');

    private void Compile(JsonObject rule, CelDeclaration type, FieldPath path, Place place, ulong? count)
    {
        var isOptional = rule.BoolOrNull("optionalOldSelf");
        var environment = CelEnvironment.ForRule(type, isOptional == true);
        var times = count ?? (ulong)type.CardinalityMax;
        CelProgram program;
        try
        {
            program = CelProgram.Compile(rule.Text("rule"), environment);
        }
        catch (CelSyntaxException e)
        {
            Wrong(rule, path.Child("rule"), $"compilation failed: {e.Message}");
            if (isOptional is not null) NeedsOldSelf(isOptional.Value, path);
            return;
        }
        if (program.TypeName != "bool")
        {
            Wrong(rule, path.Child("rule"), "cel expression must evaluate to a bool");
            if (isOptional is not null) NeedsOldSelf(isOptional.Value, path);
            return;
        }
        Observe(Times(program.CostMax(type), times), "estimated rule cost", path.Child("rule"));
        if (rule.Text("messageExpression") is { Length: > 0 } expression) Message(rule, expression, environment, type, path.Child("messageExpression"));
        if (!program.Uses("oldSelf"))
        {
            if (isOptional is not null) NeedsOldSelf(isOptional.Value, path);
        }
        else if (place.Uncorrelatable is { } uncorrelatable)
            _ruleErrors.Invalid(path.Child("rule"), rule.Text("rule"), $"oldSelf cannot be used on the uncorrelatable portion of the schema within {uncorrelatable}");
    }

    private void NeedsOldSelf(bool given, FieldPath path) => _ruleErrors.Invalid(path.Child("optionalOldSelf"), given, "may not be set if oldSelf is not used in rule");

    private void Message(JsonObject rule, string expression, CelEnvironment environment, CelDeclaration type, FieldPath path)
    {
        try
        {
            var program = CelProgram.Compile(expression, environment);
            if (program.TypeName != "string") Wrong(rule, path, "messageExpression must evaluate to a string");
            else Observe(program.CostMax(type), "estimated messageExpression cost", path);
        }
        catch (CelSyntaxException e)
        {
            Wrong(rule, path, $"messageExpression compilation failed: {e.Message}");
        }
    }

    private void Observe(ulong cost, string what, FieldPath path)
    {
        if (!_keepsCosts && cost > RuleCostMax) _ruleErrors.Forbidden(path, CostMessage(what, cost, RuleCostMax));
        _total = ulong.MaxValue - _total < cost ? ulong.MaxValue : _total + cost;
        if (cost >= DefinitionCostMax / 100) _expensive.Add((path, cost));
    }

    private static string CostMessage(string what, ulong cost, ulong most)
    {
        var times = (double)cost / most;
        var factor = times > 100 ? "more than 100x" : times < 1.5 ? times.ToString("F6", CultureInfo.InvariantCulture) + "x" : times.ToString("F1", CultureInfo.InvariantCulture) + "x";
        return $"{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)";
    }

    /// <summary>Upstream shows the rule as its own structure has it.</summary>
    private void Wrong(JsonObject rule, FieldPath path, string message) => _ruleErrors.Invalid(path, InternalDefinition.Rule(rule), message);
}
