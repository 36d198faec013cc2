using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Dns;

/// <summary>Asks the servers of the node's resolv.conf, in their order, one after another when one is silent. The file is looked at again when questions
/// come and it has changed (DHCP writes it late). A server that sends our questions back to us is found by a probe and left out. Thread-safe.</summary>
internal sealed class Upstream(string resolvConf, IReadOnlyCollection<IPAddress> ourselves, TimeProvider time, ILogger logger)
{
    /// <summary>Below this name nobody asks but our own probes.</summary>
    public const string ProbeZone = "loop-check.bramble.invalid";

    private static readonly TimeSpan PatienceUdp = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PatienceTcp = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private IReadOnlyList<IPEndPoint> _servers = [];
    private readonly Dictionary<string, IPEndPoint> _probes = new(StringComparer.Ordinal);
    private DateTime _fileTime = DateTime.MinValue;
    private long _lookedAt = long.MinValue;

    // The server that answered last is asked first.
    private int _preferred;

    /// <summary>The servers as of now, from the file if it has changed.</summary>
    public IReadOnlyList<IPEndPoint> Servers(CancellationToken cancel)
    {
        lock (_gate)
        {
            if (_lookedAt != long.MinValue && time.GetElapsedTime(_lookedAt) < LookAgainAfter) return _servers;
            var isFirst = _lookedAt == long.MinValue;
            _lookedAt = time.GetTimestamp();
            try
            {
                // The target of a link, not the link: systemd and NetworkManager replace what it points to.
                var changedAt = File.GetLastWriteTimeUtc(File.ResolveLinkTarget(resolvConf, returnFinalTarget: true)?.FullName ?? resolvConf);
                if (changedAt == _fileTime && !isFirst) return _servers;
                _fileTime = changedAt;
                _servers = Parse(File.ReadAllText(resolvConf), ourselves);
            }
            catch (Exception missing) when (missing is IOException or UnauthorizedAccessException)
            {
                if (isFirst) Log.NoResolvConf(logger, resolvConf, missing.Message);
                return _servers;
            }
            if (_servers.Count == 0) Log.NoUpstream(logger, resolvConf);
            foreach (var server in _servers) Probe(server, cancel);
            return _servers;
        }
    }

    /// <summary>A question of ours has come back: whoever it was sent to leads to us.</summary>
    public void NoteProbe(ReadOnlySpan<char> name)
    {
        lock (_gate)
        {
            if (!_probes.Remove(name.ToString(), out var server)) return;
            _servers = [.. _servers.Where(s => !s.Equals(server))];
            Log.UpstreamLoop(logger, server, resolvConf);
        }
    }

    // Its answer does not matter, only whether it comes back as a question.
    private void Probe(IPEndPoint server, CancellationToken cancel)
    {
        var name = $"{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}.{ProbeZone}";
        _probes[name] = server;
        var question = new byte[DnsQuery.HeaderBytes + DnsQuery.NameCharsMax + 6];
        question[2] = 0x01;
        question[5] = 1;
        var end = DnsQuery.HeaderBytes + DnsWriter.EncodeName(name, question.AsSpan(DnsQuery.HeaderBytes));
        BinaryPrimitives.WriteUInt16BigEndian(question.AsSpan(end), DnsType.Txt);
        BinaryPrimitives.WriteUInt16BigEndian(question.AsSpan(end + 2), DnsType.Internet);
        _ = AskAndForgetAsync(question.AsMemory(0, end + 4));

        async Task AskAndForgetAsync(ReadOnlyMemory<byte> request)
        {
            try
            {
                await AskOneAsync(server, request, request.Length, byTcp: false, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return; // stopping: nobody asks any more
            }
            lock (_gate) _probes.Remove(name);
        }
    }

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
        var servers = Servers(cancel);
        var first = Volatile.Read(ref _preferred);
        for (var i = 0; i < servers.Count; i++)
        {
            var index = (first + i) % servers.Count;
            if (await AskOneAsync(servers[index], request, questionEnd, byTcp, cancel) is not { } answer) continue;
            if (i > 0) Volatile.Write(ref _preferred, index);
            return answer;
        }
        return null;
    }

    /// <summary>The same of a zone's own servers, in their order.</summary>
    public async Task<byte[]?> AskAsync(IReadOnlyList<IPEndPoint> servers, ReadOnlyMemory<byte> request, int questionEnd, bool byTcp, CancellationToken cancel)
    {
        foreach (var server in servers)
            if (await AskOneAsync(server, request, questionEnd, byTcp, cancel) is { } answer) return answer;
        return null;
    }

    private async Task<byte[]?> AskOneAsync(IPEndPoint server, ReadOnlyMemory<byte> request, int questionEnd, bool byTcp, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var timer = time.CreateTimer(static s => ((CancellationTokenSource)s!).Cancel(), patience, byTcp ? PatienceTcp : PatienceUdp, Timeout.InfiniteTimeSpan);
        try
        {
            return byTcp ? await AskTcpAsync(server, request, questionEnd, patience.Token) : await AskUdpAsync(server, request, questionEnd, patience.Token);
        }
        catch (Exception silent) when (silent is SocketException or IOException or OperationCanceledException)
        {
            cancel.ThrowIfCancellationRequested();
            Log.UpstreamSilent(logger, server, silent is OperationCanceledException ? "no answer in time" : silent.Message);
            return null;
        }
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

    private static async Task<byte[]> AskTcpAsync(IPEndPoint server, ReadOnlyMemory<byte> request, int questionEnd, CancellationToken cancel)
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
        if (answer.Length < questionEnd || !IsSameQuestion(answer.AsSpan(DnsQuery.HeaderBytes, questionEnd - DnsQuery.HeaderBytes), request.Span[DnsQuery.HeaderBytes..questionEnd]))
            throw new IOException("the answer is to another question");
        request.Span[..2].CopyTo(answer);
        return answer;
    }

    // Servers may change the case of the question; nothing else.
    private static bool IsSameQuestion(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) => System.Text.Ascii.EqualsIgnoreCase(a, b) || a.SequenceEqual(b);
}
