using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Catalog;

/// <summary>HorizontalPodAutoscaler between autoscaling v1 and v2 (behaviour of pkg/apis/autoscaling/v1 conversion). What v1 has no field for travels in
/// annotations: other metrics, their values, conditions, behaviour.</summary>
internal static class AutoscalerConversion
{
    private const string Metrics = "autoscaling.alpha.kubernetes.io/metrics";
    private const string CurrentMetrics = "autoscaling.alpha.kubernetes.io/current-metrics";
    private const string Conditions = "autoscaling.alpha.kubernetes.io/conditions";
    private const string Behavior = "autoscaling.alpha.kubernetes.io/behavior";
    private const int DefaultCpuUtilizationPercent = 80;

    private static readonly string[] RoundTripAnnotations =
    [
        Metrics, CurrentMetrics, Conditions, Behavior,
        "autoscaling.alpha.kubernetes.io/scale-down-tolerance", "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
    ];

    public static void ToV1(JsonObject obj)
    {
        var spec = obj["spec"] as JsonObject;
        var status = obj["status"] as JsonObject;
        var annotations = DropRoundTrip(obj);

        JsonNode? utilization = null;
        var others = new JsonArray();
        foreach (var metric in Objects(spec?["metrics"]))
        {
            if (CpuUtilization(metric, "target") is { } cpu) utilization ??= cpu.DeepClone();
            else others.Add((JsonNode)AutoscalerMetrics.SpecToV1(metric));
        }
        if (others.Count > 0) annotations[Metrics] = others.ToJsonString(JsonText.Plain);

        JsonNode? currentUtilization = null;
        var current = new JsonArray();
        foreach (var metric in Objects(status?["currentMetrics"]))
        {
            if (CpuUtilization(metric, "current") is { } cpu) currentUtilization = cpu.DeepClone();
            current.Add((JsonNode)AutoscalerMetrics.StatusToV1(metric));
        }
        if (current.Count > 0) annotations[CurrentMetrics] = current.ToJsonString(JsonText.Plain);
        if (spec?["behavior"] is JsonObject behavior) annotations[Behavior] = AutoscalerMetrics.BehaviorToInternal(behavior).ToJsonString(JsonText.Plain);
        if (status?["conditions"] is JsonArray { Count: > 0 } conditions) annotations[Conditions] = conditions.ToJsonString(JsonText.Plain);
        PutAnnotations(obj, annotations);

        spec?.Remove("metrics");
        spec?.Remove("behavior");
        if (spec is not null && utilization is not null) spec["targetCPUUtilizationPercentage"] = utilization;
        if (status is null) return;
        status.Remove("currentMetrics");
        status.Remove("conditions");
        status.TryAdd("currentReplicas", 0);
        status.TryAdd("desiredReplicas", 0);
        if (currentUtilization is not null) status["currentCPUUtilizationPercentage"] = currentUtilization;
        Order(status, "currentReplicas", "desiredReplicas", "currentCPUUtilizationPercentage");
    }

    public static void ToV2(JsonObject obj)
    {
        var spec = obj["spec"] as JsonObject ?? [];
        var status = obj["status"] as JsonObject;
        var annotations = obj["metadata"]?["annotations"] as JsonObject ?? [];

        var metrics = new JsonArray();
        foreach (var metric in Told(annotations, Metrics, "MetricSpec", AutoscalerMetrics.SpecToV2) ?? []) metrics.Add((JsonNode)metric);
        if (spec.Remove("targetCPUUtilizationPercentage", out var utilization) && utilization is not null) metrics.Add((JsonNode)CpuMetric(utilization));
        if (metrics.Count == 0) metrics.Add((JsonNode)CpuMetric(JsonValue.Create(DefaultCpuUtilizationPercent)));
        spec["metrics"] = metrics;
        if (Parse(annotations, Behavior) is JsonObject behavior && AutoscalerMetrics.BehaviorFromInternal(behavior) is { Count: > 0 } rules
            && Typed(rules, "HorizontalPodAutoscalerBehavior") is { } typed) spec["behavior"] = typed;

        if (status is not null)
        {
            var current = new JsonArray();
            status.Remove("currentCPUUtilizationPercentage", out var cpu);
            if (Told(annotations, CurrentMetrics, "MetricStatus", AutoscalerMetrics.StatusToV2) is { } known)
                foreach (var metric in known) current.Add((JsonNode)metric);
            else if (cpu is not null)
                current.Add((JsonNode)new JsonObject
                {
                    ["type"] = "Resource",
                    ["resource"] = new JsonObject { ["name"] = "cpu", ["current"] = new JsonObject { ["averageUtilization"] = cpu } },
                });
            status["currentMetrics"] = current.Count > 0 ? current : null;
            if (Told(annotations, Conditions, "HorizontalPodAutoscalerCondition", condition => condition) is { } conditions) status["conditions"] = new JsonArray([.. conditions]);
        }
        Clean(obj);
    }

    /// <summary>v2 says all in fields: what these annotations say of it counts for nothing, and they do not stay.</summary>
    public static void Clean(JsonObject obj)
    {
        if (obj["metadata"]?["annotations"] is JsonObject annotations && RoundTripAnnotations.Any(annotations.ContainsKey)) PutAnnotations(obj, DropRoundTrip(obj));
    }

    private static JsonObject CpuMetric(JsonNode utilization) => new()
    {
        ["type"] = "Resource",
        ["resource"] = new JsonObject { ["name"] = "cpu", ["target"] = new JsonObject { ["type"] = "Utilization", ["averageUtilization"] = utilization } },
    };

    private static JsonNode? CpuUtilization(JsonObject metric, string part) =>
        (string?)metric["type"] == "Resource" && metric["resource"] is JsonObject resource && (string?)resource["name"] == "cpu"
            ? resource[part]?["averageUtilization"]
            : null;

    private static JsonObject DropRoundTrip(JsonObject obj)
    {
        var annotations = obj["metadata"]?["annotations"]?.DeepClone() as JsonObject ?? [];
        foreach (var name in RoundTripAnnotations) annotations.Remove(name);
        return annotations;
    }

    private static void PutAnnotations(JsonObject obj, JsonObject annotations)
    {
        if (obj["metadata"] is not JsonObject metadata) return;
        if (annotations.Count == 0)
        {
            metadata.Remove("annotations");
            return;
        }
        // Maps are written in key order.
        var sorted = new JsonObject();
        foreach (var name in annotations.Select(a => a.Key).Order(StringComparer.Ordinal)) sorted[name] = annotations[name]?.DeepClone();
        metadata["annotations"] = sorted;
    }

    /// <summary>What a list in an annotation says, in v2's form; null: it is absent or broken in any of its parts, and upstream ignores it.</summary>
    private static List<JsonObject>? Told(JsonObject annotations, string name, string type, Func<JsonObject, JsonObject> toV2)
    {
        if (Parse(annotations, name) is not JsonArray list) return null;
        var told = new List<JsonObject>(list.Count);
        foreach (var item in list)
        {
            if (item is not (null or JsonObject) || Typed(toV2(item as JsonObject ?? []), type) is not { } typed) return null;
            told.Add(typed);
        }
        return told;
    }

    /// <summary>Null: a value is not of the type that the field has.</summary>
    private static JsonObject? Typed(JsonObject tree, string type)
    {
        try
        {
            return Normalizer.Normalize(tree, BuiltInSchemas.Find("io.k8s.api.autoscaling.v2." + type)!);
        }
        catch (StatusException)
        {
            return null;
        }
    }

    /// <summary>Null for an annotation that is absent or no JSON.</summary>
    private static JsonNode? Parse(JsonObject annotations, string name)
    {
        if ((string?)annotations[name] is not { } text) return null;
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static IEnumerable<JsonObject> Objects(JsonNode? list) => list is JsonArray array ? array.OfType<JsonObject>() : [];

    private static void Order(JsonObject obj, params ReadOnlySpan<string> order)
    {
        foreach (var name in order)
            if (obj.Remove(name, out var value)) obj[name] = value;
    }
}
