using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Quota;

/// <summary>What may be had only where a quota allows it. ResourceQuotaConfiguration, limitedResources.</summary>
/// <param name="Contains">Parts of the names by which a quota counts it.</param>
/// <param name="Scopes">Objects in these scopes need a quota with such a scope.</param>
internal sealed record LimitedResource(GroupResource Resource, IReadOnlyList<string> Contains, IReadOnlyList<ScopeRequirement> Scopes)
{
    public static IReadOnlyList<LimitedResource> Read(JsonObject configuration)
    {
        List<LimitedResource> all = [];
        foreach (var (index, limited) in configuration.Items("limitedResources"))
        {
            if (limited.Text("resource").Length == 0) throw new InvalidDataException($"limitedResources[{index}].resource: Required value");
            List<ScopeRequirement> scopes = [];
            foreach (var (_, scope) in limited.Items("matchScopes")) scopes.Add(ScopeRequirement.Of(scope));
            all.Add(new(new(limited.Text("apiGroup"), limited.Text("resource")), [.. limited.Texts("matchContains")], scopes));
        }
        return all;
    }
}

/// <summary>One of a quota's scopes.</summary>
internal sealed record ScopeRequirement(string Scope, string Operator, IReadOnlyList<string> Values)
{
    public static ScopeRequirement Of(JsonObject expression) => new(expression.Text("scopeName"), expression.Text("operator"), [.. expression.Texts("values")]);

    /// <summary>As Go shows it.</summary>
    public override string ToString() => $"{{{Scope} {Operator} [{string.Join(' ', Values)}]}}";
}
