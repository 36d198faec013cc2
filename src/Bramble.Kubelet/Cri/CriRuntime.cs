using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Bramble.Kubelet.Cri.Containerd;
using Grpc.Core;
using Grpc.Net.Client;

namespace Bramble.Kubelet.Cri;

/// <summary>The CRI over a unix socket. One HTTP/2 connection, made again when it breaks. Calls that change nothing are bounded to two minutes, pulls and
/// stops to what the caller says.</summary>
internal sealed class CriRuntime : IRuntimeService, IDisposable
{
    private static readonly TimeSpan Usual = TimeSpan.FromMinutes(2);

    private const int SettledWithinMilliseconds = 20_000;

    private readonly GrpcChannel _channel;
    private readonly RuntimeService.RuntimeServiceClient _runtime;
    private readonly ImageService.ImageServiceClient _images;
    private readonly Events.EventsClient _events;

    public CriRuntime(string endpoint)
    {
        _channel = UnixSocketChannel.Open(endpoint);
        _runtime = new(_channel);
        _images = new(_channel);
        _events = new(_channel);
    }

    public void Dispose() => _channel.Dispose();

    public Task<VersionResponse> VersionAsync(CancellationToken cancel) => Call(_runtime.VersionAsync(new VersionRequest { Version = "v1" }, Within(Usual, cancel)));
    public Task<StatusResponse> StatusAsync(CancellationToken cancel) => Call(_runtime.StatusAsync(new StatusRequest(), Within(Usual, cancel)));

    public async Task<string> RunPodSandboxAsync(PodSandboxConfig config, string runtimeHandler, CancellationToken cancel) =>
        (await Call(_runtime.RunPodSandboxAsync(new RunPodSandboxRequest { Config = config, RuntimeHandler = runtimeHandler }, Within(Usual * 2, cancel)))).PodSandboxId;

    public Task StopPodSandboxAsync(string sandboxId, CancellationToken cancel) =>
        Call(_runtime.StopPodSandboxAsync(new StopPodSandboxRequest { PodSandboxId = sandboxId }, Within(Usual, cancel)));

    public Task RemovePodSandboxAsync(string sandboxId, CancellationToken cancel) =>
        Call(_runtime.RemovePodSandboxAsync(new RemovePodSandboxRequest { PodSandboxId = sandboxId }, Within(Usual, cancel)));

    public async Task<PodSandboxStatus?> FindPodSandboxAsync(string sandboxId, CancellationToken cancel) =>
        (await CallOrNull(_runtime.PodSandboxStatusAsync(new PodSandboxStatusRequest { PodSandboxId = sandboxId }, Within(Usual, cancel))))?.Status;

    public async Task<IReadOnlyList<PodSandbox>> ListPodSandboxesAsync(PodSandboxFilter? filter, CancellationToken cancel) =>
        (await Call(_runtime.ListPodSandboxAsync(new ListPodSandboxRequest { Filter = filter }, Within(Usual, cancel)))).Items;

    public async Task<string> CreateContainerAsync(string sandboxId, ContainerConfig config, PodSandboxConfig sandbox, CancellationToken cancel) =>
        (await Call(_runtime.CreateContainerAsync(
            new CreateContainerRequest { PodSandboxId = sandboxId, Config = config, SandboxConfig = sandbox },
            Within(Usual, cancel)))).ContainerId;

    public Task StartContainerAsync(string containerId, CancellationToken cancel) =>
        Call(_runtime.StartContainerAsync(new StartContainerRequest { ContainerId = containerId }, Within(Usual, cancel)));

    public Task StopContainerAsync(string containerId, TimeSpan grace, CancellationToken cancel) =>
        Call(_runtime.StopContainerAsync(
            new StopContainerRequest { ContainerId = containerId, Timeout = (long)Math.Ceiling(grace.TotalSeconds) },
            Within(grace + Usual, cancel)));

    public Task RemoveContainerAsync(string containerId, CancellationToken cancel) =>
        Call(_runtime.RemoveContainerAsync(new RemoveContainerRequest { ContainerId = containerId }, Within(Usual, cancel)));

    public async Task<ContainerStatus?> FindContainerAsync(string containerId, CancellationToken cancel) =>
        (await CallOrNull(_runtime.ContainerStatusAsync(new ContainerStatusRequest { ContainerId = containerId }, Within(Usual, cancel))))?.Status;

    public async Task<IReadOnlyList<Container>> ListContainersAsync(ContainerFilter? filter, CancellationToken cancel) =>
        (await Call(_runtime.ListContainersAsync(new ListContainersRequest { Filter = filter }, Within(Usual, cancel)))).Containers;

    public Task UpdateContainerResourcesAsync(string containerId, LinuxContainerResources resources, CancellationToken cancel) =>
        Call(_runtime.UpdateContainerResourcesAsync(new UpdateContainerResourcesRequest { ContainerId = containerId, Linux = resources }, Within(Usual, cancel)));

    public Task ReopenContainerLogAsync(string containerId, CancellationToken cancel) =>
        Call(_runtime.ReopenContainerLogAsync(new ReopenContainerLogRequest { ContainerId = containerId }, Within(Usual, cancel)));

    public Task<ExecSyncResponse> ExecSyncAsync(string containerId, IEnumerable<string> command, TimeSpan timeout, CancellationToken cancel)
    {
        var request = new ExecSyncRequest { ContainerId = containerId, Timeout = (long)Math.Ceiling(timeout.TotalSeconds) };
        request.Cmd.AddRange(command);
        // The runtime keeps the time itself; ours is only for a runtime that hangs.
        return Call(_runtime.ExecSyncAsync(request, Within(timeout == TimeSpan.Zero ? TimeSpan.FromHours(1) : timeout + TimeSpan.FromSeconds(20), cancel)));
    }

    public async Task<string> ExecUrlAsync(ExecRequest request, CancellationToken cancel) => (await Call(_runtime.ExecAsync(request, Within(Usual, cancel)))).Url;
    public async Task<string> AttachUrlAsync(AttachRequest request, CancellationToken cancel) => (await Call(_runtime.AttachAsync(request, Within(Usual, cancel)))).Url;

    public async Task<string> PortForwardUrlAsync(PortForwardRequest request, CancellationToken cancel) =>
        (await Call(_runtime.PortForwardAsync(request, Within(Usual, cancel)))).Url;

    public async Task<IReadOnlyList<ContainerStats>> ListContainerStatsAsync(CancellationToken cancel) =>
        (await Call(_runtime.ListContainerStatsAsync(new ListContainerStatsRequest(), Within(Usual, cancel)))).Stats;

    public async Task<Image?> FindImageAsync(string image, CancellationToken cancel) =>
        (await Call(_images.ImageStatusAsync(new ImageStatusRequest { Image = new ImageSpec { Image = image } }, Within(Usual, cancel)))).Image;

    public async Task<IReadOnlyList<Image>> ListImagesAsync(CancellationToken cancel) =>
        (await Call(_images.ListImagesAsync(new ListImagesRequest(), Within(Usual, cancel)))).Images;

    public async Task<string> PullImageAsync(ImageSpec image, AuthConfig? credentials, PodSandboxConfig? sandbox, CancellationToken cancel) =>
        (await Call(_images.PullImageAsync(
            new PullImageRequest { Image = image, Auth = credentials, SandboxConfig = sandbox },
            new CallOptions(cancellationToken: cancel)))).ImageRef;

    public Task RemoveImageAsync(string image, CancellationToken cancel) =>
        Call(_images.RemoveImageAsync(new RemoveImageRequest { Image = new ImageSpec { Image = image } }, Within(Usual, cancel)));

    public Task<ImageFsInfoResponse> ImageFsInfoAsync(CancellationToken cancel) => Call(_images.ImageFsInfoAsync(new ImageFsInfoRequest(), Within(Usual, cancel)));

    /// <summary>GetContainerEvents where the runtime has it (containerd 1.7 and 2.x), else containerd's own event stream.</summary>
    public async IAsyncEnumerable<string> EventsAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        // Deletions bounded: the reader is the pod workers' dispatcher, which only looks up and signals. Full: the stream waits in gRPC's window.
        var ids = Channel.CreateBounded<string>(new BoundedChannelOptions(1024) { SingleReader = true });
        var reading = ReadEventsAsync(ids.Writer, cancel);
        await foreach (var id in ids.Reader.ReadAllAsync(cancel)) yield return id;
        await reading;
    }

    private async Task ReadEventsAsync(ChannelWriter<string> ids, CancellationToken cancel)
    {
        try
        {
            var isStreamed = HasContainerEvents(await VersionAsync(cancel));
            try
            {
                if (isStreamed)
                {
                    using var stream = _runtime.GetContainerEvents(new GetEventsRequest(), cancellationToken: cancel);
                    await foreach (var happened in stream.ResponseStream.ReadAllAsync(cancel)) await ids.WriteAsync(happened.ContainerId, cancel);
                }
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
            {
                isStreamed = false;
            }
            if (!isStreamed)
            {
                var request = new SubscribeRequest();
                request.Filters.Add("namespace==k8s.io,topic~=\"^/tasks/(start|exit|oom|paused|resumed)$\"");
                using var stream = _events.Subscribe(request, cancellationToken: cancel);
                var settling = new List<Task>();
                await foreach (var envelope in stream.ResponseStream.ReadAllAsync(cancel))
                {
                    var task = TaskEvent.Parser.ParseFrom(envelope.Event.Value);
                    settling.RemoveAll(t => t.IsCompleted);
                    if (envelope.Topic != "/tasks/exit") await ids.WriteAsync(task.ContainerId, cancel);
                    // The end of an exec's process is nobody's state.
                    else if (task.Id == task.ContainerId) settling.Add(TellWhenSettledAsync(task.ContainerId, ids, cancel));
                }
                await Task.WhenAll(settling);
            }
            ids.Complete(new RuntimeException(StatusCode.Unavailable, "the event stream ended"));
        }
        catch (RpcException e)
        {
            ids.Complete(Translate(e));
        }
        catch (Exception e)
        {
            ids.Complete(e);
        }
    }

    /// <summary>containerd 1.6 has not; it is not asked, because the refusal of a stream makes gRPC write a stack trace, for which the program's table of all methods is read: 1.2 MB
    /// that stay.</summary>
    internal static bool HasContainerEvents(VersionResponse runtime) =>
        runtime.RuntimeName != "containerd" || !runtime.RuntimeVersion.TrimStart('v').StartsWith("1.6.", StringComparison.Ordinal);

    /// <summary>The CRI part of containerd learns of an exit from the same stream as we do, and may be later: an exit is told when the CRI says so too,
    /// after 20 s at the latest (a loaded board is slow).</summary>
    private async Task TellWhenSettledAsync(string id, ChannelWriter<string> ids, CancellationToken cancel)
    {
        try
        {
            var wait = 10;
            for (var waited = 0; waited < SettledWithinMilliseconds; waited += wait)
            {
                var container = await FindContainerAsync(id, cancel);
                // Of one that ends at once the CRI may not even have noted the start: created, then running, are both still to pass.
                if (container is { State: ContainerState.ContainerExited or ContainerState.ContainerUnknown }) break;
                if (container is null && (await FindPodSandboxAsync(id, cancel))?.State != PodSandboxState.SandboxReady) break;
                await Task.Delay(wait, cancel);
                wait = Math.Min(wait * 2, 1000);
            }
            await ids.WriteAsync(id, cancel);
        }
        catch (Exception e) when (e is RuntimeException or OperationCanceledException or ChannelClosedException)
        {
            // The runtime went away: the stream breaks too, and then everything is looked at again.
        }
    }

    private static CallOptions Within(TimeSpan time, CancellationToken cancel) => new(deadline: DateTime.UtcNow + time, cancellationToken: cancel);

    private static async Task<T> Call<T>(AsyncUnaryCall<T> call)
    {
        try
        {
            return await call;
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled)
        {
            throw new OperationCanceledException("the call to the container runtime was cancelled", e);
        }
        catch (RpcException e)
        {
            throw Translate(e);
        }
    }

    private static async Task<T?> CallOrNull<T>(AsyncUnaryCall<T> call) where T : class
    {
        try
        {
            return await Call(call);
        }
        catch (RuntimeException e) when (e.IsNotFound)
        {
            return null;
        }
    }

    private static RuntimeException Translate(RpcException e) => new(e.StatusCode, e.Status.Detail, e);
}
