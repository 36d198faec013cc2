using System.Text.Json.Nodes;
using Bramble.Api.Quantities;
using k8s.Models;

namespace Bramble.Kubelet.Csi;

/// <summary>The node's part in growing a volume: KEP-556, KEP-1790. Pure.</summary>
internal static class VolumeGrowth
{
    /// <returns>The size that the file system is to get; null: it has it, or it has been found impossible.</returns>
    public static Quantity? Of(V1PersistentVolumeClaim claim, V1PersistentVolume pv)
    {
        if (claim.Status?.AllocatedResourceStatuses is { } states && states.TryGetValue("storage", out var state) && state == "NodeResizeInfeasible") return null;
        return Size(pv.Spec.Capacity) is { } size && Size(claim.Status?.Capacity) is { } shown && size > shown ? size : null;

        static Quantity? Size(IDictionary<string, ResourceQuantity>? amounts) =>
            amounts is not null && amounts.TryGetValue("storage", out var text) && Quantity.TryParse(text.ToString(), out var size, out _) ? size : null;
    }

    /// <summary>A claim's status after its file system has grown.</summary>
    public static JsonObject Done(JsonObject status, string size)
    {
        status["capacity"] = new JsonObject { ["storage"] = size };
        if (status["allocatedResourceStatuses"] is JsonObject states && states.Remove("storage") && states.Count == 0) status.Remove("allocatedResourceStatuses");
        var kept = (status["conditions"] as JsonArray ?? []).Where(c => (string?)c?["type"] is not ("Resizing" or "FileSystemResizePending" or "ControllerResizeError" or "NodeResizeError")).Select(c => c!.DeepClone()).ToArray();
        status.Remove("conditions");
        if (kept.Length > 0) status["conditions"] = new JsonArray(kept);
        return status;
    }
}
