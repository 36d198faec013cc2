using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Bramble.Supervisor.Layout;
using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Joining;

/// <summary>An agent's way to the servers: 127.0.0.1:6444 leads to one of them, and to the next when that one does not answer. Plain TCP: TLS is between the
/// client and the server. Costs nothing while nobody connects.</summary>
/// <remarks>The address given by <c>--server</c> always stays as the last resort. Thread-safe.</remarks>
public sealed class ServerLoadBalancer(IPEndPoint listen, string defaultServer, string statePath, ILogger logger) : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    private readonly Socket _listener = new(listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
    private readonly ConcurrentDictionary<string, bool> _unhealthy = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Task, bool> _connections = new();
    private volatile IReadOnlyList<string> _servers = [];
    private volatile string? _active;
    private volatile bool _isCutOff;

    /// <summary>Where clients of this machine connect.</summary>
    public Uri Url { get; } = new($"https://{listen}");

    /// <summary>The servers as the cluster named them last, as host:port.</summary>
    public IReadOnlyList<string> Servers => _servers;

    /// <summary>Takes up the servers known at the last run and listens.</summary>
    /// <exception cref="IOException">The port is taken; the message says the fix.</exception>
    public void Open()
    {
        if (File.Exists(statePath) && JsonNode.Parse(File.ReadAllText(statePath))?["ServerAddresses"] is JsonArray known)
            _servers = [.. known.Select(server => server!.GetValue<string>())];
        try
        {
            _listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            _listener.Bind(listen);
            _listener.Listen(64);
        }
        catch (SocketException taken)
        {
            throw new IOException(string.Create(CultureInfo.InvariantCulture, $"cannot listen on {listen} for the API load balancer: {taken.Message}. Another k3s on this machine? Stop it, or use --lb-server-port."), taken);
        }
    }

    /// <summary>The servers that the cluster names now, as host:port.</summary>
    public void SetServers(IReadOnlyList<string> servers)
    {
        if (servers.Count == 0 || servers.SequenceEqual(_servers)) return;
        _servers = servers;
        SafeFile.WriteIfChanged(statePath, new JsonObject
        {
            ["ServerURL"] = $"https://{defaultServer}",
            ["ServerAddresses"] = new JsonArray([.. servers.Select(server => (JsonNode)server)]),
        }.ToJsonString() + "\n");
    }

    /// <summary>What the tunnels know: a server whose tunnel is broken is tried last.</summary>
    public void SetHealth(string server, bool isHealthy)
    {
        if (isHealthy) _unhealthy.TryRemove(server, out _);
        else _unhealthy[server] = true;
    }

    public async Task RunAsync(CancellationToken cancel)
    {
        while (true)
        {
            var client = await _listener.AcceptAsync(cancel);
            var running = CarryAsync(client, cancel);
            _connections[running] = true;
            _ = running.ContinueWith(static (ended, all) => ((ConcurrentDictionary<Task, bool>)all!).TryRemove(ended, out _), _connections, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    public void Dispose() => _listener.Dispose();

    /// <summary>The order in which servers are tried: the one in use, the healthy ones, the others, the one of <c>--server</c>.</summary>
    internal static IReadOnlyList<string> Order(IReadOnlyList<string> servers, string? active, Func<string, bool> isHealthy, string defaultServer) =>
        [.. servers.Append(defaultServer).Distinct().OrderBy(server => (isHealthy(server) ? 0 : 2) + (server == active ? 0 : 1))];

    private async Task CarryAsync(Socket client, CancellationToken cancel)
    {
        using var _ = client;
        using var server = await ConnectAsync(cancel);
        if (server is null) return;
        client.NoDelay = true;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await Task.WhenAll(CopyAsync(client, server, either), CopyAsync(server, client, either));
    }

    private async Task<Socket?> ConnectAsync(CancellationToken cancel)
    {
        foreach (var server in Order(_servers, _active, candidate => !_unhealthy.ContainsKey(candidate), defaultServer))
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                var (host, port) = Split(server);
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                patience.CancelAfter(ConnectTimeout);
                await socket.ConnectAsync(host, port, patience.Token);
                if (_active != server || _isCutOff) JoinLog.ServerChosen(logger, server);
                (_active, _isCutOff) = (server, false);
                return socket;
            }
            catch (Exception failed) when (failed is SocketException or OperationCanceledException)
            {
                socket.Dispose();
                if (cancel.IsCancellationRequested) return null;
                JoinLog.ServerNotReached(logger, server, failed.Message);
            }
        }
        if (!_isCutOff) JoinLog.CutOff(logger);
        _isCutOff = true;
        return null;
    }

    // The end of one direction is passed on; an error ends both.
    private static async Task CopyAsync(Socket from, Socket to, CancellationTokenSource either)
    {
        var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            while (await from.ReceiveAsync(buffer, either.Token) is > 0 and var count)
                for (var sent = 0; sent < count;) sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), either.Token);
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception gone) when (gone is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Either end has gone; the other learns it by being closed.
            await either.CancelAsync();
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static (string Host, int Port) Split(string server)
    {
        var colon = server.LastIndexOf(':');
        return (server[..colon].Trim('[', ']'), int.Parse(server[(colon + 1)..], CultureInfo.InvariantCulture));
    }
}
