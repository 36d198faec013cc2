using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Defaults of a PersistentVolumeClaim spec, also in templates (StatefulSet, ephemeral volume).</summary>
internal static class ClaimDefaults
{
    public static void ApplyToSpec(JsonObject spec)
    {
        spec.DefaultTo("volumeMode", "Filesystem");
    }

    /// <summary>A source that neither this server nor its old clients know is dropped, unless the claim had one all along; a reference into another namespace is, as its feature gate is off
    /// (upstream's DropDisabledFields and EnforceDataSourceBackwardsCompatibility).</summary>
    public static void DropUnknownSources(JsonObject spec, JsonObject? before)
    {
        if (spec.Object("dataSourceRef").Text("namespace").Length > 0 && !before.Has("dataSourceRef")) spec.Remove("dataSourceRef");
        if (before.Has("dataSource") || before.Has("dataSourceRef") || spec.Has("dataSourceRef")) return;
        var (kind, group) = (spec.Text("dataSource", "kind"), spec.Text("dataSource", "apiGroup"));
        if ((kind, group) is not (("PersistentVolumeClaim", "") or ("VolumeSnapshot", "snapshot.storage.k8s.io"))) spec.Remove("dataSource");
    }

    /// <summary>dataSource and dataSourceRef say the same where they can (upstream's NormalizeDataSources).</summary>
    public static void NormalizeDataSources(JsonObject spec)
    {
        var (source, reference) = (spec.Object("dataSource"), spec.Object("dataSourceRef"));
        if (source is not null && reference is null) spec["dataSourceRef"] = source.DeepClone();
        else if (source is null && reference is not null && reference.Text("namespace").Length == 0) spec["dataSource"] = reference.DeepClone();
    }
}
