using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What the kinds that keep pods running have in common: selector, template, counts in the status.</summary>
internal static class WorkloadRules
{
    private static readonly FieldPath SelectorPath = FieldPath.Spec.Child("selector");

    /// <summary>Required and not empty.</summary>
    public static void Selector(JsonObject spec, string kind, FieldErrors errors)
    {
        if (spec.Object("selector") is not { } selector)
        {
            errors.Required(SelectorPath);
            return;
        }

        SelectorRules.Validate(selector, SelectorPath, errors);
        if (SelectorRules.IsEmpty(selector)) errors.Invalid(SelectorPath, selector.DeepClone(), $"empty selector is invalid for {kind}");
    }

    /// <summary>A selector that cannot be read selects nothing to compare labels with.</summary>
    public static bool IsReadable(JsonObject? selector)
    {
        foreach (var (_, requirement) in selector.Items("matchExpressions"))
        {
            var count = requirement.Count("values");
            if (requirement.Text("operator") switch { "In" or "NotIn" => count == 0, "Exists" or "DoesNotExist" => count > 0, _ => true }) return false;
            if (Formats.LabelKey(requirement.Text("key")).Count > 0 || requirement.Texts("values").Any(value => Formats.LabelValue(value).Count > 0)) return false;
        }

        foreach (var (key, value) in selector.TextMap("matchLabels"))
            if (Formats.LabelKey(key).Count > 0 || Formats.LabelValue(value).Count > 0) return false;
        return true;
    }

    public static void RunsForEver(JsonObject spec, string kind, FieldPath templatePath, FieldErrors errors)
    {
        var pod = spec.Object("template").Object("spec");
        if (pod.Text("restartPolicy") != "Always") errors.NotSupported(templatePath.Child("spec", "restartPolicy"), pod.Text("restartPolicy"), ["Always"]);
        if (pod.Has("activeDeadlineSeconds")) errors.Forbidden(templatePath.Child("spec", "activeDeadlineSeconds"), $"activeDeadlineSeconds in {kind} is not Supported");
    }

    /// <summary>The template of a Deployment or ReplicaSet.</summary>
    public static void ReplicaSetTemplate(JsonObject spec, FieldErrors errors)
    {
        var path = FieldPath.Spec.Child("template");
        PodTemplateRules.LabelsMatch(spec.Object("selector"), spec.Object("template"), path, errors);
        PodTemplateRules.Validate(spec.Object("template"), path, errors);
        RunsForEver(spec, "ReplicaSet", path, errors);
    }

    public static void SelectorIsImmutable(JsonObject obj, JsonObject old, FieldErrors errors) =>
        ImmutableRules.Field(obj.Object("spec"), old.Object("spec"), "selector", SelectorPath, errors, InternalStruct.ShowSelector);

    public static void CountsAreNotNegative(JsonObject status, FieldErrors errors, params ReadOnlySpan<string> names)
    {
        foreach (var name in names) NumberRules.NonNegative(status.Long(name), FieldPath.Status.Child(name), errors);
    }

    public static void NotMoreThan(JsonObject status, string limit, string message, FieldErrors errors, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            if (status.Long(name) > status.Long(limit)) errors.Invalid(FieldPath.Status.Child(name), status.Long(name), message);
    }

    public static void CollisionCountGrows(JsonObject obj, JsonObject old, FieldErrors errors)
    {
        var (now, then) = (obj.Object("status").LongOrNull("collisionCount"), old.Object("status").LongOrNull("collisionCount"));
        if (then is not null && (now ?? 0) < then) errors.Invalid(FieldPath.Status.Child("collisionCount"), now ?? 0, "cannot be decremented");
    }
}
