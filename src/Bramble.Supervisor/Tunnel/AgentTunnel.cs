using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Tunnel;

/// <summary>The agent's side: keeps a tunnel open to every server, through which the server reaches this node's kubelet and nothing else.</summary>
/// <param name="tls">The kubelet's client certificate and the cluster's CA; asked for each connection.</param>
/// <param name="kubelet">Where this machine's kubelet is reached. Servers ask for its port on 127.0.0.1, the one besides the runtime's streaming port that they may.</param>
/// <param name="mayReach">Where else servers may connect to from here: pods, when the cluster's <c>--egress-selector-mode</c> says so.</param>
public sealed class AgentTunnel(Func<SslClientAuthenticationOptions> tls, IPEndPoint kubelet, Func<IPAddress, bool> mayReach, TimeProvider time, ILogger logger)
{
    private const int RuntimeStreamingPort = 10010;
    private static readonly TimeSpan RetryFirst = TimeSpan.FromSeconds(1), RetryLast = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Ping = TimeSpan.FromSeconds(15), ConnectTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Keeps the tunnel to one server until cancelled. <paramref name="connected"/> is told whether it stands.</summary>
    public async Task RunAsync(string server, Action<bool> connected, CancellationToken cancel)
    {
        var retry = RetryFirst;
        var isTold = false;
        while (true)
        {
            try
            {
                using var socket = new ClientWebSocket();
                // A server that vanished without a word is noticed within half a minute.
                socket.Options.KeepAliveInterval = Ping;
                socket.Options.KeepAliveTimeout = Ping;
                using (var handler = new SocketsHttpHandler { SslOptions = tls(), UseProxy = false })
                using (var http = new HttpMessageInvoker(handler))
                using (var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel))
                {
                    patience.CancelAfter(ConnectTimeout);
                    await socket.ConnectAsync(new Uri($"wss://{server}/v1-k3s/connect"), http, patience.Token);
                    connected(true);
                    isTold = false;
                    retry = RetryFirst;
                    TunnelLog.ConnectedTo(logger, server);
                    await using var session = new TunnelSession(socket, DialAsync);
                    await session.RunAsync(cancel);
                }
                TunnelLog.ServerClosed(logger, server);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failed) when (failed is WebSocketException or HttpRequestException or IOException or SocketException or OperationCanceledException)
            {
                if (!isTold) TunnelLog.NotConnected(logger, server, failed.InnerException?.Message ?? failed.Message);
                isTold = true;
            }
            connected(false);
            await Task.Delay(retry, time, cancel);
            retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, RetryLast.Ticks));
        }
    }

    private async Task<Stream> DialAsync(string network, string address, CancellationToken cancel)
    {
        if (network != "tcp" || !IPEndPoint.TryParse(address, out var target)
            || !(IPAddress.IsLoopback(target.Address) ? target.Port == kubelet.Port || target.Port == RuntimeStreamingPort : mayReach(target.Address)))
            throw new IOException("connect not allowed");
        if (IPAddress.IsLoopback(target.Address) && target.Port == kubelet.Port) target = kubelet;
        var socket = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(target, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
