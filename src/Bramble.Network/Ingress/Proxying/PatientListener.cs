using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>Kestrel's transport for ports that may be somebody else's for a while: it is "bound" at once and accepts when the port is ours.</summary>
internal sealed class PatientTransport(IKeptSockets kept, PriorKnowledge priorKnowledge, TimeProvider time, ILoggerFactory logs, ILogger logger) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint || endpoint == priorKnowledge.EndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancel) =>
        ValueTask.FromResult<IConnectionListener>(endpoint is IPEndPoint port ? new PatientListener(port, kept, time, logs, logger) : priorKnowledge);
}

/// <summary>Listens on a port when it is free. Taken ports are looked at again every ten seconds: the kernel tells nobody when one becomes free.</summary>
internal sealed class PatientListener(IPEndPoint endpoint, IKeptSockets kept, TimeProvider time, ILoggerFactory logs, ILogger logger) : IConnectionListener
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(10), FirstRequest = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource _unbound = new();
    private IConnectionListener? _inner;

    public EndPoint EndPoint => endpoint;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancel = default)
    {
        if (_inner is null)
        {
            try
            {
                _inner = await OpenAsync(_unbound.Token);
            }
            catch (OperationCanceledException) when (_unbound.IsCancellationRequested)
            {
                return null;
            }
        }
        return await _inner.AcceptAsync(cancel);
    }

    public async ValueTask UnbindAsync(CancellationToken cancel = default)
    {
        await _unbound.CancelAsync();
        if (_inner is null) return;
        await _inner.UnbindAsync(cancel);
        // Whoever was accepted last is just sending the request; closed as idle, that client would see a broken connection.
        await Task.Delay(FirstRequest, time, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _unbound.CancelAsync();
        if (_inner is not null) await _inner.DisposeAsync();
    }

    private async Task<IConnectionListener> OpenAsync(CancellationToken cancel)
    {
        var name = $"ingress-{(endpoint.AddressFamily == AddressFamily.InterNetworkV6 ? "ipv6" : "ipv4")}-{endpoint.Port}";
        var isTold = false;
        while (true)
        {
            var socket = kept.Take(name);
            if (socket is not null)
            {
                Log.IngressListensOn(logger, endpoint, "kept by the process before");
                return await AcceptingAsync(socket, cancel);
            }
            socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                // IPv4 clients come to the other socket, with an IPv4 address.
                if (endpoint.AddressFamily == AddressFamily.InterNetworkV6) socket.DualMode = false;
                socket.Bind(endpoint);
                // Before it is kept: from here on connections queue in the kernel, whoever accepts them.
                socket.Listen(4096);
                kept.Keep(name, socket);
                Log.IngressListensOn(logger, endpoint, isTold ? "free now" : "new");
                return await AcceptingAsync(socket, cancel);
            }
            catch (SocketException refused)
            {
                socket.Dispose();
                // The kernel has IPv6 but may not use it (disable_ipv6): there will be no client to wait for.
                if (endpoint.AddressFamily == AddressFamily.InterNetworkV6 && refused.SocketErrorCode is SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported)
                    await Task.Delay(Timeout.InfiniteTimeSpan, time, cancel);
                if (!isTold)
                {
                    if (refused.SocketErrorCode == SocketError.AddressAlreadyInUse) Log.IngressPortTaken(logger, endpoint, PortOwner.Find(endpoint.Port) ?? "a process that cannot be seen from here");
                    else Log.IngressPortRefused(logger, endpoint, refused.Message);
                }
                isTold = true;
            }
            await Task.Delay(LookAgain, time, cancel);
        }
    }

    private async Task<IConnectionListener> AcceptingAsync(Socket socket, CancellationToken cancel)
    {
        var options = new SocketTransportOptions { CreateBoundListenSocket = _ => socket, Backlog = 4096 };
        return await new SocketTransportFactory(Options.Create(options), logs).BindAsync(endpoint, cancel);
    }
}
