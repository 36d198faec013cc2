using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>The volumes of a pod: names, and exactly one source each.</summary>
internal static class VolumeRules
{
    public static void Validate(PodScope scope, FieldPath path)
    {
        var errors = scope.Errors;
        var created = new HashSet<string>(StringComparer.Ordinal);
        if (scope.PodName is { Length: > 0 } pod)
            foreach (var (_, volume) in scope.Spec.Items("volumes"))
                if (volume.Has("ephemeral")) created.Add($"{pod}-{volume.Text("name")}");
        foreach (var (index, volume) in scope.Spec.Items("volumes"))
        {
            var (at, name, before) = (path.Index(index), volume.Text("name"), errors.Count);
            Source(volume, name, at, scope);
            if (name.Length == 0) errors.Required(at.Child("name"));
            else errors.InvalidEach(at.Child("name"), name, Formats.DnsLabel(name));
            if (scope.Volumes.ContainsKey(name)) errors.Duplicate(at.Child("name"), name);
            if (errors.Count == before) scope.Volumes[name] = volume;
            var claim = volume.Object("persistentVolumeClaim").Text("claimName");
            if (volume.Has("persistentVolumeClaim") && created.Contains(claim))
                errors.Invalid(at.Child("persistentVolumeClaim", "claimName"), claim, "must not reference a PVC that gets created for an ephemeral volume");
        }
    }

    /// <summary>Sources in upstream's order; the path of a second one and of its contents differ for some.</summary>
    private static readonly (string Name, string? Path, string? ForbiddenPath)[] Sources =
    [
        ("hostPath", null, null), ("gitRepo", null, null), ("gcePersistentDisk", "persistentDisk", null), ("awsElasticBlockStore", null, null), ("secret", null, null),
        ("nfs", null, null), ("iscsi", null, null), ("glusterfs", null, null), ("flocker", null, null), ("persistentVolumeClaim", null, null), ("rbd", null, null),
        ("cinder", null, null), ("cephfs", null, "cephFS"), ("quobyte", null, null), ("downwardAPI", null, "downwarAPI"), ("fc", null, null), ("flexVolume", null, null),
        ("configMap", null, null), ("azureFile", null, null), ("vsphereVolume", null, null), ("photonPersistentDisk", null, null), ("portworxVolume", null, null),
        ("azureDisk", null, null), ("storageos", null, null), ("projected", null, null), ("scaleIO", null, null), ("csi", null, null), ("ephemeral", null, null), ("image", null, null),
    ];

    private static void Source(JsonObject volume, string name, FieldPath path, PodScope scope)
    {
        var errors = scope.Errors;
        var hasOne = false;
        if (volume.Object("emptyDir") is { } empty)
        {
            hasOne = true;
            if (ResourceRules.Amount(empty, "sizeLimit") is { Sign: < 0 }) errors.Forbidden(path.Child("emptyDir", "sizeLimit"), "SizeLimit field must be a valid resource quantity");
        }

        foreach (var (source, at, forbiddenAt) in Sources)
        {
            if (volume.Object(source) is not { } content) continue;
            if (hasOne) errors.Forbidden(path.Child(forbiddenAt ?? source), "may not specify more than 1 volume type");
            else if (source == "projected") ProjectedVolumeRules.Validate(content, path.Child(source), scope);
            else VolumeSourceRules.Validate(source, content, path.Child(at ?? source), errors, scope.IsPod);
            if (source == "iscsi" && content.Has("initiatorName") && $"{name}:{content.Text("targetPortal")}".Length > 64)
                errors.Invalid(path.Child("name"), name, VolumeSourceRules.PortalTooLong);
            if (!hasOne && source == "ephemeral" && scope.PodName is { Length: > 0 } pod && name.Length > 0)
                foreach (var complaint in Names.DnsSubdomain($"{pod}-{name}"))
                    errors.Invalid(path.Child("name"), name, $"PVC name {FieldError.Quote($"{pod}-{name}")}: {complaint}");
            hasOne = true;
        }

        if (!hasOne) errors.Required(path, "must specify a volume type");
    }
}
