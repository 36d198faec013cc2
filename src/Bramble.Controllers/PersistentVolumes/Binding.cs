using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>A binding is four writes: the volume's claim, its phase, the claim's volume, its status. Each may be the last before a crash: what is written already
/// is not written again. Pure.</summary>
internal static class Binding
{
    private const string PreResizeCapacity = "volume.alpha.kubernetes.io/pre-resize-capacity";

    /// <summary>The claim that a volume names; null: none, or half a name, behind which nobody stands.</summary>
    public static NamespacedName? ClaimOf(V1PersistentVolume volume) =>
        volume.Spec.ClaimRef is { NamespaceProperty: { Length: > 0 } ns, Name: { Length: > 0 } name } ? new NamespacedName(ns, name) : null;

    /// <returns>True: the volume did not say yet whose it is.</returns>
    public static bool NoteInVolume(JsonObject tree, V1PersistentVolume volume, V1PersistentVolumeClaim claim)
    {
        if (volume.Spec.ClaimRef?.Uid == claim.Metadata.Uid) return false;
        if (volume.Spec.ClaimRef is null) ClaimAnnotations.Set(tree, ClaimAnnotations.BoundByController);
        tree["spec"]!["claimRef"] = new JsonObject
        {
            ["kind"] = "PersistentVolumeClaim",
            ["namespace"] = claim.Metadata.NamespaceProperty,
            ["name"] = claim.Metadata.Name,
            ["uid"] = claim.Metadata.Uid,
            ["apiVersion"] = "v1",
            ["resourceVersion"] = claim.Metadata.ResourceVersion,
        };
        return true;
    }

    /// <returns>True: the claim did not say yet which is its volume.</returns>
    public static bool NoteInClaim(JsonObject tree, V1PersistentVolumeClaim claim, V1PersistentVolume volume)
    {
        if (claim.Spec.VolumeName == volume.Metadata.Name && claim.Metadata.Annotation(ClaimAnnotations.BindCompleted) is not null) return false;
        if (string.IsNullOrEmpty(claim.Spec.VolumeName)) ClaimAnnotations.Set(tree, ClaimAnnotations.BoundByController);
        tree["spec"]!["volumeName"] = volume.Metadata.Name;
        ClaimAnnotations.Set(tree, ClaimAnnotations.BindCompleted);
        return true;
    }

    /// <summary>What was reserved by the controller is free again; a user's own reservation stays, without the uid.</summary>
    public static void Undo(JsonObject volume)
    {
        if (volume["metadata"]!["annotations"] is JsonObject annotations && annotations.Remove(ClaimAnnotations.BoundByController))
        {
            volume["spec"]!.AsObject().Remove("claimRef");
            if (annotations.Count == 0) volume["metadata"]!.AsObject().Remove("annotations");
        }
        else
        {
            volume["spec"]!["claimRef"]!.AsObject().Remove("uid");
        }
    }

    /// <param name="volume">Null: the claim has none.</param>
    /// <returns>The claim's status.</returns>
    public static JsonObject ClaimStatus(JsonObject claim, string phase, JsonObject? volume)
    {
        var status = claim["status"]?.DeepClone().AsObject() ?? [];
        var before = (string?)status["phase"];
        status["phase"] = phase;
        if (volume is null)
        {
            status.Remove("accessModes");
            status.Remove("capacity");
            status.Remove("currentVolumeAttributesClassName");
            return status;
        }
        status["accessModes"] = volume["spec"]!["accessModes"]?.DeepClone();
        // A bound claim's size is the resizer's to write: a volume that grows shows its new size before the file system on it has it.
        if (before != phase)
        {
            if ((string?)volume["metadata"]!["annotations"]?[PreResizeCapacity] is { } size && Quantity.TryParse(size, out _, out _)) status["capacity"] = new JsonObject { ["storage"] = size };
            else status["capacity"] = volume["spec"]!["capacity"]?.DeepClone();
        }
        if (before == "Pending" && phase == "Bound" && volume["spec"]!["volumeAttributesClassName"] is { } attributes) status["currentVolumeAttributesClassName"] = attributes.DeepClone();
        return status;
    }
}
