using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Describing;

/// <summary>A namespace with its quotas and limits, as kubectl describes it.</summary>
internal static class NamespaceDescription
{
    public static void Write(TabbedText text, JsonObject space, IReadOnlyList<JsonObject> quotas, IReadOnlyList<JsonObject> limitRanges)
    {
        text.Line(0, $"Name:\t{(string?)space["metadata"]?["name"]}");
        FieldDescription.LabelsAndAnnotations(text, space);
        text.Line(0, $"Status:\t{(string?)space["status"]?["phase"]}");
        if (space["status"]?["conditions"] is JsonArray { Count: > 0 } conditions)
        {
            text.Line(0, "Conditions:");
            text.Line(1, "Type\tStatus\tLastTransitionTime\tReason\tMessage");
            text.Line(1, "----\t------\t------------------\t------\t-------");
            foreach (var c in conditions) text.Line(1, $"{(string?)c?["type"]}\t{(string?)c?["status"]}\t{FieldDescription.Time((string?)c?["lastTransitionTime"])}\t{(string?)c?["reason"]}\t{(string?)c?["message"]}");
        }
        text.Line(0, "");
        Quotas(text, quotas);
        text.Line(0, "");
        Limits(text, limitRanges);
    }

    private static void Quotas(TabbedText text, IReadOnlyList<JsonObject> quotas)
    {
        text.Line(0, quotas.Count > 0 ? "Resource Quotas" : "No resource quota.");
        foreach (var quota in quotas.OrderBy(q => (string?)q["metadata"]?["name"], StringComparer.Ordinal))
        {
            text.Line(1, $"Name:\t{(string?)quota["metadata"]?["name"]}");
            if (quota["spec"]?["scopes"] is JsonArray { Count: > 0 } scopes) text.Line(1, $"Scopes:\t{string.Join(", ", scopes.Select(s => s?.ToString()).Order(StringComparer.Ordinal))}");
            text.Line(1, "Resource\tUsed\tHard");
            text.Line(1, "--------\t---\t---");
            foreach (var (resource, hard) in (quota["status"]?["hard"] as JsonObject ?? []).OrderBy(p => p.Key, StringComparer.Ordinal))
                text.Line(1, $"{resource}\t{quota["status"]?["used"]?[resource]?.ToString() ?? "0"}\t{hard}");
        }
    }

    private static void Limits(TabbedText text, IReadOnlyList<JsonObject> limitRanges)
    {
        if (limitRanges.Count == 0)
        {
            text.Line(0, "No LimitRange resource.");
            return;
        }
        text.Line(0, "Resource Limits");
        text.Line(0, " Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio");
        text.Line(0, " ----\t--------\t---\t---\t---------------\t-------------\t-----------------------");
        string[] columns = ["min", "max", "defaultRequest", "default", "maxLimitRequestRatio"];
        foreach (var item in limitRanges.SelectMany(range => range["spec"]?["limits"] as JsonArray ?? []).OfType<JsonObject>())
            foreach (var resource in columns.SelectMany(column => (item[column] as JsonObject ?? []).Select(p => p.Key)).Distinct().Order(StringComparer.Ordinal))
                text.Line(0, $" {(string?)item["type"]}\t{resource}\t{string.Join('\t', columns.Select(column => item[column]?[resource]?.ToString() ?? "-"))}");
    }
}
