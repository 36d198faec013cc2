using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Dns;

/// <summary>Asks the servers of the node's resolv.conf, in their order, one after another when one is silent. Thread-safe.</summary>
internal sealed class Upstream(IReadOnlyList<IPEndPoint> servers, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan PatienceUdp = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PatienceTcp = TimeSpan.FromSeconds(5);

    // The server that answered last is asked first.
    private int _preferred;

    public int Count => servers.Count;

    /// <summary>The nameservers of a resolv.conf without those that are us: asking ourselves would never end.</summary>
    public static IReadOnlyList<IPEndPoint> Parse(string resolvConf, IReadOnlyCollection<IPAddress> ourselves)
    {
        var servers = new List<IPEndPoint>();
        foreach (var line in resolvConf.Split('\n'))
        {
            var words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            if (words.Length < 2 || words[0] != "nameserver" || !IPAddress.TryParse(words[1], out var address) || ourselves.Contains(address)) continue;
            servers.Add(new IPEndPoint(address, 53));
        }
        return servers;
    }

    /// <summary>The first usable answer, its id as in <paramref name="request"/>; null: nobody answered.</summary>
    public async Task<byte[]?> AskAsync(ReadOnlyMemory<byte> request, int questionEnd, bool byTcp, CancellationToken cancel)
    {
        var first = Volatile.Read(ref _preferred);
        for (var i = 0; i < servers.Count; i++)
        {
            var index = (first + i) % servers.Count;
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            using var timer = time.CreateTimer(static s => ((CancellationTokenSource)s!).Cancel(), patience, byTcp ? PatienceTcp : PatienceUdp, Timeout.InfiniteTimeSpan);
            try
            {
                var answer = byTcp
                    ? await AskTcpAsync(servers[index], request, patience.Token)
                    : await AskUdpAsync(servers[index], request, questionEnd, patience.Token);
                if (i > 0) Volatile.Write(ref _preferred, index);
                return answer;
            }
            catch (Exception silent) when (silent is SocketException or IOException || silent is OperationCanceledException && !cancel.IsCancellationRequested)
            {
                Log.UpstreamSilent(logger, servers[index], silent is OperationCanceledException ? "no answer in time" : silent.Message);
            }
        }
        return null;
    }

    private static async Task<byte[]> AskUdpAsync(IPEndPoint server, ReadOnlyMemory<byte> request, int questionEnd, CancellationToken cancel)
    {
        // A socket, and with it a random port, and a random id a question: what cannot be guessed cannot be forged.
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server, cancel);
        var copy = request.ToArray();
        var id = (ushort)RandomNumberGenerator.GetInt32(0x10000);
        BinaryPrimitives.WriteUInt16BigEndian(copy, id);
        await socket.SendAsync(copy, cancel);
        var buffer = new byte[4096];
        while (true)
        {
            var length = await socket.ReceiveAsync(buffer, cancel);
            if (length < questionEnd || BinaryPrimitives.ReadUInt16BigEndian(buffer) != id || (buffer[2] & 0x80) == 0) continue;
            if (!IsSameQuestion(buffer.AsSpan(DnsQuery.HeaderBytes, questionEnd - DnsQuery.HeaderBytes), copy.AsSpan(DnsQuery.HeaderBytes, questionEnd - DnsQuery.HeaderBytes))) continue;
            request.Span[..2].CopyTo(buffer);
            return buffer[..length];
        }
    }

    private static async Task<byte[]> AskTcpAsync(IPEndPoint server, ReadOnlyMemory<byte> request, CancellationToken cancel)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server, cancel);
        await using var stream = new NetworkStream(socket);
        var framed = new byte[request.Length + 2];
        BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)request.Length);
        request.CopyTo(framed.AsMemory(2));
        await stream.WriteAsync(framed, cancel);
        var head = new byte[2];
        await stream.ReadExactlyAsync(head, cancel);
        var answer = new byte[BinaryPrimitives.ReadUInt16BigEndian(head)];
        await stream.ReadExactlyAsync(answer, cancel);
        if (answer.Length < DnsQuery.HeaderBytes) throw new IOException("the answer is shorter than a header");
        request.Span[..2].CopyTo(answer);
        return answer;
    }

    // Servers may change the case of the question; nothing else.
    private static bool IsSameQuestion(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) => System.Text.Ascii.EqualsIgnoreCase(a, b) || a.SequenceEqual(b);
}
