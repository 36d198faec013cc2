using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Tunnel;

/// <summary>The tunnels that agents keep open to this server, and the way to kubelets through them: an agent behind NAT or a closed port 10250 is reached
/// all the same (<c>--egress-selector-mode=agent</c>). Thread-safe.</summary>
/// <param name="nodeOf">The node that has an address or name; null: nobody.</param>
/// <param name="nodeOfPod">The node whose tunnel leads to a pod's address; null: none does.</param>
public sealed class KubeletTunnels(Func<string, string?> nodeOf, Func<IPAddress, string?> nodeOfPod, ILogger logger)
{
    /// <summary>K3s' label of a node whose tunnel leads to pods too.</summary>
    public const string PodsLabel = "egress.k3s.io/cluster";

    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, TunnelSession> _sessions = new(StringComparer.Ordinal);

    /// <summary>Answers <c>GET /v1-k3s/connect</c> of a node; returns when its tunnel has ended. A newer tunnel of the same node takes an older one's place.</summary>
    public async Task ServeAsync(HttpContext http, string node, CancellationToken cancel)
    {
        if (!http.WebSockets.IsWebSocketRequest)
        {
            http.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }
        // Pings tell when the agent's machine has vanished without a word.
        using var socket = await http.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext { KeepAliveInterval = Silence, KeepAliveTimeout = Silence });
        await using var session = new TunnelSession(socket, dial: null);
        _sessions[node] = session;
        TunnelLog.Opened(logger, node);
        try
        {
            await session.RunAsync(cancel);
        }
        catch (Exception gone) when (gone is WebSocketException or IOException or OperationCanceledException)
        {
            TunnelLog.Broken(logger, node, gone.Message);
        }
        finally
        {
            _sessions.TryRemove(KeyValuePair.Create(node, session));
            TunnelLog.Closed(logger, node);
        }
    }

    /// <summary>A connection to a kubelet: through its node's tunnel when there is one, else directly.</summary>
    /// <exception cref="IOException">Not reachable; also <see cref="SocketException"/>.</exception>
    public ValueTask<Stream> DialAsync(string host, int port, CancellationToken cancel) => DialAsync(nodeOf(host), "127.0.0.1", host, port, cancel);

    /// <summary>A connection to a pod: through its node's tunnel when that leads there, else directly (<c>--egress-selector-mode=cluster</c> and <c>pod</c>).</summary>
    /// <exception cref="IOException">Not reachable; also <see cref="SocketException"/>.</exception>
    public ValueTask<Stream> DialPodAsync(string host, int port, CancellationToken cancel) =>
        DialAsync(IPAddress.TryParse(host, out var address) ? nodeOfPod(address) : null, host.Contains(':') ? $"[{host}]" : host, host, port, cancel);

    private async ValueTask<Stream> DialAsync(string? node, string seenFromThere, string host, int port, CancellationToken cancel)
    {
        if (node is not null && _sessions.TryGetValue(node, out var session))
            return await session.OpenAsync("tcp", string.Create(CultureInfo.InvariantCulture, $"{seenFromThere}:{port}"), cancel);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(host, port, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
