using System.Buffers.Binary;

namespace Bramble.Network.Dns;

/// <summary>Writes an answer into a buffer: the request's question, then records while there is room. Allocates nothing.</summary>
internal ref struct DnsWriter
{
    private const ushort OurUdpBytesMax = 1232;
    private const int OptBytes = 11;

    private readonly Span<byte> _buffer;
    private readonly int _limit;
    private readonly bool _hasEdns;
    private int _length;
    private int _answers, _authorities, _additionals;
    private bool _isTruncated;

    /// <param name="limit">Bytes that the client takes; the answer never grows beyond.</param>
    public DnsWriter(Span<byte> buffer, ReadOnlySpan<byte> request, int questionEnd, bool hasEdns, int limit)
    {
        _buffer = buffer;
        _hasEdns = hasEdns;
        _limit = Math.Min(limit, buffer.Length) - (hasEdns ? OptBytes : 0);
        request[..questionEnd].CopyTo(buffer);
        _length = questionEnd;
        buffer[6..12].Clear();
    }

    public void Address(scoped ReadOnlySpan<byte> address, uint ttlSeconds) => Answer(address.Length == 4 ? DnsType.A : DnsType.Aaaa, ttlSeconds, address);

    public void Name(ushort type, ReadOnlySpan<char> target, uint ttlSeconds)
    {
        Span<byte> data = stackalloc byte[DnsQuery.NameCharsMax + 2];
        Answer(type, ttlSeconds, data[..EncodeName(target, data)]);
    }

    public void Service(int port, ReadOnlySpan<char> target, ushort weight, uint ttlSeconds)
    {
        Span<byte> data = stackalloc byte[DnsQuery.NameCharsMax + 8];
        data[..2].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(data[2..], weight);
        BinaryPrimitives.WriteUInt16BigEndian(data[4..], (ushort)port);
        Answer(DnsType.Srv, ttlSeconds, data[..(6 + EncodeName(target, data[6..]))]);
    }

    public void Text(ReadOnlySpan<char> text, uint ttlSeconds)
    {
        Span<byte> data = stackalloc byte[256];
        data[0] = (byte)System.Text.Encoding.ASCII.GetBytes(text, data[1..]);
        Answer(DnsType.Txt, ttlSeconds, data[..(1 + data[0])]);
    }

    /// <summary>An address of a name that an earlier record mentioned.</summary>
    public void AdditionalAddress(ReadOnlySpan<char> name, scoped ReadOnlySpan<byte> address, uint ttlSeconds)
    {
        Span<byte> owner = stackalloc byte[DnsQuery.NameCharsMax + 2];
        if (!_isTruncated && Record(owner[..EncodeName(name, owner)], address.Length == 4 ? DnsType.A : DnsType.Aaaa, ttlSeconds, address)) _additionals++;
    }

    /// <summary>A record of another message, its owner given.</summary>
    public void Raw(ReadOnlySpan<char> owner, ushort type, uint ttlSeconds, scoped ReadOnlySpan<byte> data)
    {
        Span<byte> name = stackalloc byte[DnsQuery.NameCharsMax + 2];
        if (Record(name[..EncodeName(owner, name)], type, ttlSeconds, data)) _answers++;
        else _isTruncated = true;
    }

    /// <summary>The start of authority, as answer or beside a negative one (RFC 2308).</summary>
    public void StartOfAuthority(ReadOnlySpan<char> zone, uint serial, uint ttlSeconds, bool isAnswer)
    {
        Span<byte> owner = stackalloc byte[DnsQuery.NameCharsMax + 2];
        var ownerBytes = owner[..EncodeName(zone, owner)];
        Span<byte> data = stackalloc byte[2 * DnsQuery.NameCharsMax + 64];
        var length = EncodeName("ns.dns", data) - 1;
        ownerBytes.CopyTo(data[length..]);
        length += ownerBytes.Length;
        length += EncodeName("hostmaster", data[length..]) - 1;
        ownerBytes.CopyTo(data[length..]);
        length += ownerBytes.Length;
        foreach (var number in (ReadOnlySpan<uint>)[serial, 7200, 1800, 86400, ttlSeconds])
        {
            BinaryPrimitives.WriteUInt32BigEndian(data[length..], number);
            length += 4;
        }
        if (!Record(ownerBytes, DnsType.Soa, ttlSeconds, data[..length])) _isTruncated |= isAnswer;
        else if (isAnswer) _answers++;
        else _authorities++;
    }

    /// <summary>Finishes the message; returns its length.</summary>
    public int Finish(DnsCode code, bool isAuthoritative)
    {
        var wantsRecursion = _buffer[2] & 0x01;
        _buffer[2] = (byte)(0x80 | (isAuthoritative ? 0x04 : 0) | (_isTruncated ? 0x02 : 0) | wantsRecursion);
        _buffer[3] = (byte)(0x80 | (byte)code);
        if (_hasEdns)
        {
            ReadOnlySpan<byte> opt = [0, 0, (byte)DnsType.Opt, OurUdpBytesMax >> 8, OurUdpBytesMax & 0xff, 0, 0, 0, 0, 0, 0];
            opt.CopyTo(_buffer[_length..]);
            _length += OptBytes;
            _additionals++;
        }
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[6..], (ushort)_answers);
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[8..], (ushort)_authorities);
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[10..], (ushort)_additionals);
        return _length;
    }

    /// <summary>A name in wire form, uncompressed; returns its length.</summary>
    public static int EncodeName(ReadOnlySpan<char> name, Span<byte> target)
    {
        var length = 0;
        while (name.Length > 0)
        {
            var dot = name.IndexOf('.');
            var label = dot < 0 ? name : name[..dot];
            if (label.Length is 0 or > 63 || length + label.Length + 2 > DnsQuery.NameCharsMax) break;
            target[length++] = (byte)label.Length;
            foreach (var c in label) target[length++] = (byte)c;
            name = dot < 0 ? default : name[(dot + 1)..];
        }
        target[length++] = 0;
        return length;
    }

    // The question's name is always at 12: two bytes point there.
    private void Answer(ushort type, uint ttlSeconds, scoped ReadOnlySpan<byte> data)
    {
        if (!_isTruncated && Record([0xc0, DnsQuery.HeaderBytes], type, ttlSeconds, data)) _answers++;
        else _isTruncated = true;
    }

    private bool Record(scoped ReadOnlySpan<byte> owner, ushort type, uint ttlSeconds, scoped ReadOnlySpan<byte> data)
    {
        if (_length + owner.Length + 10 + data.Length > _limit) return false;
        owner.CopyTo(_buffer[_length..]);
        var at = _buffer[(_length + owner.Length)..];
        BinaryPrimitives.WriteUInt16BigEndian(at, type);
        BinaryPrimitives.WriteUInt16BigEndian(at[2..], DnsType.Internet);
        BinaryPrimitives.WriteUInt32BigEndian(at[4..], ttlSeconds);
        BinaryPrimitives.WriteUInt16BigEndian(at[8..], (ushort)data.Length);
        data.CopyTo(at[10..]);
        _length += owner.Length + 10 + data.Length;
        return true;
    }
}
