using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Dns;

/// <summary>The cluster's DNS server on this node: answers what the cluster knows, asks upstream for the rest. The listening address is a loopback one on
/// a high port: port 53 of the host belongs to whoever wants it.</summary>
internal sealed class DnsServer(IPEndPoint address, ClusterAnswers cluster, Upstream upstream, IKeptSockets kept, TimeProvider time, ILogger logger) : IDisposable
{
    private const int MessageBytesMax = 65535;
    private const int ConnectionsMax = 256;
    private const int ForwardsMax = 1000;
    private static readonly TimeSpan ConnectionIdle = TimeSpan.FromSeconds(10);

    private readonly AnswerCache _cache = new(time);
    private readonly ConcurrentDictionary<string, Task<byte[]?>> _asked = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _connections = new(ConnectionsMax);
    private Socket? _datagrams;
    private Socket? _listener;
    private int _forwards;

    /// <summary>Where it listens, once it is open.</summary>
    public IPEndPoint Address => (IPEndPoint)_datagrams!.LocalEndPoint!;

    /// <summary>Binds, or takes up the sockets of the process before: what was asked meanwhile waits there.</summary>
    /// <exception cref="IOException">The port is taken; the message says what to do.</exception>
    public void Open()
    {
        try
        {
            _datagrams = Open("udp", address);
            // An answer that does not fit into the kernel's buffer is lost like any packet; and .NET refuses calls that may block on a socket that was taken up.
            _datagrams.Blocking = false;
            _listener = Open("tcp", Address);
        }
        catch (SocketException taken)
        {
            Dispose();
            throw new IOException($"cannot listen on {address} for the cluster DNS: {taken.Message}. Stop what uses that port (ss -lnp), or switch the cluster DNS off with --disable coredns.", taken);
        }
    }

    private Socket Open(string protocol, IPEndPoint place)
    {
        var name = $"dns-{protocol}-{place.Address.ToString().Replace(':', '-')}-{place.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)}";
        if (kept.Take(name) is { } left) return left;
        var socket = protocol == "udp"
            ? new Socket(place.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 1 << 20 }
            : new Socket(place.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(place);
            if (protocol == "tcp") socket.Listen(128);
        }
        catch (SocketException)
        {
            socket.Dispose();
            throw;
        }
        if (place.Port != 0) kept.Keep(name, socket);
        return socket;
    }

    /// <summary>Forgets what upstream said: other servers may be asked now.</summary>
    public void ForgetAnswers() => _cache.Clear();

    public Task RunAsync(CancellationToken cancel) => Task.WhenAll(ServeDatagramsAsync(cancel), AcceptAsync(cancel));

    public void Dispose()
    {
        _datagrams?.Dispose();
        _listener?.Dispose();
        _connections.Dispose();
    }

    private async Task ServeDatagramsAsync(CancellationToken cancel)
    {
        var request = GC.AllocateUninitializedArray<byte>(MessageBytesMax, pinned: true);
        var response = GC.AllocateUninitializedArray<byte>(4096, pinned: true);
        var from = new SocketAddress(address.AddressFamily);
        while (!cancel.IsCancellationRequested)
        {
            int received;
            try
            {
                received = await _datagrams!.ReceiveFromAsync(request, SocketFlags.None, from, cancel);
            }
            catch (SocketException refused) when (refused.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionRefused)
            {
                continue; // an ICMP error about an earlier answer: that client has gone
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            var step = Answer(request.AsSpan(0, received), response, isTcp: false, out var length, out var pending);
            if (step == Step.Send) Send(response.AsSpan(0, length), from);
            else if (step != Step.Nothing) StartLater(step, pending!, Copy(from), cancel);
        }
    }

    private void Send(ReadOnlySpan<byte> answer, SocketAddress to)
    {
        try
        {
            _datagrams!.SendTo(answer, SocketFlags.None, to);
        }
        catch (SocketException unreachable)
        {
            Log.DnsClientGone(logger, unreachable.Message);
        }
    }

    private static SocketAddress Copy(SocketAddress from)
    {
        var copy = new SocketAddress(from.Family, from.Size);
        from.Buffer.Span[..from.Size].CopyTo(copy.Buffer.Span);
        return copy;
    }

    private enum Step { Nothing, Send, Forward, Wait }

    /// <summary>A request on its way upstream: a copy of it, what was asked, the ExternalName's target if that is what must be asked, and the servers of its zone;
    /// null: the node's.</summary>
    private sealed record Pending(byte[] Request, int QuestionEnd, bool HasEdns, int BytesMax, string Key, string? Target, ushort Type, IReadOnlyList<IPEndPoint>? Servers)
    {
        public ReadOnlySpan<byte> Question => Request.AsSpan(0, QuestionEnd);
    }

    private Step Answer(ReadOnlySpan<byte> request, Span<byte> response, bool isTcp, out int length, out Pending? pending)
    {
        pending = null;
        length = 0;
        Span<char> name = stackalloc char[DnsQuery.NameCharsMax];
        switch (DnsQuery.Read(request, name, out var query))
        {
            case DnsParse.Ignore:
                return Step.Nothing;
            case DnsParse.FormatError:
                length = Refuse(request, response, DnsCode.FormatError);
                return Step.Send;
            case DnsParse.NotImplemented:
                length = Refuse(request, response, DnsCode.NotImplemented);
                return Step.Send;
        }
        var limit = isTcp ? Math.Min(response.Length, MessageBytesMax) : Math.Min(response.Length, query.UdpBytesMax);
        var kind = cluster.Answer(request, query, response, limit, out length, out var cname);
        if (kind == AnswerKind.Answered) return Step.Send;
        if (kind == AnswerKind.NotYet)
        {
            pending = new Pending(request.ToArray(), query.QuestionEnd, query.HasEdns, limit, "", null, query.Type, null);
            return Step.Wait;
        }
        if (query.Name.EndsWith(Upstream.ProbeZone, StringComparison.Ordinal))
        {
            upstream.NoteProbe(query.Name);
            length = Refuse(request, response, DnsCode.Refused);
            return Step.Send;
        }
        pending = new Pending(request.ToArray(), query.QuestionEnd, query.HasEdns, limit, AnswerCache.KeyOf(query, request) + (isTcp ? " tcp" : ""), cname, query.Type,
            kind == AnswerKind.ForwardZone ? cluster.Custom.ZoneOf(query.Name)?.Servers : cluster.Custom.Servers);
        return Step.Forward;
    }

    private static int Refuse(ReadOnlySpan<byte> request, Span<byte> response, DnsCode code)
    {
        request[..4].CopyTo(response);
        response[2] = (byte)(0x80 | (request[2] & 0x79));
        response[3] = (byte)(0x80 | (byte)code);
        response[4..DnsQuery.HeaderBytes].Clear();
        return DnsQuery.HeaderBytes;
    }

    // Above the bound a question is dropped, as if the packet were lost: the client asks again.
    private void StartLater(Step step, Pending pending, SocketAddress to, CancellationToken cancel)
    {
        if (Interlocked.Increment(ref _forwards) > ForwardsMax)
        {
            Interlocked.Decrement(ref _forwards);
            return;
        }
        _ = SendLaterAsync();

        async Task SendLaterAsync()
        {
            try
            {
                Send(await LaterAsync(step, pending, byTcp: false, cancel), to);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception unexpected) when (unexpected is not OutOfMemoryException)
            {
                Log.DnsFailed(logger, unexpected);
            }
            finally
            {
                Interlocked.Decrement(ref _forwards);
            }
        }
    }

    private Task<byte[]> LaterAsync(Step step, Pending pending, bool byTcp, CancellationToken cancel) =>
        step == Step.Wait ? WhenKnownAsync(pending, byTcp, cancel) : ForwardedAsync(pending, byTcp, cancel);

    // A resolver whose question is dropped asks again after 5 s only; the names are there sooner.
    private async Task<byte[]> WhenKnownAsync(Pending pending, bool byTcp, CancellationToken cancel)
    {
        await cluster.Known.WaitAsync(cancel);
        var answer = new byte[pending.BytesMax];
        return Answer(pending.Request, answer, byTcp, out var length, out var further) == Step.Send ? answer[..length] : await ForwardedAsync(further!, byTcp, cancel);
    }

    private async Task<byte[]> ForwardedAsync(Pending pending, bool byTcp, CancellationToken cancel)
    {
        if (pending.Target is { } target) return await ExternalNameAsync(pending, target, byTcp, cancel);
        if (_cache.Find(pending.Key, pending.Question, evenStale: false) is { } cached) return cached;
        return await AskOnceAsync(pending, byTcp, cancel) is { } answer ? AnswerCache.Readdress(answer, pending.Question) : _cache.Find(pending.Key, pending.Question, evenStale: true) ?? Failure(pending);
    }

    // The same question at the same time goes upstream once.
    private async Task<byte[]?> AskOnceAsync(Pending pending, bool byTcp, CancellationToken cancel)
    {
        var key = pending.Key;
        var mine = new TaskCompletionSource<byte[]?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = _asked.GetOrAdd(key, mine.Task);
        if (asked != mine.Task) return await asked.WaitAsync(cancel);
        byte[]? answer = null;
        try
        {
            answer = pending.Servers is { } servers
                ? await upstream.AskAsync(servers, pending.Request, pending.QuestionEnd, byTcp, cancel)
                : await upstream.AskAsync(pending.Request, pending.QuestionEnd, byTcp, cancel);
            if (answer is not null) _cache.Add(key, answer);
            return answer;
        }
        finally
        {
            _asked.TryRemove(key, out _);
            mine.TrySetResult(answer);
        }
    }

    // CNAME to the target, then what upstream says about the target.
    private async Task<byte[]> ExternalNameAsync(Pending pending, string target, bool byTcp, CancellationToken cancel)
    {
        var question = new byte[DnsQuery.HeaderBytes + DnsQuery.NameCharsMax + 6];
        question[2] = 0x01;
        question[5] = 1;
        var end = DnsQuery.HeaderBytes + DnsWriter.EncodeName(target, question.AsSpan(DnsQuery.HeaderBytes));
        BinaryPrimitives.WriteUInt16BigEndian(question.AsSpan(end), pending.Type);
        BinaryPrimitives.WriteUInt16BigEndian(question.AsSpan(end + 2), DnsType.Internet);
        question = question[..(end + 4)];

        var local = new byte[MessageBytesMax];
        var step = Answer(question, local, isTcp: true, out var length, out var further);
        // A target in the cluster is answered from here; an ExternalName that leads to another ends at the CNAME.
        var resolved = step == Step.Send ? local[..length]
            : further?.Target is null ? await ForwardedAsync(further!, byTcp, cancel)
            : null;
        return Combine(pending, target, resolved);
    }

    private static byte[] Combine(Pending pending, string target, byte[]? resolved)
    {
        const uint ttlSeconds = 5;
        var buffer = new byte[pending.BytesMax];
        var writer = new DnsWriter(buffer, pending.Request, pending.QuestionEnd, pending.HasEdns, buffer.Length);
        writer.Name(DnsType.Cname, target, ttlSeconds);
        var found = new List<(string Owner, ushort Type, byte[] Data)>();
        if (resolved is not null)
            DnsRecords.Walk(resolved, (section, start, ttlAt, type) =>
            {
                if (section != 0 || type is not (DnsType.A or DnsType.Aaaa or DnsType.Cname) || DnsRecords.ReadName(resolved, start) is not { } owner) return;
                var dataAt = ttlAt + 6;
                var data = resolved.AsSpan(dataAt, BinaryPrimitives.ReadUInt16BigEndian(resolved.AsSpan(ttlAt + 4)));
                if (type != DnsType.Cname) found.Add((owner, type, data.ToArray()));
                else if (DnsRecords.ReadName(resolved, dataAt) is { } alias)
                {
                    var name = new byte[DnsQuery.NameCharsMax + 2];
                    found.Add((owner, type, name[..DnsWriter.EncodeName(alias, name)]));
                }
            });
        foreach (var (owner, type, data) in found) writer.Raw(owner, type, ttlSeconds, data);
        // A target that nobody could look up is not one without addresses: the client asks again.
        var isFailed = resolved is null || (DnsCode)(resolved[3] & 0x0f) == DnsCode.ServerFailure;
        return buffer[..writer.Finish(isFailed ? DnsCode.ServerFailure : DnsCode.NoError, isAuthoritative: true)];
    }

    private static byte[] Failure(Pending pending)
    {
        var buffer = new byte[pending.QuestionEnd + 32];
        var writer = new DnsWriter(buffer, pending.Request, pending.QuestionEnd, pending.HasEdns, buffer.Length);
        return buffer[..writer.Finish(DnsCode.ServerFailure, isAuthoritative: false)];
    }

    private async Task AcceptAsync(CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
            try
            {
                // Full: new clients wait in the kernel's queue.
                await _connections.WaitAsync(cancel);
                var client = await _listener!.AcceptAsync(cancel);
                _ = ServeConnectionAsync(client, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException failed)
            {
                _connections.Release();
                Log.DnsClientGone(logger, failed.Message);
            }
    }

    private async Task ServeConnectionAsync(Socket client, CancellationToken cancel)
    {
        try
        {
            using var _ = client;
            await using var stream = new NetworkStream(client);
            var head = new byte[2];
            while (true)
            {
                using var idle = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                using var timer = time.CreateTimer(static s => ((CancellationTokenSource)s!).Cancel(), idle, ConnectionIdle, Timeout.InfiniteTimeSpan);
                await stream.ReadExactlyAsync(head, idle.Token);
                var request = new byte[BinaryPrimitives.ReadUInt16BigEndian(head)];
                await stream.ReadExactlyAsync(request, idle.Token);
                var framed = new byte[2 + MessageBytesMax];
                var step = Answer(request, framed.AsSpan(2), isTcp: true, out var length, out var pending);
                if (step == Step.Nothing) return;
                if (step != Step.Send)
                {
                    var answer = await LaterAsync(step, pending!, byTcp: true, cancel);
                    length = answer.Length;
                    answer.CopyTo(framed, 2);
                }
                BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)length);
                await stream.WriteAsync(framed.AsMemory(0, 2 + length), cancel);
            }
        }
        catch (Exception over) when (over is IOException or EndOfStreamException or OperationCanceledException or SocketException)
        {
            Log.DnsClientGone(logger, over.Message);
        }
        finally
        {
            if (!cancel.IsCancellationRequested) _connections.Release();
        }
    }
}
