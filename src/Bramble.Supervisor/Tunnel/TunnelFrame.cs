using System.Buffers;

namespace Bramble.Supervisor.Tunnel;

/// <summary>What a frame says; numbers are remotedialer's.</summary>
internal enum FrameType
{
    Data = 1,
    Connect = 2,
    Error = 3,
    AddClient = 4,
    RemoveClient = 5,
    Pause = 6,
    Resume = 7,
    SyncConnections = 8,
}

/// <summary>One binary WebSocket message of the tunnel by which a server reaches kubelets: numbers as zig-zag varints, then bytes. Pure.
/// Source: rancher/remotedialer, as K3s speaks it.</summary>
internal readonly record struct TunnelFrame(long Id, long Connection, FrameType Type, ReadOnlyMemory<byte> Payload)
{
    // Written because the other side reads it; its value is ignored there.
    private const long Deadline = 15000;

    /// <summary>Longest head: four varints of ten bytes.</summary>
    public const int HeadBytesMax = 40;

    /// <summary>False: the message is cut off within its head.</summary>
    public static bool TryParse(ReadOnlyMemory<byte> message, out TunnelFrame frame)
    {
        frame = default;
        var rest = message;
        if (!TryReadNumber(ref rest, out var id) || !TryReadNumber(ref rest, out var connection) || !TryReadNumber(ref rest, out var type)) return false;
        if ((FrameType)type is FrameType.Data or FrameType.Connect && !TryReadNumber(ref rest, out _)) return false;
        frame = new TunnelFrame(id, connection, (FrameType)type, rest);
        return true;
    }

    /// <summary>The frame as a message in a rented array; the caller gives it back.</summary>
    public (byte[] Rented, int Length) Write()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(HeadBytesMax + Payload.Length);
        var length = WriteNumber(buffer, 0, Id);
        length = WriteNumber(buffer, length, Connection);
        length = WriteNumber(buffer, length, (long)Type);
        if (Type is FrameType.Data or FrameType.Connect) length = WriteNumber(buffer, length, Deadline);
        Payload.Span.CopyTo(buffer.AsSpan(length));
        return (buffer, length + Payload.Length);
    }

    // Go's PutVarint: 0, -1, 1, -2 become 0, 1, 2, 3; seven bits a byte, low ones first.
    private static int WriteNumber(byte[] buffer, int at, long value)
    {
        var bits = (ulong)(value << 1) ^ (ulong)(value >> 63);
        while (bits >= 0x80)
        {
            buffer[at++] = (byte)(bits | 0x80);
            bits >>= 7;
        }
        buffer[at++] = (byte)bits;
        return at;
    }

    private static bool TryReadNumber(ref ReadOnlyMemory<byte> rest, out long value)
    {
        var bits = 0UL;
        value = 0;
        var span = rest.Span;
        for (var i = 0; i < span.Length && i < 10; i++)
        {
            bits |= (ulong)(span[i] & 0x7f) << (7 * i);
            if (span[i] >= 0x80) continue;
            value = (long)(bits >> 1) ^ -(long)(bits & 1);
            rest = rest[(i + 1)..];
            return true;
        }
        return false;
    }
}
