using System.Text.Json.Nodes;
using Bramble.Api.Quantities;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Kubelet.Csi;

/// <summary>The node's part in growing a volume: KEP-556, KEP-1790. Pure.</summary>
internal static class VolumeGrowth
{
    private const string Pending = "NodeResizePending";
    private const string InProgress = "NodeResizeInProgress";
    private const string Infeasible = "NodeResizeInfeasible";

    /// <returns>The size that the file system is to get; null: it has it, or it is not the node's turn.</returns>
    public static Quantity? Of(V1PersistentVolumeClaim claim, V1PersistentVolume pv)
    {
        if (Size(pv.Spec.Capacity) is not { } size || Size(claim.Status?.Capacity) is not { } shown || size <= shown) return null;
        if (!TellsSteps(claim)) return size;
        return claim.Status!.AllocatedResourceStatuses is { } states && states.TryGetValue("storage", out var state) && state is Pending or InProgress ? Size(claim.Status.AllocatedResources) : null;
    }

    /// <summary>Its resizer says how far it is; one of old does not.</summary>
    public static bool TellsSteps(V1PersistentVolumeClaim claim) =>
        claim.Status?.AllocatedResources is not null || (claim.Status?.AllocatedResourceStatuses is { } states && states.ContainsKey("storage"));

    /// <summary>The user wants another size than the one that is being tried.</summary>
    public static bool IsOutdated(V1PersistentVolumeClaim claim, Quantity size) => Size(claim.Spec.Resources?.Requests) is { } wanted && wanted != size;

    /// <summary>A claim's status when its file system begins to grow.</summary>
    public static JsonObject Begun(JsonObject status) => WithState(status, InProgress);

    /// <summary>A claim's status when the driver has refused: what is infeasible is not tried again.</summary>
    public static JsonObject Failed(JsonObject status, string why, bool isInfeasible, DateTimeOffset now)
    {
        if (isInfeasible) WithState(status, Infeasible);
        var conditions = status["conditions"] as JsonArray ?? [];
        if (conditions.FirstOrDefault(c => (string?)c?["type"] == "NodeResizeError") is { } known)
        {
            if ((string?)known["status"] == "True") return status;
            conditions.Remove(known);
        }
        conditions.Add((JsonNode)new JsonObject
        {
            ["type"] = "NodeResizeError",
            ["status"] = "True",
            ["lastTransitionTime"] = KubeTime.Seconds(now),
            ["message"] = $"failed to expand pvc with {why}",
        });
        status["conditions"] = conditions.DeepClone();
        return status;
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

    private static JsonObject WithState(JsonObject status, string state)
    {
        if (status["allocatedResourceStatuses"] is not JsonObject states) status["allocatedResourceStatuses"] = states = [];
        states["storage"] = state;
        return status;
    }

    private static Quantity? Size(IDictionary<string, ResourceQuantity>? amounts) =>
        amounts is not null && amounts.TryGetValue("storage", out var text) && Quantity.TryParse(text.ToString(), out var size, out _) ? size : null;
}
