using System.Buffers.Binary;

namespace Bramble.Api.Protobuf;

/// <summary>Bytes are no protobuf of what they should be. The message is that of Go's decoder.</summary>
public sealed class ProtobufFormatException(string message) : Exception(message);

/// <summary>Reads the fields of one message in order. Never reads past its span; anything wrong is a <see cref="ProtobufFormatException"/>.</summary>
internal ref struct ProtobufReader(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _rest = message;

    public int Number { get; private set; }

    /// <summary>0 varint, 1 eight bytes, 2 length-prefixed, 5 four bytes.</summary>
    public int WireType { get; private set; }

    /// <summary>The value of a varint or of fixed bytes.</summary>
    public ulong Value { get; private set; }

    /// <summary>The content of a length-prefixed field.</summary>
    public ReadOnlySpan<byte> Content { get; private set; }

    public bool Read()
    {
        if (_rest.IsEmpty) return false;
        var tag = Varint();
        Number = (int)(tag >> 3);
        WireType = (int)(tag & 7);
        if (Number <= 0) throw new ProtobufFormatException($"proto: illegal tag {Number} (wire type {WireType})");
        switch (WireType)
        {
            case 0:
                Value = Varint();
                break;
            case 1:
                Value = BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
                break;
            case 2:
                var length = Varint();
                if (length > int.MaxValue) throw new ProtobufFormatException("proto: negative length found during unmarshaling");
                Content = Take((int)length);
                break;
            case 5:
                Value = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
                break;
            default:
                throw new ProtobufFormatException($"proto: illegal wireType {WireType}");
        }
        return true;
    }

    public readonly void Expect(int wireType, string field)
    {
        if (WireType != wireType) throw new ProtobufFormatException($"proto: wrong wireType = {WireType} for field {field}");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length) throw new ProtobufFormatException("unexpected EOF");
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            if (shift >= 64) throw new ProtobufFormatException("proto: integer overflow");
            if (_rest.IsEmpty) throw new ProtobufFormatException("unexpected EOF");
            var next = _rest[0];
            _rest = _rest[1..];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
        }
    }
}
