using System.Text.Json.Nodes;
using Bramble.ApiServer.Authorization;

namespace Bramble.ApiServer.Bootstrap;

/// <summary>What to do with a bootstrap role or binding: upstream's auto-update. Rules, subjects, labels and annotations that are missing are added, what an
/// administrator added stays; <c>rbac.authorization.kubernetes.io/autoupdate: "false"</c> leaves the object alone.</summary>
internal static class RbacReconciliation
{
    private const string AutoUpdate = "rbac.authorization.kubernetes.io/autoupdate";

    /// <returns>The object to write instead; null: nothing to do.</returns>
    public static JsonObject? Role(JsonObject existing, JsonObject expected)
    {
        if (IsProtected(existing)) return null;
        var merged = (JsonObject)existing.DeepClone();
        var changed = MergeMetadata(merged, expected);
        // The rules of an aggregated role are the aggregation's, not ours.
        var expectedRules = expected["aggregationRule"] is null ? PolicyRule.ReadAll(expected["rules"]) : [];
        var missing = PolicyRule.Missing(PolicyRule.ReadAll(existing["rules"]), expectedRules);
        if (missing.Count > 0)
        {
            var rules = merged["rules"] as JsonArray ?? [];
            if (rules.Parent is null) merged["rules"] = rules;
            foreach (var rule in missing) rules.Add((JsonNode)rule.ToTree());
            changed = true;
        }
        return MergeAggregation(merged, expected) || changed ? merged : null;
    }

    /// <param name="mustRecreate">A roleRef cannot be changed: delete the old one, create the returned one.</param>
    public static JsonObject? Binding(JsonObject existing, JsonObject expected, out bool mustRecreate)
    {
        mustRecreate = !IsProtected(existing) && !JsonNode.DeepEquals(existing["roleRef"], expected["roleRef"]);
        if (IsProtected(existing)) return null;
        if (mustRecreate) return expected;
        var merged = (JsonObject)existing.DeepClone();
        var changed = MergeMetadata(merged, expected);
        var subjects = merged["subjects"] as JsonArray ?? [];
        foreach (var subject in (expected["subjects"] as JsonArray ?? []).Where(s => !subjects.Any(known => JsonNode.DeepEquals(known, s))))
        {
            subjects.Add(subject!.DeepClone());
            changed = true;
        }
        if (changed && subjects.Count > 0 && subjects.Parent is null) merged["subjects"] = subjects;
        return changed ? merged : null;
    }

    private static bool IsProtected(JsonObject existing) => (string?)existing["metadata"]?["annotations"]?[AutoUpdate] == "false";

    private static bool MergeMetadata(JsonObject merged, JsonObject expected)
    {
        var changed = false;
        foreach (var field in (string[])["labels", "annotations"])
            foreach (var (key, value) in expected["metadata"]?[field] as JsonObject ?? [])
            {
                if (merged["metadata"]![field] is not JsonObject map) merged["metadata"]![field] = map = [];
                if (map.ContainsKey(key)) continue; // an administrator's value wins
                map[key] = value?.DeepClone();
                changed = true;
            }
        return changed;
    }

    private static bool MergeAggregation(JsonObject merged, JsonObject expected)
    {
        if (expected["aggregationRule"] is not { } wanted) return merged.Remove("aggregationRule");
        if (merged["aggregationRule"]?["clusterRoleSelectors"] is not JsonArray selectors)
        {
            merged["aggregationRule"] = wanted.DeepClone();
            return true;
        }
        var missing = ((JsonArray)wanted["clusterRoleSelectors"]!).Where(s => !selectors.Any(known => JsonNode.DeepEquals(known, s))).ToList();
        foreach (var selector in missing) selectors.Add(selector!.DeepClone());
        return missing.Count > 0;
    }
}
