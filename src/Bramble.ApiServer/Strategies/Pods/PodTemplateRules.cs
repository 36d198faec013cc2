using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of pod templates.</summary>
internal static class PodTemplateRules
{
    public static void Validate(JsonObject? template, FieldPath path, FieldErrors errors)
    {
        LabelRules.Validate(template.Labels(), path.Child("labels"), errors);
        AnnotationRules.Validate(template.Annotations(), path.Child("annotations"), errors);
        var spec = template.Object("spec") ?? [];
        PodAnnotationRules.Validate(template.Annotations(), spec, path.Child("annotations"), errors);
        PodSpecRules.Validate(spec, path.Child("spec"), errors);
        PodAnnotationRules.AgreesWithFields(template.Annotations(), spec, path.Child("spec"), errors);
        if (spec.Count("ephemeralContainers") > 0) errors.Forbidden(path.Child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template");
    }

    /// <summary>The labels of a template must match the selector of its owner: an absent one matches nothing, an empty one is complained about elsewhere.</summary>
    public static void LabelsMatch(JsonObject? selector, JsonObject? template, FieldPath path, FieldErrors errors)
    {
        if (selector is not null && SelectorRules.IsEmpty(selector)) return;
        var labels = template.Labels();
        if (selector is null || !SelectorRules.Matches(selector, labels))
            errors.Invalid(path.Child("metadata", "labels"), InternalStruct.ShowMap(labels), "`selector` does not match template `labels`");
    }

    /// <summary>Pods of a controller are restarted for ever, and have no deadline.</summary>
    public static void RunsForEver(JsonObject? template, FieldPath path, FieldErrors errors)
    {
        var spec = template.Object("spec");
        if (spec.Text("restartPolicy") != "Always") errors.NotSupported(path.Child("spec", "restartPolicy"), spec.Text("restartPolicy"), ["Always"]);
        if (spec.Has("activeDeadlineSeconds")) errors.Forbidden(path.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicaSet is not Supported");
    }
}
