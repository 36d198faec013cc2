using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>When a Job has failed or succeeded (podFailurePolicy, successPolicy).</summary>
internal static class JobPolicyRules
{
    private static readonly string[] Actions = ["Count", "FailIndex", "FailJob", "Ignore"];

    public static void FailurePolicy(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (spec.Object("podFailurePolicy") is not { } policy) return;
        var at = path.Child("rules");
        if (policy.Count("rules") > 20) errors.TooMany(at, policy.Count("rules"), 20);
        foreach (var (index, rule) in policy.Items("rules")) Rule(spec, rule, at.Index(index), errors);
    }

    private static void Rule(JsonObject spec, JsonObject rule, FieldPath path, FieldErrors errors)
    {
        var action = rule.Text("action");
        if (action.Length == 0) errors.Required(path.Child("action"), "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]");
        else if (action == "FailIndex" && !spec.Has("backoffLimitPerIndex")) errors.Invalid(path.Child("action"), action, "requires the backoffLimitPerIndex to be set");
        else if (!Actions.Contains(action)) errors.NotSupported(path.Child("action"), action, Actions);
        var (codes, conditions) = (rule.Object("onExitCodes"), rule.Count("onPodConditions"));
        if (codes is not null) ExitCodes(spec, codes, path.Child("onExitCodes"), errors);
        if (conditions > 20) errors.TooMany(path.Child("onPodConditions"), conditions, 20);
        foreach (var (index, pattern) in rule.Items("onPodConditions"))
        {
            var (at, status) = (path.Child("onPodConditions").Index(index), pattern.Text("status"));
            errors.InvalidEach(at.Child("type"), pattern.Text("type"), Formats.LabelKey(pattern.Text("type")));
            if (status.Length == 0) errors.Required(at.Child("status"), "valid values: [\"False\" \"True\" \"Unknown\"]");
            else if (status is not ("False" or "True" or "Unknown")) errors.NotSupported(at.Child("status"), status, ["False", "True", "Unknown"]);
        }

        if (codes is not null && conditions > 0) OmitValue(path, "specifying both OnExitCodes and OnPodConditions is not supported", errors);
        if (codes is null && conditions == 0) OmitValue(path, "specifying one of OnExitCodes and OnPodConditions is required", errors);
    }

    private static void OmitValue(FieldPath path, string why, FieldErrors errors) => errors.Add(new(FieldErrorType.Invalid, path, null, why));

    private static void ExitCodes(JsonObject spec, JsonObject codes, FieldPath path, FieldErrors errors)
    {
        var @operator = codes.Text("operator");
        if (@operator.Length == 0) errors.Required(path.Child("operator"), "valid values: [\"In\" \"NotIn\"]");
        else if (@operator is not ("In" or "NotIn")) errors.NotSupported(path.Child("operator"), @operator, ["In", "NotIn"]);
        if (codes.TextOrNull("containerName") is { } container && !HasContainer(spec, container))
            errors.Invalid(path.Child("containerName"), container, "must be one of the container or initContainer names in the pod template");
        var (values, at) = (codes.Array("values"), path.Child("values"));
        if (values is null || values.Count == 0)
        {
            errors.Invalid(at, values is null ? null : new JsonArray(), "at least one value is required");
            return;
        }

        if (values.Count > 255) errors.TooMany(at, values.Count, 255);
        var (seen, isOrdered, last) = (new HashSet<long>(), true, long.MinValue);
        for (var i = 0; i < values.Count; i++)
        {
            var code = values[i].AsLong() ?? 0;
            if (@operator == "In" && code == 0) errors.Invalid(at.Index(i), code, "must not be 0 for the In operator");
            if (!seen.Add(code)) errors.Duplicate(at.Index(i), code);
            isOrdered &= code >= last;
            last = code;
        }

        if (!isOrdered) errors.Invalid(at, values.DeepClone(), "must be ordered");
    }

    private static bool HasContainer(JsonObject spec, string name)
    {
        foreach (var list in (ReadOnlySpan<string>)["containers", "initContainers"])
            foreach (var (_, container) in spec.Object("template").Object("spec").Items(list))
                if (container.Text("name") == name) return true;
        return false;
    }

    public static void SuccessPolicy(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (spec.Object("successPolicy") is not { } policy) return;
        if (spec.Text("completionMode") != "Indexed")
        {
            errors.Invalid(path, InternalStruct.Show(policy, "batch.v1.SuccessPolicy"), "requires indexed completion mode");
            return;
        }

        var (at, completions) = (path.Child("rules"), spec.Long("completions"));
        if (policy.Count("rules") == 0) errors.Required(at, "at least one rules must be specified when the successPolicy is specified");
        if (policy.Count("rules") > 20) errors.TooMany(at, policy.Count("rules"), 20);
        foreach (var (index, rule) in policy.Items("rules"))
        {
            var (item, indexes, count) = (at.Index(index), rule.TextOrNull("succeededIndexes"), rule.LongOrNull("succeededCount"));
            if (indexes is null && count is null) errors.Required(item, "at least one of succeededCount or succeededIndexes must be specified");
            long total = 0;
            if (indexes is not null)
            {
                if (indexes.Length > 65536) errors.TooLong(item.Child("succeededIndexes"), 65536);
                (total, var error) = IndexIntervals.Read(indexes, completions);
                if (error is not null) errors.Invalid(item.Child("succeededIndexes"), indexes, $"error parsing succeededIndexes: {error}");
            }

            if (count is not { } wanted) continue;
            NumberRules.NonNegative(wanted, item.Child("succeededCount"), errors);
            if (wanted > completions) errors.Invalid(item.Child("succeededCount"), wanted, $"must be less than or equal to {completions} (the number of specified completions)");
            if (indexes is not null && wanted > total)
                errors.Invalid(item.Child("succeededCount"), wanted, $"must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)");
        }
    }
}
