using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of ResourceQuotas.</summary>
internal static class ResourceQuotaRules
{
    private static readonly string[] Quotas =
    [
        "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.storage", "requests.ephemeral-storage", "limits.cpu", "limits.memory",
        "limits.ephemeral-storage", "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "persistentvolumeclaims", "configmaps", "services.nodeports",
        "services.loadbalancers",
    ];

    /// <summary>What a quota may limit for some Pods only.</summary>
    private static readonly string[] ComputeResources = ["pods", "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

    private static readonly string[] Scopes =
        ["Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass", "CrossNamespacePodAffinity", "VolumeAttributesClass"];

    public static void Validate(JsonObject quota, FieldErrors errors)
    {
        var spec = quota.Object("spec");
        Amounts(spec.Object("hard"), FieldPath.Spec.Child("hard"), errors);
        var (path, scopes) = (FieldPath.Spec.Child("scopes"), spec.Texts("scopes").ToList());
        foreach (var scope in scopes)
        {
            if (!Scopes.Contains(scope)) errors.Invalid(path, spec!["scopes"]!.DeepClone(), "unsupported scope");
            Applied(spec, scope, path, spec!["scopes"]!, errors);
        }

        Conflicts(scopes, spec, path, errors);
        Selector(spec, errors);
    }

    private static void Selector(JsonObject? spec, FieldErrors errors)
    {
        if (spec.Object("scopeSelector") is not { } selector) return;
        var (path, scopes) = (FieldPath.Spec.Child("scopeSelector", "matchExpressions"), new List<string>());
        foreach (var (_, requirement) in selector.Items("matchExpressions"))
        {
            var (scope, @operator) = (requirement.Text("scopeName"), requirement.Text("operator"));
            if (!Scopes.Contains(scope)) errors.Invalid(path.Child("scopeName"), scope, "unsupported scope");
            Applied(spec, scope, path, GoStruct.Show(selector, ("MatchExpressions", null)), errors);
            if (scope is "BestEffort" or "NotBestEffort" or "Terminating" or "NotTerminating" or "CrossNamespacePodAffinity" && @operator != "Exists")
                errors.Invalid(
                    path.Child("operator"),
                    @operator,
                    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity");
            switch (@operator)
            {
                case "In" or "NotIn":
                    if (requirement.Count("values") == 0) errors.Required(path.Child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
                    break;
                case "Exists" or "DoesNotExist":
                    if (requirement.Count("values") > 0)
                        errors.Invalid(path.Child("values"), requirement["values"]!.DeepClone(), "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
                    break;
                default:
                    errors.Invalid(path.Child("operator"), @operator, "not a valid selector operator");
                    break;
            }

            scopes.Add(scope);
        }

        Conflicts(scopes, spec, path, errors);
    }

    private static void Applied(JsonObject? spec, string scope, FieldPath path, JsonNode shown, FieldErrors errors)
    {
        foreach (var (resource, _) in (spec.Object("hard") ?? []).OrderBy(hard => hard.Key, StringComparer.Ordinal))
        {
            if (!IsStandard(resource)) continue;
            var isValid = scope switch
            {
                "Terminating" or "NotTerminating" or "NotBestEffort" or "PriorityClass" or "CrossNamespacePodAffinity" => ComputeResources.Contains(resource),
                "BestEffort" => resource == "pods",
                "VolumeAttributesClass" => resource is "persistentvolumeclaims" or "requests.storage",
                _ => true,
            };
            if (!isValid) errors.Invalid(path, shown.DeepClone(), "unsupported scope applied to resource");
        }
    }

    private static void Conflicts(List<string> scopes, JsonObject? spec, FieldPath path, FieldErrors errors)
    {
        foreach (var (one, other) in (ReadOnlySpan<(string, string)>)[("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")])
            if (scopes.Contains(one) && scopes.Contains(other)) errors.Invalid(path, spec!["scopes"]?.DeepClone(), "conflicting scopes");
    }

    public static void ValidateUpdate(JsonObject quota, JsonObject old, FieldErrors errors)
    {
        Validate(quota, errors);
        var (scopes, before) = (quota.Object("spec").Texts("scopes").ToHashSet(), old.Object("spec").Texts("scopes").ToHashSet());
        if (!scopes.SetEquals(before)) errors.Invalid(FieldPath.Spec.Child("scopes"), quota.Object("spec")!["scopes"]?.DeepClone(), ImmutableRules.Message);
    }

    public static void ValidateStatus(JsonObject quota, FieldErrors errors)
    {
        Amounts(quota.Object("status").Object("hard"), FieldPath.Status.Child("hard"), errors);
        Amounts(quota.Object("status").Object("used"), FieldPath.Status.Child("used"), errors);
    }

    private static void Amounts(JsonObject? amounts, FieldPath path, FieldErrors errors)
    {
        foreach (var (name, _) in amounts ?? [])
        {
            ResourceRules.Name(name, path.Key(name), errors);
            if (!name.Contains('/') && !IsStandard(name)) errors.Invalid(path.Key(name), name, "must be a standard resource for quota");
            if (ResourceRules.Amount(amounts, name) is { } amount) ResourceRules.Value(name, amount, path.Key(name), errors);
        }
    }

    private static bool IsStandard(string name) =>
        Quotas.Contains(name) || name.StartsWith("hugepages-", StringComparison.Ordinal) || name.StartsWith("requests.hugepages-", StringComparison.Ordinal);

    public static IEnumerable<string> Warnings(JsonObject quota)
    {
        var hard = quota.Object("spec").Object("hard");
        foreach (var name in (string[])["cpu", "memory", "ephemeral-storage"])
        {
            var requestName = $"requests.{name}";
            var request = ResourceRules.Amount(hard, requestName);
            if (request is null && name is "cpu" or "memory") (request, requestName) = (ResourceRules.Amount(hard, name), name);
            if (request is { } asked && ResourceRules.Amount(hard, $"limits.{name}") is { } limit && asked > limit)
                yield return $"ResourceQuota {requestName} ({asked}) should be less than limits.{name} ({limit})";
        }
    }
}
