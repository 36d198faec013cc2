using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of Pods (upstream's ValidatePodCreate and what updates share with it).</summary>
internal static class PodRules
{
    private static readonly FieldPath Annotations = FieldPath.Metadata.Child("annotations");

    public static void ValidateCreate(JsonObject pod, FieldErrors errors)
    {
        Validate(pod, errors);
        var spec = pod.Object("spec") ?? [];
        if (spec.Count("ephemeralContainers") > 0) errors.Forbidden(FieldPath.Spec.Child("ephemeralContainers"), "cannot be set on create");
        if (spec.Text("nodeName").Length > 0 && spec.Count("schedulingGates") > 0)
            errors.Forbidden(FieldPath.Spec.Child("nodeName"), "cannot be set until all schedulingGates have been cleared");
        PodAnnotationRules.AgreesWithFields(pod.Annotations(), spec, FieldPath.Spec, errors);
    }

    public static void Validate(JsonObject pod, FieldErrors errors)
    {
        var spec = pod.Object("spec") ?? [];
        PodAnnotationRules.Validate(pod.Annotations(), spec, Annotations, errors);
        PodSpecRules.Validate(spec, FieldPath.Spec, errors, isPod: true, pod.ObjectName(), pod.Annotations().Has(PodAnnotationRules.Mirror));
        if (spec.Text("serviceAccountName").Length == 0)
        {
            foreach (var (index, volume) in spec.Items("volumes"))
                foreach (var (position, source) in volume.Object("projected").Items("sources"))
                    if (source.Has("serviceAccountToken"))
                        errors.Forbidden(
                            FieldPath.Spec.Child("volumes").Index(index).Child("projected", "sources").Index(position).Child("serviceAccountToken"),
                            "must not be specified when serviceAccountName is not set");
        }

        foreach (var list in (ReadOnlySpan<string>)["containers", "initContainers"])
            foreach (var (index, container) in spec.Items(list)) ContainerRules.ImageHasNoSpace(container, FieldPath.Spec.Child(list).Index(index), errors);
    }

    public static void ValidateAnnotationsUpdate(JsonObject pod, JsonObject old, FieldErrors errors)
    {
        var (now, before) = (pod.Annotations(), old.Annotations());
        foreach (var (key, value) in before.AllTexts())
        {
            if (now.TextOrNull(key) == value) continue;
            if (key.StartsWith(AppArmor.AnnotationPrefix, StringComparison.Ordinal)) errors.Forbidden(Annotations.Key(key), "may not remove or update AppArmor annotations");
            if (key == PodAnnotationRules.Mirror) errors.Forbidden(Annotations.Key(key), "may not remove or update mirror pod annotation");
        }

        foreach (var (key, _) in now.AllTexts())
        {
            if (before.Has(key)) continue;
            if (key.StartsWith(AppArmor.AnnotationPrefix, StringComparison.Ordinal)) errors.Forbidden(Annotations.Key(key), "may not add AppArmor annotations");
            if (key == PodAnnotationRules.Mirror) errors.Forbidden(Annotations.Key(key), "may not add mirror pod annotation");
        }

        PodAnnotationRules.Validate(now, pod.Object("spec") ?? [], Annotations, errors);
    }
}
