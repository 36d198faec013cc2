using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of PodDisruptionBudgets.</summary>
internal static class PodDisruptionBudgetRules
{
    public static void Validate(JsonObject budget, FieldErrors errors, JsonObject? old = null)
    {
        var (spec, path) = (budget.Object("spec") ?? [], FieldPath.Spec);
        if (spec.Has("minAvailable") && spec.Has("maxUnavailable"))
            errors.Invalid(
                path,
                InternalStruct.Show(spec, "policy.v1.PodDisruptionBudgetSpec"),
                "minAvailable and maxUnavailable cannot be both set");
        foreach (var name in (ReadOnlySpan<string>)["minAvailable", "maxUnavailable"])
        {
            if (!spec.Has(name)) continue;
            IntOrPercentRules.NotNegative(spec[name], path.Child(name), errors);
            IntOrPercentRules.NotMoreThanAll(spec[name], path.Child(name), errors);
        }

        SelectorRules.Validate(spec.Object("selector"), path.Child("selector"), errors, SelectorRules.HasInvalidValue(old.Object("spec").Object("selector")));
        EnumRules.Optional(spec, "unhealthyPodEvictionPolicy", path, errors, "AlwaysAllow", "IfHealthyBudget");
    }

    public static void ValidateStatus(JsonObject budget, FieldErrors errors)
    {
        ConditionRules.Validate(budget.Object("status"), FieldPath.Status.Child("conditions"), errors);
        WorkloadRules.CountsAreNotNegative(budget.Object("status") ?? [], errors, "disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods");
    }
}
