using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Bramble.Controllers.Deployments;

/// <summary>The hash that names a ReplicaSet after its template. Safe letters only, so that no name says something rude (upstream's alphabet).</summary>
internal static class TemplateHash
{
    public const string Label = "pod-template-hash";
    private const string Letters = "bcdfghjklmnpqrstvwxz2456789";

    public static string Of(JsonNode template, int? collisions)
    {
        var hash = 2166136261u;     // FNV-1a, 32 bits
        foreach (var b in Encoding.UTF8.GetBytes(template.ToJsonString() + (collisions is { } count ? $"#{count}" : "")))
            hash = (hash ^ b) * 16777619u;
        return string.Concat(hash.ToString(CultureInfo.InvariantCulture).Select(c => Letters[c % Letters.Length]));
    }

    /// <summary>Equal but for the hash label that the controller itself adds.</summary>
    public static bool IsSameTemplate(JsonNode? one, JsonNode? other) => JsonNode.DeepEquals(Bare(one), Bare(other));

    private static JsonNode? Bare(JsonNode? template)
    {
        if (template?["metadata"]?["labels"] is not JsonObject labels || !labels.ContainsKey(Label)) return template;
        var bare = template.DeepClone();
        var kept = bare["metadata"]!["labels"]!.AsObject();
        kept.Remove(Label);
        if (kept.Count == 0) bare["metadata"]!.AsObject().Remove("labels");
        return bare;
    }
}
