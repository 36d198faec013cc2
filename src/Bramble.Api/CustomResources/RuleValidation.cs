using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Errors;

namespace Bramble.Api.CustomResources;

/// <summary>x-kubernetes-validations of a custom resource's schema: CEL rules over values and what they were before. Behaviour of apiextensions' schema/cel. Thread-safe; one for each version of a
/// definition; its rules are compiled when the first object is checked.</summary>
public sealed class RuleValidation
{
    /// <summary>What all rules together may cost for one object: about a second.</summary>
    private const long ObjectCostMax = 10_000_000;
    private const int MessageBytesMax = 5 * 1024;
    private const string NoBudget = "validation failed due to running out of cost budget, no further validation rules will be run";

    private readonly Lazy<Node?> _root;

    /// <param name="isRoot">The schema is of a whole object, not of a part of one.</param>
    public RuleValidation(JsonObject schema, bool isRoot = true) => _root = new Lazy<Node?>(() => HasRules(schema) ? new Node(schema, schema, CelDeclaration.Of(schema, isRoot), isRoot) : null);

    /// <summary>Adds what rules say of an object that its schema has been checked for. Where types, sizes or enums are wrong they are not asked: they may count on those.</summary>
    /// <param name="old">Null on create.</param>
    public void ValidateAfterSchema(JsonObject obj, JsonObject? old, FieldErrors errors)
    {
        if (_root.Value is null) return;
        foreach (var error in errors)
        {
            if (error.Type is not (FieldErrorType.NotSupported or FieldErrorType.Required or FieldErrorType.TooLong or FieldErrorType.TooMany or FieldErrorType.TypeInvalid)) continue;
            errors.Add(new FieldError(
                FieldErrorType.Invalid, "<nil>", "null", "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"));
            return;
        }
        Validate(obj, old, errors);
    }

    /// <param name="old">Null on create.</param>
    public void Validate(JsonObject obj, JsonObject? old, FieldErrors errors) => _root.Value?.Check(obj, old, old is not null, false, "", new Run(errors, null));

    /// <summary>A default: it must be right where nothing was before, and where it was there already.</summary>
    public void ValidateDefault(JsonNode value, FieldErrors errors)
    {
        _root.Value?.Check(value, null, false, false, "", new Run(errors, null));
        if (errors.Count == 0) _root.Value?.Check(value, value, true, false, "", new Run(errors, null));
    }

    /// <summary>What an update is warned of: values that break a rule, but did so before and are the same (KEP-4008).</summary>
    public IEnumerable<string> Warnings(JsonObject obj, JsonObject? old)
    {
        if (old is null || _root.Value is not { } root) return [];
        var ignored = new FieldErrors();
        root.Check(obj, old, true, false, "", new Run(new FieldErrors(), ignored));
        return ignored.Select(error => error.ToString());
    }

    private static bool HasRules(JsonObject? schema) => schema is not null
        && (schema["x-kubernetes-validations"] is JsonArray { Count: > 0 } || HasRules(schema["items"] as JsonObject) || HasRules(schema["additionalProperties"] as JsonObject)
            || schema["properties"] is JsonObject properties && properties.Any(p => HasRules(p.Value as JsonObject)) || schema["allOf"] is JsonArray all && all.Any(part => HasRules(part as JsonObject)));

    /// <summary>One look at an object. <c>Ignored</c> not null: only what did not change is looked at, and what is wrong with it goes there.</summary>
    private sealed record Run(FieldErrors Errors, FieldErrors? Ignored)
    {
        public CelBudget Budget { get; } = new(ObjectCostMax);
        public bool IsOver { get; set; }
    }

    /// <summary>A rule, compiled. <c>Fault</c>: why it is none.</summary>
    private sealed record Rule(JsonObject Tree, CelProgram? Program, string? Fault, CelProgram? Message, bool IsTransition, bool IsOptional)
    {
        public string Text => StructuralSchema.Text(Tree, "rule");

        /// <summary>Upstream names a rule by its message where it has one.</summary>
        public string Shown => StructuralSchema.Text(Tree, "message").Trim() is { Length: > 0 } message ? message : Text.Trim();
    }

    /// <summary>The rules of one place of the schema, and below it.</summary>
    private sealed class Node
    {
        private readonly JsonObject _schema;
        private readonly CelDeclaration? _type;
        private readonly List<Rule> _rules = [];
        private readonly Dictionary<string, Node> _properties = new(StringComparer.Ordinal);
        private readonly Node? _items;
        private readonly Node? _values;
        private readonly List<Node> _all = [];

        /// <param name="rules">Where the rules are: the schema itself, or one of its allOf.</param>
        public Node(JsonObject rules, JsonObject schema, CelDeclaration? type, bool isRoot)
        {
            (_schema, _type) = (schema, type);
            if (type is not null)
                foreach (var tree in (rules["x-kubernetes-validations"] as JsonArray ?? []).OfType<JsonObject>())
                    if (StructuralSchema.Text(tree, "rule").Trim().Length > 0) _rules.Add(Compile(tree, type));
            if (Below(rules, schema, "items", out var itemRules) is { } items) _items = new Node(itemRules, items, type?.BelowItems(), false);
            if (Below(rules, schema, "additionalProperties", out var valueRules) is { } values) _values = new Node(valueRules, values, type?.BelowItems(), false);
            foreach (var (name, property) in rules["properties"] as JsonObject ?? [])
                if (property is JsonObject inner && HasRules(inner) && schema["properties"]?[name] is JsonObject known)
                    _properties[name] = new Node(inner, known, type?.Below(name) ?? CelDeclaration.Of(known, StructuralSchema.IsTrue(known, "x-kubernetes-embedded-resource")), false);
            foreach (var part in (rules["allOf"] as JsonArray ?? []).OfType<JsonObject>())
                if (HasRules(part)) _all.Add(new Node(part, schema, type, isRoot));
        }

        private static JsonObject? Below(JsonObject rules, JsonObject schema, string name, out JsonObject inner)
        {
            inner = rules[name] as JsonObject ?? [];
            return HasRules(inner) ? schema[name] as JsonObject : null;
        }

        private static Rule Compile(JsonObject tree, CelDeclaration type)
        {
            var isOptional = StructuralSchema.IsTrue(tree, "optionalOldSelf");
            var environment = CelEnvironment.ForRule(type, isOptional);
            CelProgram? message = null;
            try
            {
                var program = CelProgram.Compile(StructuralSchema.Text(tree, "rule"), environment);
                if (StructuralSchema.Text(tree, "messageExpression") is { Length: > 0 } expression) message = CompileMessage(expression, environment);
                return new Rule(tree, program, null, message, program.Uses("oldSelf"), isOptional);
            }
            catch (CelSyntaxException e)
            {
                return new Rule(tree, null, e.Message, null, false, isOptional);
            }
        }

        private static CelProgram? CompileMessage(string expression, CelEnvironment environment)
        {
            try
            {
                return CelProgram.Compile(expression, environment);
            }
            catch (CelSyntaxException)
            {
                // As upstream: a message that cannot be made is replaced by the fixed one.
                return null;
            }
        }

        /// <param name="wasSame">The nearest value above that has a counterpart is what it was.</param>
        /// <param name="isPart">The rules are those of an allOf: only what is above it counts as unchanged, as upstream's.</param>
        public void Check(JsonNode? value, JsonNode? old, bool hasOld, bool wasSame, string path, Run run, bool isPart = false)
        {
            if (value is null || run.IsOver) return;
            var isSame = hasOld && !isPart ? Ratcheting.IsUnchanged(value, old, _schema) : wasSame;
            Rules(value, hasOld ? old : null, hasOld, isSame, path, run);
            foreach (var part in _all)
                if (!run.IsOver) part.Check(value, old, hasOld, wasSame, path, run, isPart: true);
            switch (value)
            {
                case JsonObject map:
                    foreach (var (name, member) in map)
                    {
                        var (below, at) = _properties.TryGetValue(name, out var property) ? (property, path.Length == 0 ? name : $"{path}.{name}") : (_values, $"{path}[{name}]");
                        if (below is null) continue;
                        JsonNode? before = null;
                        var hadIt = hasOld && old is JsonObject known && known.TryGetPropertyValue(name, out before) && before is not null;
                        // Old and new are of one version and kind here, whatever they were.
                        var isOfType = path.Length == 0 && name is ("apiVersion" or "kind");
                        below.Check(member, before, hadIt, isSame && !isOfType, at, run, isPart || isOfType);
                    }
                    break;
                case JsonArray list when _items is not null:
                    var index = hasOld ? ListKeys.Index(old as JsonArray, _schema) : null;
                    for (var i = 0; i < list.Count; i++)
                    {
                        var before = ListKeys.Find(index, list[i], _schema);
                        _items.Check(list[i], before, before is not null, isSame, $"{path}[{i.ToString(CultureInfo.InvariantCulture)}]", run, isPart);
                    }
                    break;
            }
        }

        private void Rules(JsonNode value, JsonNode? old, bool hasOld, bool isSame, string path, Run run)
        {
            if (_rules.Count == 0) return;
            var type = FieldError.Quote(StructuralSchema.Text(_schema, "type"));
            var at = path.Length == 0 ? "<nil>" : path;
            void Wrong(string message) => run.Errors.Add(new FieldError(FieldErrorType.Invalid, at, type, message));
            Dictionary<string, object?>? variables = null;
            foreach (var rule in _rules)
            {
                // What did not change may stay broken, which a second look tells the client (Warnings); where a rule cannot be asked at all it may not.
                var isIgnored = isSame && !rule.IsTransition;
                if (!isIgnored && run.Ignored is not null) continue;
                if (run.Budget.IsSpent)
                {
                    Wrong(NoBudget);
                    run.IsOver = true;
                    return;
                }
                if (rule.Program is null)
                {
                    Wrong($"rule compile error: compilation failed: {rule.Fault}");
                    continue;
                }
                if (rule.IsTransition && !hasOld && !rule.IsOptional) continue;
                variables ??= new Dictionary<string, object?>(StringComparer.Ordinal) { ["self"] = CelProgram.ValueOf(value, _type) };
                variables["oldSelf"] = !rule.IsOptional ? hasOld ? CelProgram.ValueOf(old, _type) : null : hasOld ? CelOptional.Of(CelProgram.ValueOf(old, _type)) : CelOptional.None;
                try
                {
                    if (rule.Program.Evaluate(variables, run.Budget) is true && !run.Budget.IsSpent) continue;
                }
                catch (CelException e) when (!run.Budget.IsSpent)
                {
                    if (e.Message.StartsWith("operation cancelled", StringComparison.Ordinal))
                    {
                        Wrong($"'{e.Message}': no further validation rules will be run due to call cost exceeds limit for rule: {rule.Shown}");
                        run.IsOver = true;
                        return;
                    }
                    Wrong(e.Message.StartsWith("no such overload", StringComparison.Ordinal)
                        ? $"'{e.Message}': call arguments did not match a supported operator, function or macro signature for rule: {rule.Shown}"
                        : $"{e.Message} evaluating rule: {rule.Shown}");
                    continue;
                }
                catch (CelException)
                {
                    // The budget went first; that is what is told.
                }
                if (run.Budget.IsSpent)
                {
                    Wrong(NoBudget);
                    run.IsOver = true;
                    return;
                }
                if (!isIgnored || run.Ignored is not null) (run.Ignored ?? run.Errors).Add(Broken(rule, value, path, Message(rule, variables, run.Budget)));
            }
        }

        private FieldError Broken(Rule rule, JsonNode value, string path, string message)
        {
            var below = RulePath.Find(StructuralSchema.Text(rule.Tree, "fieldPath"), _schema, out _) is { } found ? found.Path : "";
            var at = below.Length == 0 ? path : path.Length == 0 ? below : $"{path}.{below}";
            // Objects and lists are not shown whole.
            var shown = value is JsonValue && StructuralSchema.Text(_schema, "type") is not ("object" or "array") ? FieldError.Show(value) : null;
            var (kind, given) = StructuralSchema.Text(rule.Tree, "reason") switch
            {
                "FieldValueForbidden" => (FieldErrorType.Forbidden, null),
                "FieldValueRequired" => (FieldErrorType.Required, null),
                "FieldValueDuplicate" => (FieldErrorType.Duplicate, shown),
                _ => (FieldErrorType.Invalid, shown),
            };
            return new FieldError(kind, at.Length == 0 ? "<nil>" : at, given, kind == FieldErrorType.Duplicate ? "" : message);
        }

        private static string Message(Rule rule, Dictionary<string, object?> variables, CelBudget budget)
        {
            if (rule.Message is not null)
                try
                {
                    if (rule.Message.Evaluate(variables, budget) is string made && made.Trim() is { Length: > 0 } text && !text.Contains('\n') && Encoding.UTF8.GetByteCount(text) <= MessageBytesMax) return text;
                }
                catch (CelException)
                {
                    // As upstream: a message that cannot be made is replaced by the fixed one.
                }
            return StructuralSchema.Text(rule.Tree, "message") is { Length: > 0 } message ? message.Trim() : $"failed rule: {rule.Shown}";
        }
    }
}
