using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of DaemonSets.</summary>
internal static class DaemonSetRules
{
    public static void Validate(JsonObject set, FieldErrors errors, JsonObject? old = null)
    {
        var (spec, path) = (set.Object("spec") ?? [], FieldPath.Spec);
        var (selector, at) = (spec.Object("selector"), path.Child("template"));
        SelectorRules.Validate(selector, path.Child("selector"), errors, SelectorRules.HasInvalidValue(old.Object("spec").Object("selector")));
        if (selector is null || (WorkloadRules.IsReadable(selector) && !SelectorRules.Matches(selector, spec.Object("template").Labels())))
            errors.Invalid(at.Child("metadata", "labels"), InternalStruct.ShowMap(spec.Object("template").Labels()), "`selector` does not match template `labels`");
        if (selector is not null && SelectorRules.IsEmpty(selector)) errors.Invalid(path.Child("selector"), selector.DeepClone(), "empty selector is invalid for daemonset");
        PodTemplateRules.Validate(spec.Object("template"), at, errors);
        WorkloadRules.RunsForEver(spec, "DaemonSet", at, errors);
        NumberRules.NonNegative(spec.Long("minReadySeconds"), path.Child("minReadySeconds"), errors);
        UpdateStrategy(spec.Object("updateStrategy") ?? [], path.Child("updateStrategy"), errors);
        NumberRules.NonNegative(spec.Long("revisionHistoryLimit"), path.Child("revisionHistoryLimit"), errors);
    }

    private static void UpdateStrategy(JsonObject strategy, FieldPath path, FieldErrors errors)
    {
        switch (strategy.Text("type"))
        {
            case "OnDelete":
                return;
            case "RollingUpdate":
                break;
            default:
                errors.NotSupported(path, InternalStruct.Show(strategy, "apps.v1.DaemonSetUpdateStrategy"), ["RollingUpdate", "OnDelete"]);
                return;
        }

        if (strategy.Object("rollingUpdate") is not { } rolling)
        {
            errors.Required(path.Child("rollingUpdate"));
            return;
        }

        var (unavailable, surge, at) = (rolling["maxUnavailable"], rolling["maxSurge"], path.Child("rollingUpdate"));
        IntOrPercentRules.NotNegative(unavailable, at.Child("maxUnavailable"), errors);
        IntOrPercentRules.NotNegative(surge, at.Child("maxSurge"), errors);
        IntOrPercentRules.NotMoreThanAll(unavailable, at.Child("maxUnavailable"), errors);
        IntOrPercentRules.NotMoreThanAll(surge, at.Child("maxSurge"), errors);
        var (hasUnavailable, hasSurge) = (!IntOrPercentRules.IsZero(unavailable), !IntOrPercentRules.IsZero(surge));
        if (hasUnavailable && hasSurge) errors.Invalid(at.Child("maxSurge"), surge?.DeepClone(), "may not be set when maxUnavailable is non-zero");
        else if (!hasUnavailable && !hasSurge) errors.Required(at.Child("maxUnavailable"), "cannot be 0 when maxSurge is 0");
    }

    public static void ValidateStatus(JsonObject set, JsonObject old, FieldErrors errors)
    {
        WorkloadRules.CountsAreNotNegative(
            set.Object("status") ?? [],
            errors,
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
            "observedGeneration",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberUnavailable",
            "collisionCount");
        WorkloadRules.CollisionCountGrows(set, old, errors);
    }
}
