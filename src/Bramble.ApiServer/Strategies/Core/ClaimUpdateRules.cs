using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What may change in a PersistentVolumeClaim: its volume and class once, and the storage and attributes class of a bound one.</summary>
internal static class ClaimUpdateRules
{
    private const string Shape = "PersistentVolumeClaimSpec";
    private const string BetaClass = "volume.beta.kubernetes.io/storage-class";

    public static void Validate(JsonObject claim, JsonObject old, FieldErrors errors)
    {
        var (spec, before) = (claim.Object("spec") ?? [], old.Object("spec") ?? []);
        ClaimRules.ValidateSpec(spec, FieldPath.Spec, errors);
        var (now, then) = ((JsonObject)spec.DeepClone(), (JsonObject)before.DeepClone());
        ClaimDefaults.NormalizeDataSources(then);
        if (before.Text("volumeName").Length == 0) then.KeepFrom(now, "volumeName");
        var (annotation, oldAnnotation) = (claim.Annotations().TextOrNull(BetaClass), old.Annotations().TextOrNull(BetaClass));
        var @class = spec.TextOrNull("storageClassName");
        if (before.Has("storageClassName") || @class is null || oldAnnotation is null || @class != oldAnnotation || annotation is not null && annotation != oldAnnotation)
        {
            if ((annotation ?? "") != (oldAnnotation ?? "")) errors.Invalid(FieldPath.Metadata.Child("annotations", BetaClass), annotation ?? "", ImmutableRules.Message);
            if (@class is not null && !before.Has("storageClassName") && (oldAnnotation is null || @class == oldAnnotation)) now.KeepFrom(then, "storageClassName");
        }
        else
        {
            now.Remove("storageClassName");
        }

        if (claim.Text("status", "phase") == "Bound")
        {
            if (now.Object("resources").Object("requests") is { } requests) requests.KeepFrom(before.Object("resources").Object("requests") ?? [], "storage");
            now.KeepFrom(then, "volumeAttributesClassName");
        }

        if (!TreeEquality.Same(now, then))
            errors.Forbidden(
                FieldPath.Spec,
                $"spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n{UnifiedDiff.Of(GoShapes.Show(Shape, then), GoShapes.Show(Shape, now))}");
        var (size, was) = (Storage(spec.Object("resources").Object("requests")), Storage(before.Object("resources").Object("requests")));
        if (size < was && size <= Storage(old.Object("status").Object("capacity")))
            errors.Forbidden(FieldPath.Spec.Child("resources", "requests").Child("storage"), "field can not be less than status.capacity");
        ImmutableRules.Field(spec, before, "volumeMode", FieldPath.Of("volumeMode"), errors);
        if (!spec.Differs(before, "volumeAttributesClassName") || !old.Object("status").Has("currentVolumeAttributesClassName")) return;
        var to = spec.TextOrNull("volumeAttributesClassName") switch { null => "nil", "" => "empty string", _ => null };
        if (to is not null)
            errors.Forbidden(FieldPath.Spec.Child("volumeAttributesClassName"), $"update to {to} is forbidden when status.currentVolumeAttributesClassName is not nil");
    }

    private static Api.Quantities.Quantity Storage(JsonObject? amounts) => ResourceRules.Amount(amounts, "storage") ?? default;
}
