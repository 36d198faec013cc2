using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What a Job's status may say: who runs a Job (spec.managedBy) may not break what others rely on. KEP-4368; behaviour of batch's ValidateJobStatusUpdate.
/// What does not change in a write is not looked at again.</summary>
internal static class JobStatusRules
{
    private static readonly FieldPath ConditionsPath = FieldPath.Status.Child("conditions");

    public static void ValidateUpdate(JsonObject job, JsonObject old, FieldErrors errors)
    {
        var (spec, status, before) = (job.Object("spec") ?? [], job.Object("status") ?? [], old.Object("status") ?? []);
        foreach (var name in (ReadOnlySpan<string>)["active", "succeeded", "failed", "ready", "terminating"]) NumberRules.NonNegative(status.Long(name), FieldPath.Status.Child(name), errors);
        UncountedPods(status, errors);
        var (isComplete, isFailed, isFailing, hasSucceeded) = (Is(status, "Complete"), Is(status, "Failed"), Is(status, "FailureTarget"), Is(status, "SuccessCriteriaMet"));
        var changed = new Changes(status, before);
        Outcomes(status, isComplete, isFailed, isFailing, hasSucceeded, changed, errors);
        Finished(spec, status, isComplete || isFailed, changed, errors);
        Indexes(spec, status, changed, errors);
        if ((isComplete || isFailed) && status.Long("terminating") > 0 && (changed.Finished || changed.Terminating))
            errors.Invalid(FieldPath.Status.Child("terminating"), status.Long("terminating"), "terminating>0 is invalid for finished job");
        if (status.LongOrNull("ready") is { } ready && ready > status.Long("active") && (changed.Field("ready") || changed.Active))
            errors.Invalid(FieldPath.Status.Child("ready"), ready, "cannot set more ready pods than active");
        if (hasSucceeded && isFailed) Condition("cannot set SuccessCriteriaMet=True and Failed=true conditions", errors);
        if (hasSucceeded && isFailing) Condition("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions", errors);
        if (spec.Has("successPolicy") && !hasSucceeded && isComplete) Condition("cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True", errors);
        Transitions(spec, status, before, errors);
    }

    private static void Condition(string why, FieldErrors errors) => errors.Add(new(FieldErrorType.Invalid, ConditionsPath, null, why));

    private static void UncountedPods(JsonObject status, FieldErrors errors)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var list in (ReadOnlySpan<string>)["succeeded", "failed"])
        {
            var (path, index) = (FieldPath.Status.Child("uncountedTerminatedPods", list), 0);
            foreach (var uid in status.Object("uncountedTerminatedPods").Texts(list))
            {
                if (uid.Length == 0) errors.Invalid(path.Index(index), uid, "must not be empty");
                else if (!seen.Add(uid)) errors.Duplicate(path.Index(index), uid);
                index++;
            }
        }
    }

    private static void Outcomes(JsonObject status, bool isComplete, bool isFailed, bool isFailing, bool hasSucceeded, Changes changed, FieldErrors errors)
    {
        if (isComplete && isFailed && (changed.Complete || changed.Failed)) Condition("cannot set Complete=True and Failed=true conditions", errors);
        if (isComplete && isFailing && (changed.Complete || changed.Condition("FailureTarget"))) Condition("cannot set Complete=True and FailureTarget=true conditions", errors);
        var (start, completion, at) = (status.TextOrNull("startTime"), status.TextOrNull("completionTime"), FieldPath.Status.Child("completionTime"));
        if (changed.Complete || changed.CompletionTime)
        {
            if (completion is not null && !isComplete) errors.Invalid(at, completion, "cannot set completionTime when there is no Complete=True condition");
            if (completion is null && isComplete) errors.Required(at, "completionTime is required for Complete jobs");
        }

        if (start is not null && completion is not null && (changed.StartTime || changed.CompletionTime) && KubernetesTime.Read(completion) < KubernetesTime.Read(start))
            errors.Invalid(at, completion, "must be equal to or after `startTime`");
        if (isFailed && !isFailing && (changed.Failed || changed.Field("failedIndexes"))) Condition("cannot set Failed=True condition without the FailureTarget=true condition", errors);
        if (isComplete && !hasSucceeded && (changed.Complete || changed.Condition("SuccessCriteriaMet"))) Condition("cannot set Complete=True condition without the SuccessCriteriaMet=true condition", errors);
    }

    private static void Finished(JsonObject spec, JsonObject status, bool isFinished, Changes changed, FieldErrors errors)
    {
        if (!isFinished) return;
        if (status.Long("active") > 0 && (changed.Finished || changed.Active)) errors.Invalid(FieldPath.Status.Child("active"), status.Long("active"), "active>0 is invalid for finished job");
        var neverRan = spec.Bool("suspend") && spec.LongOrNull("completions") == 0;
        if (!status.Has("startTime") && (changed.Finished || changed.StartTime) && !neverRan) errors.Required(FieldPath.Status.Child("startTime"), "startTime is required for finished job");
        var uncounted = status.Object("uncountedTerminatedPods");
        if (uncounted.Count("failed") + uncounted.Count("succeeded") > 0 && (changed.Finished || changed.Field("uncountedTerminatedPods")))
            errors.Invalid(FieldPath.Status.Child("uncountedTerminatedPods"), InternalStruct.Show(uncounted, "batch.v1.UncountedTerminatedPods"), "must be empty for finished job");
    }

    private static void Indexes(JsonObject spec, JsonObject status, Changes changed, FieldErrors errors)
    {
        var (done, failed, completions) = (status.Text("completedIndexes"), status.TextOrNull("failedIndexes"), spec.LongOrNull("completions"));
        var (donePath, failedPath, hasLimit) = (FieldPath.Status.Child("completedIndexes"), FieldPath.Status.Child("failedIndexes"), spec.Has("backoffLimitPerIndex"));
        var (isDoneChanged, isFailedChanged) = (changed.Field("completedIndexes"), changed.Field("failedIndexes"));
        if (isDoneChanged && completions is { } count && IndexIntervals.Read(done, count).Error is { } wrong) errors.Invalid(donePath, done, $"error parsing completedIndexes: {wrong}");
        if (isFailedChanged && completions is { } all && hasLimit && failed is not null && IndexIntervals.Read(failed, all).Error is { } why)
            errors.Invalid(failedPath, failed, $"error parsing failedIndexes: {why}");
        if (isDoneChanged && done.Length > 0 && spec.Text("completionMode") != "Indexed") errors.Invalid(donePath, done, "cannot set non-empty completedIndexes when non-indexed completion mode");
        if (isFailedChanged && !hasLimit && failed is not null) errors.Invalid(failedPath, failed, "cannot set non-null failedIndexes when backoffLimitPerIndex is null");
        if ((isDoneChanged || isFailedChanged) && completions is { } number && failed is not null && IndexIntervals.Overlap(done, failed, number) is { } both)
            errors.Invalid(failedPath, failed, $"failedIndexes and completedIndexes overlap at index: {both}");
    }

    private static void Transitions(JsonObject spec, JsonObject status, JsonObject before, FieldErrors errors)
    {
        foreach (var type in (ReadOnlySpan<string>)["Failed", "Complete", "FailureTarget"])
            if (Is(before, type) && !Is(status, type)) Condition($"cannot disable the terminal {type}=True condition", errors);
        if (status.Long("failed") < before.Long("failed")) errors.Invalid(FieldPath.Status.Child("failed"), status.Long("failed"), "cannot decrease the failed counter");
        // An elastic indexed Job may shrink, and forget what succeeded beyond its new size.
        var isElastic = spec.Text("completionMode") == "Indexed" && spec.LongOrNull("completions") == spec.LongOrNull("parallelism");
        if (!isElastic && status.Long("succeeded") < before.Long("succeeded")) errors.Invalid(FieldPath.Status.Child("succeeded"), status.Long("succeeded"), "cannot decrease the succeeded counter");
        var (now, then) = (status.TextOrNull("completionTime"), before.TextOrNull("completionTime"));
        if (now is not null && then is not null && now != then) errors.Invalid(FieldPath.Status.Child("completionTime"), now, ImmutableRules.Message);
        var isResuming = Is(before, "Suspended") && Has(status, "Suspended", "False");
        if (before.Has("startTime") && status.TextOrNull("startTime") != before.TextOrNull("startTime") && !isResuming && !spec.Bool("suspend"))
            errors.Invalid(FieldPath.Status.Child("startTime"), status.TextOrNull("startTime"), "field is immutable for unsuspended job once set");
        if (Is(before, "SuccessCriteriaMet") && !Is(status, "SuccessCriteriaMet")) Condition("cannot disable the SuccessCriteriaMet=True condition", errors);
        if (Is(before, "Complete") && !Is(before, "SuccessCriteriaMet") && Is(status, "SuccessCriteriaMet"))
            Condition("cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions", errors);
    }

    private static bool Is(JsonObject status, string type) => Has(status, type, "True");

    private static bool Has(JsonObject status, string type, string value)
    {
        foreach (var (_, condition) in status.Items("conditions"))
            if (condition.Text("type") == type && condition.Text("status") == value) return true;
        return false;
    }

    /// <summary>What a write changes.</summary>
    private readonly struct Changes(JsonObject status, JsonObject before)
    {
        public bool Complete => Condition("Complete");
        public bool Failed => Condition("Failed");
        public bool Finished => (Is(status, "Complete") || Is(status, "Failed")) != (Is(before, "Complete") || Is(before, "Failed"));
        public bool Active => status.Long("active") != before.Long("active");
        public bool Terminating => Field("terminating");
        public bool StartTime => Field("startTime");
        public bool CompletionTime => Field("completionTime");

        public bool Condition(string type) => Is(status, type) != Is(before, type);

        public bool Field(string name) => status.Differs(before, name);
    }
}
