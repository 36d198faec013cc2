using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What may change in a Job: parallelism, suspension, the time limits; of its template only scheduling and resources while it is suspended.</summary>
internal static class JobUpdateRules
{
    public static void Validate(JsonObject job, JsonObject old, FieldErrors errors)
    {
        JobRules.Validate(job, errors, old);
        var (spec, before, path) = (job.Object("spec") ?? [], old.Object("spec") ?? [], FieldPath.Spec);
        JobRules.ValidateSpecWithSelector(spec, path, errors, old);
        Completions(spec, before, path.Child("completions"), errors);
        ImmutableRules.Field(spec, before, "selector", path.Child("selector"), errors, InternalStruct.ShowSelector);
        Template(spec, before, old, path.Child("template"), errors);
        ImmutableRules.Field(spec, before, "completionMode", path.Child("completionMode"), errors);
        ImmutableRules.Field(spec, before, "podFailurePolicy", path.Child("podFailurePolicy"), errors, policy => InternalStruct.ShowPointer(policy, "batch.v1.PodFailurePolicy"));
        ImmutableRules.Field(spec, before, "backoffLimitPerIndex", path.Child("backoffLimitPerIndex"), errors);
        ImmutableRules.Field(spec, before, "managedBy", path.Child("managedBy"), errors);
        ImmutableRules.Field(spec, before, "successPolicy", path.Child("successPolicy"), errors, policy => InternalStruct.ShowPointer(policy, "batch.v1.SuccessPolicy"));
    }

    private static void Completions(JsonObject spec, JsonObject before, FieldPath path, FieldErrors errors)
    {
        if (spec.Text("completionMode") != "Indexed") ImmutableRules.Field(spec, before, "completions", path, errors);
        else if (spec.Differs(before, "completions") && spec.LongOrNull("completions") is { } completions && completions != spec.Long("parallelism"))
            errors.Invalid(path, completions, "can only be modified in tandem with spec.parallelism");
    }

    private static void Template(JsonObject spec, JsonObject before, JsonObject old, FieldPath path, FieldErrors errors)
    {
        var (template, was) = (spec.Object("template") ?? [], (JsonObject)(before.Object("template") ?? []).DeepClone());
        if (!MayChangeTemplate(old))
        {
            if (!TreeEquality.Same(template, was)) errors.Invalid(path, InternalStruct.Show(template, "core.v1.PodTemplateSpec"), ImmutableRules.Message);
            return;
        }

        var (pod, wasPod) = (template.Object("spec") ?? [], was.Child("spec"));
        if (pod.Has("affinity") || wasPod.Has("affinity"))
        {
            wasPod.Child("affinity").KeepFrom(pod.Object("affinity") ?? [], "nodeAffinity");
            if (wasPod.Object("affinity") is { Count: 0 } && !pod.Has("affinity")) wasPod.Remove("affinity");
        }

        foreach (var name in (ReadOnlySpan<string>)["nodeSelector", "tolerations", "schedulingGates"]) wasPod.KeepFrom(pod, name);
        foreach (var list in (ReadOnlySpan<string>)["containers", "initContainers"])
        {
            if (pod.Count(list) != wasPod.Count(list)) continue;
            foreach (var (index, container) in wasPod.Items(list))
                if (pod.Array(list)![index] is JsonObject now && now.Text("name") == container.Text("name")) container.KeepFrom(now, "resources");
        }

        // Labels and annotations are free here; the rest of the metadata of a template says nothing.
        if (!TreeEquality.Same(pod, wasPod)) errors.Invalid(path.Child("spec"), InternalStruct.Show(pod, "core.v1.PodSpec"), ImmutableRules.Message);
    }

    /// <summary>Suspended, and not running any more.</summary>
    private static bool MayChangeTemplate(JsonObject old)
    {
        var (isSuspended, status) = (old.Object("spec").Bool("suspend"), old.Object("status"));
        var hasStopped = !status.Has("startTime");
        foreach (var (_, condition) in status.Items("conditions")) hasStopped |= condition.Text("type") == "Suspended" && condition.Text("status") == "True";
        return isSuspended && hasStopped && status.Long("active") == 0;
    }
}
