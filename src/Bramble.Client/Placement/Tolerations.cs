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

    public static bool Tolerates(V1Toleration toleration, V1Taint taint)
    {
        if (!string.IsNullOrEmpty(toleration.Effect) && toleration.Effect != taint.Effect) return false;
        if (!string.IsNullOrEmpty(toleration.Key) && toleration.Key != taint.Key) return false;
        return toleration.OperatorProperty switch
        {
            null or "" or "Equal" => (toleration.Value ?? "") == (taint.Value ?? ""),
            "Exists" => true,
            "Lt" => long.TryParse(taint.Value, out var have) && long.TryParse(toleration.Value, out var limit) && have < limit,
            "Gt" => long.TryParse(taint.Value, out var has) && long.TryParse(toleration.Value, out var least) && has > least,
            _ => false,
        };
    }
}
