using System.Text.Json.Nodes;
using Bramble.Api.Quantities;

namespace Bramble.Api.Catalog;

/// <summary>One metric of a HorizontalPodAutoscaler between its v2 form and the v1 form that lives in annotations (autoscaling/v1 MetricSpec, MetricStatus).</summary>
internal static class AutoscalerMetrics
{
    public static JsonObject SpecToV1(JsonObject metric)
    {
        var to = new JsonObject { ["type"] = metric["type"]?.DeepClone() };
        if (metric["object"] is JsonObject obj)
        {
            var source = new JsonObject
            {
                ["target"] = obj["describedObject"]?.DeepClone() ?? new JsonObject(),
                ["metricName"] = Copy(obj["metric"]?["name"]) ?? "",
                ["targetValue"] = Copy(obj["target"]?["value"]) ?? "0",
            };
            PutIf(source, "selector", obj["metric"]?["selector"]);
            PutIf(source, "averageValue", obj["target"]?["averageValue"]);
            to["object"] = source;
        }
        if (metric["pods"] is JsonObject pods)
        {
            var source = new JsonObject
            {
                ["metricName"] = Copy(pods["metric"]?["name"]) ?? "",
                ["targetAverageValue"] = Copy(pods["target"]?["averageValue"]) ?? "0",
            };
            PutIf(source, "selector", pods["metric"]?["selector"]);
            to["pods"] = source;
        }
        foreach (var name in (ReadOnlySpan<string>)["resource", "containerResource"])
            if (metric[name] is JsonObject resource)
            {
                var source = new JsonObject { ["name"] = Copy(resource["name"]) ?? "" };
                PutIf(source, "targetAverageUtilization", resource["target"]?["averageUtilization"]);
                PutIf(source, "targetAverageValue", resource["target"]?["averageValue"]);
                if (name == "containerResource") source["container"] = Copy(resource["container"]) ?? "";
                to[name] = source;
            }
        if (metric["external"] is JsonObject external)
        {
            var source = new JsonObject { ["metricName"] = Copy(external["metric"]?["name"]) ?? "" };
            PutIf(source, "metricSelector", external["metric"]?["selector"]);
            PutIf(source, "targetValue", external["target"]?["value"]);
            PutIf(source, "targetAverageValue", external["target"]?["averageValue"]);
            to["external"] = source;
        }
        return to;
    }

    public static JsonObject SpecToV2(JsonObject metric)
    {
        var to = new JsonObject { ["type"] = Copy(metric["type"]) ?? "" };
        if (metric["object"] is JsonObject obj)
        {
            var average = obj["averageValue"];
            // v1 cannot leave targetValue out: "0" is none beside an average value, and none is "0" otherwise.
            var value = average is null ? obj["targetValue"] ?? "0" : IsZero(obj["targetValue"]) ? null : obj["targetValue"];
            to["object"] = new JsonObject
            {
                ["describedObject"] = Copy(obj["target"]) ?? new JsonObject(),
                ["target"] = Target(average is null ? "Value" : "AverageValue", value, average, null),
                ["metric"] = Metric(obj["metricName"], obj["selector"]),
            };
        }
        if (metric["pods"] is JsonObject pods)
            to["pods"] = new JsonObject
            {
                ["metric"] = Metric(pods["metricName"], pods["selector"]),
                ["target"] = Target("AverageValue", null, pods["targetAverageValue"] ?? "0", null),
            };
        foreach (var name in (ReadOnlySpan<string>)["resource", "containerResource"])
            if (metric[name] is JsonObject resource)
            {
                var utilization = resource["targetAverageUtilization"];
                var source = new JsonObject
                {
                    ["name"] = Copy(resource["name"]) ?? "",
                    ["target"] = Target(utilization is null ? "AverageValue" : "Utilization", null, resource["targetAverageValue"], utilization),
                };
                if (name == "containerResource") source["container"] = Copy(resource["container"]) ?? "";
                to[name] = source;
            }
        if (metric["external"] is JsonObject external)
            to["external"] = new JsonObject
            {
                ["metric"] = Metric(external["metricName"], external["metricSelector"]),
                ["target"] = Target(external["targetValue"] is null ? "AverageValue" : "Value", external["targetValue"], external["targetAverageValue"], null),
            };
        return to;
    }

    public static JsonObject StatusToV1(JsonObject metric)
    {
        var to = new JsonObject { ["type"] = Copy(metric["type"]) ?? "" };
        if (metric["object"] is JsonObject obj)
        {
            var status = new JsonObject
            {
                ["target"] = Copy(obj["describedObject"]) ?? new JsonObject(),
                ["metricName"] = Copy(obj["metric"]?["name"]) ?? "",
                ["currentValue"] = Copy(obj["current"]?["value"]) ?? "0",
            };
            PutIf(status, "selector", obj["metric"]?["selector"]);
            PutIf(status, "averageValue", obj["current"]?["averageValue"]);
            to["object"] = status;
        }
        if (metric["pods"] is JsonObject pods)
        {
            var status = new JsonObject
            {
                ["metricName"] = Copy(pods["metric"]?["name"]) ?? "",
                ["currentAverageValue"] = Copy(pods["current"]?["averageValue"]) ?? "0",
            };
            PutIf(status, "selector", pods["metric"]?["selector"]);
            to["pods"] = status;
        }
        foreach (var name in (ReadOnlySpan<string>)["resource", "containerResource"])
            if (metric[name] is JsonObject resource)
            {
                var status = new JsonObject { ["name"] = Copy(resource["name"]) ?? "" };
                PutIf(status, "currentAverageUtilization", resource["current"]?["averageUtilization"]);
                status["currentAverageValue"] = Copy(resource["current"]?["averageValue"]) ?? "0";
                if (name == "containerResource") status["container"] = Copy(resource["container"]) ?? "";
                to[name] = status;
            }
        if (metric["external"] is JsonObject external)
        {
            var status = new JsonObject { ["metricName"] = Copy(external["metric"]?["name"]) ?? "" };
            PutIf(status, "metricSelector", external["metric"]?["selector"]);
            status["currentValue"] = Copy(external["current"]?["value"]) ?? "0";
            PutIf(status, "currentAverageValue", external["current"]?["averageValue"]);
            to["external"] = status;
        }
        return to;
    }

    public static JsonObject StatusToV2(JsonObject metric)
    {
        var to = new JsonObject { ["type"] = Copy(metric["type"]) ?? "" };
        if (metric["object"] is JsonObject obj)
            to["object"] = new JsonObject
            {
                ["metric"] = Metric(obj["metricName"], obj["selector"]),
                ["current"] = Current(obj["currentValue"] ?? "0", obj["averageValue"], null),
                ["describedObject"] = Copy(obj["target"]) ?? new JsonObject(),
            };
        if (metric["pods"] is JsonObject pods)
            to["pods"] = new JsonObject
            {
                ["metric"] = Metric(pods["metricName"], pods["selector"]),
                ["current"] = Current(null, pods["currentAverageValue"] ?? "0", null),
            };
        foreach (var name in (ReadOnlySpan<string>)["resource", "containerResource"])
            if (metric[name] is JsonObject resource)
            {
                var status = new JsonObject
                {
                    ["name"] = Copy(resource["name"]) ?? "",
                    ["current"] = Current(null, resource["currentAverageValue"] ?? "0", resource["currentAverageUtilization"]),
                };
                if (name == "containerResource") status["container"] = Copy(resource["container"]) ?? "";
                to[name] = status;
            }
        if (metric["external"] is JsonObject external)
            to["external"] = new JsonObject
            {
                ["metric"] = Metric(external["metricName"], external["metricSelector"]),
                ["current"] = Current(external["currentValue"] ?? "0", external["currentAverageValue"], null),
            };
        return to;
    }

    /// <summary>The behaviour annotation holds Go's internal structure: capital names, every field present.</summary>
    public static JsonObject BehaviorToInternal(JsonObject behavior) => new()
    {
        ["ScaleUp"] = RulesToInternal(behavior["scaleUp"]),
        ["ScaleDown"] = RulesToInternal(behavior["scaleDown"]),
    };

    public static JsonObject BehaviorFromInternal(JsonObject behavior)
    {
        var to = new JsonObject();
        PutIf(to, "scaleUp", RulesFromInternal(Field(behavior, "ScaleUp")));
        PutIf(to, "scaleDown", RulesFromInternal(Field(behavior, "ScaleDown")));
        return to;
    }

    private static JsonNode? RulesToInternal(JsonNode? node)
    {
        if (node is not JsonObject rules) return null;
        JsonArray? policies = null;
        if (rules["policies"] is JsonArray list)
        {
            policies = [];
            foreach (var policy in list.OfType<JsonObject>())
                policies.Add((JsonNode)new JsonObject
                {
                    ["Type"] = Copy(policy["type"]) ?? "",
                    ["Value"] = Copy(policy["value"]) ?? 0,
                    ["PeriodSeconds"] = Copy(policy["periodSeconds"]) ?? 0,
                });
        }
        return new JsonObject
        {
            ["StabilizationWindowSeconds"] = Copy(rules["stabilizationWindowSeconds"]),
            ["SelectPolicy"] = Copy(rules["selectPolicy"]),
            ["Policies"] = policies,
            ["Tolerance"] = Copy(rules["tolerance"]),
        };
    }

    private static JsonNode? RulesFromInternal(JsonNode? node)
    {
        if (node is not JsonObject rules) return null;
        var to = new JsonObject();
        PutIf(to, "stabilizationWindowSeconds", Field(rules, "StabilizationWindowSeconds"));
        PutIf(to, "selectPolicy", Field(rules, "SelectPolicy"));
        if (Field(rules, "Policies") is JsonArray { Count: > 0 } list)
        {
            var policies = new JsonArray();
            foreach (var policy in list.OfType<JsonObject>())
                policies.Add((JsonNode)new JsonObject
                {
                    ["type"] = Copy(Field(policy, "Type")) ?? "",
                    ["value"] = Copy(Field(policy, "Value")) ?? 0,
                    ["periodSeconds"] = Copy(Field(policy, "PeriodSeconds")) ?? 0,
                });
            to["policies"] = policies;
        }
        PutIf(to, "tolerance", Field(rules, "Tolerance"));
        return to;
    }

    /// <summary>Go reads field names whatever their case.</summary>
    private static JsonNode? Field(JsonObject obj, string name) => obj.FirstOrDefault(f => f.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;

    private static JsonObject Metric(JsonNode? name, JsonNode? selector)
    {
        var metric = new JsonObject { ["name"] = Copy(name) ?? "" };
        PutIf(metric, "selector", selector);
        return metric;
    }

    private static JsonObject Target(string type, JsonNode? value, JsonNode? averageValue, JsonNode? averageUtilization)
    {
        var target = new JsonObject { ["type"] = type };
        PutIf(target, "value", value);
        PutIf(target, "averageValue", averageValue);
        PutIf(target, "averageUtilization", averageUtilization);
        return target;
    }

    private static JsonObject Current(JsonNode? value, JsonNode? averageValue, JsonNode? averageUtilization)
    {
        var current = new JsonObject();
        PutIf(current, "value", value);
        PutIf(current, "averageValue", averageValue);
        PutIf(current, "averageUtilization", averageUtilization);
        return current;
    }

    private static bool IsZero(JsonNode? quantity) =>
        quantity is null || (quantity is JsonValue v && v.TryGetValue<string>(out var text) && Quantity.TryParse(text, out var parsed, out _) && parsed.IsZero);

    private static JsonNode? Copy(JsonNode? node) => node?.DeepClone();

    private static void PutIf(JsonObject obj, string name, JsonNode? value)
    {
        if (value is not null) obj[name] = value.Parent is null ? value : value.DeepClone();
    }
}
