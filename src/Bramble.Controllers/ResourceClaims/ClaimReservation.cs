using System.Text.Json.Nodes;
using Bramble.Client;

namespace Bramble.Controllers.ResourceClaims;

/// <summary>Whether a claim is to be reserved for a Pod that has its node. The scheduler reserves for the Pods that it places; who names a node himself has his
/// claims reserved here, when they are allocated. Pure.</summary>
internal static class ClaimReservation
{
    private const int ConsumersMax = 256;

    /// <param name="claim">Becomes part of the answer.</param>
    /// <returns>The claim as it is to be written; null: nothing is to be.</returns>
    public static JsonObject? Decide(JsonObject claim, KubeObject pod)
    {
        if (claim["status"] is not JsonObject status || status["allocation"] is null) return null;
        var reserved = status["reservedFor"] as JsonArray ?? [];
        if (reserved.Count >= ConsumersMax || reserved.Any(r => (string?)r?["uid"] == pod.Uid)) return null;
        status["reservedFor"] = new JsonArray([.. reserved.Select(r => r!.DeepClone()), new JsonObject { ["resource"] = "pods", ["name"] = pod.Name.Name, ["uid"] = pod.Uid }]);
        return claim;
    }
}
