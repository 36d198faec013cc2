using System.Text.Json.Nodes;

namespace Bramble.Controllers.Nodes;

/// <summary>The old names of two labels follow the new ones. Pure.</summary>
internal static class BetaLabels
{
    /// <returns>Those to be written; null: they are right.</returns>
    public static JsonObject? Decide(JsonObject node)
    {
        var changed = new JsonObject();
        foreach (var label in (ReadOnlySpan<string>)["os", "arch"])
            if ((string?)node["metadata"]!["labels"]?[$"kubernetes.io/{label}"] is { } value && (string?)node["metadata"]!["labels"]![$"beta.kubernetes.io/{label}"] != value)
                changed[$"beta.kubernetes.io/{label}"] = value;
        return changed.Count == 0 ? null : changed;
    }
}
