using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>Adds tolerations to a pod's own: what another one covers already is left out, whichever came first.</summary>
internal static class TolerationMerge
{
    public static void Add(JsonObject spec, JsonObject scheduling)
    {
        List<JsonObject> all = [.. Of(spec), .. Of(scheduling)], kept = [];
        for (var i = 0; i < all.Count; i++)
        {
            var isCovered = kept.Exists(known => Covers(known, all[i]));
            // Of equal ones the first stays.
            for (var j = i + 1; !isCovered && j < all.Count; j++) isCovered = !TreeEquality.Same(all[i], all[j]) && Covers(all[j], all[i]);
            if (!isCovered) kept.Add(all[i]);
        }

        if (all.Count == 0) return;
        var tolerations = new JsonArray();
        foreach (var toleration in kept) tolerations.Add(toleration.DeepClone());
        spec["tolerations"] = tolerations;
    }

    private static IEnumerable<JsonObject> Of(JsonObject tree) => tree.Array("tolerations")?.OfType<JsonObject>() ?? [];

    /// <summary>Whatever <paramref name="narrow"/> tolerates, <paramref name="wide"/> does.</summary>
    private static bool Covers(JsonObject wide, JsonObject narrow)
    {
        if (TreeEquality.Same(wide, narrow)) return true;
        var isExists = wide.Text("operator") == "Exists";
        if (narrow.Text("key") != wide.Text("key") && !(wide.Text("key").Length == 0 && isExists)) return false;
        if (wide.Text("effect").Length > 0 && narrow.Text("effect") != wide.Text("effect")) return false;
        if (wide.Text("effect") == "NoExecute" && wide.LongOrNull("tolerationSeconds") is { } seconds && !(narrow.LongOrNull("tolerationSeconds") <= seconds)) return false;
        if (isExists) return true;
        return wide.Text("operator") is "" or "Equal" && narrow.Text("operator") == "Equal" && narrow.Text("value") == wide.Text("value");
    }
}
