using System.Net.Sockets;
using Grpc.Net.Client;

namespace Bramble.Kubelet;

/// <summary>gRPC over a unix socket: one HTTP/2 connection, made again when it breaks.</summary>
internal static class UnixSocketChannel
{
    private const int ReceiveMax = 16 << 20;

    /// <param name="endpoint">A path, with or without <c>unix://</c>.</param>
    public static GrpcChannel Open(string endpoint)
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
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        return GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true, MaxReceiveMessageSize = ReceiveMax });
    }
}
