using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of Jobs and of the jobs a CronJob makes.</summary>
internal static class JobRules
{
    private const int MaxIndexed = 100_000;

    public static void Validate(JsonObject job, FieldErrors errors, JsonObject? old = null)
    {
        var (spec, path) = (job.Object("spec") ?? [], FieldPath.Spec);
        GeneratedSelector(job, spec, old, errors);
        ValidateSpecWithSelector(spec, path, errors, old);
        if (spec.Text("completionMode") != "Indexed" || spec.Long("completions") <= 0) return;
        var longest = $"{job.ObjectName()}-{spec.Long("completions") - 1}";
        if (Formats.DnsLabel(longest).Count > 0) errors.Invalid(FieldPath.Metadata.Child("name"), job.ObjectName(), $"will not able to create pod with invalid DNS label: {longest}");
    }

    public static void ValidateSpecWithSelector(JsonObject spec, FieldPath path, FieldErrors errors, JsonObject? old)
    {
        ValidateSpec(spec, path, errors);
        var selector = spec.Object("selector");
        if (selector is null) errors.Required(path.Child("selector"));
        SelectorRules.Validate(selector, path.Child("selector"), errors, SelectorRules.HasInvalidValue(old.Object("spec").Object("selector")));
        var labels = spec.Object("template").Labels();
        if (selector is null || (WorkloadRules.IsReadable(selector) && !SelectorRules.Matches(selector, labels)))
            errors.Invalid(path.Child("template", "metadata").Child("labels"), InternalStruct.ShowMap(labels), "`selector` does not match template `labels`");
    }

    private static void GeneratedSelector(JsonObject job, JsonObject spec, JsonObject? old, FieldErrors errors)
    {
        if (spec.Bool("manualSelector") || spec.Object("selector") is not { } selector) return;
        var (uid, name, labels) = (job.Text("metadata", "uid"), job.ObjectName(), spec.Object("template").Labels());
        if (uid.Length == 0) errors.Required(FieldPath.Metadata.Child("uid"));
        var before = old.Object("spec").Object("template").Labels();
        var needsPrefixed = old is null || (before.Has("batch.kubernetes.io/job-name") && before.Has("batch.kubernetes.io/controller-uid"));
        var expected = new JsonObject();
        foreach (var (key, value) in (ReadOnlySpan<(string, string)>)
                 [("controller-uid", uid), ("job-name", name), ("batch.kubernetes.io/controller-uid", uid), ("batch.kubernetes.io/job-name", name)])
        {
            if (!needsPrefixed && key.Contains('/')) continue;
            HasLabel(labels, key, value, errors);
            expected[key] = value;
        }

        if (WorkloadRules.IsReadable(selector) && !SelectorRules.Matches(selector, expected)) errors.Invalid(FieldPath.Spec.Child("selector"), InternalStruct.ShowSelector(selector), "`selector` not auto-generated");
    }

    private static void HasLabel(JsonObject? labels, string key, string value, FieldErrors errors)
    {
        var path = FieldPath.Spec.Child("template", "metadata").Child("labels");
        if (labels.TextOrNull(key) is not { } actual) errors.Required(path.Key(key), $"must be '{value}'");
        else if (actual != value) errors.Invalid(path.Key(key), InternalStruct.ShowMap(labels), $"must be '{value}'");
    }

    public static void ValidateSpec(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        foreach (var name in (ReadOnlySpan<string>)
                 ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes"])
            if (spec.LongOrNull(name) is { } number) NumberRules.NonNegative(number, path.Child(name), errors);
        if (spec.Has("maxFailedIndexes") && !spec.Has("backoffLimitPerIndex")) errors.Required(path.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
        if (spec.TextOrNull("managedBy") is { } manager)
        {
            DomainRules.PrefixedPath(manager, path.Child("managedBy"), errors);
            if (manager.Length > 63) errors.TooLong(path.Child("managedBy"), 63);
        }

        EnumRules.Optional(spec, "completionMode", path, errors, "NonIndexed", "Indexed");
        if (spec.Text("completionMode") == "Indexed") Indexed(spec, path, errors);
        else if (spec.TextOrNull("completionMode") is null or "NonIndexed")
            foreach (var name in (ReadOnlySpan<string>)["backoffLimitPerIndex", "maxFailedIndexes"])
                if (spec.LongOrNull(name) is { } number) errors.Invalid(path.Child(name), number, "requires indexed completion mode");
        JobPolicyRules.FailurePolicy(spec, path.Child("podFailurePolicy"), errors);
        JobPolicyRules.SuccessPolicy(spec, path.Child("successPolicy"), errors);
        ReplacementPolicy(spec, path.Child("podReplacementPolicy"), errors);
        PodTemplateRules.Validate(spec.Object("template"), path.Child("template"), errors);
        var (restart, at) = (spec.Object("template").Object("spec").Text("restartPolicy"), path.Child("template", "spec").Child("restartPolicy"));
        if (restart is "Always" or "") errors.Required(at, "valid values: \"OnFailure\", \"Never\"");
        else if (restart is not ("OnFailure" or "Never")) errors.NotSupported(at, restart, ["OnFailure", "Never"]);
        else if (spec.Has("podFailurePolicy") && restart != "Never") errors.Invalid(at, restart, "only \"Never\" is supported when podFailurePolicy is specified");
    }

    private static void Indexed(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        var (completions, parallelism, failed) = (spec.LongOrNull("completions"), spec.LongOrNull("parallelism"), spec.LongOrNull("maxFailedIndexes"));
        if (completions is null) errors.Required(path.Child("completions"), "when completion mode is Indexed");
        if (parallelism > MaxIndexed) errors.Invalid(path.Child("parallelism"), parallelism.Value, $"must be less than or equal to {MaxIndexed} when completion mode is Indexed");
        if (failed > completions) errors.Invalid(path.Child("maxFailedIndexes"), failed.Value, "must be less than or equal to completions");
        if (failed > MaxIndexed) errors.Invalid(path.Child("maxFailedIndexes"), failed.Value, $"must be less than or equal to {MaxIndexed}");
        if (completions is null or <= MaxIndexed || !spec.Has("backoffLimitPerIndex")) return;
        const int limit = 10_000;
        var why = $"must be less than or equal to {limit} when completions are above {MaxIndexed} and used with backoff limit per index";
        if (failed is null) errors.Required(path.Child("maxFailedIndexes"), $"must be specified when completions is above {MaxIndexed}");
        if (parallelism > limit) errors.Invalid(path.Child("parallelism"), parallelism.Value, why);
        if (failed > limit) errors.Invalid(path.Child("maxFailedIndexes"), failed.Value, why);
    }

    private static void ReplacementPolicy(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (spec.TextOrNull("podReplacementPolicy") is not { } policy) return;
        if (spec.Has("podFailurePolicy"))
        {
            if (policy != "Failed") errors.NotSupported(path, policy, ["Failed"]);
        }
        else if (policy is not ("Failed" or "TerminatingOrFailed"))
        {
            errors.NotSupported(path, policy, ["Failed", "TerminatingOrFailed"]);
        }
    }

    public static IEnumerable<string> Warnings(JsonObject spec, FieldPath path)
    {
        if (spec.Text("completionMode") == "Indexed" && spec.Long("completions") > 100_000 && spec.Long("parallelism") > 10_000)
            yield return $"{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail";
        foreach (var warning in PodWarnings.Of(spec.Object("template"), path.Child("template"))) yield return warning;
    }
}
