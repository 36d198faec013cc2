using Bramble.Kubelet.Csi.Protocol;
using Bramble.Kubelet.Plugins;
using Grpc.Core;
using Grpc.Net.Client;
using Capability = Bramble.Kubelet.Csi.Protocol.NodeServiceCapability.Types.RPC.Types.Type;

namespace Bramble.Kubelet.Csi;

/// <summary>The node's side of one storage driver, behind its socket. Each call is bounded to upstream's two minutes; what it does is safe to repeat.</summary>
internal sealed class CsiDriver : IDisposable
{
    private static readonly TimeSpan CallMax = TimeSpan.FromMinutes(2);

    private readonly GrpcChannel _channel;
    private readonly Protocol.Node.NodeClient _node;
    private IReadOnlySet<Capability> _capabilities = new HashSet<Capability>();

    private CsiDriver(string name, string endpoint)
    {
        Name = name;
        _channel = UnixSocketChannel.Open(endpoint);
        _node = new(_channel);
    }

    public string Name { get; }

    /// <summary>Volumes are mounted once for the node, then bound into each pod.</summary>
    public bool Stages => _capabilities.Contains(Capability.StageUnstageVolume);

    /// <summary>A file system on a volume that has grown is grown here.</summary>
    public bool Expands => _capabilities.Contains(Capability.ExpandVolume);

    /// <summary>It gives files to a pod's fsGroup itself.</summary>
    public bool SetsGroup => _capabilities.Contains(Capability.VolumeMountGroup);

    /// <summary>It tells one writer on a node from several.</summary>
    public bool TellsWriters => _capabilities.Contains(Capability.SingleNodeMultiWriter);

    /// <summary>What it calls this node, and where it can reach volumes from here.</summary>
    public NodeGetInfoResponse Info { get; private set; } = new();

    /// <exception cref="CsiException">It does not answer.</exception>
    public static async Task<CsiDriver> ConnectAsync(string name, string endpoint, CancellationToken cancel)
    {
        var driver = new CsiDriver(name, endpoint);
        try
        {
            await driver.RenewInfoAsync(cancel);
            var capabilities = await CallAsync(driver._node.NodeGetCapabilitiesAsync(new NodeGetCapabilitiesRequest(), driver.Within(cancel)));
            driver._capabilities = capabilities.Capabilities.Where(c => c.Rpc is not null).Select(c => c.Rpc.Type).ToHashSet();
            return driver;
        }
        catch
        {
            driver.Dispose();
            throw;
        }
    }

    /// <exception cref="CsiException">It does not answer.</exception>
    public async Task RenewInfoAsync(CancellationToken cancel) => Info = await CallAsync(_node.NodeGetInfoAsync(new NodeGetInfoRequest(), Within(cancel)));

    public Task StageAsync(NodeStageVolumeRequest request, CancellationToken cancel) => CallAsync(_node.NodeStageVolumeAsync(request, Within(cancel)));

    public Task PublishAsync(NodePublishVolumeRequest request, CancellationToken cancel) => CallAsync(_node.NodePublishVolumeAsync(request, Within(cancel)));

    public Task ExpandAsync(NodeExpandVolumeRequest request, CancellationToken cancel) => CallAsync(_node.NodeExpandVolumeAsync(request, Within(cancel)));

    /// <summary>A volume that it does not know any longer is unpublished.</summary>
    public Task UnpublishAsync(string handle, string target, CancellationToken cancel) =>
        ForgetAsync(_node.NodeUnpublishVolumeAsync(new NodeUnpublishVolumeRequest { VolumeId = handle, TargetPath = target }, Within(cancel)));

    /// <summary>A volume that it does not know any longer is unstaged.</summary>
    public Task UnstageAsync(string handle, string staging, CancellationToken cancel) =>
        ForgetAsync(_node.NodeUnstageVolumeAsync(new NodeUnstageVolumeRequest { VolumeId = handle, StagingTargetPath = staging }, Within(cancel)));

    public void Dispose() => _channel.Dispose();

    private CallOptions Within(CancellationToken cancel) => new(deadline: DateTime.UtcNow + CallMax, cancellationToken: cancel);

    private static async Task ForgetAsync<T>(AsyncUnaryCall<T> call)
    {
        try
        {
            await CallAsync(call);
        }
        catch (CsiException e) when (e.IsNotFound)
        {
            // Gone at its storage: nothing of it is left here either.
        }
    }

    private static async Task<T> CallAsync<T>(AsyncUnaryCall<T> call)
    {
        try
        {
            return await call;
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled)
        {
            throw new OperationCanceledException(e.Message, e);
        }
        catch (RpcException e)
        {
            throw new CsiException(e.InGosWords(), e.StatusCode, e);
        }
    }
}

/// <summary>A driver refused, failed or did not answer.</summary>
/// <param name="code">Null: it was not asked.</param>
internal sealed class CsiException(string message, StatusCode? code = null, Exception? inner = null) : Exception(message, inner)
{
    public bool IsNotFound => code == StatusCode.NotFound;

    /// <summary>Nothing of it is under way any more.</summary>
    public bool IsFinal => code is not (null or StatusCode.Cancelled or StatusCode.DeadlineExceeded or StatusCode.Unavailable or StatusCode.ResourceExhausted or StatusCode.Aborted);

    /// <summary>It can never be done.</summary>
    public bool IsInfeasible => code is StatusCode.InvalidArgument or StatusCode.OutOfRange or StatusCode.NotFound;

    /// <summary>Not while the volume is in use.</summary>
    public bool IsForInUse => code == StatusCode.FailedPrecondition;
}
