using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Services.Health;

/// <summary>An answer of a <see cref="StatusPort"/>. <c>Headers</c>: more lines, each ended by CR LF.</summary>
internal readonly record struct StatusAnswer(int Code, string Body, string ContentType = "application/json", string Headers = "")
{
    public static readonly StatusAnswer NotFound = new(404, "404 page not found\n", "text/plain; charset=utf-8");

    public byte[] Encode()
    {
        var reason = Code switch { 200 => "OK", 404 => "Not Found", _ => "Service Unavailable" };
        return Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"HTTP/1.1 {Code} {reason}\r\nContent-Type: {ContentType}\r\nX-Content-Type-Options: nosniff\r\n{Headers}Content-Length: {Body.Length}\r\nConnection: close\r\n\r\n{Body}"));
    }
}

/// <summary>A port that answers GET with a short text: what load balancers and Prometheus ask a service proxy. One request a connection, nothing kept; a
/// whole web server for it would cost a megabyte.</summary>
internal sealed class StatusPort : IDisposable
{
    private const int RequestBytesMax = 4096;
    private const int ConnectionsMax = 32;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Socket _listener;
    private readonly Func<string, StatusAnswer> _answer;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    // Full: new clients wait in the kernel's queue.
    private readonly SemaphoreSlim _connections = new(ConnectionsMax);

    private StatusPort(Socket listener, Func<string, StatusAnswer> answer, TimeProvider time, ILogger logger)
    {
        (_listener, _answer, _time, _logger) = (listener, answer, time, logger);
        _ = ServeAsync();
    }

    /// <summary>Listens on an address, or with <paramref name="address"/> null on all of both families.</summary>
    /// <param name="answer">Asked with the path; from any thread.</param>
    /// <exception cref="SocketException">The port is taken.</exception>
    public static StatusPort Open(IPAddress? address, int port, Func<string, StatusAnswer> answer, TimeProvider time, ILogger logger)
    {
        // A kernel without IPv6 has only the second.
        IPAddress[] addresses = address is not null ? [address] : Socket.OSSupportsIPv6 ? [IPAddress.IPv6Any, IPAddress.Any] : [IPAddress.Any];
        for (var i = 0; ; i++)
        {
            var socket = new Socket(addresses[i].AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                if (address is null && addresses[i].AddressFamily == AddressFamily.InterNetworkV6) socket.DualMode = true;
                socket.Bind(new IPEndPoint(addresses[i], port));
                socket.Listen(16);
                return new StatusPort(socket, answer, time, logger);
            }
            catch (SocketException failed)
            {
                socket.Dispose();
                if (i + 1 < addresses.Length && failed.SocketErrorCode is SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable) continue;
                throw;
            }
        }
    }

    public void Dispose()
    {
        // Neither the source nor the semaphore holds anything of the kernel; answers that are under way still use them.
        _stop.Cancel();
        _listener.Dispose();
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                await _connections.WaitAsync(_stop.Token);
                var client = await _listener.AcceptAsync(_stop.Token);
                _ = AnswerAsync(client);
            }
            catch (Exception over) when (over is ObjectDisposedException or OperationCanceledException or SocketException { SocketErrorCode: SocketError.OperationAborted or SocketError.NotSocket })
            {
                return; // nobody wants it any more
            }
            catch (SocketException failed)
            {
                _connections.Release();
                Log.HealthClientGone(_logger, failed.Message);
            }
        }
    }

    private async Task AnswerAsync(Socket client)
    {
        try
        {
            using var _ = client;
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            using var timer = _time.CreateTimer(static s => ((CancellationTokenSource)s!).Cancel(), patience, Patience, Timeout.InfiniteTimeSpan);
            var request = new byte[RequestBytesMax];
            var length = 0;
            while (length < request.Length && !request.AsSpan(0, length).EndsWith("\r\n\r\n"u8))
            {
                var count = await client.ReceiveAsync(request.AsMemory(length), patience.Token);
                if (count == 0) return;
                length += count;
            }
            await client.SendAsync(_answer(PathOf(request.AsSpan(0, length))).Encode(), patience.Token);
            client.Shutdown(SocketShutdown.Both);
        }
        catch (Exception over) when (over is SocketException or OperationCanceledException)
        {
            Log.HealthClientGone(_logger, over.Message);
        }
        finally
        {
            _connections.Release();
        }
    }

    /// <summary>"GET /healthz?x HTTP/1.1" gives "/healthz".</summary>
    internal static string PathOf(ReadOnlySpan<byte> request)
    {
        var words = Encoding.ASCII.GetString(request[..Math.Max(0, request.IndexOf("\r\n"u8))]).Split(' ');
        return words.Length < 2 ? "" : words[1].Split('?')[0];
    }
}
