using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Cel;
using Bramble.Api.Errors;
using Bramble.ApiServer.Admission.Policies;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of admission policies and their bindings; an expression that does not compile is refused with each of its faults.</summary>
internal static partial class AdmissionPolicyRules
{
    private static readonly string[] ReservedWords =
    [
        "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
    ];

    private static readonly string[] Actions = ["Audit", "Deny", "Warn"];

    /// <param name="old">Null on create.</param>
    public static void Validate(JsonObject policy, JsonObject? old, bool isMutating, FieldErrors errors)
    {
        var (spec, path) = (policy.Object("spec") ?? [], FieldPath.Spec);
        if (spec.TextOrNull("failurePolicy") is null) errors.Required(path.Child("failurePolicy"));
        else EnumRules.Optional(spec, "failurePolicy", path, errors, "Fail", "Ignore");
        if (spec.Object("paramKind") is { } kind) ParamKind(kind, path.Child("paramKind"), errors);
        if (spec.Object("matchConstraints") is { } match) AdmissionRuleRules.MatchResources(match, isMutating, path.Child("matchConstraints"), errors, needsRules: true);
        else errors.Required(path.Child("matchConstraints"));
        var hasParams = spec.Has("paramKind");
        var before = old.Object("spec");
        // Conditions that were stored before are not looked at again.
        if (before is null || !JsonNode.DeepEquals(spec["paramKind"], before["paramKind"]) || !JsonNode.DeepEquals(spec["matchConditions"], before["matchConditions"]))
            AdmissionRuleRules.MatchConditions(spec, CelEnvironment.ForAdmission(hasParams, hasAuthorizer: true, hasVariables: false), path.Child("matchConditions"), errors);
        var hasVariables = isMutating || spec.Count("variables") > 0;
        var environment = CelEnvironment.ForAdmission(hasParams, hasAuthorizer: true, isMutating, hasVariables);
        foreach (var (index, variable) in spec.Items("variables")) Variable(variable, environment, path.Child("variables").Index(index), errors);
        if (isMutating)
        {
            Mutations(spec, environment, path, errors);
            return;
        }
        var messages = CelEnvironment.ForAdmission(hasParams, hasAuthorizer: false, hasVariables: hasVariables);
        messages.TakePolicyVariables(environment);
        Validations(policy, spec, environment, messages, path, errors);
    }

    public static void ValidateBinding(JsonObject binding, bool isMutating, FieldErrors errors)
    {
        var (spec, path) = (binding.Object("spec") ?? [], FieldPath.Spec);
        if (spec.Text("policyName") is { Length: > 0 } policy) errors.InvalidEach(path.Child("policyName"), policy, Formats.DnsSubdomain(policy));
        else errors.Required(path.Child("policyName"));
        if (spec.Object("paramRef") is { } reference) ParamRef(reference, path.Child("paramRef"), errors);
        if (spec.Object("matchResources") is { } match) AdmissionRuleRules.MatchResources(match, isMutating, path.Child("matchResources"), errors);
        if (isMutating) return;
        var (at, seen, index) = (path.Child("validationActions"), new HashSet<string>(StringComparer.Ordinal), 0);
        foreach (var action in spec.Texts("validationActions"))
        {
            if (!Actions.Contains(action)) errors.NotSupported(at.Index(index), action, Actions);
            if (!seen.Add(action)) errors.Duplicate(at.Index(index), action);
            index++;
        }

        if (seen.Contains("Deny") && seen.Contains("Warn"))
            errors.Invalid(at, spec["validationActions"]!.DeepClone(), "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)");
        if (seen.Count == 0) errors.Required(at, "at least one validation action is required");
    }

    private static void ParamKind(JsonObject param, FieldPath path, FieldErrors errors)
    {
        var (version, kind, at) = (param.Text("apiVersion"), param.Text("kind"), path.Child("apiVersion"));
        var parts = version == "/" ? ["", ""] : version.Split('/');
        if (version.Length == 0)
        {
            errors.Required(at);
        }
        else if (parts.Length > 2)
        {
            errors.Invalid(at, version, $"unexpected GroupVersion string: {version}");
        }
        else
        {
            if (parts.Length == 2 && parts[0].Length > 0 && Formats.DnsSubdomain(parts[0]) is { Count: > 0 } wrong) errors.Invalid(at, parts[0], string.Join(",", wrong));
            if (parts[^1].Length == 0) errors.Invalid(at, version, "version must be specified");
            else if (Formats.Dns1035Label(parts[^1]) is { Count: > 0 } complaints) errors.Invalid(at, parts[^1], string.Join(",", complaints));
        }

        if (kind.Length == 0) errors.Required(path.Child("kind"));
        else if (Formats.Dns1035Label(kind.ToLowerInvariant()) is { Count: > 0 } errorsOfKind)
            errors.Invalid(path.Child("kind"), kind, "may have mixed case, but should otherwise match: " + string.Join(",", errorsOfKind));
    }

    private static void ParamRef(JsonObject reference, FieldPath path, FieldErrors errors)
    {
        var (name, selector) = (reference.Text("name"), reference.Object("selector"));
        if (name.Length > 0)
        {
            errors.InvalidEach(path.Child("name"), name, Names.PathSegment(name));
            if (selector is not null) errors.Forbidden(path.Child("name"), "name and selector are mutually exclusive");
        }

        if (selector is not null)
        {
            SelectorRules.Validate(selector, path.Child("selector"), errors);
            if (name.Length > 0) errors.Forbidden(path.Child("selector"), "name and selector are mutually exclusive");
        }

        if (name.Length == 0 && selector is null) errors.Required(path, "one of name or selector must be specified");
        if (reference.Text("parameterNotFoundAction").Length == 0) errors.Required(path.Child("parameterNotFoundAction"));
        else EnumRules.Optional(reference, "parameterNotFoundAction", path, errors, "Deny", "Allow");
    }

    private static void Variable(JsonObject variable, CelEnvironment environment, FieldPath path, FieldErrors errors)
    {
        var name = variable.Text("name");
        if (string.IsNullOrWhiteSpace(name)) errors.Required(path.Child("name"), "name is not specified");
        else if (!Identifier().IsMatch(name) || ReservedWords.Contains(name)) errors.Invalid(path.Child("name"), name, "must be a valid CEL identifier");
        if (string.IsNullOrWhiteSpace(variable.Text("expression")))
        {
            errors.Required(path.Child("expression"), "expression is not specified");
            return;
        }
        var compiled = AdmissionExpression.Compile(variable.Text("expression"), environment);
        environment.AddPolicyVariable(name, compiled.Program);
        if (compiled.Fault is { } fault) errors.Invalid(path.Child("expression"), compiled.Text, fault);
    }

    private static void Expression(string text, CelEnvironment environment, FieldPath path, FieldErrors errors, params ReadOnlySpan<string> types)
    {
        if (AdmissionExpression.Compile(text, environment, types).Fault is { } fault) errors.Invalid(path, text, fault);
    }

    private static void Validations(JsonObject policy, JsonObject spec, CelEnvironment environment, CelEnvironment messages, FieldPath path, FieldErrors errors)
    {
        if (spec.Count("validations") == 0 && spec.Count("auditAnnotations") == 0)
        {
            errors.Required(path.Child("validations"), "validations or auditAnnotations must contain at least one item");
            errors.Required(path.Child("auditAnnotations"), "validations or auditAnnotations must contain at least one item");
            return;
        }

        foreach (var (index, validation) in spec.Items("validations"))
        {
            var at = path.Child("validations").Index(index);
            if (string.IsNullOrWhiteSpace(validation.Text("expression"))) errors.Required(at.Child("expression"), "expression is not specified");
            else Expression(validation.Text("expression"), environment, at.Child("expression"), errors, "bool");
            foreach (var field in (ReadOnlySpan<string>)["messageExpression", "message"])
            {
                var text = validation.Text(field);
                if (text.Length > 0 && string.IsNullOrWhiteSpace(text)) errors.Invalid(at.Child(field), text, "must be non-empty if specified");
                else if (field == "messageExpression" && text.Length > 0) Expression(text, messages, at.Child(field), errors, "string");
                else if (field == "message" && text.Trim().AsSpan().ContainsAny('\n', '\r')) errors.Invalid(at.Child(field), text, "must not contain line breaks");
            }

            EnumRules.Optional(validation, "reason", at, errors, "Forbidden", "Invalid", "RequestEntityTooLarge");
        }

        AuditAnnotations(policy, spec, environment, path.Child("auditAnnotations"), errors);
    }

    private static void AuditAnnotations(JsonObject policy, JsonObject spec, CelEnvironment environment, FieldPath path, FieldErrors errors)
    {
        const int mostAnnotations = 20;
        const int longestExpression = 5 * 1024;
        if (spec.Count("auditAnnotations") > mostAnnotations) errors.Invalid(path, spec["auditAnnotations"]!.DeepClone(), $"must not have more than {mostAnnotations} auditAnnotations");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, annotation) in spec.Items("auditAnnotations"))
        {
            var (at, key, name) = (path.Index(index), annotation.Text("key"), policy.ObjectName());
            if (name.Length > 0) errors.InvalidEach(at.Child("key"), $"{name}/{key}", Formats.LabelKey($"{name}/{key}"));
            else errors.Invalid(at.Child("key"), key, "requires metadata.name be non-empty");
            var expression = annotation.Text("valueExpression").Trim();
            if (expression.Length == 0) errors.Required(at.Child("valueExpression"), "valueExpression is not specified");
            else if (Encoding.UTF8.GetByteCount(expression) > longestExpression) errors.Required(at.Child("valueExpression"), $"must not exceed {longestExpression} bytes in length");
            else if (AdmissionExpression.Compile(expression, environment, "string", "null_type").Fault is { } fault) errors.Invalid(at.Child("valueExpression"), annotation.Text("valueExpression"), fault);
            if (!seen.Add(key)) errors.Duplicate(at.Child("key"), key);
        }
    }

    private static void Mutations(JsonObject spec, CelEnvironment environment, FieldPath path, FieldErrors errors)
    {
        if (spec.Count("mutations") == 0) errors.Required(path.Child("mutations"), "mutations must contain at least one item");
        foreach (var (index, mutation) in spec.Items("mutations"))
        {
            var (at, type) = (path.Child("mutations").Index(index), mutation.Text("patchType"));
            switch (type)
            {
                case "":
                    errors.Required(at.Child("patchType"));
                    break;
                case "JSONPatch":
                    Mutation(mutation, type, "jsonPatch", "applyConfiguration", MutatingPolicy.PatchTypeName, environment, at, errors);
                    break;
                case "ApplyConfiguration":
                    Mutation(mutation, type, "applyConfiguration", "jsonPatch", MutatingPolicy.ObjectTypeName, environment, at, errors);
                    break;
                default:
                    errors.NotSupported(at.Child("patchType"), type, ["ApplyConfiguration", "JSONPatch"]);
                    break;
            }
        }

        if (spec.Text("reinvocationPolicy").Length == 0) errors.Required(path.Child("reinvocationPolicy"));
        else EnumRules.Optional(spec, "reinvocationPolicy", path, errors, "IfNeeded", "Never");
    }

    private static void Mutation(JsonObject mutation, string type, string expected, string other, string result, CelEnvironment environment, FieldPath path, FieldErrors errors)
    {
        if (mutation.Object(expected) is not { } patch) errors.Required(path.Child(expected), $"must be specified when patchType is {type}");
        else if (string.IsNullOrWhiteSpace(patch.Text("expression"))) errors.Required(path.Child(expected, "expression"));
        else Expression(patch.Text("expression").Trim(), environment, path.Child(expected, "expression"), errors, result);
        if (mutation.Has(other)) errors.Invalid(path.Child(other), $"{{{other}}}", $"must not be specified when patchType is {type}");
    }

    [GeneratedRegex("^[_a-zA-Z][_a-zA-Z0-9]*\\z")]
    private static partial Regex Identifier();
}
