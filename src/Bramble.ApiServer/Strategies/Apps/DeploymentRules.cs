using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of Deployments.</summary>
internal static class DeploymentRules
{
    public static void Validate(JsonObject deployment, FieldErrors errors)
    {
        var (spec, path) = (deployment.Object("spec") ?? [], FieldPath.Spec);
        NumberRules.NonNegative(spec.Long("replicas"), path.Child("replicas"), errors);
        WorkloadRules.Selector(spec, "deployment", errors);
        if (WorkloadRules.IsReadable(spec.Object("selector"))) WorkloadRules.ReplicaSetTemplate(spec, errors);
        else errors.Invalid(path.Child("selector"), InternalStruct.ShowSelector(spec["selector"]), "invalid label selector");
        Strategy(spec.Object("strategy") ?? [], path.Child("strategy"), errors);
        NumberRules.NonNegative(spec.Long("minReadySeconds"), path.Child("minReadySeconds"), errors);
        NumberRules.NonNegative(spec.Long("revisionHistoryLimit"), path.Child("revisionHistoryLimit"), errors);
        // What was a field of the old versions; one that is no number asks for nothing.
        if (long.TryParse(deployment.Annotations().Text("deprecated.deployment.rollback.to"), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var revision))
            NumberRules.NonNegative(revision, path.Child("rollback").Child("version"), errors);
        if (spec.LongOrNull("progressDeadlineSeconds") is not { } deadline) return;
        NumberRules.NonNegative(deadline, path.Child("progressDeadlineSeconds"), errors);
        if (deadline <= spec.Long("minReadySeconds")) errors.Invalid(path.Child("progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds");
    }

    private static void Strategy(JsonObject strategy, FieldPath path, FieldErrors errors)
    {
        switch (strategy.Text("type"))
        {
            case "Recreate":
                if (strategy.Has("rollingUpdate")) errors.Forbidden(path.Child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'");
                break;
            case "RollingUpdate":
                if (strategy.Object("rollingUpdate") is not { } rolling)
                {
                    errors.Required(path.Child("rollingUpdate"), "this should be defaulted and never be nil");
                    break;
                }

                var (unavailable, surge, at) = (rolling["maxUnavailable"], rolling["maxSurge"], path.Child("rollingUpdate"));
                IntOrPercentRules.NotNegative(unavailable, at.Child("maxUnavailable"), errors);
                IntOrPercentRules.NotNegative(surge, at.Child("maxSurge"), errors);
                if (IntOrPercentRules.IsZero(unavailable) && IntOrPercentRules.IsZero(surge)) errors.Invalid(at.Child("maxUnavailable"), unavailable?.DeepClone(), "may not be 0 when `maxSurge` is 0");
                IntOrPercentRules.NotMoreThanAll(unavailable, at.Child("maxUnavailable"), errors);
                break;
            default:
                errors.NotSupported(path, InternalStruct.Show(strategy, "apps.v1.DeploymentStrategy"), ["Recreate", "RollingUpdate"]);
                break;
        }
    }

    public static void ValidateStatus(JsonObject deployment, JsonObject old, FieldErrors errors)
    {
        var status = deployment.Object("status") ?? [];
        WorkloadRules.CountsAreNotNegative(
            status,
            errors,
            "observedGeneration",
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
            "unavailableReplicas",
            "terminatingReplicas",
            "collisionCount");
        WorkloadRules.NotMoreThan(status, "replicas", "cannot be greater than status.replicas", errors, "updatedReplicas", "readyReplicas", "availableReplicas");
        WorkloadRules.NotMoreThan(status, "readyReplicas", "cannot be greater than readyReplicas", errors, "availableReplicas");
        WorkloadRules.CollisionCountGrows(deployment, old, errors);
    }
}
