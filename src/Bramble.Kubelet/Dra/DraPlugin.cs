using Bramble.Kubelet.Dra.Protocol;
using Bramble.Kubelet.Plugins;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Bramble.Kubelet.Dra;

/// <summary>One registration of a driver of devices: its process behind a socket, whether it is there, and what it says of its devices' health. Calls are bounded
/// to upstream's 45 seconds and safe to repeat. Thread-safe.</summary>
internal sealed class DraPlugin : IAsyncDisposable
{
    /// <summary>What a driver offers as <c>supportedVersions</c>; below <see cref="Package"/> it answers.</summary>
    private static readonly string[] Known = ["v1.DRAPlugin", "v1beta1.DRAPlugin"];
    private const string Package = "k8s.io.kubelet.pkg.apis.dra.";
    private static readonly TimeSpan CallMax = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan RetryFirst = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryMax = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan HealthRetry = TimeSpan.FromSeconds(5);

    private readonly GrpcChannel _channel;
    private readonly CallInvoker _invoker;
    private readonly Method<NodePrepareResourcesRequest, NodePrepareResourcesResponse> _prepare;
    private readonly Method<NodeUnprepareResourcesRequest, NodeUnprepareResourcesResponse> _unprepare;
    private readonly DeviceHealths _healths;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource _lost = new();
    private int _connections;
    private Task _running = Task.CompletedTask;

    /// <param name="service">One that <see cref="TryChoose"/> chose.</param>
    /// <param name="changed">Called when the connection comes or goes.</param>
    public DraPlugin(string socket, string driver, string endpoint, string service, DeviceHealths healths, Action<DraPlugin> changed, TimeProvider time)
    {
        (Socket, Driver, Endpoint, _healths, _time) = (socket, driver, endpoint, healths, time);
        _channel = UnixSocketChannel.Open(endpoint, isConnected =>
        {
            Count(isConnected);
            changed(this);
        });
        _invoker = _channel.CreateCallInvoker();
        _prepare = Method(Package + service, "NodePrepareResources", NodePrepareResourcesRequest.Parser, NodePrepareResourcesResponse.Parser);
        _unprepare = Method(Package + service, "NodeUnprepareResources", NodeUnprepareResourcesRequest.Parser, NodeUnprepareResourcesResponse.Parser);
    }

    /// <summary>Where it registered.</summary>
    public string Socket { get; }
    public string Driver { get; }
    public string Endpoint { get; }
    public bool IsConnected => Volatile.Read(ref _connections) > 0;

    /// <summary>The first of the driver's services that is known here; an order of its own is its wish.</summary>
    /// <returns>Null: <paramref name="service"/> is the one. Pure.</returns>
    public static string? TryChoose(IReadOnlyCollection<string> offered, out string service)
    {
        service = offered.FirstOrDefault(o => Known.Contains(o)) ?? "";
        if (service.Length > 0) return null;
        return offered.Count == 0
            ? "empty list of supported gRPC services (aka supported versions)"
            : $"none of services supported by the plugin ([{string.Join(' ', offered.Select(o => $"\"{o}\""))}]) are supported by the kubelet ([{string.Join(' ', Known.Select(known => $"\"{known}\""))}])";
    }

    /// <summary>Connects, and stays so until it is disposed.</summary>
    public void Start() => _running = Task.Run(() => WatchAsync(_stop.Token));

    /// <exception cref="DynamicResourcesException">It does not answer.</exception>
    public Task<NodePrepareResourcesResponse> PrepareAsync(NodePrepareResourcesRequest request, CancellationToken cancel) => CallAsync(_prepare, request, cancel);

    /// <exception cref="DynamicResourcesException">It does not answer.</exception>
    public Task<NodeUnprepareResourcesResponse> UnprepareAsync(NodeUnprepareResourcesRequest request, CancellationToken cancel) => CallAsync(_unprepare, request, cancel);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _channel.Dispose();
        _stop.Dispose();
    }

    private async Task<TResponse> CallAsync<TRequest, TResponse>(Method<TRequest, TResponse> method, TRequest request, CancellationToken cancel)
        where TRequest : class where TResponse : class
    {
        try
        {
            return await _invoker.AsyncUnaryCall(method, null, new CallOptions(deadline: DateTime.UtcNow + CallMax, cancellationToken: cancel), request);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled)
        {
            throw new OperationCanceledException(e.Message, e);
        }
        catch (RpcException e)
        {
            throw new DynamicResourcesException($"{method.Name}: {e.InGosWords()}");
        }
    }

    /// <summary>The stream of health is also what keeps the connection up: it is opened again whenever it ends. A driver that is away is asked after 1, 2, 4… 120 s,
    /// one that only ended its stream after 5 s; one that knows nothing of health is asked again with its next connection.</summary>
    private async Task WatchAsync(CancellationToken cancel)
    {
        var client = new DRAResourceHealth.DRAResourceHealthClient(_channel);
        var wait = RetryFirst;
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                using var call = client.NodeWatchResources(new NodeWatchResourcesRequest(), cancellationToken: cancel);
                await foreach (var told in call.ResponseStream.ReadAllAsync(cancel)) _healths.Update(Driver, told.Devices);
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
            {
                wait = RetryFirst;
                await LostAsync(cancel).ContinueWith(_ => { }, TaskScheduler.Default);
            }
            catch (Exception e) when (e is RpcException or OperationCanceledException or IOException)
            {
                // It went away: IsConnected says so, and what that means is decided there.
            }
            _healths.Forget(Driver);
            if (cancel.IsCancellationRequested) return;
            if (IsConnected) wait = RetryFirst;
            await Task.Delay(IsConnected ? HealthRetry : wait, _time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
            wait = wait * 2 < RetryMax ? wait * 2 : RetryMax;
        }
    }

    private Task LostAsync(CancellationToken cancel)
    {
        lock (_gate) return _connections == 0 ? Task.CompletedTask : _lost.Task.WaitAsync(cancel);
    }

    private void Count(bool isConnected)
    {
        lock (_gate)
        {
            _connections += isConnected ? 1 : -1;
            if (_connections > 0) return;
            _lost.TrySetResult();
            _lost = new TaskCompletionSource();
        }
    }

    private static Method<TRequest, TResponse> Method<TRequest, TResponse>(string service, string name, MessageParser<TRequest> requests, MessageParser<TResponse> responses)
        where TRequest : class, IMessage<TRequest> where TResponse : class, IMessage<TResponse> =>
        new(MethodType.Unary, service, name, Marshallers.Create(r => r.ToByteArray(), requests.ParseFrom), Marshallers.Create(r => r.ToByteArray(), responses.ParseFrom));
}

/// <summary>A pod's devices are not ready, or not given back: the end of the event's text, in upstream's words.</summary>
internal sealed class DynamicResourcesException(string message) : Exception(message);
