using System.Text.Json.Nodes;
using k8s.Models;

namespace Bramble.Client.Placement;

/// <summary>Whether a Pod puts up with a taint. The scheduler asks for each Pod and node: nothing is allocated.</summary>
public static class Tolerations
{
    public static bool Tolerates(IList<V1Toleration>? tolerations, V1Taint taint)
    {
        if (tolerations is null) return false;
        for (var i = 0; i < tolerations.Count; i++)
            if (Tolerates(tolerations[i], taint)) return true;
        return false;
    }

    /// <summary>A toleration of a ResourceClaim and a taint of a device mean the same (KEP-5055).</summary>
    public static bool Tolerates(JsonObject toleration, JsonObject taint) => Tolerates(
        new V1Toleration { Key = (string?)toleration["key"], OperatorProperty = (string?)toleration["operator"], Value = (string?)toleration["value"], Effect = (string?)toleration["effect"] },
        new V1Taint { Key = (string?)taint["key"], Value = (string?)taint["value"], Effect = (string?)taint["effect"] });

    public static bool Tolerates(V1Toleration toleration, V1Taint taint)
    {
        if (!string.IsNullOrEmpty(toleration.Effect) && toleration.Effect != taint.Effect) return false;
        if (!string.IsNullOrEmpty(toleration.Key) && toleration.Key != taint.Key) return false;
        return toleration.OperatorProperty switch
        {
            null or "" or "Equal" => (toleration.Value ?? "") == (taint.Value ?? ""),
            "Exists" => true,
            // Lt and Gt (KEP-5471) are off.
            _ => false,
        };
    }
}
