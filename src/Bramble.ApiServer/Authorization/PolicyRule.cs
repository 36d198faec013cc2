using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Authorization;

/// <summary>One rule of a role: verbs on resources of groups (perhaps named ones), or verbs on paths.</summary>
internal sealed record PolicyRule(
    IReadOnlyList<string> Verbs,
    IReadOnlyList<string> ApiGroups,
    IReadOnlyList<string> Resources,
    IReadOnlyList<string> ResourceNames,
    IReadOnlyList<string> NonResourceUrls)
{
    public static IReadOnlyList<PolicyRule> ReadAll(JsonNode? rules) => rules is JsonArray list ? [.. list.OfType<JsonObject>().Select(Read)] : [];

    private static PolicyRule Read(JsonObject rule) => new(Texts(rule["verbs"]), Texts(rule["apiGroups"]), Texts(rule["resources"]), Texts(rule["resourceNames"]), Texts(rule["nonResourceURLs"]));

    private static IReadOnlyList<string> Texts(JsonNode? list) => list is JsonArray { Count: > 0 } array ? [.. array.Select(item => (string?)item ?? "")] : [];

    public bool Allows(AccessAttributes attributes) =>
        Has(Verbs, attributes.Verb)
        && (attributes.IsResourceRequest
            ? Has(ApiGroups, attributes.Group) && AllowsResource(attributes.Resource, attributes.Subresource) && (ResourceNames.Count == 0 || ResourceNames.Contains(attributes.Name))
            : NonResourceUrls.Any(url => PathCovers(url, attributes.Path)));

    private static bool Has(IReadOnlyList<string> values, string wanted) => values.Contains("*") || values.Contains(wanted);

    private bool AllowsResource(string resource, string subresource)
    {
        if (subresource.Length == 0) return Has(Resources, resource);
        return Resources.Any(r => r == "*" || r == $"{resource}/{subresource}" || (r.StartsWith("*/", StringComparison.Ordinal) && r.AsSpan(2).SequenceEqual(subresource)));
    }

    private static bool PathCovers(string owner, string path) =>
        owner == path || (owner.EndsWith('*') && path.StartsWith(owner.TrimEnd('*'), StringComparison.Ordinal));

    /// <summary>The parts of <paramref name="wanted"/>, broken down to single verb, group, resource and name, that no rule of <paramref name="held"/> covers.</summary>
    public static List<PolicyRule> Missing(IReadOnlyList<PolicyRule> held, IReadOnlyList<PolicyRule> wanted) =>
        [.. wanted.SelectMany(rule => rule.Atoms()).Where(atom => !held.Any(rule => rule.Covers(atom)))];

    private IEnumerable<PolicyRule> Atoms()
    {
        foreach (var group in ApiGroups)
            foreach (var resource in Resources)
                foreach (var verb in Verbs)
                    if (ResourceNames.Count == 0) yield return new PolicyRule([verb], [group], [resource], [], []);
                    else
                        foreach (var name in ResourceNames) yield return new PolicyRule([verb], [group], [resource], [name], []);
        foreach (var url in NonResourceUrls)
            foreach (var verb in Verbs) yield return new PolicyRule([verb], [], [], [], [url]);
    }

    private bool Covers(PolicyRule atom) =>
        atom.Verbs.All(verb => Has(Verbs, verb))
        && atom.ApiGroups.All(group => Has(ApiGroups, group))
        && atom.Resources.All(CoversResource)
        && (ResourceNames.Count == 0 || (atom.ResourceNames.Count > 0 && atom.ResourceNames.All(ResourceNames.Contains)))
        && atom.NonResourceUrls.All(url => NonResourceUrls.Any(own => PathCovers(own, url)));

    private bool CoversResource(string resource)
    {
        if (Has(Resources, resource)) return true;
        var slash = resource.IndexOf('/');
        return slash >= 0 && Resources.Contains("*/" + resource[(slash + 1)..]);
    }

    /// <summary>Joins what differs only by verb.</summary>
    public static IEnumerable<PolicyRule> Compact(IEnumerable<PolicyRule> atoms) =>
        atoms.GroupBy(a => (string.Join('\0', a.ApiGroups), string.Join('\0', a.Resources), a.ResourceNames.Count, string.Join('\0', a.ResourceNames), string.Join('\0', a.NonResourceUrls), a.NonResourceUrls.Count > 0 ? a.Verbs[0] : ""))
            .Select(same => same.First() with { Verbs = [.. same.SelectMany(a => a.Verbs)] });

    /// <summary>The wire form, fields in upstream's order.</summary>
    public JsonObject ToTree()
    {
        var tree = new JsonObject();
        void Add(string name, IReadOnlyList<string> values, bool always = false)
        {
            if (values.Count == 0 && !always) return;
            var list = new JsonArray();
            foreach (var value in values) list.Add((JsonNode)JsonValue.Create(value));
            tree[name] = list;
        }
        Add("verbs", Verbs, always: true);
        Add("apiGroups", ApiGroups);
        Add("resources", Resources);
        Add("resourceNames", ResourceNames);
        Add("nonResourceURLs", NonResourceUrls);
        return tree;
    }

    /// <summary>As escalation messages show it: <c>{APIGroups:[""], Resources:["pods"], Verbs:["list"]}</c>.</summary>
    public override string ToString()
    {
        List<string> parts = [];
        void Add(string name, IReadOnlyList<string> values)
        {
            if (values.Count > 0) parts.Add($"{name}:[{string.Join(' ', values.Select(FieldError.Quote))}]");
        }
        Add("APIGroups", ApiGroups);
        Add("Resources", Resources);
        Add("NonResourceURLs", NonResourceUrls);
        Add("ResourceNames", ResourceNames);
        Add("Verbs", Verbs);
        return $"{{{string.Join(", ", parts)}}}";
    }
}
