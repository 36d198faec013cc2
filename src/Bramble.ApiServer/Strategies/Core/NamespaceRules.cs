using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of Namespaces.</summary>
internal static class NamespaceRules
{
    public static void Validate(JsonObject ns, FieldErrors errors)
    {
        foreach (var finalizer in ns.Object("spec").Texts("finalizers")) Finalizer(finalizer, FieldPath.Spec.Child("finalizers"), errors);
    }

    public static void ValidateSubresource(string subresource, JsonObject ns, FieldErrors errors)
    {
        if (subresource == "finalize")
        {
            var index = 0;
            foreach (var finalizer in ns.Object("spec").Texts("finalizers")) Finalizer(finalizer, FieldPath.Spec.Child("finalizers").Index(index++), errors);
            return;
        }

        var (phase, isDeleted) = (ns.Text("status", "phase"), ns.Object("metadata").Has("deletionTimestamp"));
        if (!isDeleted && phase != "Active") errors.Invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty");
        if (isDeleted && phase != "Terminating") errors.Invalid("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
    }

    private static void Finalizer(string name, FieldPath path, FieldErrors errors)
    {
        errors.InvalidEach(path, name, Formats.LabelKey(name));
        if (!name.Contains('/') && name is not ("kubernetes" or "orphan" or "foregroundDeletion"))
            errors.Invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified");
    }
}
