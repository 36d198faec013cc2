using System.Buffers.Binary;
using System.Net;

namespace Bramble.Network.Netlink;

/// <summary>One tracked flow: where the client sent to and who answers.</summary>
internal readonly record struct TrackedFlow(byte Protocol, IPAddress Destination, int DestinationPort, IPAddress ReplySource, int ReplySourcePort);

/// <summary>The kernel's connection tracking by ctnetlink: what <c>conntrack -D</c> would do. Source: linux/netfilter/nfnetlink_conntrack.h. Not thread-safe.</summary>
internal sealed class ConntrackNetlink : IDisposable
{
    public const byte Udp = 17;

    private const ushort Get = (1 << 8) | 1, Delete = (1 << 8) | 2;
    private const ushort TupleOriginal = 1, TupleReply = 2, Id = 12, TupleIp = 1, TupleProtocol = 2, Nested = 0x8000;

    private readonly NetlinkSocket _dump = new(NetlinkSocket.Netfilter);
    private readonly NetlinkSocket _delete = new(NetlinkSocket.Netfilter);

    /// <summary>Forgets the flows of one protocol that match; returns how many.</summary>
    public int Forget(bool isV6, byte protocol, Func<TrackedFlow, bool> matches)
    {
        var found = new List<byte[]>();
        _dump.Dump(Get, Head(isV6).Body, (_, body) =>
        {
            var attributes = body.Span[4..];
            var original = NetlinkAttributes.Find(attributes, TupleOriginal);
            var number = NetlinkAttributes.Find(NetlinkAttributes.Find(original, TupleProtocol), 1);
            if (number.IsEmpty || number[0] != protocol) return;
            var reply = NetlinkAttributes.Find(attributes, TupleReply);
            var (destination, destinationPort) = End(original, isV6, isSource: false);
            var (source, sourcePort) = End(reply, isV6, isSource: true);
            if (!matches(new TrackedFlow(protocol, destination, destinationPort, source, sourcePort))) return;
            // The tuple as it came, and the id, so that a flow that began meanwhile is left alone.
            found.Add(Head(isV6).Add(TupleOriginal | Nested, original).Add(Id, NetlinkAttributes.Find(attributes, Id)).Body.ToArray());
        });
        var count = 0;
        foreach (var request in found)
            try
            {
                _delete.Request(Delete, 0, request);
                count++;
            }
            catch (NetlinkException gone) when (gone.Errno == NetlinkException.NoEntry)
            {
                continue;
            }
        return count;
    }

    public void Dispose()
    {
        _dump.Dispose();
        _delete.Dispose();
    }

    private static NetlinkMessage Head(bool isV6)
    {
        var message = new NetlinkMessage(4);
        message.Head[0] = isV6 ? (byte)10 : (byte)2;
        return message;
    }

    private static (IPAddress Address, int Port) End(ReadOnlySpan<byte> tuple, bool isV6, bool isSource)
    {
        var ip = NetlinkAttributes.Find(NetlinkAttributes.Find(tuple, TupleIp), (ushort)((isV6 ? 3 : 1) + (isSource ? 0 : 1)));
        var port = NetlinkAttributes.Find(NetlinkAttributes.Find(tuple, TupleProtocol), (ushort)(isSource ? 2 : 3));
        return (ip.Length is 4 or 16 ? new IPAddress(ip) : IPAddress.None, port.Length == 2 ? BinaryPrimitives.ReadUInt16BigEndian(port) : 0);
    }
}
