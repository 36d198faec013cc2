using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of a write of a PersistentVolumeClaim's status (upstream's ValidatePersistentVolumeClaimStatusUpdate).</summary>
internal static class ClaimStatusRules
{
    private static readonly string[] ResizeStatuses =
        ["ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"];

    public static void Validate(JsonObject claim, FieldErrors errors)
    {
        if (claim.Object("spec").Count("accessModes") == 0) errors.Required("Spec.accessModes");
        var status = claim.Object("status");
        var capacity = status.Object("capacity");
        foreach (var (name, _) in capacity ?? []) ResourceRules.Basic(ResourceRules.Amount(capacity, name), FieldPath.Status.Child("capacity").Key(name), errors);
        var path = FieldPath.Status.Child("allocatedResourceStatuses");
        foreach (var (name, state) in status.TextMap("allocatedResourceStatuses"))
        {
            ResourceName(name, path, errors);
            // Upstream shows the resource, not what it is said of it.
            if (!ResizeStatuses.Contains(state)) errors.NotSupported(path, name, ResizeStatuses);
        }

        var (allocated, at) = (status.Object("allocatedResources"), FieldPath.Status.Child("allocatedResources"));
        foreach (var (name, _) in allocated ?? [])
            if (ResourceName(name, at, errors)) ResourceRules.Basic(ResourceRules.Amount(allocated, name), at.Key(name), errors);
    }

    private static bool ResourceName(string name, FieldPath path, FieldErrors errors)
    {
        var count = errors.Count;
        errors.InvalidEach(path, name, Formats.LabelKey(name));
        if (errors.Count == count && Formats.IsNativeResource(name) && name != "storage") errors.NotSupported(path, name, ["storage"]);
        return errors.Count == count;
    }
}
