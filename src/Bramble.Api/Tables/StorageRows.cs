using System.Text.Json.Nodes;

namespace Bramble.Api.Tables;

/// <summary>Rows of volumes, claims and drivers.</summary>
internal static class StorageRows
{
    private const string BetaClass = "volume.beta.kubernetes.io/storage-class";

    private static readonly (string Mode, string Short)[] AccessModes =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];

    public static JsonArray PersistentVolume(JsonObject o, DateTimeOffset now) => new(
        o.Name(),
        o.Amount("spec", "capacity", "storage"),
        Modes(o.Texts("spec", "accessModes")),
        o.Text("spec", "persistentVolumeReclaimPolicy"),
        Phase(o),
        o.At("spec", "claimRef") is { } claim ? $"{claim.Text("namespace")}/{claim.Text("name")}" : "",
        Class(o),
        o.TextOr("<unset>", "spec", "volumeAttributesClassName"),
        o.Text("status", "reason"),
        o.Age(now),
        o.TextOr("<unset>", "spec", "volumeMode"));

    public static JsonArray PersistentVolumeClaim(JsonObject o, DateTimeOffset now)
    {
        var isBound = o.Text("spec", "volumeName").Length > 0;
        return new JsonArray(
            o.Name(),
            Phase(o),
            o.Text("spec", "volumeName"),
            isBound ? o.Amount("status", "capacity", "storage") : "",
            isBound ? Modes(o.Texts("status", "accessModes")) : "",
            Class(o),
            o.TextOr("<unset>", "spec", "volumeAttributesClassName"),
            o.Age(now),
            o.TextOr("<unset>", "spec", "volumeMode"));
    }

    public static JsonArray StorageClass(JsonObject o, DateTimeOffset now)
    {
        var isDefault = o.Text("metadata", "annotations", "storageclass.kubernetes.io/is-default-class") == "true"
            || o.Text("metadata", "annotations", "storageclass.beta.kubernetes.io/is-default-class") == "true";
        return new JsonArray(
            o.Name() + (isDefault ? " (default)" : ""),
            o.Text("provisioner"),
            o.TextOr("Delete", "reclaimPolicy"),
            o.TextOr("Immediate", "volumeBindingMode"),
            o.Flag("allowVolumeExpansion"),
            o.Age(now));
    }

    public static JsonArray VolumeAttributesClass(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Text("driverName"), o.Age(now));

    public static JsonArray VolumeAttachment(JsonObject o, DateTimeOffset now) => new(
        o.Name(), o.Text("spec", "attacher"), o.Text("spec", "source", "persistentVolumeName"), o.Text("spec", "nodeName"), o.Flag("status", "attached"), o.Age(now));

    public static JsonArray CSINode(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Count("spec", "drivers"), o.Age(now));

    public static JsonArray CSIDriver(JsonObject o, DateTimeOffset now) => new(
        o.Name(),
        o.At("spec", "attachRequired") is null || o.Flag("spec", "attachRequired"),
        o.Flag("spec", "podInfoOnMount"),
        o.Flag("spec", "storageCapacity"),
        o.At("spec", "tokenRequests") is JsonArray ? string.Join(',', o.Items("spec", "tokenRequests").Select(t => t.Text("audience"))) : "<unset>",
        o.Flag("spec", "requiresRepublish"),
        string.Join(',', o.Texts("spec", "volumeLifecycleModes")).OrNone(),
        o.Age(now));

    private static string Phase(JsonObject o) => o.IsBeingDeleted() ? "Terminating" : o.Text("status", "phase");

    private static string Class(JsonObject o) => o.TextOr(o.Text("spec", "storageClassName"), "metadata", "annotations", BetaClass);

    private static string Modes(IReadOnlyList<string> modes) => string.Join(',', AccessModes.Where(m => modes.Contains(m.Mode)).Select(m => m.Short));
}
