using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>The downward API: fields and resources of a pod that containers may see.</summary>
internal static class DownwardRules
{
    private static readonly string[] VolumeFields = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
    private static readonly string[] EnvFields =
    [
        "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
    ];

    private static readonly string[] KnownFields =
    [
        "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName",
        "spec.schedulerName", "status.phase", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs", "spec.host",
    ];

    private static readonly string[] Resources =
        ["limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"];

    public static void VolumeFile(JsonObject file, FieldPath path, FieldErrors errors)
    {
        var target = file.Text("path");
        if (target.Length == 0) errors.Required(path.Child("path"));
        PathRules.LocalNonReserved(target, path.Child("path"), errors);
        if (file.Object("fieldRef") is { } field)
        {
            FieldRef(field, VolumeFields, path.Child("fieldRef"), errors);
            if (file.Has("resourceFieldRef")) errors.Invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously");
        }
        else if (file.Object("resourceFieldRef") is { } resource)
        {
            ResourceFieldRef(resource, path.Child("resourceFieldRef"), errors, isVolume: true);
        }
        else
        {
            errors.Required(path, "one of fieldRef and resourceFieldRef is required");
        }

        VolumeSourceRules.Mode(file, "mode", path, errors);
    }

    public static void EnvFieldRef(JsonObject field, FieldPath path, FieldErrors errors) => FieldRef(field, EnvFields, path, errors);

    private static void FieldRef(JsonObject field, string[] supported, FieldPath path, FieldErrors errors)
    {
        var (version, target) = (field.Text("apiVersion"), field.Text("fieldPath"));
        if (version.Length == 0)
        {
            errors.Required(path.Child("apiVersion"));
            return;
        }

        if (target.Length == 0)
        {
            errors.Required(path.Child("fieldPath"));
            return;
        }

        if (version != "v1")
        {
            errors.Invalid(path.Child("fieldPath"), target, $"error converting fieldPath: unsupported pod version: {version}");
            return;
        }

        var open = target.IndexOf("['", StringComparison.Ordinal);
        if (open > 0 && target.EndsWith("']", StringComparison.Ordinal))
        {
            var (name, key) = (target[..open], target[(open + 2)..^2]);
            if (name == "metadata.annotations") errors.InvalidEach(path, key.ToLowerInvariant(), Formats.LabelKey(key.ToLowerInvariant()));
            else if (name == "metadata.labels") errors.InvalidEach(path, key, Formats.LabelKey(key));
            else errors.Invalid(path.Child("fieldPath"), target, $"error converting fieldPath: field label does not support subscript: {target}");
            return;
        }

        if (!KnownFields.Contains(target)) errors.Invalid(path.Child("fieldPath"), target, $"error converting fieldPath: field label not supported: {target}");
        else if (!supported.Contains(target)) errors.NotSupported(path.Child("fieldPath"), target, supported);
    }

    public static void ResourceFieldRef(JsonObject field, FieldPath path, FieldErrors errors, bool isVolume)
    {
        var resource = field.Text("resource");
        var isHugePages = resource.StartsWith("requests.hugepages-", StringComparison.Ordinal) || resource.StartsWith("limits.hugepages-", StringComparison.Ordinal);
        if (isVolume && field.Text("containerName").Length == 0) errors.Required(path.Child("containerName"));
        else if (resource.Length == 0) errors.Required(path.Child("resource"));
        else if (!Resources.Contains(resource) && !isHugePages) errors.NotSupported(path.Child("resource"), resource, Resources);
        if (ResourceRules.Amount(field, "divisor") is not { IsZero: false } divisor) return;
        var (noun, isCpu) = resource switch
        {
            "limits.cpu" or "requests.cpu" => ("cpu", true),
            "limits.memory" or "requests.memory" => ("memory", false),
            "limits.ephemeral-storage" or "requests.ephemeral-storage" => ("local ephemeral storage", false),
            _ => (isHugePages ? "hugepages" : "", false),
        };
        if (noun.Length == 0) return;
        var text = divisor.ToString();
        if (isCpu ? text is "1m" or "1" : text is "1" or "1k" or "1M" or "1G" or "1T" or "1P" or "1E" or "1Ki" or "1Mi" or "1Gi" or "1Ti" or "1Pi" or "1Ei") return;
        errors.Invalid(
            path.Child("divisor"),
            resource,
            isCpu
                ? "only divisor's values 1m and 1 are supported with the cpu resource"
                : $"only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the {noun} resource");
    }
}
