using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of ReplicaSets and ReplicationControllers.</summary>
internal static class ReplicaSetRules
{
    public static void Validate(JsonObject set, FieldErrors errors)
    {
        var (spec, path) = (set.Object("spec") ?? [], FieldPath.Spec);
        NumberRules.NonNegative(spec.Long("replicas"), path.Child("replicas"), errors);
        NumberRules.NonNegative(spec.Long("minReadySeconds"), path.Child("minReadySeconds"), errors);
        // "deployment" is upstream's word here too.
        WorkloadRules.Selector(spec, "deployment", errors);
        if (WorkloadRules.IsReadable(spec.Object("selector"))) WorkloadRules.ReplicaSetTemplate(spec, errors);
        else errors.Invalid(path.Child("selector"), InternalStruct.ShowSelector(spec["selector"]), "invalid label selector");
    }

    public static void ValidateController(JsonObject controller, FieldErrors errors)
    {
        var (spec, path) = (controller.Object("spec") ?? [], FieldPath.Spec);
        NumberRules.NonNegative(spec.Long("minReadySeconds"), path.Child("minReadySeconds"), errors);
        if (spec.Count("selector") == 0) errors.Required(path.Child("selector"));
        NumberRules.NonNegative(spec.Long("replicas"), path.Child("replicas"), errors);
        var at = path.Child("template");
        if (spec.Object("template") is not { } template)
        {
            errors.Required(at);
            return;
        }

        var selector = new JsonObject { ["matchLabels"] = spec.Object("selector")?.DeepClone() };
        PodTemplateRules.LabelsMatch(selector, template, at, errors);
        PodTemplateRules.Validate(template, at, errors);
        WorkloadRules.RunsForEver(spec, "ReplicationController", at, errors);
    }

    public static void ValidateStatus(JsonObject set, FieldErrors errors)
    {
        var status = set.Object("status") ?? [];
        WorkloadRules.CountsAreNotNegative(status, errors, "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration", "terminatingReplicas");
        WorkloadRules.NotMoreThan(status, "replicas", "cannot be greater than status.replicas", errors, "fullyLabeledReplicas", "readyReplicas", "availableReplicas");
        WorkloadRules.NotMoreThan(status, "readyReplicas", "cannot be greater than readyReplicas", errors, "availableReplicas");
    }
}
