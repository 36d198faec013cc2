using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Defaults of a pod's volume and of the sources it shares with PersistentVolumes.</summary>
internal static class VolumeDefaults
{
    public static void Apply(JsonObject volume)
    {
        // A volume without any source is an emptyDir.
        if (volume.All(field => field.Key == "name" || field.Value is null)) volume["emptyDir"] = new JsonObject();
        ApplyToSource(volume);
        foreach (var name in (ReadOnlySpan<string>)["secret", "configMap", "downwardAPI", "projected"])
            volume.Object(name)?.DefaultTo("defaultMode", 420);
        DownwardItems(volume.Object("downwardAPI"));
        foreach (var (_, source) in volume.Object("projected").Items("sources"))
        {
            DownwardItems(source.Object("downwardAPI"));
            source.Object("serviceAccountToken")?.DefaultTo("expirationSeconds", 3600);
        }

        if (volume.Object("image") is { } image) image.DefaultText("pullPolicy", ImageReference.DefaultPullPolicy(image.Text("reference")));
        if (volume.Object("ephemeral").Object("volumeClaimTemplate") is { } claim) ClaimDefaults.ApplyToSpec(claim.Child("spec"));
    }

    /// <summary>Defaults of the sources that volumes and PersistentVolumes have in common.</summary>
    public static void ApplyToSource(JsonObject source)
    {
        source.Object("hostPath")?.DefaultTo("type", "");
        source.Object("iscsi")?.DefaultText("iscsiInterface", "default");
        if (source.Object("rbd") is { } rbd)
        {
            rbd.DefaultText("pool", "rbd");
            rbd.DefaultText("user", "admin");
            rbd.DefaultText("keyring", "/etc/ceph/keyring");
        }

        if (source.Object("azureDisk") is { } azure)
        {
            azure.DefaultTo("cachingMode", "ReadWrite");
            azure.DefaultTo("kind", "Shared");
            azure.DefaultTo("fsType", "ext4");
            azure.DefaultTo("readOnly", false);
        }

        if (source.Object("scaleIO") is not { } scaleIo) return;
        scaleIo.DefaultText("storageMode", "ThinProvisioned");
        scaleIo.DefaultText("fsType", "xfs");
    }

    private static void DownwardItems(JsonObject? downward)
    {
        foreach (var (_, item) in downward.Items("items")) item.Object("fieldRef")?.DefaultText("apiVersion", "v1");
    }
}
