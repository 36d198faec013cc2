using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Errors;
using Bramble.ApiServer.Admission.Policies;

namespace Bramble.ApiServer.Strategies;

/// <summary>What webhooks and admission policies match: operations, groups, versions, resources; the conditions on top.</summary>
internal static class AdmissionRuleRules
{
    private static readonly string[] Operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
    private static readonly string[] MutatingOperations = ["*", "CONNECT", "CREATE", "UPDATE"];

    public static void Rule(JsonObject rule, FieldPath path, FieldErrors errors)
    {
        if (rule.Count("operations") == 0) errors.Required(path.Child("operations"));
        if (rule.Count("operations") > 1 && rule.Texts("operations").Contains("*")) errors.Invalid(path.Child("operations"), rule["operations"]!.DeepClone(), "if '*' is present, must not specify other operations");
        var index = 0;
        foreach (var operation in rule.Texts("operations"))
        {
            if (!Operations.Contains(operation)) errors.NotSupported(path.Child("operations").Index(index), operation, Operations);
            index++;
        }

        List(rule, "apiGroups", "API groups", path, errors);
        List(rule, "apiVersions", "API versions", path, errors);
        index = 0;
        foreach (var version in rule.Texts("apiVersions"))
        {
            if (version.Length == 0) errors.Required(path.Child("apiVersions").Index(index));
            index++;
        }

        Resources(rule, path.Child("resources"), errors);
        EnumRules.Optional(rule, "scope", path, errors, "*", "Cluster", "Namespaced");
    }

    private static void List(JsonObject rule, string list, string name, FieldPath path, FieldErrors errors)
    {
        if (rule.Count(list) == 0) errors.Required(path.Child(list));
        else if (rule.Count(list) > 1 && rule.Texts(list).Contains("*")) errors.Invalid(path.Child(list), rule[list]!.DeepClone(), $"if '*' is present, must not specify other {name}");
    }

    private static void Resources(JsonObject rule, FieldPath path, FieldErrors errors)
    {
        if (rule.Count("resources") == 0) errors.Required(path);
        var (wholes, everywhere) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        var (hasAll, hasAllResources, hasPlain, index) = (false, false, false, -1);
        foreach (var resource in rule.Texts("resources"))
        {
            index++;
            if (resource.Length == 0)
            {
                errors.Required(path.Index(index));
                continue;
            }

            hasAll |= resource == "*/*";
            hasAllResources |= resource == "*";
            var parts = resource.Split('/', 2);
            if (parts.Length == 1)
            {
                hasPlain = resource != "*";
                continue;
            }

            if (wholes.Contains(parts[0])) errors.Invalid(path.Index(index), resource, $"if '{parts[0]}/*' is present, must not specify {resource}");
            if (everywhere.Contains(parts[1])) errors.Invalid(path.Index(index), resource, $"if '*/{parts[1]}' is present, must not specify {resource}");
            if (parts[1] == "*") wholes.Add(parts[0]);
            if (parts[0] == "*") everywhere.Add(parts[1]);
        }

        if (rule.Count("resources") > 1 && hasAll) errors.Invalid(path, rule["resources"]!.DeepClone(), "if '*/*' is present, must not specify other resources");
        if (hasAllResources && hasPlain) errors.Invalid(path, rule["resources"]!.DeepClone(), "if '*' is present, must not specify other resources without subresources");
    }

    /// <summary>The matchConstraints of a policy or the matchResources of a binding.</summary>
    public static void MatchResources(JsonObject match, bool isMutating, FieldPath path, FieldErrors errors, bool needsRules = false)
    {
        if (match.TextOrNull("matchPolicy") is null) errors.Required(path.Child("matchPolicy"));
        else EnumRules.Optional(match, "matchPolicy", path, errors, "Equivalent", "Exact");
        foreach (var selector in (ReadOnlySpan<string>)["namespaceSelector", "objectSelector"])
        {
            if (match.Object(selector) is { } labels) SelectorRules.Validate(labels, path.Child(selector), errors);
            else errors.Required(path.Child(selector));
        }

        foreach (var list in (ReadOnlySpan<string>)["resourceRules", "excludeResourceRules"])
            foreach (var (index, rule) in match.Items(list)) NamedRule(rule, path.Child(list).Index(index), errors);
        if (needsRules && match.Count("resourceRules") == 0) errors.Required(path.Child("resourceRules"));
        if (!isMutating) return;
        foreach (var (_, rule) in match.Items("resourceRules"))
            foreach (var operation in rule.Texts("operations"))
                if (!MutatingOperations.Contains(operation)) errors.NotSupported(path.Child("resourceRules", "operations"), operation, MutatingOperations);
    }

    private static void NamedRule(JsonObject rule, FieldPath path, FieldErrors errors)
    {
        var (seen, index) = (new HashSet<string>(StringComparer.Ordinal), 0);
        foreach (var name in rule.Texts("resourceNames"))
        {
            var at = path.Child("resourceNames").Index(index++);
            errors.InvalidEach(at, name, Names.PathSegment(name));
            if (!seen.Add(name)) errors.Duplicate(at, name);
        }

        Rule(rule, path, errors);
    }

    /// <param name="environment">What the expressions may name.</param>
    public static void MatchConditions(JsonObject match, CelEnvironment environment, FieldPath path, FieldErrors errors)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        if (match.Count("matchConditions") > 64) errors.TooMany(path, match.Count("matchConditions"), 64);
        foreach (var (index, condition) in match.Items("matchConditions"))
        {
            var (at, name) = (path.Index(index), condition.Text("name"));
            var expression = condition.Text("expression").Trim();
            if (expression.Length == 0) errors.Required(at.Child("expression"));
            else if (AdmissionExpression.Compile(expression, environment, "bool").Fault is { } fault) errors.Invalid(at.Child("expression"), expression, fault);
            if (name.Length == 0)
            {
                errors.Required(at.Child("name"));
                continue;
            }

            errors.InvalidEach(at.Child("name"), name, Formats.LabelKey(name));
            if (!seen.Add(name)) errors.Duplicate(at.Child("name"), name);
        }
    }
}
