using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;
using static Bramble.ApiServer.Admission.PodSecurity.PodWalk;

namespace Bramble.ApiServer.Admission.PodSecurity;

/// <summary>The baseline: no known way out of a container. Words are upstream's.</summary>
internal static class BaselineChecks
{
    private static readonly HashSet<string> AllowedCapabilities = new(StringComparer.Ordinal)
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    };

    private static readonly (int SinceMinor, string Name)[] AllowedSysctls =
    [
        (0, "kernel.shm_rmid_forced"), (0, "net.ipv4.ip_local_port_range"), (0, "net.ipv4.tcp_syncookies"), (0, "net.ipv4.ping_group_range"), (0, "net.ipv4.ip_unprivileged_port_start"),
        (27, "net.ipv4.ip_local_reserved_ports"),
        (29, "net.ipv4.tcp_keepalive_time"), (29, "net.ipv4.tcp_fin_timeout"), (29, "net.ipv4.tcp_keepalive_intvl"), (29, "net.ipv4.tcp_keepalive_probes"),
        (32, "net.ipv4.tcp_rmem"), (32, "net.ipv4.tcp_wmem"),
    ];

    public static Violation? AppArmorProfile(JsonObject? metadata, JsonObject? spec)
    {
        static bool IsBad(JsonObject? context) => context.Object("appArmorProfile") is { } profile && profile.Text("type") is not ("RuntimeDefault" or "Localhost");
        var isPodBad = IsBad(spec.Object("securityContext"));
        var containers = Where(spec, IsBad);
        var values = Containers(spec).Select(c => c.Object("securityContext")).Append(spec.Object("securityContext")).Where(IsBad).Select(context => context.Object("appArmorProfile").Text("type"))
            .Distinct().Order(StringComparer.Ordinal).ToList();
        var annotations = metadata.TextMap("annotations")
            .Where(a => a.Key.StartsWith("container.apparmor.security.beta.kubernetes.io/", StringComparison.Ordinal)
                && a.Value.Length > 0 && a.Value != "runtime/default" && !a.Value.StartsWith("localhost/", StringComparison.Ordinal))
            .Select(a => $"{a.Key}={FieldError.Quote(a.Value)}").Order(StringComparer.Ordinal).ToList();
        if (!isPodBad && containers.Count == 0 && annotations.Count == 0) return null;
        var setters = Setters(isPodBad, containers);
        if (annotations.Count > 0) setters = (setters.Length > 0 ? setters + " and " : "") + Plural("annotation", "annotations", annotations.Count);
        values.AddRange(annotations);
        return new Violation(Plural("forbidden AppArmor profile", "forbidden AppArmor profiles", values.Count), $"{setters} must not set AppArmor profile type to {Quoted(values)}");
    }

    public static Violation? Capabilities(JsonObject? metadata, JsonObject? spec)
    {
        static IEnumerable<string> Bad(JsonObject? context) => context.Object("capabilities").Texts("add").Where(capability => !AllowedCapabilities.Contains(capability));
        var containers = Where(spec, context => Bad(context).Any());
        if (containers.Count == 0) return null;
        var added = Containers(spec).SelectMany(container => Bad(container.Object("securityContext")));
        return new Violation("non-default capabilities", $"{Named(containers)} must not include {Sorted(added)} in securityContext.capabilities.add");
    }

    public static Violation? HostNamespaces(JsonObject? metadata, JsonObject? spec)
    {
        var shared = ((string[])["hostNetwork", "hostPID", "hostIPC"]).Where(field => spec.Bool(field)).Select(field => $"{field}=true").ToList();
        return shared.Count == 0 ? null : new Violation("host namespaces", string.Join(", ", shared));
    }

    public static Violation? HostPathVolumes(JsonObject? metadata, JsonObject? spec)
    {
        var volumes = (spec.Array("volumes")?.OfType<JsonObject>() ?? []).Where(volume => volume.Has("hostPath")).Select(volume => volume.Text("name")).ToList();
        return volumes.Count == 0 ? null : new Violation("hostPath volumes", $"{Plural("volume", "volumes", volumes.Count)} {Quoted(volumes)}");
    }

    public static Violation? HostPorts(JsonObject? metadata, JsonObject? spec)
    {
        static IEnumerable<string> Ports(JsonObject container) =>
            (container.Array("ports")?.OfType<JsonObject>() ?? []).Select(port => port.Long("hostPort")).Where(port => port != 0).Select(port => port.ToString(CultureInfo.InvariantCulture));
        var containers = Containers(spec).Where(container => Ports(container).Any()).Select(container => container.Text("name")).ToList();
        if (containers.Count == 0) return null;
        var ports = Containers(spec).SelectMany(Ports).Distinct().Order(StringComparer.Ordinal).ToList();
        return new Violation("hostPort", $"{Named(containers)} {Plural("uses", "use", containers.Count)} {Plural("hostPort", "hostPorts", ports.Count)} {string.Join(", ", ports)}");
    }

    public static Violation? HostProbes(JsonObject? metadata, JsonObject? spec)
    {
        static IEnumerable<string> Hosts(JsonObject container)
        {
            JsonObject?[] handlers =
            [
                container.Object("livenessProbe"), container.Object("readinessProbe"), container.Object("startupProbe"), container.Object("lifecycle", "postStart"), container.Object("lifecycle", "preStop"),
            ];
            return handlers.SelectMany(handler => (string[])[handler.Object("httpGet").Text("host"), handler.Object("tcpSocket").Text("host")]).Where(host => host.Length > 0);
        }
        var containers = Containers(spec).Where(container => Hosts(container).Any()).Select(container => container.Text("name")).Distinct().Order(StringComparer.Ordinal).ToList();
        if (containers.Count == 0) return null;
        var hosts = Containers(spec).SelectMany(Hosts).Distinct().ToList();
        return new Violation("probe or lifecycle host", $"{Named(containers)} {Plural("uses", "use", containers.Count)} {Plural("probe or lifecycle host", "probe or lifecycle hosts", hosts.Count)} {Sorted(hosts)}");
    }

    public static Violation? Privileged(JsonObject? metadata, JsonObject? spec)
    {
        var containers = Where(spec, context => context.Bool("privileged"));
        return containers.Count == 0 ? null : new Violation("privileged", $"{Named(containers)} must not set securityContext.privileged=true");
    }

    public static Violation? ProcMount(JsonObject? metadata, JsonObject? spec)
    {
        static bool IsBad(JsonObject? context) => context.TextOrNull("procMount") is { } mount && mount != "Default";
        var containers = Where(spec, IsBad);
        if (containers.Count == 0) return null;
        var values = Containers(spec).Select(container => container.Object("securityContext")).Where(IsBad).Select(context => context.Text("procMount"));
        return new Violation("procMount", $"{Named(containers)} must not set securityContext.procMount to {Sorted(values)}");
    }

    public static PodCheck SeLinuxOptions(IReadOnlyCollection<string> allowedTypes) => (_, spec) =>
    {
        bool IsBad(JsonObject? context) =>
            context.Object("seLinuxOptions") is { } options && (!allowedTypes.Contains(options.Text("type")) || options.Text("user").Length > 0 || options.Text("role").Length > 0);
        var isPodBad = IsBad(spec.Object("securityContext"));
        var containers = Where(spec, IsBad);
        if (!isPodBad && containers.Count == 0) return null;
        var options = Containers(spec).Select(container => container.Object("securityContext")).Append(spec.Object("securityContext")).Select(context => context.Object("seLinuxOptions")).ToList();
        var types = options.Where(o => o is not null && !allowedTypes.Contains(o.Text("type"))).Select(o => o.Text("type")).Distinct().ToList();
        List<string> bad = [];
        if (types.Count > 0) bad.Add($"{Plural("type", "types", types.Count)} {Sorted(types)}");
        if (options.Any(o => o.Text("user").Length > 0)) bad.Add("user may not be set");
        if (options.Any(o => o.Text("role").Length > 0)) bad.Add("role may not be set");
        return new Violation("seLinuxOptions", $"{Setters(isPodBad, containers)} set forbidden securityContext.seLinuxOptions: {string.Join("; ", bad)}");
    };

    public static bool IsBadSeccomp(JsonObject? context) => context.Object("seccompProfile") is { } profile && profile.Text("type") is not ("RuntimeDefault" or "Localhost");

    public static Violation? SeccompProfile(JsonObject? metadata, JsonObject? spec)
    {
        var isPodBad = IsBadSeccomp(spec.Object("securityContext"));
        var containers = Where(spec, IsBadSeccomp);
        if (!isPodBad && containers.Count == 0) return null;
        var values = Containers(spec).Select(c => c.Object("securityContext")).Append(spec.Object("securityContext")).Where(IsBadSeccomp).Select(context => context.Object("seccompProfile").Text("type"));
        return new Violation("seccompProfile", $"{Setters(isPodBad, containers)} must not set securityContext.seccompProfile.type to {Sorted(values)}");
    }

    /// <summary>Before 1.19 seccomp was an annotation.</summary>
    public static Violation? SeccompAnnotations(JsonObject? metadata, JsonObject? spec)
    {
        var annotations = metadata.Object("annotations");
        var forbidden = Containers(spec).Select(container => "container.seccomp.security.alpha.kubernetes.io/" + container.Text("name")).Prepend("seccomp.security.alpha.kubernetes.io/pod")
            .Where(key => annotations.TextOrNull(key) is { } value && value is not ("runtime/default" or "docker/default") && !value.StartsWith("localhost/", StringComparison.Ordinal))
            .Select(key => $"{key}={FieldError.Quote(annotations.Text(key))}").Distinct().Order(StringComparer.Ordinal).ToList();
        return forbidden.Count == 0 ? null : new Violation("seccompProfile", $"forbidden {Plural("annotation", "annotations", forbidden.Count)} {string.Join(", ", forbidden)}");
    }

    public static PodCheck Sysctls(int minor) => (_, spec) =>
    {
        var forbidden = (spec.Object("securityContext").Array("sysctls")?.OfType<JsonObject>() ?? []).Select(sysctl => sysctl.Text("name"))
            .Where(name => !AllowedSysctls.Any(allowed => allowed.SinceMinor <= minor && allowed.Name == name)).ToList();
        return forbidden.Count == 0 ? null : new Violation("forbidden sysctls", string.Join(", ", forbidden));
    };

    public static Violation? WindowsHostProcess(JsonObject? metadata, JsonObject? spec)
    {
        static bool IsBad(JsonObject? context) => context.Object("windowsOptions").Bool("hostProcess");
        var isPodBad = IsBad(spec.Object("securityContext"));
        var containers = Where(spec, IsBad);
        return !isPodBad && containers.Count == 0 ? null : new Violation("hostProcess", $"{Setters(isPodBad, containers)} must not set securityContext.windowsOptions.hostProcess=true");
    }
}
