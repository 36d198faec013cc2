using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Defaults and warnings that webhooks and admission policies share.</summary>
internal static class AdmissionDefaults
{
    /// <summary>Names that configuration from files will have (ManifestBasedAdmissionControlConfig, off).</summary>
    public static IEnumerable<string> NameWarnings(JsonObject obj)
    {
        const string suffix = ".static.k8s.io";
        if (obj.ObjectName().EndsWith(suffix, StringComparison.Ordinal))
            yield return $"metadata.name: names ending with \"{suffix}\" are reserved for static manifest-based configurations and cannot be managed via the API";
    }

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
