using System.Text.Json.Nodes;
using Bramble.Api.Selectors;
using k8s.Models;

namespace Bramble.Controllers.ClusterRoleAggregation;

/// <summary>The rules of a role with an aggregationRule. Pure. Source: RBAC, aggregated ClusterRoles.</summary>
internal static class AggregatedRules
{
    /// <param name="name">The role's own, which is no part of itself.</param>
    /// <param name="rulesOf">A role's rules, field by field as they were written.</param>
    /// <returns>In the order of the selectors, then of the roles' names; each once.</returns>
    public static JsonArray Of(string name, JsonObject aggregation, IEnumerable<V1ClusterRole> roles, Func<V1ClusterRole, JsonArray> rulesOf)
    {
        var others = roles.Where(r => r.Metadata.Name != name).OrderBy(r => r.Metadata.Name, StringComparer.Ordinal).ToList();
        var rules = new JsonArray();
        foreach (var selector in (aggregation["clusterRoleSelectors"] as JsonArray ?? []).OfType<JsonObject>())
        {
            var labels = LabelSelector.FromObject(selector);
            foreach (var other in others.Where(o => labels.Matches(o.Metadata.Labels)))
                foreach (var rule in rulesOf(other))
                    if (rule is not null && !rules.Any(known => JsonNode.DeepEquals(known, rule))) rules.Add(rule.DeepClone());
        }
        return rules;
    }
}
