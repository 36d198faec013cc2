using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to HorizontalPodAutoscalers, in both versions.</summary>
internal sealed class HorizontalPodAutoscalerStrategy : KindStrategy
{
    public override bool HasStatus => true;

    public override void Default(JsonObject autoscaler)
    {
        KindConversion.Clean(autoscaler);
        var spec = autoscaler.Child("spec");
        spec.DefaultTo("minReplicas", 1);
        if (autoscaler.Text("apiVersion") == "autoscaling/v1")
        {
            spec.DefaultTo("targetCPUUtilizationPercentage", 80);
            return;
        }

        if (spec.Count("metrics") == 0)
        {
            spec["metrics"] = new JsonArray(new JsonObject
            {
                ["type"] = "Resource",
                ["resource"] = new JsonObject { ["name"] = "cpu", ["target"] = new JsonObject { ["type"] = "Utilization", ["averageUtilization"] = 80 } },
            });
        }

        if (spec.Object("behavior") is not { } behavior) return;
        // Scaling up waits for nothing and doubles or adds four pods, scaling down waits as long as the controller says and may remove all.
        var up = behavior.Child("scaleUp");
        up.DefaultTo("stabilizationWindowSeconds", 0);
        up.DefaultTo("selectPolicy", "Max");
        if (!up.Has("policies")) up["policies"] = new JsonArray(Policy("Pods", 4), Policy("Percent", 100));
        var down = behavior.Child("scaleDown");
        down.DefaultTo("selectPolicy", "Max");
        if (!down.Has("policies")) down["policies"] = new JsonArray(Policy("Percent", 100));
    }

    protected override JsonObject NewStatus(JsonObject autoscaler, StrategyContext context) => autoscaler.Text("apiVersion") == "autoscaling/v1"
        ? new() { ["currentReplicas"] = 0, ["desiredReplicas"] = 0 }
        : new() { ["desiredReplicas"] = 0, ["currentMetrics"] = null };

    private static JsonObject Policy(string type, int value) => new() { ["type"] = type, ["value"] = value, ["periodSeconds"] = 15 };

    public override void Validate(JsonObject autoscaler, FieldErrors errors, StrategyContext context) => AutoscalerRules.Validate(autoscaler, null, errors);

    public override void ValidateUpdate(JsonObject autoscaler, JsonObject old, FieldErrors errors, StrategyContext context) =>
        AutoscalerRules.Validate(autoscaler, old, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject autoscaler, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        if (subresource == "status") AutoscalerRules.ValidateStatus(autoscaler, errors);
    }
}
