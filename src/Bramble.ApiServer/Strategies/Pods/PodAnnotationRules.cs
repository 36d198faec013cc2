using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Annotations of pods that mean something to the cluster.</summary>
internal static class PodAnnotationRules
{
    public const string Mirror = "kubernetes.io/config.mirror";
    private const string DeletionCost = "controller.kubernetes.io/pod-deletion-cost";

    public static void Validate(JsonObject? annotations, JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (annotations is null) return;
        if (annotations.Has(Mirror) && spec.Text("nodeName").Length == 0)
            errors.Invalid(path.Key(Mirror), annotations.Text(Mirror), "must set spec.nodeName if mirror pod annotation is set");
        if (annotations.TextOrNull(DeletionCost) is { } cost && !IsInt32(cost)) errors.Invalid(path.Key(DeletionCost), cost, "must be a 32bit integer");
        SeccompAnnotations.Validate(annotations, path, errors);
        foreach (var (key, value) in annotations)
        {
            if (!key.StartsWith(AppArmor.AnnotationPrefix, StringComparison.Ordinal)) continue;
            var name = key[AppArmor.AnnotationPrefix.Length..];
            if (!HasContainer(spec, name)) errors.Invalid(path.Key(key), name, "container not found");
            var profile = value.AsText() ?? "";
            if (profile is not ("" or "runtime/default" or "unconfined") && !profile.StartsWith("localhost/", StringComparison.Ordinal))
                errors.Invalid(path.Key(key), profile, $"invalid AppArmor profile name: {FieldError.Quote(profile)}");
        }
    }

    /// <summary>An annotation and the field that replaced it must say the same, in Pods and templates.</summary>
    public static void AgreesWithFields(JsonObject? annotations, JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (annotations is null) return;
        SeccompAnnotations.AgreeWithFields(annotations, spec, path, errors);
        AppArmor.AnnotationsAgreeWithFields(annotations, spec, path, errors);
    }

    private static bool HasContainer(JsonObject spec, string name)
    {
        foreach (var list in PodDefaults.ContainerLists)
            foreach (var (_, container) in spec.Items(list))
                if (container.Text("name") == name) return true;
        return false;
    }

    private static bool IsInt32(string text) =>
        text.Length > 0 && text[0] != '+' && (text.Length == 1 || text[0] != '0') && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _);
}
