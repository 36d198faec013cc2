using Bramble.Kubelet.DevicePlugins.Protocol;
using Bramble.Kubelet.Plugins;
using Grpc.Core;
using Grpc.Net.Client;

namespace Bramble.Kubelet.DevicePlugins;

/// <summary>One registered device plugin behind its socket. It lives as long as its stream of devices: one that comes back registers anew.</summary>
internal sealed class PluginClient : IAsyncDisposable
{
    private static readonly TimeSpan ConnectMax = TimeSpan.FromSeconds(10);

    private readonly GrpcChannel _channel;
    private readonly DevicePlugin.DevicePluginClient _client;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    private PluginClient(string socket)
    {
        _channel = UnixSocketChannel.Open(socket);
        _client = new DevicePlugin.DevicePluginClient(_channel);
    }

    public required DevicePluginOptions Options { get; init; }

    /// <exception cref="DevicePluginException">It does not answer.</exception>
    public static async Task<PluginClient> ConnectAsync(string socket, CancellationToken cancel)
    {
        var asking = new PluginClient(socket) { Options = new() };
        try
        {
            var options = await asking._client.GetDevicePluginOptionsAsync(new Empty(), deadline: DateTime.UtcNow + ConnectMax, cancellationToken: cancel);
            return new PluginClient(socket) { Options = options };
        }
        catch (RpcException e)
        {
            throw new DevicePluginException($"failed to get device plugin options: {e.InGosWords()}", e);
        }
        finally
        {
            await asking.DisposeAsync();
        }
    }

    /// <summary>Follows its devices until it goes or is disposed.</summary>
    public void Follow(Action<IEnumerable<PluginDevice>> told, Action<string> ended)
    {
        var cancel = _stop.Token;
        _running = Task.Run(async () =>
        {
            var why = "the stream of its devices ended";
            try
            {
                using var call = _client.ListAndWatch(new Empty(), cancellationToken: cancel);
                await foreach (var answer in call.ResponseStream.ReadAllAsync(cancel)) told(answer.Devices);
            }
            catch (Exception e) when (e is RpcException or IOException or OperationCanceledException)
            {
                why = e.Message;
            }
            if (!cancel.IsCancellationRequested) ended(why);
        });
    }

    /// <exception cref="DevicePluginException">It refuses, or is away.</exception>
    public Task<AllocateResponse> AllocateAsync(IEnumerable<string> ids, CancellationToken cancel)
    {
        var request = new AllocateRequest();
        var container = new ContainerAllocateRequest();
        container.DevicesIds.Add(ids);
        request.ContainerRequests.Add(container);
        return Said(_client.AllocateAsync(request, cancellationToken: cancel), "");
    }

    /// <exception cref="DevicePluginException">It refuses, or is away.</exception>
    public async Task<IReadOnlyCollection<string>> PreferredAsync(IEnumerable<string> available, IEnumerable<string> mustInclude, int count, CancellationToken cancel)
    {
        var request = new PreferredAllocationRequest();
        var container = new ContainerPreferredAllocationRequest { AllocationSize = count };
        container.AvailableDeviceIDs.Add(available);
        container.MustIncludeDeviceIDs.Add(mustInclude);
        request.ContainerRequests.Add(container);
        var answer = await Said(_client.GetPreferredAllocationAsync(request, cancellationToken: cancel), "device plugin GetPreferredAllocation rpc failed with err: ");
        return answer.ContainerResponses.Count > 0 ? answer.ContainerResponses[0].DeviceIDs : [];
    }

    /// <summary>Upstream gives it 30 seconds.</summary>
    /// <exception cref="DevicePluginException">It refuses, or is away.</exception>
    public Task PreStartAsync(IEnumerable<string> ids, CancellationToken cancel)
    {
        var request = new PreStartContainerRequest();
        request.DevicesIds.Add(ids);
        return Said(_client.PreStartContainerAsync(request, deadline: DateTime.UtcNow.AddSeconds(30), cancellationToken: cancel), "device plugin PreStartContainer rpc failed with err: ");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _channel.Dispose();
        _stop.Dispose();
    }

    private static async Task<T> Said<T>(AsyncUnaryCall<T> call, string before)
    {
        try
        {
            return await call;
        }
        catch (RpcException e) when (e.StatusCode != StatusCode.Cancelled)
        {
            throw new DevicePluginException(before + e.InGosWords(), e);
        }
        catch (RpcException e)
        {
            throw new OperationCanceledException(e.Message, e);
        }
    }
}
