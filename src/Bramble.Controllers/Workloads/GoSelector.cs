using System.Text;
using System.Text.Json.Nodes;

namespace Bramble.Controllers.Workloads;

/// <summary>A LabelSelector as Go prints it (<c>%v</c>), because upstream's messages show it so.</summary>
internal static class GoSelector
{
    public static string Text(JsonObject? selector)
    {
        if (selector is null) return "nil";
        var text = new StringBuilder("&LabelSelector{MatchLabels:map[string]string{");
        foreach (var (key, value) in (selector["matchLabels"] as JsonObject ?? []).OrderBy(l => l.Key, StringComparer.Ordinal)) text.Append($"{key}: {(string?)value},");
        text.Append("},MatchExpressions:[]LabelSelectorRequirement{");
        foreach (var one in (selector["matchExpressions"] as JsonArray ?? []).OfType<JsonObject>())
            text.Append($"LabelSelectorRequirement{{Key:{(string?)one["key"]},Operator:{(string?)one["operator"]},Values:[{string.Join(' ', (one["values"] as JsonArray ?? []).Select(v => (string?)v))}],}},");
        return text.Append("},}").ToString();
    }
}
