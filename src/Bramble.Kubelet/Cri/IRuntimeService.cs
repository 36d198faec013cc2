namespace Bramble.Kubelet.Cri;

/// <summary>The container runtime behind its socket (CRI v1). Failures are a <see cref="RuntimeException"/>. Thread-safe.</summary>
internal interface IRuntimeService
{
    Task<VersionResponse> VersionAsync(CancellationToken cancel);
    Task<StatusResponse> StatusAsync(CancellationToken cancel);

    Task<string> RunPodSandboxAsync(PodSandboxConfig config, string runtimeHandler, CancellationToken cancel);
    Task StopPodSandboxAsync(string sandboxId, CancellationToken cancel);
    Task RemovePodSandboxAsync(string sandboxId, CancellationToken cancel);
    Task<PodSandboxStatus?> FindPodSandboxAsync(string sandboxId, CancellationToken cancel);
    Task<IReadOnlyList<PodSandbox>> ListPodSandboxesAsync(PodSandboxFilter? filter, CancellationToken cancel);

    Task<string> CreateContainerAsync(string sandboxId, ContainerConfig config, PodSandboxConfig sandbox, CancellationToken cancel);
    Task StartContainerAsync(string containerId, CancellationToken cancel);

    /// <param name="grace">From SIGTERM to SIGKILL; zero: SIGKILL at once.</param>
    Task StopContainerAsync(string containerId, TimeSpan grace, CancellationToken cancel);
    Task RemoveContainerAsync(string containerId, CancellationToken cancel);
    Task<ContainerStatus?> FindContainerAsync(string containerId, CancellationToken cancel);
    Task<IReadOnlyList<Container>> ListContainersAsync(ContainerFilter? filter, CancellationToken cancel);
    Task UpdateContainerResourcesAsync(string containerId, LinuxContainerResources resources, CancellationToken cancel);
    Task ReopenContainerLogAsync(string containerId, CancellationToken cancel);

    /// <summary>Runs a command to its end. Exceeding <paramref name="timeout"/> is a <see cref="RuntimeException"/> with <see cref="RuntimeException.IsTimeout"/>.</summary>
    Task<ExecSyncResponse> ExecSyncAsync(string containerId, IEnumerable<string> command, TimeSpan timeout, CancellationToken cancel);

    /// <summary>URL of the runtime's streaming server for one exec, attach or port-forward.</summary>
    Task<string> ExecUrlAsync(ExecRequest request, CancellationToken cancel);
    Task<string> AttachUrlAsync(AttachRequest request, CancellationToken cancel);
    Task<string> PortForwardUrlAsync(PortForwardRequest request, CancellationToken cancel);

    Task<IReadOnlyList<ContainerStats>> ListContainerStatsAsync(CancellationToken cancel);

    Task<Image?> FindImageAsync(string image, CancellationToken cancel);
    Task<IReadOnlyList<Image>> ListImagesAsync(CancellationToken cancel);

    /// <returns>The image's reference as the runtime knows it.</returns>
    Task<string> PullImageAsync(ImageSpec image, AuthConfig? credentials, PodSandboxConfig? sandbox, CancellationToken cancel);
    Task RemoveImageAsync(string image, CancellationToken cancel);
    Task<ImageFsInfoResponse> ImageFsInfoAsync(CancellationToken cancel);

    /// <summary>Ids of containers and sandboxes whose state has changed, until <paramref name="cancel"/>. Ends with an exception when the stream breaks.</summary>
    IAsyncEnumerable<string> EventsAsync(CancellationToken cancel);
}

/// <summary>The runtime refused or could not be reached. The message is the runtime's own, in gRPC's notation as upstream shows it.</summary>
internal sealed class RuntimeException(Grpc.Core.StatusCode code, string detail, Exception? inner = null)
    : Exception($"rpc error: code = {code} desc = {detail}", inner)
{
    public Grpc.Core.StatusCode Code { get; } = code;
    public string Detail { get; } = detail;
    public bool IsNotFound => Code == Grpc.Core.StatusCode.NotFound;
    public bool IsTimeout => Code == Grpc.Core.StatusCode.DeadlineExceeded;
    public bool IsUnavailable => Code == Grpc.Core.StatusCode.Unavailable;
}
