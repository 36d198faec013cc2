using System.Buffers.Binary;
using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Bramble.Network.Netlink;

/// <summary>A netlink socket for requests, which the kernel answers at once. Not thread-safe.</summary>
internal sealed partial class NetlinkSocket : IDisposable
{
    public const int Route = 0;
    public const int Netfilter = 12;
    public const int Generic = 16;

    private const ushort TypeError = 2;
    private const ushort TypeDone = 3;
    private const ushort FlagRequest = 0x1;
    private const ushort FlagMulti = 0x2;
    private const ushort FlagAck = 0x4;
    private const ushort FlagDump = 0x300;

    private readonly SafeFileHandle _socket;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private uint _sequence;

    public NetlinkSocket(int protocol) => _socket = new SafeFileHandle(Open(protocol), ownsHandle: true);

    /// <summary>A socket that receives the notifications of groups, to be awaited like any other.</summary>
    public static Socket OpenNotifications(int protocol, params ReadOnlySpan<int> groups)
    {
        const int netlinkLevel = 270, addMembership = 1;
        var handle = Open(protocol);
        foreach (var group in groups)
        {
            if (setsockopt(handle, netlinkLevel, addMembership, group, sizeof(int)) >= 0) continue;
            var failed = Failed($"cannot join netlink group {group}");
            _ = close(handle);
            throw failed;
        }
        return new Socket(new SafeSocketHandle(handle, ownsHandle: true)) { Blocking = false };
    }

    /// <summary>Sends one request and waits for the kernel's acknowledgement.</summary>
    /// <exception cref="NetlinkException">The kernel's refusal, as errno.</exception>
    public void Request(ushort type, ushort flags, ReadOnlySpan<byte> body)
    {
        Send(type, (ushort)(flags | FlagRequest | FlagAck), body);
        Answers(static (_, _) => { });
    }

    /// <summary>Sends a request that has one answer.</summary>
    public void Ask(ushort type, ReadOnlySpan<byte> body, Action<ushort, ReadOnlyMemory<byte>> each)
    {
        Send(type, FlagRequest, body);
        Answers(each);
    }

    /// <summary>Sends a dump request and hands each answer (type, body) to <paramref name="each"/>.</summary>
    public void Dump(ushort type, ReadOnlySpan<byte> body, Action<ushort, ReadOnlyMemory<byte>> each)
    {
        Send(type, FlagRequest | FlagDump, body);
        Answers(each);
    }

    public void Dispose() => _socket.Dispose();

    private static int Open(int protocol)
    {
        const int addressFamily = 16, raw = 3, closeOnExec = 0x80000;
        var handle = socket(addressFamily, raw | closeOnExec, protocol);
        if (handle < 0) throw Failed($"cannot open a netlink socket (protocol {protocol})");
        Span<byte> address = stackalloc byte[12];
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, addressFamily);
        if (bind(handle, address, address.Length) == 0) return handle;
        var failed = Failed("cannot bind a netlink socket");
        _ = close(handle);
        throw failed;
    }

    private void Send(ushort type, ushort flags, ReadOnlySpan<byte> body)
    {
        var message = new byte[16 + body.Length];
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(4), type);
        BinaryPrimitives.WriteUInt16LittleEndian(message.AsSpan(6), flags);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), ++_sequence);
        body.CopyTo(message.AsSpan(16));
        if (send(_socket, message, message.Length, 0) < 0) throw Failed("cannot send to the kernel by netlink");
    }

    private void Answers(Action<ushort, ReadOnlyMemory<byte>> each)
    {
        while (true)
        {
            var count = (int)recv(_socket, _buffer, _buffer.Length, 0);
            if (count < 0)
            {
                const int interrupted = 4;
                if (Marshal.GetLastPInvokeError() == interrupted) continue;
                throw Failed("cannot read the kernel's answer by netlink");
            }
            for (var at = 0; at + 16 <= count;)
            {
                var header = _buffer.AsSpan(at);
                var length = BinaryPrimitives.ReadInt32LittleEndian(header);
                if (length < 16 || at + length > count) break;
                var type = BinaryPrimitives.ReadUInt16LittleEndian(header[4..]);
                var flags = BinaryPrimitives.ReadUInt16LittleEndian(header[6..]);
                var isOurs = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) == _sequence;
                if (isOurs && type == TypeError)
                {
                    var error = -BinaryPrimitives.ReadInt32LittleEndian(header[16..]);
                    if (error != 0) throw new NetlinkException(error);
                    return;
                }
                if (isOurs && type == TypeDone) return;
                if (isOurs)
                {
                    each(type, _buffer.AsMemory(at + 16, length - 16));
                    if ((flags & FlagMulti) == 0) return;
                }
                at += (length + 3) & ~3;
            }
        }
    }

    private static Win32Exception Failed(string what) =>
        new(Marshal.GetLastPInvokeError(), $"{what}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int socket, ReadOnlySpan<byte> address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int socket, int level, int option, in int value, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int socket);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(SafeFileHandle socket, ReadOnlySpan<byte> message, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recv(SafeFileHandle socket, Span<byte> buffer, nint length, int flags);
}

/// <summary>The kernel refused a netlink request. <c>Errno</c>: its number.</summary>
internal sealed class NetlinkException(int errno) : Exception($"the kernel refused: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})")
{
    public const int NoEntry = 2, NoProcess = 3, Exists = 17, NoDevice = 19, AddressNotAvailable = 99;

    public int Errno { get; } = errno;
}
