using System.Net.Sockets;
using System.Text;

namespace Bramble.Serving;

/// <summary>Tells systemd how the service is (sd_notify(3)): a datagram to the socket named by NOTIFY_SOCKET. Without systemd it does nothing.</summary>
internal static class ServiceNotify
{
    public static void Ready() => Send("READY=1\nSTATUS=Running");

    public static void Stopping() => Send("STOPPING=1");

    public static void Status(string text) => Send($"STATUS={text}");

    private static void Send(string message)
    {
        if (Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is not { Length: > 0 } path) return;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        // A leading @ names the abstract namespace, whose first byte is zero.
        socket.SendTo(Encoding.UTF8.GetBytes(message), new UnixDomainSocketEndPoint(path[0] == '@' ? "\0" + path[1..] : path));
    }
}
