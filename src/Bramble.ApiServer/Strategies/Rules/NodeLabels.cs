using System.Collections.Frozen;
using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Node labels that are on their way out.</summary>
internal static class NodeLabels
{
    private static readonly FrozenDictionary<string, string> Deprecated = new Dictionary<string, string>
    {
        ["beta.kubernetes.io/arch"] = "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        ["beta.kubernetes.io/os"] = "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        ["failure-domain.beta.kubernetes.io/region"] = "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
        ["failure-domain.beta.kubernetes.io/zone"] = "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
        ["beta.kubernetes.io/instance-type"] = "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
        ["app.kubernetes.io/created-by"] = "deprecated since v1.9",
        ["scheduler.alpha.kubernetes.io/preferAvoidPods"] = "deprecated since v1.22; use Taints and Tolerations instead",
        ["node-role.kubernetes.io/master"] = "use \"node-role.kubernetes.io/control-plane\" instead",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, string> Stable = new Dictionary<string, string>
    {
        ["failure-domain.beta.kubernetes.io/zone"] = "topology.kubernetes.io/zone",
        ["failure-domain.beta.kubernetes.io/region"] = "topology.kubernetes.io/region",
        ["beta.kubernetes.io/os"] = "kubernetes.io/os",
        ["beta.kubernetes.io/arch"] = "kubernetes.io/arch",
        ["beta.kubernetes.io/instance-type"] = "node.kubernetes.io/instance-type",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The name that a beta label has now.</summary>
    public static string? StableName(string label) => Stable.GetValueOrDefault(label);

    public static string? Deprecation(string label) => Deprecated.GetValueOrDefault(label);

    public static void Term(JsonObject? term, bool checksValues, FieldPath path, List<string> warnings)
    {
        foreach (var (index, expression) in term.Items("matchExpressions"))
        {
            var at = path.Child("matchExpressions").Index(index);
            if (Deprecation(expression.Text("key")) is { } message) warnings.Add($"{at.Child("key")}: {expression.Text("key")} is {message}");
            if (!checksValues) continue;
            var position = 0;
            foreach (var value in expression.Texts("values"))
            {
                foreach (var complaint in Formats.LabelValue(value)) warnings.Add($"{at.Child("values").Index(position)}: {value} is invalid, {complaint}");
                position++;
            }
        }
    }

    public static void Selector(JsonObject? selector, FieldPath path, List<string> warnings)
    {
        foreach (var (index, expression) in selector.Items("matchExpressions"))
            if (Deprecation(expression.Text("key")) is { } message) warnings.Add($"{path.Child("matchExpressions").Index(index).Child("key")}: {expression.Text("key")} is {message}");
        foreach (var (key, _) in selector.TextMap("matchLabels"))
            if (Deprecation(key) is { } message) warnings.Add($"{path.Child("matchLabels", key)}: {message}");
    }
}
