using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Bramble.Network.Tests.Support;

/// <summary>The smallest server and client: the server answers with its name and the address it saw.</summary>
internal static class Talk
{
    /// <summary>Serves TCP and UDP until the sockets are disposed.</summary>
    public static IDisposable Serve(NetworkNamespace? place, string name, int port, string address = "0.0.0.0")
    {
        var (listener, datagrams) = In(place, () =>
        {
            var tcp = new TcpListener(IPAddress.Parse(address), port);
            tcp.Start();
            return (tcp, new UdpClient(new IPEndPoint(IPAddress.Parse(address), port)));
        });
        _ = Task.Run(async () =>
        {
            while (true)
            {
                try
                {
                    using var client = await listener.AcceptTcpClientAsync();
                    await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes($"{name} {Seen(client.Client.RemoteEndPoint)}"));
                }
                catch (Exception closed) when (closed is ObjectDisposedException or SocketException) { return; }
            }
        });
        _ = Task.Run(async () =>
        {
            while (true)
            {
                try
                {
                    var request = await datagrams.ReceiveAsync();
                    await datagrams.SendAsync(Encoding.UTF8.GetBytes($"{name} {Seen(request.RemoteEndPoint)}"), request.RemoteEndPoint);
                }
                catch (Exception closed) when (closed is ObjectDisposedException or SocketException) { return; }
            }
        });
        return new Closing(() =>
        {
            listener.Dispose();
            datagrams.Dispose();
        });
    }

    /// <summary>What the server says, or <c>refused</c>, <c>timeout</c>, <c>unreachable</c>.</summary>
    public static string Ask(NetworkNamespace? place, string address, int port) => In(place, () =>
    {
        using var socket = new Socket(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 1500, NoDelay = true };
        try
        {
            if (!socket.ConnectAsync(IPAddress.Parse(address), port).Wait(1500)) return "timeout";
            var buffer = new byte[256];
            return Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer));
        }
        catch (Exception failed)
        {
            return Word(failed);
        }
    });

    public static string AskUdp(NetworkNamespace? place, string address, int port, int fromPort = 0) => In(place, () =>
    {
        using var socket = new Socket(IPAddress.Parse(address).AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 1500 };
        try
        {
            socket.Bind(new IPEndPoint(socket.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, fromPort));
            socket.Connect(IPAddress.Parse(address), port);
            socket.Send("?"u8);
            var buffer = new byte[256];
            return Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer));
        }
        catch (Exception failed)
        {
            return Word(failed);
        }
    });

    public static T In<T>(NetworkNamespace? place, Func<T> code) => place is null ? code() : place.Inside(code);

    private static string Seen(EndPoint? remote) => ((IPEndPoint)remote!).Address.ToString();

    private static string Word(Exception failed) => (failed as SocketException ?? failed.InnerException as SocketException)?.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => "refused",
        SocketError.TimedOut or SocketError.WouldBlock => "timeout",
        SocketError.NetworkUnreachable or SocketError.HostUnreachable => "unreachable",
        var other => $"{other}: {failed.Message}",
    };

    private sealed class Closing(Action close) : IDisposable
    {
        public void Dispose() => close();
    }
}
