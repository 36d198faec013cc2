using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Bramble.Network.Dns;

namespace Bramble.Network.Tests.Support;

/// <summary>Asks a DNS server and shows the answer as one line: <c>NoError A 10.43.0.7; A 10.43.0.8</c>.</summary>
internal static class DnsClient
{
    private const int Edns = 1;

    public static byte[] Query(string name, ushort type, int ednsBytes = 0)
    {
        var buffer = new byte[512];
        buffer[0] = 0x12;
        buffer[1] = 0x34;
        buffer[2] = 1;
        buffer[5] = 1;
        var at = DnsQuery.HeaderBytes + DnsWriter.EncodeName(name, buffer.AsSpan(DnsQuery.HeaderBytes));
        BinaryPrimitives.WriteUInt16BigEndian(buffer.AsSpan(at), type);
        BinaryPrimitives.WriteUInt16BigEndian(buffer.AsSpan(at + 2), DnsType.Internet);
        at += 4;
        if (ednsBytes == 0) return buffer[..at];
        buffer[11] = Edns;
        buffer[at + 2] = (byte)DnsType.Opt;
        BinaryPrimitives.WriteUInt16BigEndian(buffer.AsSpan(at + 3), (ushort)ednsBytes);
        return buffer[..(at + 11)];
    }

    public static string Show(ReadOnlySpan<byte> answer)
    {
        var parts = new List<string>();
        var copy = answer.ToArray();
        var isWhole = DnsRecords.Walk(copy, (section, start, ttlAt, type) =>
        {
            if (type == DnsType.Opt) return;
            var at = ttlAt + 6;
            var data = copy.AsSpan(at, BinaryPrimitives.ReadUInt16BigEndian(copy.AsSpan(ttlAt + 4)));
            var text = type switch
            {
                DnsType.A or DnsType.Aaaa => (type == DnsType.A ? "A " : "AAAA ") + new IPAddress(data),
                DnsType.Cname => "CNAME " + DnsRecords.ReadName(copy, at),
                DnsType.Ptr => "PTR " + DnsRecords.ReadName(copy, at),
                DnsType.Srv => $"SRV {BinaryPrimitives.ReadUInt16BigEndian(data[4..])} {DnsRecords.ReadName(copy, at + 6)}",
                DnsType.Soa => "SOA",
                DnsType.Txt => "TXT " + System.Text.Encoding.ASCII.GetString(data[1..]),
                DnsType.Ns => "NS " + DnsRecords.ReadName(copy, at),
                _ => $"TYPE{type}",
            };
            parts.Add(section switch { 0 => text, 1 => "(" + text + ")", _ => $"+{DnsRecords.ReadName(copy, start)} {text}" });
        });
        var code = ((DnsCode)(answer[3] & 0xf)).ToString() + ((answer[2] & 0x02) != 0 ? " truncated" : "") + (isWhole ? "" : " BROKEN");
        return parts.Count == 0 ? code : $"{code} {string.Join("; ", parts)}";
    }

    public static string Ask(NetworkNamespace? place, string server, string name, ushort type, bool byTcp = false, int port = 53) => Talk.In(place, () =>
    {
        using var socket = new Socket(IPAddress.Parse(server).AddressFamily, byTcp ? SocketType.Stream : SocketType.Dgram, byTcp ? ProtocolType.Tcp : ProtocolType.Udp) { ReceiveTimeout = 5000 };
        socket.Connect(IPAddress.Parse(server), port);
        var query = Query(name, type);
        if (byTcp) query = [0, (byte)query.Length, .. query];
        socket.Send(query);
        var buffer = new byte[65536];
        var length = 0;
        do length += socket.Receive(buffer.AsSpan(length));
        while (byTcp && (length < 2 || length < 2 + BinaryPrimitives.ReadUInt16BigEndian(buffer)));
        return Show(buffer.AsSpan(byTcp ? 2 : 0, byTcp ? length - 2 : length));
    });
}
