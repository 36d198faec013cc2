using System.Globalization;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.DevicePlugins.Protocol;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Volumes;
using Google.Protobuf;
using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>What a container is made from, besides the pod.</summary>
internal sealed record ContainerInput
{
    public required V1Pod Pod { get; init; }
    public required SpecContainer Spec { get; init; }
    public required int RestartCount { get; init; }
    public required string ImageRef { get; init; }
    public required Image? Image { get; init; }
    public required IReadOnlyList<string> PodIps { get; init; }
    public required IReadOnlyDictionary<string, MountedVolume> Volumes { get; init; }
    public required List<KeyValuePair<string, string>> Environment { get; init; }

    /// <summary>CDI names of its devices.</summary>
    public IReadOnlyList<string> CdiDevices { get; init; } = [];

    /// <summary>Its users on the host; null: the host's.</summary>
    public UserNamespace? Users { get; init; }

    /// <summary>The runtime can make mounts read-only with what is mounted below.</summary>
    public bool HasRecursiveReadOnly { get; init; }

    /// <summary>What device plugins want done to it.</summary>
    public IReadOnlyList<ContainerAllocateResponse> FromPlugins { get; init; } = [];

    /// <summary>Id of the container whose process namespace this one joins.</summary>
    public string? TargetId { get; init; }
}

/// <summary>Makes the runtime's description of a container, and the files it is given: hosts, termination log, log folder, subPaths.</summary>
internal sealed class ContainerConfigs(PodVolumes volumes, SandboxConfigs sandboxes, long memoryCapacityBytes)
{
    private const UnixFileMode EverybodyWrites = (UnixFileMode)0b110_110_110;

    public LinuxContainerResources Resources(V1Pod pod, V1Container container) => ContainerResourceLimits.Of(pod, container, memoryCapacityBytes);

    public ContainerConfig Make(ContainerInput input)
    {
        var (pod, container) = (input.Pod, input.Spec.Container);
        long? imageUser = input.Image?.Uid?.Value;
        var imageUserName = input.Image?.Username ?? "";
        SecurityContexts.VerifyRunAsNonRoot(pod, container, imageUser ?? (imageUserName.Length == 0 ? 0 : null), imageUserName);

        var known = new Dictionary<string, string>(input.Environment, StringComparer.Ordinal);
        var made = new ContainerConfig
        {
            Metadata = new ContainerMetadata { Name = container.Name, Attempt = (uint)input.RestartCount },
            Image = new ImageSpec { Image = input.ImageRef, UserSpecifiedImage = container.Image },
            WorkingDir = container.WorkingDir ?? "",
            LogPath = Path.Combine(container.Name, string.Create(CultureInfo.InvariantCulture, $"{input.RestartCount}.log")),
            Stdin = container.Stdin == true,
            StdinOnce = container.StdinOnce == true,
            Tty = container.Tty == true,
            Linux = new LinuxContainerConfig
            {
                Resources = Resources(pod, container),
                SecurityContext = SecurityContexts.Container(pod, container, imageUser, imageUserName, input.TargetId, sandboxes.SeccompRoot),
            },
        };
        made.Linux.SecurityContext.SupplementalGroups.Add(SecurityContexts.GroupsOf(pod, input.Volumes.Values));
        if (container.Lifecycle?.StopSignal is { } signal && Enum.TryParse<Signal>(signal, ignoreCase: true, out var stopSignal)) made.StopSignal = stopSignal;
        made.Command.Add((container.Command ?? []).Select(a => Expansion.Expand(a, Known)));
        made.Args.Add((container.Args ?? []).Select(a => Expansion.Expand(a, Known)));
        // Before the pod's own: its word is the last.
        foreach (var (name, value) in input.FromPlugins.SelectMany(p => p.Envs)) made.Envs.Add(new KeyValue { Key = name, Value = ByteString.CopyFromUtf8(value) });
        foreach (var (name, value) in input.Environment) made.Envs.Add(new KeyValue { Key = name, Value = ByteString.CopyFromUtf8(value) });
        made.CDIDevices.Add(input.CdiDevices.Select(name => new CDIDevice { Name = name }));
        Label(made, input);
        AddMounts(made, input, Known);
        AddFromPlugins(made, input.FromPlugins);
        if (input.Users is { } users)
        {
            made.Linux.SecurityContext.NamespaceOptions.UsernsOptions = users;
            foreach (var mount in made.Mounts)
            {
                mount.UidMappings.Add(users.Uids);
                mount.GidMappings.Add(users.Gids);
            }
        }
        Directory.CreateDirectory(Path.Combine(sandboxes.LogFolder(pod), container.Name), (UnixFileMode)0b111_101_101);
        return made;

        string? Known(string name) => known.GetValueOrDefault(name);
    }

    /// <summary>Whether what is mounted below becomes read-only too (KEP-3857).</summary>
    /// <exception cref="ContainerConfigException">It must, and the runtime cannot.</exception>
    public static bool IsRecursiveReadOnly(V1VolumeMount mount, bool isSupported) => mount.RecursiveReadOnly switch
    {
        "IfPossible" => isSupported,
        "Enabled" => isSupported ? true : throw new ContainerConfigException($"volume \"{mount.Name}\" requested recursive read-only mode, but it is not supported by the runtime"),
        _ => false,
    };

    private static void AddFromPlugins(ContainerConfig made, IReadOnlyList<ContainerAllocateResponse> plugins)
    {
        // Two plugins may name the same: the first counts.
        foreach (var plugin in plugins)
        {
            foreach (var device in plugin.Devices.Where(d => made.Devices.All(m => m.ContainerPath != d.ContainerPath)))
                made.Devices.Add(new Device { ContainerPath = device.ContainerPath, HostPath = device.HostPath, Permissions = device.Permissions });
            foreach (var mount in plugin.Mounts.Where(d => made.Mounts.All(m => m.ContainerPath != d.ContainerPath)))
                made.Mounts.Add(new Mount { ContainerPath = mount.ContainerPath, HostPath = mount.HostPath, Readonly = mount.ReadOnly });
            foreach (var (name, value) in plugin.Annotations) made.Annotations.TryAdd(name, value);
            foreach (var device in plugin.CdiDevices.Where(d => made.CDIDevices.All(m => m.Name != d.Name))) made.CDIDevices.Add(new CDIDevice { Name = device.Name });
        }
    }

    private static void Label(ContainerConfig made, ContainerInput input)
    {
        var (pod, container) = (input.Pod, input.Spec.Container);
        made.Labels[RuntimeLabels.PodName] = pod.Name();
        made.Labels[RuntimeLabels.PodNamespace] = pod.Namespace();
        made.Labels[RuntimeLabels.PodUid] = pod.Uid();
        made.Labels[RuntimeLabels.ContainerName] = container.Name;
        made.Annotations[RuntimeLabels.ContainerHash] = ContainerHash.Of(container);
        made.Annotations[RuntimeLabels.RestartCount] = input.RestartCount.ToString(CultureInfo.InvariantCulture);
        made.Annotations[RuntimeLabels.TerminationMessagePath] = container.TerminationMessagePath ?? "/dev/termination-log";
        made.Annotations[RuntimeLabels.TerminationMessagePolicy] = container.TerminationMessagePolicy ?? "File";
        if (pod.Spec.TerminationGracePeriodSeconds is { } grace)
            made.Annotations[RuntimeLabels.PodTerminationGracePeriod] = grace.ToString(CultureInfo.InvariantCulture);
    }

    private void AddMounts(ContainerConfig made, ContainerInput input, Func<string, string?> known)
    {
        var (pod, container) = (input.Pod, input.Spec.Container);
        var mounts = container.VolumeMounts ?? [];
        for (var i = 0; i < mounts.Count; i++)
        {
            var mount = mounts[i];
            if (!input.Volumes.TryGetValue(mount.Name, out var volume))
                throw new ContainerConfigException($"cannot find volume \"{mount.Name}\" to mount into container \"{container.Name}\"");
            var subPath = string.IsNullOrEmpty(mount.SubPathExpr) ? mount.SubPath ?? "" : Expansion.Expand(mount.SubPathExpr, known);
            var hostPath = volume.HostPath;
            if (subPath.Length > 0 && volume.Image is null)
            {
                try
                {
                    hostPath = volumes.BindSubPath(pod, mount.Name, volume.HostPath, subPath, container.Name, i, pod.Spec.SecurityContext?.FsGroup);
                }
                catch (Exception e) when (e is VolumeException or IOException or System.ComponentModel.Win32Exception or UnauthorizedAccessException)
                {
                    throw new ContainerConfigException($"failed to prepare subPath for volumeMount \"{mount.Name}\" of container \"{container.Name}\": {e.Message}");
                }
            }
            made.Mounts.Add(new Mount
            {
                ContainerPath = mount.MountPath.StartsWith('/') ? mount.MountPath : "/" + mount.MountPath,
                HostPath = hostPath,
                Readonly = mount.ReadOnlyProperty == true || volume.IsReadOnly,
                RecursiveReadOnly = IsRecursiveReadOnly(mount, input.HasRecursiveReadOnly),
                Image = volume.Image is null ? null : new ImageSpec { Image = volume.Image, UserSpecifiedImage = volume.Image },
                ImageSubPath = volume.Image is null ? "" : subPath,
                Propagation = mount.MountPropagation switch
                {
                    "HostToContainer" => MountPropagation.PropagationHostToContainer,
                    "Bidirectional" => MountPropagation.PropagationBidirectional,
                    _ => MountPropagation.PropagationPrivate,
                },
            });
        }
        foreach (var device in container.VolumeDevices ?? [])
        {
            if (!input.Volumes.TryGetValue(device.Name, out var volume))
                throw new ContainerConfigException($"cannot find volume \"{device.Name}\" to pass into container \"{container.Name}\"");
            made.Devices.Add(new Device { HostPath = volume.HostPath, ContainerPath = device.DevicePath, Permissions = volume.IsReadOnly ? "r" : "mrw" });
        }
        if (made.Mounts.All(m => m.ContainerPath != "/etc/hosts"))
        {
            var hosts = Path.Combine(volumes.PodFolder(pod.Uid()), "etc-hosts");
            WriteHosts(pod, input.PodIps, hosts);
            made.Mounts.Add(new Mount { ContainerPath = "/etc/hosts", HostPath = hosts });
        }
        var terminationPath = container.TerminationMessagePath ?? "/dev/termination-log";
        if (terminationPath.Length > 0)
        {
            var folder = Path.Combine(volumes.PodFolder(pod.Uid()), "containers", container.Name);
            Directory.CreateDirectory(folder);
            var file = Path.Combine(folder, Guid.NewGuid().ToString("N")[..8]);
            using (File.Create(file))
                File.SetUnixFileMode(file, EverybodyWrites);
            made.Mounts.Add(new Mount { ContainerPath = terminationPath, HostPath = file });
        }
    }

    private void WriteHosts(V1Pod pod, IReadOnlyList<string> podIps, string path)
    {
        var (hostName, domain) = sandboxes.HostName(pod);
        var text = pod.IsHostNetwork()
            ? HostsFile.OfHostNetwork(File.Exists("/etc/hosts") ? File.ReadAllText("/etc/hosts") : "", pod.Spec.HostAliases)
            : HostsFile.Of(podIps, hostName, domain, pod.Spec.HostAliases);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        // Written in place: containers that run see the new content through their mounts.
        if (!File.Exists(path) || File.ReadAllText(path) != text) File.WriteAllText(path, text);
        File.SetUnixFileMode(path, (UnixFileMode)0b110_100_100);
    }
}
