using System.Buffers.Binary;

namespace Bramble.Network.Dns;

/// <summary>Record types and classes. Source: IANA DNS parameters.</summary>
internal static class DnsType
{
    public const ushort A = 1, Ns = 2, Cname = 5, Soa = 6, Ptr = 12, Txt = 16, Aaaa = 28, Srv = 33, Opt = 41, Ixfr = 251, Axfr = 252, Any = 255;
    public const ushort Internet = 1;
}

/// <summary>RFC 1035 4.1.1.</summary>
internal enum DnsCode : byte { NoError = 0, FormatError = 1, ServerFailure = 2, NameError = 3, NotImplemented = 4, Refused = 5 }

/// <summary>What became of reading a request.</summary>
internal enum DnsParse
{
    Ok,

    /// <summary>Not even an id, or an answer: nothing to say to it.</summary>
    Ignore,

    /// <summary>An id, but no question we understand.</summary>
    FormatError,

    /// <summary>Another operation than a query.</summary>
    NotImplemented,
}

/// <summary>One question as it came. Points into the request; allocates nothing. Source: RFC 1035 4.1, RFC 6891.</summary>
internal readonly ref struct DnsQuery
{
    public const int HeaderBytes = 12;
    public const int NameCharsMax = 255;
    private const int UdpBytesClassic = 512;

    /// <summary>Lower case, without the last dot; the root is empty.</summary>
    public ReadOnlySpan<char> Name { get; private init; }

    public ushort Type { get; private init; }
    public ushort Class { get; private init; }

    /// <summary>End of the question section in the request.</summary>
    public int QuestionEnd { get; private init; }

    public bool HasEdns { get; private init; }

    /// <summary>The client wants the signatures too (RFC 3225).</summary>
    public bool WantsDnssec { get; private init; }

    /// <summary>How many bytes the client takes by UDP.</summary>
    public int UdpBytesMax { get; private init; }

    /// <summary>A label holds a dot or a byte that is not ASCII: never a name of the cluster.</summary>
    public bool IsOdd { get; private init; }

    /// <param name="nameBuffer">At least <see cref="NameCharsMax"/> characters; the result's name lives there.</param>
    public static DnsParse Read(ReadOnlySpan<byte> request, Span<char> nameBuffer, out DnsQuery query)
    {
        query = default;
        if (request.Length < HeaderBytes || (request[2] & 0x80) != 0) return DnsParse.Ignore;
        if ((request[2] & 0x78) != 0) return DnsParse.NotImplemented;
        if (BinaryPrimitives.ReadUInt16BigEndian(request[4..]) != 1) return DnsParse.FormatError;

        var at = HeaderBytes;
        var length = 0;
        var isOdd = false;
        while (true)
        {
            if (at >= request.Length) return DnsParse.FormatError;
            int label = request[at++];
            if (label == 0) break;
            // A question is the first name: there is nothing before it that it could point to.
            if (label > 63 || at + label > request.Length || length + label + 1 > NameCharsMax) return DnsParse.FormatError;
            if (length > 0) nameBuffer[length++] = '.';
            foreach (var b in request.Slice(at, label))
            {
                isOdd |= b is (byte)'.' or >= 0x80;
                nameBuffer[length++] = (char)(b is >= (byte)'A' and <= (byte)'Z' ? b | 0x20 : b);
            }
            at += label;
        }
        if (at + 4 > request.Length) return DnsParse.FormatError;
        var type = BinaryPrimitives.ReadUInt16BigEndian(request[at..]);
        var @class = BinaryPrimitives.ReadUInt16BigEndian(request[(at + 2)..]);
        var end = at + 4;
        var (hasEdns, udpMax, wantsDnssec) = ReadEdns(request, end);
        query = new DnsQuery
        {
            Name = nameBuffer[..length],
            Type = type,
            Class = @class,
            QuestionEnd = end,
            HasEdns = hasEdns,
            WantsDnssec = wantsDnssec,
            UdpBytesMax = Math.Clamp(udpMax, UdpBytesClassic, 4096),
            IsOdd = isOdd,
        };
        return DnsParse.Ok;
    }

    // The OPT record is looked for among all records after the question; what cannot be read there is as good as not there.
    private static (bool HasEdns, int UdpBytesMax, bool WantsDnssec) ReadEdns(ReadOnlySpan<byte> request, int at)
    {
        var records = BinaryPrimitives.ReadUInt16BigEndian(request[6..]) + BinaryPrimitives.ReadUInt16BigEndian(request[8..]) + BinaryPrimitives.ReadUInt16BigEndian(request[10..]);
        for (var i = 0; i < records; i++)
        {
            at = DnsRecords.SkipName(request, at);
            if (at < 0 || at + 10 > request.Length) break;
            var type = BinaryPrimitives.ReadUInt16BigEndian(request[at..]);
            if (type == DnsType.Opt) return (true, BinaryPrimitives.ReadUInt16BigEndian(request[(at + 2)..]), (request[at + 6] & 0x80) != 0);
            at += 10 + BinaryPrimitives.ReadUInt16BigEndian(request[(at + 8)..]);
        }
        return (false, UdpBytesClassic, false);
    }
}

/// <summary>Walking over the records of a message that somebody else made.</summary>
internal static class DnsRecords
{
    /// <summary>Position after the name at <paramref name="at"/>; -1: it does not end inside the message.</summary>
    public static int SkipName(ReadOnlySpan<byte> message, int at)
    {
        while (at >= 0 && at < message.Length)
        {
            var label = message[at];
            if (label == 0) return at + 1;
            if ((label & 0xc0) == 0xc0) return at + 2 <= message.Length ? at + 2 : -1;
            if (label > 63) return -1;
            at += 1 + label;
        }
        return -1;
    }

    /// <summary>The name at <paramref name="at"/>, pointers followed, lower case without the last dot; null: broken.</summary>
    public static string? ReadName(ReadOnlySpan<byte> message, int at)
    {
        Span<char> name = stackalloc char[DnsQuery.NameCharsMax];
        var length = 0;
        // Each pointer must lead further back, so there is no loop.
        var limit = message.Length;
        while (at < message.Length)
        {
            int label = message[at];
            if (label == 0) return name[..length].ToString();
            if ((label & 0xc0) == 0xc0)
            {
                if (at + 1 >= message.Length) return null;
                var target = (label & 0x3f) << 8 | message[at + 1];
                if (target >= limit || target >= at) return null;
                at = limit = target;
                continue;
            }
            if (label > 63 || at + 1 + label > message.Length || length + label + 1 > name.Length) return null;
            if (length > 0) name[length++] = '.';
            foreach (var b in message.Slice(at + 1, label)) name[length++] = char.ToLowerInvariant((char)b);
            at += 1 + label;
        }
        return null;
    }

    /// <summary>Calls <paramref name="each"/> with (section 0–2, start of the record, position of its TTL, its type) for every record after the questions.
    /// False: the message is broken; what was seen before was fine.</summary>
    public static bool Walk(ReadOnlySpan<byte> message, RecordVisitor each)
    {
        if (message.Length < DnsQuery.HeaderBytes) return false;
        var at = DnsQuery.HeaderBytes;
        for (var i = BinaryPrimitives.ReadUInt16BigEndian(message[4..]); i > 0; i--)
        {
            at = SkipName(message, at);
            if (at < 0 || at + 4 > message.Length) return false;
            at += 4;
        }
        for (var section = 0; section < 3; section++)
            for (var i = BinaryPrimitives.ReadUInt16BigEndian(message[(6 + section * 2)..]); i > 0; i--)
            {
                var start = at;
                at = SkipName(message, at);
                if (at < 0 || at + 10 > message.Length) return false;
                var end = at + 10 + BinaryPrimitives.ReadUInt16BigEndian(message[(at + 8)..]);
                if (end > message.Length) return false;
                each(section, start, at + 4, BinaryPrimitives.ReadUInt16BigEndian(message[at..]));
                at = end;
            }
        return true;
    }

    public delegate void RecordVisitor(int section, int start, int ttlAt, ushort type);
}
