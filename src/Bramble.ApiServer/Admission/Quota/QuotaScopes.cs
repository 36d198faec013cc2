using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Quota;

/// <summary>Which pods a quota with scopes is about. Pure.</summary>
internal static class QuotaScopes
{
    public static bool Has(JsonObject? spec) => spec.Count("scopes") > 0 || spec.Object("scopeSelector").Count("matchExpressions") > 0;

    /// <summary>All scopes and all expressions hold.</summary>
    public static bool Match(JsonObject? spec, JsonObject pod)
    {
        if (!spec.Texts("scopes").All(scope => Matches(scope, "Exists", [], pod))) return false;
        foreach (var (_, expression) in spec.Object("scopeSelector").Items("matchExpressions"))
            if (!Matches(expression.Text("scopeName"), expression.Text("operator"), [.. expression.Texts("values")], pod)) return false;
        return true;
    }

    private static bool Matches(string scope, string op, IReadOnlyList<string> values, JsonObject pod)
    {
        var spec = pod.Object("spec");
        switch (scope)
        {
            case "Terminating": return spec.Has("activeDeadlineSeconds");
            case "NotTerminating": return !spec.Has("activeDeadlineSeconds");
            case "BestEffort": return IsBestEffort(spec);
            case "NotBestEffort": return !IsBestEffort(spec);
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

    private static bool IsBestEffort(JsonObject? spec) => PodResources.OfPod(spec, "requests").Values.All(q => q.IsZero) && PodResources.OfPod(spec, "limits").Values.All(q => q.IsZero);

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
