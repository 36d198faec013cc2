using System.Net.Sockets;
using Grpc.Net.Client;

namespace Bramble.Kubelet;

/// <summary>gRPC over a unix socket: one HTTP/2 connection, made again when it breaks.</summary>
internal static class UnixSocketChannel
{
    private const int ReceiveMax = 16 << 20;

    /// <param name="endpoint">A path, with or without <c>unix://</c>.</param>
    /// <param name="connected">Called at each connection that is made (true) and ended (false); such a channel keeps an idle connection. Null: nobody asks.</param>
    public static GrpcChannel Open(string endpoint, Action<bool>? connected = null)
    {
        var path = endpoint.StartsWith("unix://", StringComparison.Ordinal) ? endpoint["unix://".Length..] : endpoint;
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            UseProxy = false,
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
                    return connected is null ? new NetworkStream(socket, ownsSocket: true) : new WatchedStream(socket, connected);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        if (connected is not null) handler.PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan;
        return GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true, MaxReceiveMessageSize = ReceiveMax });
    }

    /// <summary>Tells when the connection begins and when it ends: the HTTP/2 connection reads all the time, and closes its stream at the end of the other side.</summary>
    private sealed class WatchedStream : NetworkStream
    {
        private Action<bool>? _connected;

        public WatchedStream(Socket socket, Action<bool> connected) : base(socket, ownsSocket: true)
        {
            _connected = connected;
            connected(true);
        }

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            Interlocked.Exchange(ref _connected, null)?.Invoke(false);
        }
    }
}
