using System.Globalization;
using k8s.Models;

namespace Bramble.Client.Placement;

/// <summary>nodeSelector and required node affinity: which nodes a Pod may be on. The scheduler asks for each Pod and node: nothing is allocated.</summary>
public static class NodeSelection
{
    public static bool Matches(V1PodSpec pod, V1Node node)
    {
        if (pod.NodeSelector is { Count: > 0 } selector)
            foreach (var (key, value) in selector)
                if (Label(node, key) != value) return false;
        return pod.Affinity?.NodeAffinity?.RequiredDuringSchedulingIgnoredDuringExecution is not { } required || Matches(required, node);
    }

    /// <summary>Any term; a term without requirements matches nothing.</summary>
    public static bool Matches(V1NodeSelector selector, V1Node node)
    {
        if (selector.NodeSelectorTerms is not { } terms) return false;
        for (var i = 0; i < terms.Count; i++)
            if (Matches(terms[i], node)) return true;
        return false;
    }

    public static bool Matches(V1NodeSelectorTerm term, V1Node node)
    {
        var (labels, fields) = (term.MatchExpressions?.Count ?? 0, term.MatchFields?.Count ?? 0);
        for (var i = 0; i < labels; i++)
            if (!Matches(term.MatchExpressions![i], Label(node, term.MatchExpressions[i].Key))) return false;
        for (var i = 0; i < fields; i++)
            if (term.MatchFields![i].Key != "metadata.name" || !Matches(term.MatchFields[i], node.Metadata.Name)) return false;
        return labels + fields > 0;
    }

    private static string? Label(V1Node node, string key) => node.Metadata.Labels is { } labels && labels.TryGetValue(key, out var value) ? value : null;

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
