using System.Globalization;
using k8s.Models;

namespace Bramble.Client.Placement;

/// <summary>nodeSelector and required node affinity: which nodes a Pod may be on.</summary>
public static class NodeSelection
{
    public static bool Matches(V1PodSpec pod, V1Node node)
    {
        foreach (var (key, value) in pod.NodeSelector ?? new Dictionary<string, string>())
            if (node.Metadata.Labels is not { } labels || !labels.TryGetValue(key, out var has) || has != value) return false;
        return pod.Affinity?.NodeAffinity?.RequiredDuringSchedulingIgnoredDuringExecution is not { } required || Matches(required, node);
    }

    /// <summary>Any term; a term without requirements matches nothing.</summary>
    public static bool Matches(V1NodeSelector selector, V1Node node) => (selector.NodeSelectorTerms ?? []).Any(t => Matches(t, node));

    public static bool Matches(V1NodeSelectorTerm term, V1Node node)
    {
        if (term.MatchExpressions is not { Count: > 0 } && term.MatchFields is not { Count: > 0 }) return false;
        return (term.MatchExpressions ?? []).All(r => Matches(r, node.Metadata.Labels is { } labels && labels.TryGetValue(r.Key, out var value) ? value : null))
            && (term.MatchFields ?? []).All(r => r.Key == "metadata.name" && Matches(r, node.Metadata.Name));
    }

    private static bool Matches(V1NodeSelectorRequirement requirement, string? value) => requirement.OperatorProperty switch
    {
        "In" => value is not null && requirement.Values?.Contains(value) == true,
        "NotIn" => value is null || requirement.Values?.Contains(value) != true,
        "Exists" => value is not null,
        "DoesNotExist" => value is null,
        "Gt" => TryNumbers(requirement, value, out var has, out var limit) && has > limit,
        "Lt" => TryNumbers(requirement, value, out var has, out var limit) && has < limit,
        _ => false,
    };

    private static bool TryNumbers(V1NodeSelectorRequirement requirement, string? value, out long has, out long limit)
    {
        limit = 0;
        return long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out has)
            && requirement.Values is { Count: 1 } && long.TryParse(requirement.Values[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out limit);
    }
}
