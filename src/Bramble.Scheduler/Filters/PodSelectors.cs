using k8s.Models;

namespace Bramble.Scheduler.Filters;

/// <summary>A label selector of a Pod's rules applied to Pods. Absent: nothing; empty: everything.</summary>
internal static class PodSelectors
{
    public static bool Matches(V1LabelSelector? selector, IDictionary<string, string>? labels)
    {
        if (selector is null) return false;
        foreach (var (key, value) in selector.MatchLabels ?? new Dictionary<string, string>())
            if (labels is null || !labels.TryGetValue(key, out var has) || has != value) return false;
        foreach (var requirement in selector.MatchExpressions ?? [])
        {
            string? has = null;
            labels?.TryGetValue(requirement.Key, out has);
            var holds = requirement.OperatorProperty switch
            {
                "In" => has is not null && requirement.Values.Contains(has),
                "NotIn" => has is null || !requirement.Values.Contains(has),
                "Exists" => has is not null,
                "DoesNotExist" => has is null,
                _ => false,
            };
            if (!holds) return false;
        }
        return true;
    }

    /// <summary>Whether the term of a Pod in namespace <paramref name="ns"/> means this Pod.</summary>
    public static bool Matches(V1PodAffinityTerm term, string ns, V1Pod pod, Func<string, IDictionary<string, string>?> namespaceLabels)
    {
        var inNamespace = term.NamespaceSelector is null && term.Namespaces is not { Count: > 0 }
            ? pod.Metadata.NamespaceProperty == ns
            : term.Namespaces?.Contains(pod.Metadata.NamespaceProperty) == true
                || (term.NamespaceSelector is not null && Matches(term.NamespaceSelector, namespaceLabels(pod.Metadata.NamespaceProperty)));
        return inNamespace && Matches(term.LabelSelector, pod.Metadata.Labels);
    }
}
