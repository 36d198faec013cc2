using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Volumes;
using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>Security contexts of sandbox and containers for the runtime. Pure.</summary>
internal static class SecurityContexts
{
    private static readonly string[] Masked =
    [
        "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
        "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
    ];

    private static readonly string[] ReadOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

    public static NamespaceOption Namespaces(V1Pod pod) => new()
    {
        Network = pod.IsHostNetwork() ? NamespaceMode.Node : NamespaceMode.Pod,
        Ipc = pod.Spec.HostIPC == true ? NamespaceMode.Node : NamespaceMode.Pod,
        Pid = pod.Spec.HostPID == true ? NamespaceMode.Node : pod.Spec.ShareProcessNamespace == true ? NamespaceMode.Pod : NamespaceMode.Container,
    };

    public static LinuxSandboxSecurityContext Sandbox(V1Pod pod, string seccompRoot)
    {
        var context = new LinuxSandboxSecurityContext
        {
            NamespaceOptions = Namespaces(pod),
            Privileged = pod.Spec.AllContainers().Any(c => c.Container.SecurityContext?.Privileged == true),
            // The pause process has nothing to hide behind: always the runtime's own profile.
            Seccomp = new SecurityProfile { ProfileType = SecurityProfile.Types.ProfileType.RuntimeDefault },
        };
        if (pod.Spec.SecurityContext is not { } sc) return context;
        if (sc.RunAsUser is { } user) context.RunAsUser = new Int64Value { Value = user };
        if (sc.RunAsGroup is { } group) context.RunAsGroup = new Int64Value { Value = group };
        context.SupplementalGroups.Add(Groups(sc));
        if (sc.SupplementalGroupsPolicy == "Strict") context.SupplementalGroupsPolicy = SupplementalGroupsPolicy.Strict;
        context.SelinuxOptions = SeLinux(sc.SeLinuxOptions);
        if (sc.SeccompProfile is { Type: "Localhost" } profile) context.Seccomp = Profile(profile.Type, profile.LocalhostProfile, seccompRoot);
        return context;
    }

    /// <param name="imageUser">Numeric user of the image; null with a name in <paramref name="imageUserName"/>, or nothing said.</param>
    /// <param name="target">Container whose process namespace an ephemeral container joins.</param>
    public static LinuxContainerSecurityContext Container(
        V1Pod pod, V1Container container, long? imageUser, string imageUserName, string? target, string seccompRoot)
    {
        var own = container.SecurityContext;
        var whole = pod.Spec.SecurityContext;
        var context = new LinuxContainerSecurityContext
        {
            NamespaceOptions = Namespaces(pod),
            Privileged = own?.Privileged == true,
            ReadonlyRootfs = own?.ReadOnlyRootFilesystem == true,
            // no_new_privs unless escalation is allowed, which is the default.
            NoNewPrivs = own?.AllowPrivilegeEscalation == false,
            SelinuxOptions = SeLinux(own?.SeLinuxOptions ?? whole?.SeLinuxOptions),
        };
        if (target is not null && context.NamespaceOptions.Pid == NamespaceMode.Container)
        {
            context.NamespaceOptions.Pid = NamespaceMode.Target;
            context.NamespaceOptions.TargetId = target;
        }
        var user = own?.RunAsUser ?? whole?.RunAsUser;
        if ((user ?? imageUser) is { } uid) context.RunAsUser = new Int64Value { Value = uid };
        else if (imageUserName.Length > 0) context.RunAsUsername = imageUserName;
        if ((own?.RunAsGroup ?? whole?.RunAsGroup) is { } gid)
        {
            context.RunAsGroup = new Int64Value { Value = gid };
            // The protocol wants a user with a group.
            if (context.RunAsUser is null && context.RunAsUsername.Length == 0) context.RunAsUser = new Int64Value { Value = 0 };
        }
        if (own?.Capabilities is { } capabilities)
        {
            context.Capabilities = new Capability();
            context.Capabilities.AddCapabilities.Add(capabilities.Add ?? []);
            context.Capabilities.DropCapabilities.Add(capabilities.Drop ?? []);
        }
        if (whole is not null)
        {
            context.SupplementalGroups.Add(Groups(whole));
            if (whole.SupplementalGroupsPolicy == "Strict") context.SupplementalGroupsPolicy = SupplementalGroupsPolicy.Strict;
        }
        if (own?.ProcMount != "Unmasked")
        {
            context.MaskedPaths.Add(Masked);
            context.ReadonlyPaths.Add(ReadOnly);
        }
        var seccomp = own?.SeccompProfile ?? whole?.SeccompProfile;
        context.Seccomp = seccomp is null
            ? new SecurityProfile { ProfileType = SecurityProfile.Types.ProfileType.Unconfined }
            : Profile(seccomp.Type, seccomp.LocalhostProfile, seccompRoot);
        var apparmor = own?.AppArmorProfile ?? whole?.AppArmorProfile;
        if (apparmor is not null) context.Apparmor = Profile(apparmor.Type, apparmor.LocalhostProfile, "");
        return context;
    }

    /// <summary>Groups whose volumes the pod mounts and that it does not name itself.</summary>
    public static IEnumerable<long> GroupsOf(V1Pod pod, IEnumerable<MountedVolume> volumes) =>
        volumes.Select(v => v.Group).OfType<long>().Distinct().Where(group => pod.Spec.SecurityContext?.SupplementalGroups?.Contains(group) != true);

    /// <exception cref="ContainerConfigException">runAsNonRoot and the container would run as root, or nobody can tell.</exception>
    public static void VerifyRunAsNonRoot(V1Pod pod, V1Container container, long? imageUser, string imageUserName)
    {
        if ((container.SecurityContext?.RunAsNonRoot ?? pod.Spec.SecurityContext?.RunAsNonRoot) != true) return;
        var where = $"(pod: \"{pod.Described()}\", container: {container.Name})";
        if ((container.SecurityContext?.RunAsUser ?? pod.Spec.SecurityContext?.RunAsUser) is { } user)
        {
            if (user == 0) throw new ContainerConfigException($"container's runAsUser breaks non-root policy {where}");
            return;
        }
        if (imageUser is null && imageUserName.Length > 0)
            throw new ContainerConfigException($"container has runAsNonRoot and image has non-numeric user ({imageUserName}), cannot verify user is non-root {where}");
        if (imageUser is 0 or null) throw new ContainerConfigException($"container has runAsNonRoot and image will run as root {where}");
    }

    private static List<long> Groups(V1PodSecurityContext sc)
    {
        var groups = new List<long>();
        if (sc.FsGroup is { } fsGroup) groups.Add(fsGroup);
        groups.AddRange((sc.SupplementalGroups ?? []).Select(g => g ?? 0));
        return groups;
    }

    private static SELinuxOption? SeLinux(V1SELinuxOptions? o) => o is null
        ? null
        : new() { User = o.User ?? "", Role = o.Role ?? "", Type = o.Type ?? "", Level = o.Level ?? "" };

    private static SecurityProfile Profile(string type, string? localhost, string root) => type switch
    {
        "RuntimeDefault" => new() { ProfileType = SecurityProfile.Types.ProfileType.RuntimeDefault },
        "Localhost" => new()
        {
            ProfileType = SecurityProfile.Types.ProfileType.Localhost,
            LocalhostRef = root.Length > 0 ? Path.Combine(root, localhost ?? "") : localhost ?? "",
        },
        _ => new() { ProfileType = SecurityProfile.Types.ProfileType.Unconfined },
    };
}
