using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Bramble.Api.Naming;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Services;

/// <summary>Answers <c>spec.healthCheckNodePort</c>: an outside load balancer asks each node whether it has endpoints of a Service with
/// externalTrafficPolicy: Local. 200 with some, 503 with none; the body is kube-proxy's. <see cref="Set"/> is for one caller at a time.</summary>
internal sealed class HealthCheckNodePorts(TimeProvider time, ILogger logger) : IDisposable
{
    private const int RequestBytesMax = 4096;
    private const int ConnectionsMax = 32;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Dictionary<NamespacedName, Check> _checks = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _connections = new(ConnectionsMax);

    private sealed class Check(NamespacedName service, int port, Socket listener)
    {
        public NamespacedName Service { get; } = service;
        public int Port { get; } = port;
        public Socket Listener { get; } = listener;
        public int LocalEndpoints;
    }

    /// <summary>The port that a Service wants answered on every node; 0: none.</summary>
    public static int PortOf(V1Service? service) =>
        service?.Spec is { Type: "LoadBalancer", ExternalTrafficPolicy: "Local", HealthCheckNodePort: > 0 } spec ? spec.HealthCheckNodePort.Value : 0;

    /// <summary>Ready endpoints of this node.</summary>
    public static int CountLocal(IEnumerable<V1EndpointSlice> slices, string node) =>
        slices.SelectMany(s => s.Endpoints ?? []).Where(e => e.NodeName == node && e.Conditions?.Ready != false && e.Addresses is { Count: > 0 }).Select(e => e.Addresses[0]).Distinct().Count();

    public void Set(NamespacedName service, int port, int localEndpoints)
    {
        if (_checks.TryGetValue(service, out var known) && known.Port != port)
        {
            known.Listener.Dispose();
            _checks.Remove(service);
            known = null;
        }
        if (port == 0) return;
        if (known is null)
        {
            if (Listen(service, port) is not { } listener) return;
            _checks[service] = known = new Check(service, port, listener);
            _ = ServeAsync(known);
        }
        Volatile.Write(ref known.LocalEndpoints, localEndpoints);
    }

    public void Dispose()
    {
        _stop.Cancel();
        foreach (var check in _checks.Values) check.Listener.Dispose();
        _connections.Dispose();
        _stop.Dispose();
    }

    private Socket? Listen(NamespacedName service, int port)
    {
        // A kernel without IPv6 has only the second.
        foreach (var family in Socket.OSSupportsIPv6 ? new[] { AddressFamily.InterNetworkV6, AddressFamily.InterNetwork } : [AddressFamily.InterNetwork])
        {
            var socket = new Socket(family, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                if (family == AddressFamily.InterNetworkV6) socket.DualMode = true;
                socket.Bind(new IPEndPoint(family == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, port));
                socket.Listen(16);
                return socket;
            }
            catch (SocketException failed)
            {
                socket.Dispose();
                if (failed.SocketErrorCode is SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable) continue;
                Log.HealthPortTaken(logger, port, service.ToString(), failed.Message);
                return null;
            }
        }
        return null;
    }

    private async Task ServeAsync(Check check)
    {
        var cancel = _stop.Token;
        while (!cancel.IsCancellationRequested)
            try
            {
                await _connections.WaitAsync(cancel);
                var client = await check.Listener.AcceptAsync(cancel);
                _ = AnswerAsync(check, client, cancel);
            }
            catch (Exception over) when (over is ObjectDisposedException or OperationCanceledException or SocketException { SocketErrorCode: SocketError.OperationAborted or SocketError.NotSocket })
            {
                if (!cancel.IsCancellationRequested) _connections.Release();
                return; // the Service no longer wants it
            }
            catch (SocketException failed)
            {
                _connections.Release();
                Log.HealthClientGone(logger, failed.Message);
            }
    }

    private async Task AnswerAsync(Check check, Socket client, CancellationToken cancel)
    {
        try
        {
            using var _ = client;
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            using var timer = time.CreateTimer(static s => ((CancellationTokenSource)s!).Cancel(), patience, Patience, Timeout.InfiniteTimeSpan);
            var request = new byte[RequestBytesMax];
            var length = 0;
            // Whatever is asked, the answer is the same; but it is polite to listen to the end.
            while (length < request.Length && !request.AsSpan(0, length).EndsWith("\r\n\r\n"u8))
            {
                var count = await client.ReceiveAsync(request.AsMemory(length), patience.Token);
                if (count == 0) return;
                length += count;
            }
            await client.SendAsync(Answer(check.Service, Volatile.Read(ref check.LocalEndpoints)), patience.Token);
            client.Shutdown(SocketShutdown.Both);
        }
        catch (Exception over) when (over is SocketException or OperationCanceledException)
        {
            Log.HealthClientGone(logger, over.Message);
        }
        finally
        {
            if (!cancel.IsCancellationRequested) _connections.Release();
        }
    }

    internal static byte[] Answer(NamespacedName service, int localEndpoints)
    {
        var count = localEndpoints.ToString(CultureInfo.InvariantCulture);
        var body = $"{{\n\t\"service\": {{\n\t\t\"namespace\": \"{service.Namespace}\",\n\t\t\"name\": \"{service.Name}\"\n\t}},\n\t\"localEndpoints\": {count},\n\t\"serviceProxyHealthy\": true\n}}";
        var status = localEndpoints > 0 ? "200 OK" : "503 Service Unavailable";
        return Encoding.ASCII.GetBytes(
            $"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nX-Load-Balancing-Endpoint-Weight: {count}\r\n" +
            $"Content-Length: {body.Length.ToString(CultureInfo.InvariantCulture)}\r\nConnection: close\r\n\r\n{body}");
    }
}
