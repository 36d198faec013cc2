using System.Buffers.Binary;
using System.Text;

namespace Bramble.Network.Netlink;

/// <summary>Writes the body of a netlink message: a fixed head, then attributes, each aligned to four bytes.</summary>
internal sealed class NetlinkMessage
{
    private readonly int _headBytes;
    private byte[] _bytes;
    private int _length;

    public NetlinkMessage(int headBytes)
    {
        _headBytes = headBytes;
        _bytes = new byte[Math.Max(headBytes, 64)];
        _length = headBytes;
    }

    public ReadOnlySpan<byte> Body => _bytes.AsSpan(0, _length);

    /// <summary>The fixed head, zero at first.</summary>
    public Span<byte> Head => _bytes.AsSpan(0, _headBytes);

    public NetlinkMessage Add(ushort type, ReadOnlySpan<byte> value)
    {
        var start = Begin(type);
        Reserve(value.Length);
        value.CopyTo(_bytes.AsSpan(_length));
        _length += value.Length;
        End(start);
        return this;
    }

    public NetlinkMessage Add(ushort type, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return Add(type, bytes);
    }

    public NetlinkMessage Add(ushort type, byte value) => Add(type, [value]);

    public NetlinkMessage Add(ushort type, string text) => Add(type, Encoding.UTF8.GetBytes(text + "\0"));

    public NetlinkMessage Nest(ushort type, Action<NetlinkMessage> inside)
    {
        var start = Begin(type);
        inside(this);
        End(start);
        return this;
    }

    private int Begin(ushort type)
    {
        Reserve(4);
        var start = _length;
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(start + 2), type);
        _length += 4;
        return start;
    }

    private void End(int start)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(start), (ushort)(_length - start));
        var aligned = (_length + 3) & ~3;
        Reserve(aligned - _length);
        _bytes.AsSpan(_length, aligned - _length).Clear();
        _length = aligned;
    }

    private void Reserve(int bytes)
    {
        if (_length + bytes > _bytes.Length) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + bytes));
    }
}

/// <summary>Reads attributes of a netlink message: <c>foreach (var (type, value) in …)</c>.</summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> bytes)
{
    private const ushort TypeMask = 0x3fff;
    private ReadOnlySpan<byte> _rest = bytes;

    public ushort Type { get; private set; }
    public ReadOnlySpan<byte> Value { get; private set; }

    public bool Next()
    {
        if (_rest.Length < 4) return false;
        var length = BinaryPrimitives.ReadUInt16LittleEndian(_rest);
        if (length < 4 || length > _rest.Length) return false;
        Type = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(_rest[2..]) & TypeMask);
        Value = _rest[4..length];
        _rest = _rest[Math.Min((length + 3) & ~3, _rest.Length)..];
        return true;
    }

    /// <summary>The value of one attribute; empty when it is not there.</summary>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> bytes, ushort type)
    {
        var attributes = new NetlinkAttributes(bytes);
        while (attributes.Next())
            if (attributes.Type == type) return attributes.Value;
        return default;
    }
}
