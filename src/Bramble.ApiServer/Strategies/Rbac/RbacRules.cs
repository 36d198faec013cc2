using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of roles and their bindings.</summary>
internal static class RbacRules
{
    private const string Group = "rbac.authorization.k8s.io";

    public static void ValidateRole(JsonObject role, bool isClusterScoped, FieldErrors errors)
    {
        foreach (var (index, rule) in role.Items("rules")) Rule(rule, !isClusterScoped, FieldPath.Of("rules").Index(index), errors);
        if (!isClusterScoped || role.Object("aggregationRule") is not { } aggregation) return;
        var path = FieldPath.Of("aggregationRule").Child("clusterRoleSelectors");
        if (aggregation.Count("clusterRoleSelectors") == 0) errors.Required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil");
        foreach (var (index, selector) in aggregation.Items("clusterRoleSelectors"))
        {
            SelectorRules.Validate(selector, path.Index(index), errors);
            if (!WorkloadRules.IsReadable(selector)) errors.Invalid(path.Index(index), null, "invalid label selector.");
        }
    }

    private static void Rule(JsonObject rule, bool isNamespaced, FieldPath path, FieldErrors errors)
    {
        if (rule.Count("verbs") == 0) errors.Required(path.Child("verbs"), "verbs must contain at least one value");
        if (rule.Count("nonResourceURLs") > 0)
        {
            var at = path.Child("nonResourceURLs");
            if (isNamespaced) errors.Invalid(at, rule["nonResourceURLs"]!.DeepClone(), "namespaced rules cannot apply to non-resource URLs");
            if (rule.Count("apiGroups") > 0 || rule.Count("resources") > 0 || rule.Count("resourceNames") > 0)
                errors.Invalid(at, rule["nonResourceURLs"]!.DeepClone(), "rules cannot apply to both regular resources and non-resource URLs");
            return;
        }

        if (rule.Count("apiGroups") == 0) errors.Required(path.Child("apiGroups"), "resource rules must supply at least one api group");
        if (rule.Count("resources") == 0) errors.Required(path.Child("resources"), "resource rules must supply at least one resource");
    }

    public static void ValidateBinding(JsonObject binding, bool isClusterScoped, FieldErrors errors)
    {
        var (role, path) = (binding.Object("roleRef") ?? [], FieldPath.Of("roleRef"));
        if (role.Text("apiGroup") != Group) errors.NotSupported(path.Child("apiGroup"), role.Text("apiGroup"), [Group]);
        string[] kinds = isClusterScoped ? ["ClusterRole"] : ["Role", "ClusterRole"];
        if (!kinds.Contains(role.Text("kind"))) errors.NotSupported(path.Child("kind"), role.Text("kind"), kinds);
        if (role.Text("name") is { Length: > 0 } name) errors.InvalidEach(path.Child("name"), name, Names.PathSegment(name));
        else errors.Required(path.Child("name"));
        foreach (var (index, subject) in binding.Items("subjects")) Subject(subject, isClusterScoped, FieldPath.Of("subjects").Index(index), errors);
    }

    private static void Subject(JsonObject subject, bool isClusterScoped, FieldPath path, FieldErrors errors)
    {
        var (name, group) = (subject.Text("name"), subject.Text("apiGroup"));
        if (name.Length == 0) errors.Required(path.Child("name"));
        switch (subject.Text("kind"))
        {
            case "ServiceAccount":
                if (name.Length > 0) errors.InvalidEach(path.Child("name"), name, Formats.DnsSubdomain(name));
                if (group.Length > 0) errors.NotSupported(path.Child("apiGroup"), group, [""]);
                if (isClusterScoped && subject.Text("namespace").Length == 0) errors.Required(path.Child("namespace"));
                break;
            case "User" or "Group":
                if (group != Group) errors.NotSupported(path.Child("apiGroup"), group, [Group]);
                break;
            case var kind:
                errors.NotSupported(path.Child("kind"), kind, ["ServiceAccount", "User", "Group"]);
                break;
        }
    }

    public static void RoleRefStays(JsonObject binding, JsonObject old, FieldErrors errors)
    {
        if (!binding.Differs(old, "roleRef")) return;
        errors.Invalid("roleRef", InternalStruct.Show(binding.Object("roleRef"), "rbac.v1.RoleRef"), "cannot change roleRef");
    }
}
