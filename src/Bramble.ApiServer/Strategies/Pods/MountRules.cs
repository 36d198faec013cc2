using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Volume mounts and block devices of a container.</summary>
internal static class MountRules
{
    public static void Validate(JsonObject container, FieldPath path, PodScope scope)
    {
        var errors = scope.Errors;
        var mountPath = path.Child("volumeMounts");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, mount) in container.Items("volumeMounts"))
        {
            var (at, name, target) = (mountPath.Index(index), mount.Text("name"), mount.Text("mountPath"));
            if (name.Length == 0) errors.Required(at.Child("name"));
            if (!scope.Volumes.ContainsKey(name)) errors.NotFound(at.Child("name"), name);
            if (target.Length == 0) errors.Required(at.Child("mountPath"));
            if (!seen.Add(target)) errors.Invalid(at.Child("mountPath"), target, "must be unique");
            if (HasDevice(container, "name", name)) errors.Invalid(at.Child("name"), name, "must not already exist in volumeDevices");
            if (HasDevice(container, "devicePath", target)) errors.Invalid(at.Child("mountPath"), target, "must not already exist as a path in volumeDevices");
            var (sub, expression) = (mount.Text("subPath"), mount.Text("subPathExpr"));
            if (sub.Length > 0) PathRules.LocalDescending(sub, mountPath.Child("subPath"), errors);
            if (expression.Length > 0)
            {
                if (sub.Length > 0) errors.Invalid(at.Child("subPathExpr"), expression, "subPathExpr and subPath are mutually exclusive");
                PathRules.LocalDescending(expression, mountPath.Child("subPathExpr"), errors);
            }

            Propagation(container, mount, mountPath, errors);
        }

        Devices(container, path.Child("volumeDevices"), scope);
    }

    private static void Propagation(JsonObject container, JsonObject mount, FieldPath path, FieldErrors errors)
    {
        if (mount.TextOrNull("mountPropagation") is { } propagation)
        {
            EnumRules.Optional(mount, "mountPropagation", path, errors, "Bidirectional", "HostToContainer", "None");
            if (propagation == "Bidirectional" && !container.Object("securityContext").Bool("privileged"))
                errors.Forbidden(path.Child("mountPropagation"), "Bidirectional mount propagation is available only to privileged containers");
        }

        switch (mount.TextOrNull("recursiveReadOnly"))
        {
            case null or "Disabled":
                return;
            case "Enabled" or "IfPossible":
                if (!mount.Bool("readOnly")) errors.Forbidden(path.Child("recursiveReadOnly"), "may only be specified when readOnly is true");
                if (mount.TextOrNull("mountPropagation") is not (null or "None"))
                    errors.Forbidden(path.Child("recursiveReadOnly"), "may only be specified when mountPropagation is None or not specified");
                return;
            default:
                EnumRules.Optional(mount, "recursiveReadOnly", path, errors, "Disabled", "Enabled", "IfPossible");
                return;
        }
    }

    private static bool HasDevice(JsonObject container, string field, string value) => Any(container, "volumeDevices", field, value);

    private static bool Any(JsonObject container, string list, string field, string value)
    {
        foreach (var (_, item) in container.Items(list))
            if (item.Text(field) == value) return true;
        return false;
    }

    private static void Devices(JsonObject container, FieldPath path, PodScope scope)
    {
        var errors = scope.Errors;
        var (names, paths) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        foreach (var (index, device) in container.Items("volumeDevices"))
        {
            var (at, name, target) = (path.Index(index), device.Text("name"), device.Text("devicePath"));
            var volume = scope.Volumes.GetValueOrDefault(name);
            if (name.Length == 0) errors.Required(at.Child("name"));
            if (names.Contains(name)) errors.Invalid(at.Child("name"), name, "must be unique");
            if (volume is not null && !volume.Has("persistentVolumeClaim") && !volume.Has("ephemeral"))
                errors.Invalid(at.Child("name"), name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
            if (volume is null) errors.NotFound(at.Child("name"), name);
            if (target.Length == 0) errors.Required(at.Child("devicePath"));
            if (paths.Contains(target)) errors.Invalid(at.Child("devicePath"), target, "must be unique");
            if (PathRules.HasBackstep(target)) errors.Invalid(at.Child("devicePath"), target, "can not contain backsteps ('..')");
            else paths.Add(target);
            if (Any(container, "volumeMounts", "name", name)) errors.Invalid(at.Child("name"), name, "must not already exist in volumeMounts");
            if (Any(container, "volumeMounts", "mountPath", target)) errors.Invalid(at.Child("devicePath"), target, "must not already exist as a path in volumeMounts");
            if (name.Length > 0) names.Add(name);
        }
    }
}
