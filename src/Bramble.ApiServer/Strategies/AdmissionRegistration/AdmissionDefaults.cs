using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Defaults that webhooks and admission policies share.</summary>
internal static class AdmissionDefaults
{
    public static void ApplyToMatch(JsonObject match)
    {
        match.DefaultTo("matchPolicy", "Equivalent");
        match.Child("namespaceSelector");
        match.Child("objectSelector");
    }

    /// <summary>The matchResources of a binding or the matchConstraints of a policy.</summary>
    public static void ApplyToResources(JsonObject? match)
    {
        if (match is null) return;
        ApplyToMatch(match);
        foreach (var list in (ReadOnlySpan<string>)["resourceRules", "excludeResourceRules"])
            foreach (var (_, rule) in match.Items(list)) rule.DefaultTo("scope", "*");
    }
}
