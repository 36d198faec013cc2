using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Security contexts of containers and of the pod.</summary>
internal static partial class SecurityContextRules
{
    private const string SysctlFormat = "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

    public static void Container(JsonObject? context, FieldPath path, PodScope scope)
    {
        if (context is null) return;
        var errors = scope.Errors;
        NumberRules.Id(context.LongOrNull("runAsUser"), path.Child("runAsUser"), errors);
        NumberRules.Id(context.LongOrNull("runAsGroup"), path.Child("runAsGroup"), errors);
        EnumRules.Optional(context, "procMount", path, errors, "Default", "Unmasked");
        if (scope.UsesHostUsers && context.Text("procMount") == "Unmasked") errors.Invalid(path.Child("procMount"), "Unmasked", "`hostUsers` must be false to use `Unmasked`");
        Seccomp(context.Object("seccompProfile"), path.Child("seccompProfile"), errors);
        if (context.BoolOrNull("allowPrivilegeEscalation") == false)
        {
            if (context.Bool("privileged")) errors.Invalid(path, Shown(context), "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
            foreach (var capability in context.Object("capabilities").Texts("add"))
                if (capability == "CAP_SYS_ADMIN") errors.Invalid(path, Shown(context), "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
        }

        WindowsRules.Options(context.Object("windowsOptions"), path.Child("windowsOptions"), errors);
        AppArmorProfile(context.Object("appArmorProfile"), path.Child("appArmorProfile"), errors);
    }

    private static JsonObject Shown(JsonObject context) => GoStruct.Show(
        context,
        ("Capabilities", null),
        ("Privileged", null),
        ("SELinuxOptions", null),
        ("WindowsOptions", null),
        ("RunAsUser", null),
        ("RunAsGroup", null),
        ("RunAsNonRoot", null),
        ("ReadOnlyRootFilesystem", null),
        ("AllowPrivilegeEscalation", null),
        ("ProcMount", null),
        ("SeccompProfile", null),
        ("AppArmorProfile", null));

    public static void Pod(JsonObject spec, FieldPath specPath, PodScope scope)
    {
        var errors = scope.Errors;
        if (spec.Object("securityContext") is not { } context) return;
        var path = specPath.Child("securityContext");
        NumberRules.Id(context.LongOrNull("fsGroup"), path.Child("fsGroup"), errors);
        NumberRules.Id(context.LongOrNull("runAsUser"), path.Child("runAsUser"), errors);
        NumberRules.Id(context.LongOrNull("runAsGroup"), path.Child("runAsGroup"), errors);
        var index = 0;
        foreach (var group in context.Array("supplementalGroups") ?? []) NumberRules.Id(group.AsLong(), path.Child("supplementalGroups").Index(index++), errors);
        if (spec.Bool("shareProcessNamespace") && spec.Bool("hostPID"))
            errors.Invalid(path.Child("shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled");
        Sysctls(spec, context, path.Child("sysctls"), errors);
        EnumRules.Optional(context, "fsGroupChangePolicy", path, errors, "Always", "OnRootMismatch");
        Seccomp(context.Object("seccompProfile"), path.Child("seccompProfile"), errors);
        WindowsRules.Options(context.Object("windowsOptions"), path.Child("windowsOptions"), errors);
        AppArmorProfile(context.Object("appArmorProfile"), path.Child("appArmorProfile"), errors);
        EnumRules.Optional(context, "supplementalGroupsPolicy", path, errors, "Merge", "Strict");
        EnumRules.Optional(context, "seLinuxChangePolicy", path, errors, "MountOption", "Recursive");
    }

    private static void Sysctls(JsonObject spec, JsonObject context, FieldPath path, FieldErrors errors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, sysctl) in context.Items("sysctls"))
        {
            var (name, at) = (sysctl.Text("name"), path.Index(index).Child("name"));
            if (name.Length == 0) errors.Required(at);
            else if (name.Length > 253 || !SysctlName().IsMatch(name)) errors.Invalid(at, name, $"must have at most 253 characters and match regex {SysctlFormat}");
            else if (names.Contains(name)) errors.Duplicate(at, name);
            var dotted = name.Replace('/', '.');
            if (spec.Bool("hostNetwork") && dotted.StartsWith("net.", StringComparison.Ordinal)) errors.Invalid(at, name, "may not be specified when 'hostNetwork' is true");
            else if (spec.Bool("hostIPC") && IsIpc(dotted)) errors.Invalid(at, name, "may not be specified when 'hostIPC' is true");
            names.Add(name);
        }
    }

    private static bool IsIpc(string name) =>
        name == "kernel.sem" || name.StartsWith("kernel.shm", StringComparison.Ordinal) || name.StartsWith("kernel.msg", StringComparison.Ordinal) || name.StartsWith("fs.mqueue.", StringComparison.Ordinal);

    private static void Seccomp(JsonObject? profile, FieldPath path, FieldErrors errors)
    {
        if (profile is null) return;
        string[] types = ["Localhost", "RuntimeDefault", "Unconfined"];
        var (type, local) = (profile.Text("type"), profile.TextOrNull("localhostProfile"));
        if (type.Length == 0) errors.Required(path.Child("type"), "type is required when seccompProfile is set");
        else if (!types.Contains(type)) errors.NotSupported(path.Child("type"), type, types);
        var at = path.Child("localhostProfile");
        if (type != "Localhost")
        {
            if (local is not null) errors.Invalid(at, GoStruct.Show(profile, ("Type", ""), ("LocalhostProfile", null)), "can only be set when seccomp type is Localhost");
        }
        else if (local is null)
        {
            errors.Required(at, "must be set when seccomp type is Localhost");
        }
        else
        {
            PathRules.LocalDescending(local, at, errors);
        }
    }

    private static void AppArmorProfile(JsonObject? profile, FieldPath path, FieldErrors errors)
    {
        if (profile is null) return;
        var (local, at) = (profile.TextOrNull("localhostProfile"), path.Child("localhostProfile"));
        switch (profile.Text("type"))
        {
            case "Localhost":
                if (local is null || local.Length == 0)
                {
                    errors.Required(at, "must be set when AppArmor type is Localhost");
                    break;
                }

                if (local.Trim() != local) errors.Invalid(at, local, "must not be padded with whitespace");
                if (local.Length > 4095) errors.TooLong(at, 4095);
                break;
            case "RuntimeDefault" or "Unconfined":
                if (local is not null) errors.Invalid(at, local, "can only be set when AppArmor type is Localhost");
                break;
            case "":
                errors.Required(path.Child("type"), "type is required when appArmorProfile is set");
                break;
            case var type:
                errors.NotSupported(path.Child("type"), type, ["Localhost", "RuntimeDefault", "Unconfined"]);
                break;
        }
    }

    [GeneratedRegex(SysctlFormat)]
    private static partial Regex SysctlName();
}
