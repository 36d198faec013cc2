using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.DevicePlugins;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Volumes;
using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>How starting a container went. <c>Failure</c> null: it runs. <c>RetryAt</c>: when trying again makes sense.</summary>
internal readonly record struct StartResult(StartFailure? Failure, DateTimeOffset? RetryAt = null);

/// <summary>Starts one container: back-off, image, configuration, create, start, postStart hook; with upstream's events and reasons.</summary>
internal sealed class ContainerStarter(PodParts parts)
{
    public async Task<StartResult> StartAsync(
        V1Pod pod, SpecContainer spec, string sandboxId, PodSandboxConfig sandbox, ObservedPod observed, IReadOnlyList<string> podIps,
        IReadOnlyDictionary<string, MountedVolume> volumes, CancellationToken cancel)
    {
        var container = spec.Container;
        if (InBackoff(pod, container, observed) is { } waiting) return waiting;

        var secrets = await PullSecretsAsync(pod, cancel);
        var image = await parts.Images.EnsureAsync(
            pod, container.Image ?? "", container.ImagePullPolicy, secrets, sandbox, (type, reason, message) => Tell(type, reason, message), cancel);
        if (image.ImageRef is null)
        {
            Tell("Warning", "Failed", $"Error: {image.Reason}");
            return new(new(image.Reason, image.Message), image.RetryAt);
        }

        ContainerConfig config;
        try
        {
            config = await ConfigureAsync(pod, spec, image.ImageRef, sandbox, observed, podIps, volumes, cancel);
        }
        catch (Exception e) when (e is ContainerConfigException or IOException or TimeoutException or Bramble.Api.Errors.StatusException or HttpRequestException or DevicePluginException or VolumeException)
        {
            return Failed("CreateContainerConfigError", e.Message);
        }

        string id;
        try
        {
            id = await parts.Runtime.CreateContainerAsync(sandboxId, config, sandbox, cancel);
        }
        catch (RuntimeException e)
        {
            return Failed("CreateContainerError", e.Detail);
        }
        Tell("Normal", "Created", "Container created");
        try
        {
            await parts.Runtime.StartContainerAsync(id, cancel);
        }
        catch (RuntimeException e)
        {
            return Failed("RunContainerError", e.Detail);
        }
        Tell("Normal", "Started", "Container started");
        LinkLog(pod, container.Name, id, Path.Combine(sandbox.LogDirectory, config.LogPath));

        if (container.Lifecycle?.PostStart is { } hook)
        {
            var outcome = await parts.Prober.RunHookAsync(
                hook, pod, container, id, podIps.Count > 0 ? podIps[0] : "", TimeSpan.FromHours(1), cancel);
            if (!outcome.IsSuccess)
            {
                // The hook's output may hold secrets: not in the event.
                Tell("Warning", "FailedPostStartHook", "PostStartHook failed");
                await new ContainerKiller(parts).KillAsync(pod, new KillAction(id, container.Name, "FailedPostStartHook", KillReason.FailedPostStartHook), null, podIps, cancel);
                return new(new("PostStartHookError", outcome.Output));
            }
        }
        return new(null);

        StartResult Failed(string reason, string message)
        {
            Tell("Warning", "Failed", $"Error: {message}");
            return new(new(reason, message));
        }

        void Tell(string type, string reason, string message) => parts.Tell(pod, container.Name, type, reason, message);
    }

    private StartResult? InBackoff(V1Pod pod, V1Container container, ObservedPod observed)
    {
        var ended = observed.Containers.FirstOrDefault(c => c.Metadata.Name == container.Name && c.State == ContainerState.ContainerExited);
        if (ended is null) return null;
        var key = $"{pod.Uid()}_{container.Name}_{ContainerHash.Of(container)}";
        var at = DateTimeOffset.UnixEpoch.AddTicks(ended.FinishedAt / 100);
        if (parts.Restarts.IsWaitingSince(key, at))
        {
            var wait = parts.Restarts.Get(key);
            parts.Tell(pod, container.Name, "Warning", "BackOff", $"Back-off restarting failed container {container.Name} in pod {pod.Described()}");
            return new(
                new("CrashLoopBackOff", $"back-off {Backoff.Text(wait)} restarting failed container={container.Name} pod={pod.Described()}"), at + wait);
        }
        parts.Restarts.Next(key, at);
        return null;
    }

    private async Task<ContainerConfig> ConfigureAsync(
        V1Pod pod, SpecContainer spec, string imageRef, PodSandboxConfig sandbox, ObservedPod observed, IReadOnlyList<string> podIps,
        IReadOnlyDictionary<string, MountedVolume> volumes, CancellationToken cancel)
    {
        string? target = null;
        if (!string.IsNullOrEmpty(spec.TargetContainer))
            target = observed.Find(spec.TargetContainer)?.Id ?? throw new ContainerConfigException($"unable to find target container {spec.TargetContainer}");
        var services = parts.Services() ?? throw new ContainerConfigException("services have not yet been read at least once, cannot construct envvars");
        var environment = await EnvVars.MakeAsync(pod, spec.Container, new EnvSources
        {
            ConfigMap = async name => (await parts.Objects.FindAsync(Resources.ConfigMaps, new(pod.Namespace(), name), cancel))?.Model<V1ConfigMap>(),
            Secret = async name => (await parts.Objects.FindAsync(Resources.Secrets, new(pod.Namespace(), name), cancel))?.Model<V1Secret>(),
            File = (volume, path) =>
            {
                if (!volumes.TryGetValue(volume, out var mounted)) throw new ContainerConfigException($"cannot find the volume \"{volume}\" referenced by FileKeyRef");
                return PodVolumes.ReadBeneath(mounted.HostPath, path);
            },
            Services = services,
            PodIps = podIps,
            HostIps = parts.HostIps,
            Allocatable = parts.Allocatable,
        });
        await parts.DevicePlugins.PreStartAsync(pod.Uid(), spec.Name, cancel);
        var before = observed.Find(spec.Name);
        return parts.Containers.Make(new ContainerInput
        {
            Pod = pod,
            Spec = spec,
            RestartCount = before is not null ? ContainerStatuses.RestartCountOf(before) + 1 : CountFromLogs(pod, spec.Name),
            ImageRef = imageRef,
            Image = await parts.Runtime.FindImageAsync(imageRef, cancel),
            PodIps = podIps,
            Volumes = volumes,
            Environment = environment,
            CdiDevices = parts.DynamicResources.Devices(pod, spec.Container),
            Users = sandbox.Linux.SecurityContext.NamespaceOptions.UsernsOptions,
            HasRecursiveReadOnly = parts.RuntimeSupport.HasRecursiveReadOnly(observed.Sandboxes is [var current, ..] ? current.RuntimeHandler : ""),
            FromPlugins = parts.DevicePlugins.Of(pod.Uid(), spec.Name),
            TargetId = target,
        });
    }

    /// <summary>A runtime that has forgotten the container (a reboot) must not make its next log overwrite the last: the logs tell the count.</summary>
    private int CountFromLogs(V1Pod pod, string container)
    {
        var folder = Path.Combine(parts.Sandboxes.LogFolder(pod), container);
        if (!Directory.Exists(folder)) return 0;
        return Directory.EnumerateFiles(folder).Select(f => int.TryParse(Path.GetFileName(f).Split('.')[0], out var n) ? n + 1 : 0).DefaultIfEmpty(0).Max();
    }

    private async Task<List<V1Secret>> PullSecretsAsync(V1Pod pod, CancellationToken cancel)
    {
        var secrets = new List<V1Secret>();
        var missing = new List<string>();
        foreach (var reference in pod.Spec.ImagePullSecrets ?? [])
        {
            if (string.IsNullOrEmpty(reference.Name)) continue;
            try
            {
                if (await parts.Objects.FindAsync(Resources.Secrets, new NamespacedName(pod.Namespace(), reference.Name), cancel) is { } found)
                    secrets.Add(found.Model<V1Secret>());
                else missing.Add(reference.Name);
            }
            catch (Exception e) when (e is Bramble.Api.Errors.StatusException or HttpRequestException or TimeoutException)
            {
                missing.Add(reference.Name);
            }
        }
        if (missing.Count > 0)
        {
            parts.Tell(
                pod, null, "Warning", "FailedToRetrieveImagePullSecret",
                $"Unable to retrieve some image pull secrets ({string.Join(", ", missing)}); attempting to pull the image may not succeed.");
        }
        return secrets;
    }

    private void LinkLog(V1Pod pod, string container, string id, string log)
    {
        if (parts.Config.ContainerLogsDirectory is not { } folder || !File.Exists(log)) return;
        Directory.CreateDirectory(folder);
        var link = Path.Combine(folder, $"{pod.Name()}_{pod.Namespace()}_{container}-{id}.log");
        File.Delete(link);
        File.CreateSymbolicLink(link, log);
    }
}
