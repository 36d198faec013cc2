using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Client.Placement;

namespace Bramble.Controllers.DeviceTaints;

/// <summary>When Pods must let go of devices with NoExecute taints. Pure. Source: KEP-5055; pkg/controller/devicetainteviction.</summary>
internal static class DeviceEviction
{
    public const string Effect = "NoExecute";

    /// <param name="claim">A ResourceClaim.</param>
    /// <param name="slices">ResourceSlices; of each pool only those of its newest generation count.</param>
    /// <returns>Null: its Pods may stay; else from when on they must not.</returns>
    public static DateTimeOffset? Time(JsonObject claim, IReadOnlyList<JsonObject> slices)
    {
        DateTimeOffset? earliest = null;
        foreach (var allocated in (claim["status"]?["allocation"]?["devices"]?["results"] as JsonArray ?? []).OfType<JsonObject>())
            foreach (var taint in TaintsOf(allocated, slices))
                if (Leaves(taint, allocated["tolerations"] as JsonArray) is { } when && (earliest is null || when < earliest)) earliest = when;
        return earliest;
    }

    /// <summary>Whether a slice has devices whose taints are of interest here.</summary>
    public static bool HasTaints(JsonObject slice) => Devices(slice).Any(device => NoExecute(device).Any());

    public static string PoolOf(JsonObject slice) => $"{(string?)slice["spec"]?["driver"]}/{(string?)slice["spec"]?["pool"]?["name"]}";

    public static bool IsOfPool(JsonObject slice, JsonObject allocated) =>
        (string?)slice["spec"]?["driver"] == (string?)allocated["driver"] && (string?)slice["spec"]?["pool"]?["name"] == (string?)allocated["pool"];

    private static IEnumerable<JsonObject> TaintsOf(JsonObject allocated, IReadOnlyList<JsonObject> slices)
    {
        var pool = slices.Where(slice => IsOfPool(slice, allocated)).ToList();
        if (pool.Count == 0) return [];
        var newest = pool.Max(Generation);
        return pool.Where(slice => Generation(slice) == newest).SelectMany(Devices).Where(device => (string?)device["name"] == (string?)allocated["device"]).SelectMany(NoExecute);
    }

    /// <summary>Null: tolerated for good.</summary>
    private static DateTimeOffset? Leaves(JsonObject taint, JsonArray? tolerations)
    {
        if (!DateTimeOffset.TryParse((string?)taint["timeAdded"], CultureInfo.InvariantCulture, out var added)) return null;
        long? stays = null;
        foreach (var toleration in (tolerations ?? []).OfType<JsonObject>())
        {
            if ((string?)toleration["effect"] != Effect || !Tolerations.Tolerates(toleration, taint)) continue;
            if (toleration["tolerationSeconds"] is not { } seconds) return null;
            stays = Math.Min(stays ?? long.MaxValue, Math.Max(0, (long)seconds));
        }
        // Whoever says 300 years has no use for the exact day.
        return added.AddSeconds(Math.Min(stays ?? 0, 100L * 365 * 24 * 3600));
    }

    private static long Generation(JsonObject slice) => (long?)slice["spec"]?["pool"]?["generation"] ?? 0;

    private static IEnumerable<JsonObject> Devices(JsonObject slice) => (slice["spec"]?["devices"] as JsonArray ?? []).OfType<JsonObject>();

    private static IEnumerable<JsonObject> NoExecute(JsonObject device) => (device["taints"] as JsonArray ?? []).OfType<JsonObject>().Where(taint => (string?)taint["effect"] == Effect);
}
