using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Pods. Behaviour of pkg/registry/core/pod.</summary>
internal sealed class PodStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;

    public override void Default(JsonObject pod) => PodDefaults.ApplyToPod(pod);

    protected override JsonObject NewStatus(JsonObject pod, StrategyContext context)
    {
        var spec = pod.Object("spec") ?? [];
        var status = new JsonObject { ["phase"] = "Pending", ["qosClass"] = QualityOfService.Of(spec) };
        if (spec.Count("schedulingGates") == 0) return status;
        status["conditions"] = new JsonArray(new JsonObject
        {
            ["type"] = "PodScheduled",
            ["status"] = "False",
            ["lastProbeTime"] = null,
            ["lastTransitionTime"] = KubernetesTime.Write(context.Now),
            ["reason"] = "SchedulingGated",
            ["message"] = "Scheduling is blocked due to non-empty scheduling gates",
        });
        return status;
    }

    public override void PrepareForCreate(JsonObject pod, StrategyContext context)
    {
        base.PrepareForCreate(pod, context);
        MatchLabelKeys.MergeIntoAffinity(pod);
        AppArmor.CopyAnnotationsToFields(pod);
    }

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject pod, JsonObject old, StrategyContext context)
    {
        switch (subresource)
        {
            case "status":
                PodWrites.KeepAllButStatus(pod, old);
                break;
            case "ephemeralcontainers":
                PodWrites.KeepAllButEphemeralContainers(pod, old);
                if (pod.Differs(old, "spec")) pod.BumpGeneration(old);
                break;
            case "resize":
                PodWrites.KeepAllButResources(pod, old);
                if (pod.Differs(old, "spec")) pod.BumpGeneration(old);
                break;
        }
    }

    public override void Validate(JsonObject pod, FieldErrors errors, StrategyContext context) => PodRules.ValidateCreate(pod, errors);

    public override void ValidateUpdate(JsonObject pod, JsonObject old, FieldErrors errors, StrategyContext context) => PodUpdateRules.Validate(pod, old, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject pod, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        switch (subresource)
        {
            case "status":
                PodStatusRules.Validate(pod, old, errors);
                break;
            case "ephemeralcontainers":
                PodUpdateRules.ValidateEphemeralContainers(pod, old, errors);
                break;
            case "resize":
                PodResizeRules.Validate(pod, old, errors);
                break;
        }
    }

    public override IEnumerable<string> Warnings(JsonObject pod, JsonObject? old) => old is null ? PodWarnings.OfPod(pod) : [];

    public override IEnumerable<string> SubresourceWarnings(string subresource, JsonObject pod, JsonObject old) => subresource == "status" ? PodStatusRules.Warnings(pod) : [];

    public override long? GracePeriodSeconds(JsonObject pod, long? requestedSeconds)
    {
        var seconds = requestedSeconds ?? pod.Object("spec").Long("terminationGracePeriodSeconds");
        // Not on a node, or already finished: nobody has to stop it.
        if (pod.Text("spec", "nodeName").Length == 0 || pod.Text("status", "phase") is "Failed" or "Succeeded") return 0;
        return seconds < 0 ? 1 : seconds;
    }

    public override IReadOnlyList<string> SelectableFields { get; } =
    [
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
    ];

    public override bool IsTextField(string fieldPath) => fieldPath is not ("spec.hostNetwork" or "status.podIPs");

    public override string? FieldValue(JsonObject pod, string fieldPath) => fieldPath switch
    {
        "spec.nodeName" => pod.Text("spec", "nodeName"),
        "spec.restartPolicy" => pod.Text("spec", "restartPolicy"),
        "spec.schedulerName" => pod.Text("spec", "schedulerName"),
        "spec.serviceAccountName" => pod.Text("spec", "serviceAccountName"),
        "spec.hostNetwork" => pod.Object("spec").Bool("hostNetwork") ? "true" : "false",
        "status.phase" => pod.Text("status", "phase"),
        "status.podIP" => pod.Text("status", "podIP"),
        // Known to the parser, but never set: only the empty value matches.
        "status.podIPs" => "",
        "status.nominatedNodeName" => pod.Text("status", "nominatedNodeName"),
        _ => null,
    };
}
