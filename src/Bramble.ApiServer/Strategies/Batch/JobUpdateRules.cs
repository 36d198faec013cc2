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
        JobRules.ValidateSpecWithSelector(spec, path, errors);
        Completions(spec, before, path.Child("completions"), errors);
        ImmutableRules.Field(spec, before, "selector", path.Child("selector"), errors);
        Template(spec, before, old, path.Child("template"), errors);
        foreach (var name in (ReadOnlySpan<string>)["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"])
            ImmutableRules.Field(spec, before, name, path.Child(name), errors);
    }

    private static void Completions(JsonObject spec, JsonObject before, FieldPath path, FieldErrors errors)
    {
        if (spec.Text("completionMode") != "Indexed") ImmutableRules.Field(spec, before, "completions", path, errors);
        else if (spec.Differs(before, "completions") && spec.LongOrNull("completions") is { } completions && completions != spec.Long("parallelism"))
            errors.Invalid(path, completions, "can only be modified in tandem with spec.parallelism");
    }

    private static void Template(JsonObject spec, JsonObject before, JsonObject old, FieldPath path, FieldErrors errors)
    {
        var template = (JsonObject)(spec.Object("template") ?? []).DeepClone();
        if (MayChangeTemplate(old))
        {
            var (pod, was) = (template.Child("spec"), before.Object("template").Object("spec") ?? []);
            if (pod.Has("affinity") || was.Has("affinity"))
            {
                pod.Child("affinity").KeepFrom(was.Object("affinity") ?? [], "nodeAffinity");
                if (pod.Object("affinity") is { Count: 0 } && !was.Has("affinity")) pod.Remove("affinity");
            }

            foreach (var name in (ReadOnlySpan<string>)["nodeSelector", "tolerations", "schedulingGates"]) pod.KeepFrom(was, name);
            var (metadata, wasMetadata) = (template.Child("metadata"), before.Object("template").Object("metadata") ?? []);
            metadata.KeepFrom(wasMetadata, "annotations");
            metadata.KeepFrom(wasMetadata, "labels");
            foreach (var list in (ReadOnlySpan<string>)["containers", "initContainers"])
                foreach (var (index, container) in pod.Items(list))
                    if (index < was.Count(list) && was.Array(list)![index] is JsonObject known && known.Text("name") == container.Text("name")) container.KeepFrom(known, "resources");
            pod.KeepFrom(was, "resources");
        }

        if (!TreeEquality.Same(template, before.Object("template"))) errors.Invalid(path, spec["template"]?.DeepClone(), ImmutableRules.Message);
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
