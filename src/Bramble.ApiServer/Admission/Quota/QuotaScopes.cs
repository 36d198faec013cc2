using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Quota;

/// <summary>Which pods, or claims of volumes, a quota with scopes is about. Pure.</summary>
internal static class QuotaScopes
{
    public static bool Has(JsonObject? spec) => spec.Count("scopes") > 0 || spec.Object("scopeSelector").Count("matchExpressions") > 0;

    /// <summary>All scopes and all expressions hold. Objects of other resources are in no scope.</summary>
    public static bool Match(JsonObject? spec, GroupResource resource, JsonObject obj)
    {
        return Of(spec).All(requirement => Matches(resource, requirement, obj));
    }

    public static IEnumerable<ScopeRequirement> Of(JsonObject? spec)
    {
        foreach (var scope in spec.Texts("scopes")) yield return new(scope, "Exists", []);
        foreach (var (_, expression) in spec.Object("scopeSelector").Items("matchExpressions")) yield return ScopeRequirement.Of(expression);
    }

    public static bool Matches(GroupResource resource, ScopeRequirement requirement, JsonObject obj)
    {
        if (resource.Group.Length > 0) return false;
        var (scope, op, values) = requirement;
        return resource.Resource switch
        {
            "pods" => Matches(scope, op, values, obj),
            "persistentvolumeclaims" => scope == "VolumeAttributesClass" && MatchesClasses(op, values, obj),
            _ => false,
        };
    }

    /// <summary>KEP-3751: the classes a claim asks for, has, and is on its way to.</summary>
    private static bool MatchesClasses(string op, IReadOnlyList<string> values, JsonObject claim)
    {
        var status = claim.Object("status");
        string[] all = [claim.Object("spec").Text("volumeAttributesClassName"), status.Text("currentVolumeAttributesClassName"), status.Object("modifyVolumeStatus").Text("targetVolumeAttributesClassName")];
        var classes = all.Where(name => name.Length > 0).ToList();
        return op switch
        {
            "In" => classes.Exists(values.Contains),
            "NotIn" => classes.Count == 0 || classes.Exists(name => !values.Contains(name)),
            "DoesNotExist" => classes.Count == 0,
            _ => classes.Count > 0,
        };
    }

    /// <summary>The pod has a deadline.</summary>
    public static bool IsTerminating(JsonObject? pod) => pod.Object("spec").Has("activeDeadlineSeconds");

    private static bool Matches(string scope, string op, IReadOnlyList<string> values, JsonObject pod)
    {
        var spec = pod.Object("spec");
        switch (scope)
        {
            case "Terminating": return IsTerminating(pod);
            case "NotTerminating": return !IsTerminating(pod);
            case "BestEffort": return IsBestEffort(pod);
            case "NotBestEffort": return !IsBestEffort(pod);
            case "CrossNamespacePodAffinity": return HasCrossNamespaceTerms(spec.Object("affinity"));
            case "PriorityClass":
                var name = spec.Text("priorityClassName");
                return op switch
                {
                    "In" => values.Contains(name),
                    "NotIn" => !values.Contains(name),
                    "DoesNotExist" => name.Length == 0,
                    _ => name.Length > 0,
                };
            default: return false;
        }
    }

    private static bool IsBestEffort(JsonObject pod) => QualityOfService.OfPod(pod) == "BestEffort";

    private static bool HasCrossNamespaceTerms(JsonObject? affinity)
    {
        foreach (var kind in (ReadOnlySpan<string>)["podAffinity", "podAntiAffinity"])
        {
            foreach (var (_, term) in affinity.Object(kind).Items("requiredDuringSchedulingIgnoredDuringExecution"))
                if (term.Count("namespaces") > 0 || term.Has("namespaceSelector")) return true;
            foreach (var (_, weighted) in affinity.Object(kind).Items("preferredDuringSchedulingIgnoredDuringExecution"))
                if (weighted.Object("podAffinityTerm") is { } term && (term.Count("namespaces") > 0 || term.Has("namespaceSelector"))) return true;
        }
        return false;
    }
}
