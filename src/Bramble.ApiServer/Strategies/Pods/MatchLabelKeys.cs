using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>matchLabelKeys and mismatchLabelKeys of a Pod's affinity terms and spread constraints become selector requirements when it is created (KEP-3633, KEP-3243).</summary>
internal static class MatchLabelKeys
{
    public static void MergeIntoAffinity(JsonObject pod)
    {
        if (pod.Labels() is not { } labels) return;
        var spec = pod.Object("spec");
        foreach (var kind in (ReadOnlySpan<string>)["podAffinity", "podAntiAffinity"])
        {
            var affinity = spec.Object("affinity").Object(kind);
            foreach (var (_, weighted) in affinity.Items("preferredDuringSchedulingIgnoredDuringExecution"))
                if (weighted.Object("podAffinityTerm") is { } term) Merge(term, labels);
            foreach (var (_, term) in affinity.Items("requiredDuringSchedulingIgnoredDuringExecution")) Merge(term, labels);
        }

        foreach (var (_, constraint) in spec.Items("topologySpreadConstraints")) Merge(constraint, labels);
    }

    private static void Merge(JsonObject term, JsonObject labels)
    {
        if (term.Object("labelSelector") is not { } selector) return;
        foreach (var key in term.Texts("matchLabelKeys")) Require(selector, labels, key, "In");
        foreach (var key in term.Texts("mismatchLabelKeys")) Require(selector, labels, key, "NotIn");
    }

    private static void Require(JsonObject selector, JsonObject labels, string key, string @operator)
    {
        if (!labels.Has(key)) return;
        if (selector.Array("matchExpressions") is not { } expressions) selector["matchExpressions"] = expressions = [];
        expressions.Add((JsonNode)new JsonObject { ["key"] = key, ["operator"] = @operator, ["values"] = new JsonArray((JsonNode)labels.Text(key)) });
    }
}
