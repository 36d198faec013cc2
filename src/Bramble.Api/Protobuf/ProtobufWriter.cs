using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Bramble.Api.Protobuf;

/// <summary>A growing buffer of protobuf. Messages are written in place; their length is put before them when they end. The buffer is pooled: dispose it.</summary>
internal sealed class ProtobufWriter : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(4096);
    private int _length;

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    public int Length => _length;

    public void Tag(int number, int wireType) => Varint(((ulong)number << 3) | (uint)wireType);

    public void Varint(ulong value)
    {
        var span = Reserve(10);
        var at = 0;
        while (value >= 0x80)
        {
            span[at++] = (byte)(value | 0x80);
            value >>= 7;
        }
        span[at++] = (byte)value;
        _length += at;
    }

    public void Number(int number, long value)
    {
        Tag(number, 0);
        Varint((ulong)value);
    }

    public void Double(int number, double value)
    {
        Tag(number, 1);
        BinaryPrimitives.WriteDoubleLittleEndian(Reserve(8), value);
        _length += 8;
    }

    public void Bytes(int number, ReadOnlySpan<byte> value)
    {
        Tag(number, 2);
        Varint((ulong)value.Length);
        Raw(value);
    }

    public void Text(int number, string value)
    {
        Tag(number, 2);
        Varint((ulong)Encoding.UTF8.GetByteCount(value));
        var span = Reserve(Encoding.UTF8.GetMaxByteCount(value.Length));
        _length += Encoding.UTF8.GetBytes(value, span);
    }

    public void Raw(ReadOnlySpan<byte> value)
    {
        value.CopyTo(Reserve(value.Length));
        _length += value.Length;
    }

    /// <summary>Begins a message (or any length-prefixed field); what is written until <see cref="End"/> is its content.</summary>
    public int Begin(int number)
    {
        Tag(number, 2);
        // One byte for the length; a longer one moves the content, which happens once a level for long messages.
        Reserve(1);
        return ++_length;
    }

    public void End(int start)
    {
        var length = _length - start;
        var lengthBytes = 1;
        for (var rest = length >> 7; rest > 0; rest >>= 7) lengthBytes++;
        if (lengthBytes > 1)
        {
            Reserve(lengthBytes);
            _buffer.AsSpan(start, length).CopyTo(_buffer.AsSpan(start + lengthBytes - 1));
        }
        _length = start - 1;
        Varint((ulong)length);
        _length += length;
    }

    public void Dispose()
    {
        // Objects may be Secrets.
        _buffer.AsSpan(0, _length).Clear();
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private Span<byte> Reserve(int count)
    {
        if (_buffer.Length - _length < count)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, _length + count));
            _buffer.AsSpan(0, _length).CopyTo(larger);
            _buffer.AsSpan(0, _length).Clear();
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }
        return _buffer.AsSpan(_length);
    }
}
