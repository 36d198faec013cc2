using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Defaults of a PersistentVolumeClaim spec, also in templates (StatefulSet, ephemeral volume).</summary>
internal static class ClaimDefaults
{
    public static void ApplyToSpec(JsonObject spec)
    {
        spec.DefaultTo("volumeMode", "Filesystem");
    }

    /// <summary>dataSource and dataSourceRef say the same where they can (upstream's NormalizeDataSources).</summary>
    public static void NormalizeDataSources(JsonObject spec)
    {
        var (source, reference) = (spec.Object("dataSource"), spec.Object("dataSourceRef"));
        if (source is not null && reference is null) spec["dataSourceRef"] = source.DeepClone();
        else if (source is null && reference is not null && reference.Text("namespace").Length == 0) spec["dataSource"] = reference.DeepClone();
    }
}
