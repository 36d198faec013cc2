using System.Text.Json.Nodes;

namespace Bramble.Api.Tables;

/// <summary>A HorizontalPodAutoscaler's row (of autoscaling/v2).</summary>
internal static class AutoscalerRow
{
    private const int MetricsMax = 2;

    public static JsonArray Cells(JsonObject o, DateTimeOffset now) => new(
        o.Name(),
        $"{o.Text("spec", "scaleTargetRef", "kind")}/{o.Text("spec", "scaleTargetRef", "name")}",
        Metrics(o.Items("spec", "metrics"), o.Items("status", "currentMetrics")),
        o.NumberOrNull("spec", "minReplicas")?.ToString() ?? "<unset>",
        o.Number("spec", "maxReplicas"),
        o.Number("status", "currentReplicas"),
        o.Age(now));

    private static string Metrics(IReadOnlyList<JsonObject> specs, IReadOnlyList<JsonObject> statuses)
    {
        if (specs.Count == 0) return "<none>";
        var shown = specs.Take(MetricsMax).Select((spec, i) => Metric(spec, i < statuses.Count ? statuses[i] : null));
        var text = string.Join(", ", shown);
        return specs.Count > MetricsMax ? $"{text} + {specs.Count - MetricsMax} more..." : text;
    }

    private static string Metric(JsonObject spec, JsonObject? status)
    {
        var field = spec.Text("type") switch
        {
            "External" => "external",
            "Pods" => "pods",
            "Object" => "object",
            "Resource" => "resource",
            "ContainerResource" => "containerResource",
            _ => "",
        };
        if (field.Length == 0) return "<unknown type>";
        var target = spec.At(field, "target");
        var current = status.At(field) is { } part ? part["current"] ?? new JsonObject() : null;
        switch (field)
        {
            case "external" or "object":
                if (target.At("averageValue") is null) return $"{(current is null ? "<unknown>" : current.Amount("value"))}/{target.Amount("value")}";
                return $"{(current.At("averageValue") is null ? "<unknown>" : current.Amount("averageValue"))}/{target.Amount("averageValue")} (avg)";
            case "pods":
                return $"{(current is null ? "<unknown>" : current.Amount("averageValue"))}/{target.Amount("averageValue")}";
            default:
                var name = spec.Text(field, "name");
                if (target.At("averageValue") is not null)
                    return $"{name}: {(current is null ? "<unknown>" : current.Amount("averageValue"))}/{target.Amount("averageValue")}";
                var used = current.NumberOrNull("averageUtilization") is { } percent ? $"{percent}%" : "<unknown>";
                return $"{name}: {used}/{(target.NumberOrNull("averageUtilization") is { } wanted ? $"{wanted}%" : "<auto>")}";
        }
    }
}
