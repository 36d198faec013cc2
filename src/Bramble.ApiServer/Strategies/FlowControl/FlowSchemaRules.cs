using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of FlowSchemas.</summary>
internal static class FlowSchemaRules
{
    private static readonly string[] Verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

    private static readonly JsonNode Exempt = JsonNode.Parse("""
        {"priorityLevelConfiguration":{"name":"exempt"},"matchingPrecedence":1,"rules":[{"subjects":[{"kind":"Group","group":{"name":"system:masters"}}],
        "resourceRules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"],"clusterScope":true,"namespaces":["*"]}],"nonResourceRules":[{"verbs":["*"],"nonResourceURLs":["*"]}]}]}
        """)!;

    private static readonly JsonNode CatchAll = JsonNode.Parse("""
        {"priorityLevelConfiguration":{"name":"catch-all"},"matchingPrecedence":10000,"distinguisherMethod":{"type":"ByUser"},
        "rules":[{"subjects":[{"kind":"Group","group":{"name":"system:unauthenticated"}},{"kind":"Group","group":{"name":"system:authenticated"}}],
        "resourceRules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"],"clusterScope":true,"namespaces":["*"]}],"nonResourceRules":[{"verbs":["*"],"nonResourceURLs":["*"]}]}]}
        """)!;

    public static void Validate(JsonObject schema, FieldErrors errors)
    {
        var (spec, path, name) = (schema.Object("spec") ?? [], FieldPath.Spec, schema.ObjectName());
        var precedence = spec.Long("matchingPrecedence");
        if (precedence <= 0) errors.Invalid(path.Child("matchingPrecedence"), precedence, "must be a positive value");
        if (precedence > 10000) errors.Invalid(path.Child("matchingPrecedence"), precedence, "must not be greater than 10000");
        if (precedence == 1 && name != "exempt") errors.Invalid(path.Child("matchingPrecedence"), precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
        if (spec.Object("distinguisherMethod") is { } method && method.Text("type") is not ("ByNamespace" or "ByUser"))
            errors.NotSupported(path.Child("distinguisherMethod", "type"), InternalStruct.Show(method, "flowcontrol.v1.FlowDistinguisherMethod"), ["ByNamespace", "ByUser"]);
        var at = path.Child("priorityLevelConfiguration", "name");
        if (spec.Object("priorityLevelConfiguration").Text("name") is { Length: > 0 } level) errors.InvalidEach(at, level, Formats.DnsSubdomain(level));
        else errors.Required(at, "must reference a priority level");
        foreach (var (index, rule) in spec.Items("rules")) Rule(rule, path.Child("rules").Index(index), errors);
        if (name is "exempt" or "catch-all" && !TreeEquality.Same(spec, name == "exempt" ? Exempt : CatchAll))
            errors.Invalid(path, InternalStruct.Show(spec, "flowcontrol.v1.FlowSchemaSpec"), $"spec of '{name}' must equal the fixed value");
        FlowControlStatus.Validate(schema, errors);
    }

    private static void Rule(JsonObject rule, FieldPath path, FieldErrors errors)
    {
        if (rule.Count("subjects") == 0) errors.Required(path.Child("subjects"), "subjects must contain at least one value");
        foreach (var (index, subject) in rule.Items("subjects")) Subject(subject, path.Child("subjects").Index(index), errors);
        if (rule.Count("resourceRules") == 0 && rule.Count("nonResourceRules") == 0) errors.Required(path, "at least one of resourceRules and nonResourceRules has to be non-empty");
        foreach (var (index, resources) in rule.Items("resourceRules")) Resources(resources, path.Child("resourceRules").Index(index), errors);
        foreach (var (index, urls) in rule.Items("nonResourceRules")) Urls(urls, path.Child("nonResourceRules").Index(index), errors);
    }

    private static void Subject(JsonObject subject, FieldPath path, FieldErrors errors)
    {
        var kind = subject.Text("kind");
        if (kind is not ("Group" or "ServiceAccount" or "User"))
        {
            errors.NotSupported(path.Child("kind"), kind, ["Group", "ServiceAccount", "User"]);
            return;
        }

        var field = char.ToLowerInvariant(kind[0]) + kind[1..];
        Named(subject.Object(field), field, kind, path.Child(field), errors);
        foreach (var (other, otherKind) in (ReadOnlySpan<(string, string)>)[("serviceAccount", "ServiceAccount"), ("user", "User"), ("group", "Group")])
            if (other != field && subject.Has(other)) errors.Forbidden(path.Child(other), $"{other} is forbidden when subject kind is not '{otherKind}'");
    }

    private static void Named(JsonObject? subject, string field, string kind, FieldPath path, FieldErrors errors)
    {
        if (subject is null)
        {
            errors.Required(path, $"{field} is required when subject kind is '{kind}'");
            return;
        }

        var name = subject.Text("name");
        if (name.Length == 0) errors.Required(path.Child("name"));
        if (kind != "ServiceAccount") return;
        if (name.Length > 0 && name != "*") errors.InvalidEach(path.Child("name"), name, Formats.DnsSubdomain(name));
        if (subject.Text("namespace") is { Length: > 0 } ns) errors.InvalidEach(path.Child("namespace"), ns, Formats.DnsLabel(ns));
        else errors.Required(path.Child("namespace"), "must specify namespace for service account");
    }

    private static void Resources(JsonObject rule, FieldPath path, FieldErrors errors)
    {
        VerbList(rule, path.Child("verbs"), errors);
        foreach (var (list, one, many) in (ReadOnlySpan<(string, string, string)>)[("apiGroups", "api group", "api groups"), ("resources", "resource", "resources")])
        {
            if (rule.Count(list) == 0) errors.Required(path.Child(list), $"resource rules must supply at least one {one}");
            else if (rule.Count(list) > 1 && rule.Texts(list).Contains("*")) errors.Invalid(path.Child(list), rule[list]!.DeepClone(), $"if '*' is present, must not specify other {many}");
        }

        var at = path.Child("namespaces");
        if (rule.Count("namespaces") == 0 && !rule.Bool("clusterScope"))
        {
            errors.Required(at, "resource rules that are not cluster scoped must supply at least one namespace");
        }
        else if (rule.Texts("namespaces").Contains("*"))
        {
            if (rule.Count("namespaces") > 1) errors.Invalid(at, rule["namespaces"]!.DeepClone(), "if '*' is present, must not specify other namespaces");
        }
        else
        {
            var index = 0;
            foreach (var ns in rule.Texts("namespaces"))
            {
                foreach (var complaint in Formats.DnsLabel(ns)) errors.Invalid(at.Index(index), ns, "each member of this list must be '*' or a DNS-1123 label; " + complaint);
                index++;
            }
        }
    }

    private static void VerbList(JsonObject rule, FieldPath path, FieldErrors errors)
    {
        if (rule.Count("verbs") == 0) errors.Required(path, "verbs must contain at least one value");
        else if (rule.Texts("verbs").Contains("*") && rule.Count("verbs") > 1) errors.Invalid(path, rule["verbs"]!.DeepClone(), "if '*' is present, must not specify other verbs");
        else if (rule.Texts("verbs").Any(verb => verb != "*" && !Verbs.Contains(verb))) errors.NotSupported(path, rule["verbs"]!.DeepClone(), Verbs);
    }

    private static void Urls(JsonObject rule, FieldPath path, FieldErrors errors)
    {
        VerbList(rule, path.Child("verbs"), errors);
        var (at, index) = (path.Child("nonResourceURLs"), 0);
        if (rule.Count("nonResourceURLs") == 0)
        {
            errors.Required(at, "nonResourceURLs must contain at least one value");
        }
        else if (rule.Texts("nonResourceURLs").Contains("*"))
        {
            if (rule.Count("nonResourceURLs") > 1) errors.Invalid(at, rule["nonResourceURLs"]!.DeepClone(), "if '*' is present, must not specify other non-resource URLs");
        }
        else
        {
            foreach (var url in rule.Texts("nonResourceURLs"))
            {
                if (UrlError(url) is { } complaint) errors.Invalid(at.Index(index), url, complaint);
                index++;
            }
        }
    }

    private static string? UrlError(string url)
    {
        if (url.Length == 0) return "must not be empty";
        if (url == "/") return null;
        if (url[0] != '/') return "must start with slash";
        if (url.Contains(' ')) return "must not contain white-space";
        if (url.Contains("//", StringComparison.Ordinal)) return "must not contain double slash";
        var wildcards = url.Count(c => c == '*');
        return wildcards > 1 || wildcards == 1 && !url.EndsWith("/*", StringComparison.Ordinal) ? "wildcard can only do suffix matching" : null;
    }
}
