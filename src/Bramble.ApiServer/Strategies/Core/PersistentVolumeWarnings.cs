using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Warnings about PersistentVolumes.</summary>
internal static class PersistentVolumeWarnings
{
    private static readonly (string Annotation, string Message)[] Annotations =
    [
        ("volume.beta.kubernetes.io/storage-class", "deprecated since v1.8; use \"storageClassName\" attribute instead"),
        ("volume.beta.kubernetes.io/mount-options", "deprecated since v1.31; use \"mountOptions\" attribute instead"),
    ];

    private static readonly (string Source, string Message)[] Sources =
    [
        ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
        ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
        ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
        ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
        ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
        ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
    ];

    public static IEnumerable<string> Of(JsonObject volume)
    {
        var (spec, warnings) = (volume.Object("spec"), new List<string>());
        foreach (var (annotation, message) in Annotations)
            if (volume.Annotations().Has(annotation)) warnings.Add($"metadata.annotations[{annotation}]: {message}");
        if (spec.Text("persistentVolumeReclaimPolicy") == "Recycle")
            warnings.Add("spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.");
        foreach (var (index, term) in spec.Object("nodeAffinity").Object("required").Items("nodeSelectorTerms"))
            NodeLabels.Term(term, checksValues: false, FieldPath.Spec.Child("nodeAffinity", "required").Child("nodeSelectorTerms").Index(index), warnings);
        foreach (var (source, message) in Sources)
            if (spec.Has(source)) warnings.Add($"spec.{(source == "storageos" ? "storageOS" : source)}: {message}");
        return warnings;
    }
}
