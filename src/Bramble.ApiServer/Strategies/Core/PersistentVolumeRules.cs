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
            if (amount.Sign < 0) errors.Invalid(path.Key(name), amount.ToUnits(), "must be a valid resource quantity");
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

    public static void ValidateUpdate(JsonObject volume, JsonObject old, FieldErrors errors)
    {
        var (spec, before) = (volume.Object("spec") ?? [], old.Object("spec") ?? []);
        ValidateSpec(spec, volume.ObjectName(), false, FieldPath.Spec, errors);
        foreach (var (source, _, _) in Sources)
        {
            var (now, then) = (spec.Object(source)?.DeepClone() as JsonObject, before.Object(source));
            // A secret for expansion may be added later.
            if (source == "csi" && then is not null && !then.Has("controllerExpandSecretRef")) now?.Remove("controllerExpandSecretRef");
            if (TreeEquality.Same(now, then) && now is null == then is null) continue;
            errors.Forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation\n");
            break;
        }

        ImmutableRules.Field(spec, before, "volumeMode", FieldPath.Of("volumeMode"), errors);
        if (before.Has("nodeAffinity") && spec.Differs(before, "nodeAffinity")) errors.Invalid("nodeAffinity", spec["nodeAffinity"]?.DeepClone(), ImmutableRules.Message);
        if (before.Has("volumeAttributesClassName") && !spec.Has("volumeAttributesClassName"))
            errors.Forbidden(FieldPath.Spec.Child("volumeAttributesClassName"), "update from non-nil value to nil is forbidden");
    }
}
