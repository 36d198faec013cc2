using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Bramble.Network.Netlink;

/// <summary>Tells when somebody takes a route of ours away or an interface of interest comes, goes or changes, by the kernel's own notifications. Costs
/// nothing while nobody does. Source: rtnetlink(7), linux/rtnetlink.h.</summary>
internal sealed class RouteMonitor(Func<string, bool> isOfInterest) : IDisposable
{
    private const int GroupLink = 1, GroupRoute4 = 7, GroupRoute6 = 11;
    private const ushort NewLink = 16, DeleteLink = 17, DeleteRoute = 25;

    private readonly Socket _socket = NetlinkSocket.OpenNotifications(NetlinkSocket.Route, GroupLink, GroupRoute4, GroupRoute6);
    private readonly byte[] _buffer = new byte[64 * 1024];

    /// <summary>Returns after the next such change.</summary>
    public async Task NextAsync(CancellationToken cancel)
    {
        while (true)
            try
            {
                var count = await _socket.ReceiveAsync(_buffer, cancel);
                if (Concerns(_buffer.AsSpan(0, count), isOfInterest)) return;
            }
            catch (SocketException overrun) when (overrun.SocketErrorCode == SocketError.NoBufferSpaceAvailable)
            {
                // More than the kernel kept for us: whatever it was, look at everything.
                return;
            }
    }

    public void Dispose() => _socket.Dispose();

    internal static bool Concerns(ReadOnlySpan<byte> messages, Func<string, bool> isOfInterest)
    {
        while (messages.Length >= 16)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(messages);
            if (length < 16 || length > messages.Length) break;
            var type = BinaryPrimitives.ReadUInt16LittleEndian(messages[4..]);
            var body = messages[16..length];
            if (type == DeleteRoute && body.Length >= 12 && body[5] == RouteNetlink.OurProtocol) return true;
            if (type is NewLink or DeleteLink && body.Length >= 16 && NetlinkAttributes.Find(body[16..], 3) is { Length: > 1 } name && isOfInterest(Encoding.UTF8.GetString(name[..^1]))) return true;
            messages = messages[Math.Min((length + 3) & ~3, messages.Length)..];
        }
        return false;
    }
}
