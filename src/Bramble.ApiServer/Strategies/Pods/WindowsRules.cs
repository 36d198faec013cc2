using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What only Windows or only Linux pods may say.</summary>
internal static partial class WindowsRules
{
    private static readonly string[] PodFields =
    [
        "appArmorProfile", "seLinuxOptions", "/hostUsers", "/hostPID", "/hostIPC", "seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls", "/shareProcessNamespace",
        "runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy",
    ];

    private static readonly string[] ContainerFields =
    [
        "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged", "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup",
    ];

    public static void ValidateOs(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (!spec.Has("os")) return;
        switch (spec.Text("os", "name"))
        {
            case "":
                errors.Required(path.Child("os", "name"));
                break;
            case "linux":
                if (spec.Object("securityContext").Has("windowsOptions")) errors.Forbidden(path.Child("securityContext", "windowsOptions"), "windows options cannot be set for a linux pod");
                foreach (var (context, at) in ContainerContexts(spec, path))
                    if (context.Has("windowsOptions")) errors.Forbidden(at.Child("windowsOptions"), "windows options cannot be set for a linux pod");
                break;
            case "windows":
                Windows(spec, path, errors);
                break;
            case var other:
                errors.NotSupported(path.Child("os"), other, ["linux", "windows"]);
                break;
        }
    }

    private static void Windows(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        const string why = "cannot be set for a windows pod";
        foreach (var field in PodFields)
        {
            if (field[0] == '/')
            {
                var name = field[1..];
                if (name is "hostPID" or "hostIPC" ? spec.Bool(name) : spec.Has(name)) errors.Forbidden(path.Child(name), why);
            }
            else if (spec.Object("securityContext").Has(field))
            {
                errors.Forbidden(path.Child("securityContext", field), why);
            }
        }

        foreach (var (context, at) in ContainerContexts(spec, path))
            foreach (var field in ContainerFields)
                if (context.Has(field)) errors.Forbidden(at.Child(field), why);
    }

    private static IEnumerable<(JsonObject Context, FieldPath Path)> ContainerContexts(JsonObject spec, FieldPath path)
    {
        foreach (var list in PodDefaults.ContainerLists)
        {
            var index = -1;
            foreach (var container in spec.Array(list) ?? [])
            {
                index++;
                if ((container as JsonObject).Object("securityContext") is { } context) yield return (context, path.Child(list).Index(index).Child("securityContext"));
            }
        }
    }

    /// <summary>Either all containers run in host processes, with the host's network, or none.</summary>
    public static void HostProcess(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        var pod = spec.Object("securityContext").Object("windowsOptions").BoolOrNull("hostProcess");
        var (count, hostCount) = (0, 0);
        foreach (var list in PodDefaults.ContainerLists)
        {
            foreach (var (index, container) in spec.Items(list))
            {
                count++;
                var own = container.Object("securityContext").Object("windowsOptions").BoolOrNull("hostProcess");
                if (pod is not null && own is not null && own != pod)
                    errors.Invalid(
                        path.Child(list).Index(index).Child("securityContext").Child("windowsOptions", "hostProcess"),
                        own.Value,
                        $"pod hostProcess value must be identical if both are specified, was {(pod.Value ? "true" : "false")}");
                if (own ?? pod ?? false) hostCount++;
            }
        }

        if (hostCount == 0) return;
        if (hostCount != count) errors.Invalid(path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers");
        if (!spec.Bool("hostNetwork")) errors.Invalid(path.Child("hostNetwork"), false, "hostNetwork must be true if pod contains any hostProcess containers");
    }

    public static void Options(JsonObject? options, FieldPath path, FieldErrors errors)
    {
        if (options is null) return;
        if (options.TextOrNull("gmsaCredentialSpecName") is { } name) errors.InvalidEach(path.Child("gmsaCredentialSpecName"), name, Formats.DnsSubdomain(name));
        if (options.TextOrNull("gmsaCredentialSpec") is { } spec)
        {
            if (spec.Length == 0) errors.Invalid(path.Child("gmsaCredentialSpec"), spec, "gmsaCredentialSpec cannot be an empty string");
            else if (spec.Length > 65536) errors.Invalid(path.Child("gmsaCredentialSpec"), spec, "gmsaCredentialSpec size must be under 64 KiB");
        }

        if (options.TextOrNull("runAsUserName") is { } user) UserName(user, path.Child("runAsUserName"), errors);
    }

    private static void UserName(string name, FieldPath path, FieldErrors errors)
    {
        var parts = name.Split('\\');
        if (name.Length == 0 || name.Any(char.IsControl) || parts.Length > 2)
        {
            errors.Invalid(path, name, name.Length == 0 ? "runAsUserName cannot be an empty string"
                : name.Any(char.IsControl) ? "runAsUserName cannot contain control characters"
                : "runAsUserName cannot contain more than one backslash");
            return;
        }

        var (domain, user) = parts.Length == 2 ? (parts[0], parts[1]) : ("", parts[0]);
        if (domain.Length >= 256) errors.Invalid(path, name, "runAsUserName's Domain length must be under 256 characters");
        if (parts.Length == 2 && !NetBios().IsMatch(domain) && !DomainName().IsMatch(domain))
            errors.Invalid(path, name, "runAsUserName's Domain doesn't match the NetBios nor the DNS format");
        if (user.Length == 0) errors.Invalid(path, name, "runAsUserName's User cannot be empty");
        else if (user.Length > 104) errors.Invalid(path, name, "runAsUserName's User length must not be longer than 104 characters");
        if (user.Length > 0 && user.All(c => c is '.' or ' ')) errors.Invalid(path, name, "runAsUserName's User cannot contain only periods or spaces");
        if (user.AsSpan().ContainsAny("\"/\\:;|=,+*?<>@[]")) errors.Invalid(path, name, "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]");
    }

    [GeneratedRegex("^[^\\\\/:\\*\\?\"<>|\\.][^\\\\/:\\*\\?\"<>|]{0,14}$")]
    private static partial Regex NetBios();

    [GeneratedRegex("^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$")]
    private static partial Regex DomainName();
}
