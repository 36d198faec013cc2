using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of PersistentVolumes, and of volumes written out in a VolumeAttachment.</summary>
internal static class PersistentVolumeRules
{
    private static readonly (string Name, string? Path, string? ForbiddenPath)[] Sources =
    [
        ("hostPath", null, null), ("gcePersistentDisk", "persistentDisk", null), ("awsElasticBlockStore", null, null), ("glusterfs", null, null), ("flocker", null, null),
        ("nfs", null, null), ("rbd", null, null), ("quobyte", null, null), ("cephfs", null, "cephFS"), ("iscsi", null, null), ("cinder", null, null), ("fc", null, null),
        ("flexVolume", null, null), ("azureFile", null, null), ("vsphereVolume", null, null), ("photonPersistentDisk", null, null), ("portworxVolume", null, null),
        ("azureDisk", null, null), ("scaleIO", null, null), ("local", null, null), ("storageos", null, null), ("csi", null, null),
    ];

    private const string SourceShape = "PersistentVolumeSource";
    private const string Inline = "in the context of inline volumes";

    public static void ValidateSpec(JsonObject spec, string name, bool isInline, FieldPath path, FieldErrors errors)
    {
        if (isInline)
        {
            foreach (var field in (ReadOnlySpan<string>)["claimRef", "capacity"])
                if (spec.Count(field) > 0 || spec.Has(field)) errors.Forbidden(path.Child(field), $"may not be specified {Inline}");
            if (!spec.Has("csi")) errors.Required(path.Child("csi"), $"has to be specified {Inline}");
        }

        AccessModes(spec, path, errors);
        if (!isInline) Capacity(spec, path.Child("capacity"), errors);
        if (spec.Text("persistentVolumeReclaimPolicy") is { Length: > 0 } policy)
        {
            if (!isInline) EnumRules.Optional(spec, "persistentVolumeReclaimPolicy", path, errors, "Delete", "Recycle", "Retain");
            else if (policy != "Retain") errors.Forbidden(path.Child("persistentVolumeReclaimPolicy"), $"may only be Retain {Inline}");
        }

        var hasAffinity = NodeAffinity(spec, isInline, path.Child("nodeAffinity"), errors);
        var hasOne = false;
        foreach (var (source, at, forbiddenAt) in Sources)
        {
            if (spec.Object(source) is not { } content) continue;
            if (hasOne && source != "flexVolume") errors.Forbidden(path.Child(forbiddenAt ?? source), "may not specify more than 1 volume type");
            else Source(source, content, name, path.Child(at ?? source), errors);
            if (source == "local" && !hasOne && !hasAffinity) errors.Required(path.Child("nodeAffinity"), "Local volume requires node affinity");
            hasOne = true;
        }

        if (!hasOne) errors.Required(path, "must specify a volume type");
        if (spec.Text("hostPath", "path") is { Length: > 0 } host && host.TrimEnd('/').Length == 0 && spec.Text("persistentVolumeReclaimPolicy") == "Recycle")
            errors.Forbidden(path.Child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'");
        if (spec.Text("storageClassName") is { Length: > 0 } @class)
        {
            if (isInline) errors.Forbidden(path.Child("storageClassName"), $"may not be specified {Inline}");
            else errors.InvalidEach(path.Child("storageClassName"), @class, Formats.DnsSubdomain(@class));
        }

        if (!isInline) EnumRules.Optional(spec, "volumeMode", path, errors, "Block", "Filesystem");
        else if (spec.TextOrNull("volumeMode") is not (null or "Filesystem")) errors.Forbidden(path.Child("volumeMode"), $"may not specify volumeMode other than Filesystem {Inline}");
        if (spec.TextOrNull("volumeAttributesClassName") is not { } attributes) return;
        if (attributes.Length == 0) errors.Required(path.Child("volumeAttributesClassName"), "an empty string is disallowed");
        else errors.InvalidEach(path.Child("volumeAttributesClassName"), attributes, Formats.DnsSubdomain(attributes));
        if (!spec.Has("csi")) errors.Required(path.Child("csi"), "has to be specified when using volumeAttributesClassName");
    }

    private static void AccessModes(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (spec.Count("accessModes") == 0) errors.Required(path.Child("accessModes"));
        var modes = spec.Texts("accessModes").ToList();
        foreach (var mode in modes)
            if (!ClaimRules.AccessModes.Contains(mode)) errors.NotSupported(path.Child("accessModes"), mode, ClaimRules.AccessModes);
        if (modes.Contains("ReadWriteOncePod") && modes.Any(mode => mode != "ReadWriteOncePod" && ClaimRules.AccessModes.Contains(mode)))
            errors.Forbidden(path.Child("accessModes"), "may not use ReadWriteOncePod with other access modes");
    }

    private static void Capacity(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        var capacity = spec.Object("capacity");
        if (spec.Count("capacity") == 0) errors.Required(path);
        if (!capacity.Has("storage") || capacity!.Count > 1) errors.NotSupported(path, GoStruct.Map(capacity), ["storage"]);
        foreach (var (name, _) in capacity ?? [])
        {
            if (ResourceRules.Amount(capacity, name) is not { Sign: <= 0 } amount) continue;
            ResourceRules.Basic(amount, path.Key(name), errors);
            errors.Invalid(path.Key(name), amount.ToString(), NumberRules.Positive);
        }
    }

    private static bool NodeAffinity(JsonObject spec, bool isInline, FieldPath path, FieldErrors errors)
    {
        if (spec.Object("nodeAffinity") is not { } affinity) return false;
        if (isInline)
        {
            errors.Forbidden(path, $"may not be specified {Inline}");
            return false;
        }

        if (affinity.Object("required") is { } required) AffinityRules.NodeSelector(required, path.Child("required"), errors);
        else errors.Required(path.Child("required"), "must specify required node constraints");
        return true;
    }

    private static void Source(string kind, JsonObject source, string name, FieldPath path, FieldErrors errors)
    {
        switch (kind)
        {
            case "iscsi":
                VolumeSourceRules.Iscsi(source, path, errors, isPersistent: true, name);
                break;
            case "storageos":
                VolumeSourceRules.StorageOs(source, path, errors, isPersistent: true);
                break;
            case "local":
                if (source.Text("path") is { Length: > 0 } local) PathRules.NoBacksteps(local, path.Child("path"), errors);
                else errors.Required(path.Child("path"));
                break;
            case "csi":
                VolumeSourceRules.CsiDriverName(source.Text("driver"), path.Child("driver"), errors);
                if (source.Text("volumeHandle").Length == 0) errors.Required(path.Child("volumeHandle"));
                foreach (var secret in (ReadOnlySpan<string>)["controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef"])
                    if (source.Object(secret) is { } reference) Secret(reference, path.Child(secret), errors);
                break;
            default:
                VolumeSourceRules.Validate(kind, source, path, errors);
                if (kind == "cinder" && source.Object("secretRef") is { } cinder && cinder.Text("namespace").Length == 0) errors.Required(path.Child("secretRef", "namespace"));
                if (kind == "azureFile" && source.TextOrNull("secretNamespace") is { Length: 0 }) errors.Required(path.Child("secretNamespace"));
                if (kind == "glusterfs" && source.TextOrNull("endpointsNamespace") is { } ns)
                {
                    if (ns.Length == 0) errors.Invalid(path.Child("endpointsNamespace"), ns, "if the endpointnamespace is set, it must be a valid namespace name");
                    else errors.InvalidEach(path.Child("endpointsNamespace"), ns, Formats.DnsLabel(ns));
                }

                break;
        }
    }

    private static void Secret(JsonObject reference, FieldPath path, FieldErrors errors)
    {
        if (reference.Text("name") is { Length: > 0 } name) errors.InvalidEach(path.Child("name"), name, Formats.DnsSubdomain(name));
        else errors.Required(path.Child("name"));
        if (reference.Text("namespace") is { Length: > 0 } ns) errors.InvalidEach(path.Child("namespace"), ns, Formats.DnsLabel(ns));
        else errors.Required(path.Child("namespace"));
    }

    public static void Validate(JsonObject volume, FieldErrors errors)
    {
        ValidateSpec(volume.Object("spec") ?? [], volume.ObjectName(), isInline: false, FieldPath.Spec, errors);
        MountOptions(volume, errors);
    }

    /// <summary>The annotation is from before the field; of these sources only.</summary>
    private static void MountOptions(JsonObject volume, FieldErrors errors)
    {
        const string annotation = "volume.beta.kubernetes.io/mount-options";
        if (!volume.Annotations().Has(annotation)) return;
        foreach (var source in MountableSources)
            if (volume.Object("spec").Has(source)) return;
        errors.Forbidden(FieldPath.Metadata.Child("annotations", annotation), "may not specify mount options for this volume type");
    }

    private static readonly string[] MountableSources =
    [
        "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "nfs", "rbd", "quobyte", "iscsi", "cinder", "cephfs", "azureFile", "vsphereVolume", "azureDisk", "photonPersistentDisk",
    ];

    public static void ValidateUpdate(JsonObject volume, JsonObject old, FieldErrors errors)
    {
        var (spec, before) = (volume.Object("spec") ?? [], old.Object("spec") ?? []);
        // Upstream's strategy validates the object and so does the validation of the update that it calls next: each complaint is there twice.
        Validate(volume, errors);
        ValidateSpec(spec, volume.ObjectName(), isInline: false, FieldPath.Spec, errors);
        var now = (JsonObject)spec.DeepClone();
        // A secret for expansion may be added later.
        if (before.Object("csi") is { } csi && !csi.Has("controllerExpandSecretRef")) now.Object("csi")?.Remove("controllerExpandSecretRef");
        if (Sources.Any(source => now.Has(source.Name) != before.Has(source.Name) || now.Differs(before, source.Name)))
            errors.Forbidden(
                "spec.persistentvolumesource",
                $"spec.persistentvolumesource is immutable after creation\n{UnifiedDiff.Of(GoShapes.Show(SourceShape, before), GoShapes.Show(SourceShape, now))}");
        ImmutableRules.Field(spec, before, "volumeMode", FieldPath.Of("volumeMode"), errors);
        if (before.Has("nodeAffinity") && !TreeEquality.Same(spec.Object("nodeAffinity"), WithStableLabels(before.Object("nodeAffinity")!, spec.Object("nodeAffinity"))))
            errors.Invalid(
                "nodeAffinity",
                spec.Object("nodeAffinity") is { } affinity ? GoShapes.Show("VolumeNodeAffinity", affinity) : null,
                $"{ImmutableRules.Message}, except for updating from beta label to GA");
        if (before.Has("volumeAttributesClassName") && !spec.Has("volumeAttributesClassName"))
            errors.Forbidden(FieldPath.Spec.Child("volumeAttributesClassName"), "update from non-nil value to nil is forbidden");
    }

    /// <summary>The old affinity with the names that labels got when they left beta, where the new one has them in the same place.</summary>
    private static JsonObject WithStableLabels(JsonObject affinity, JsonObject? now)
    {
        var renamed = (JsonObject)affinity.DeepClone();
        foreach (var (term, requirements) in renamed.Object("required").Items("nodeSelectorTerms"))
        {
            foreach (var list in (ReadOnlySpan<string>)["matchExpressions", "matchFields"])
            {
                foreach (var (index, requirement) in requirements.Items(list))
                {
                    var key = (now.Object("required").Array("nodeSelectorTerms")?.ElementAtOrDefault(term) as JsonObject).Array(list)?.ElementAtOrDefault(index) as JsonObject;
                    if (NodeLabels.StableName(requirement.Text("key")) is { } stable && stable == key.Text("key")) requirement["key"] = stable;
                }
            }
        }

        return renamed;
    }
}
