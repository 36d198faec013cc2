using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Text;

namespace Bramble.Client.Streaming;

/// <summary>The client's side of SPDY/3.1 as container runtimes speak it for exec and attach: streams are opened here only, and there is no flow control.
/// One task reads frames; writers take turns. Dispose it to end all streams.</summary>
/// <remarks>Header blocks are zlib streams with a dictionary that both sides know. What we send needs no compressor: the blocks are "stored" (RFC 1951,
/// 3.2.4) behind a zlib head that names the dictionary, each followed by an empty one. What we receive (replies) carries no header that matters here, and is not unpacked.</remarks>
public sealed class SpdyConnection : IAsyncDisposable
{
    private const int DataBytesMax = 32 * 1024;

    /// <summary>Frames carry up to 16 MB; nothing real comes near.</summary>
    private const int FrameBytesMax = 1 << 20;

    private const int SynStream = 1;
    private const int SynReply = 2;
    private const int RstStream = 3;
    private const int Ping = 6;
    private const int GoAway = 7;
    private const byte Fin = 1;

    private readonly UpgradedConnection _connection;
    private readonly ConcurrentDictionary<uint, SpdyStream> _streams = new();
    private readonly SemaphoreSlim _writing = new(1);
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _reading;
    private uint _nextId = 1;
    private bool _hasSentHeaders;

    /// <param name="connection">Upgraded to SPDY/3.1; belongs to this from now on.</param>
    public SpdyConnection(UpgradedConnection connection)
    {
        _connection = connection;
        _reading = ReadFramesAsync();
    }

    /// <summary>Opens a stream; data may be sent at once.</summary>
    public async Task<SpdyStream> OpenAsync(IEnumerable<KeyValuePair<string, string>> headers, CancellationToken cancel)
    {
        await _writing.WaitAsync(cancel);
        try
        {
            var id = _nextId;
            _nextId += 2;
            var stream = new SpdyStream(this, id);
            _streams[id] = stream;
            var block = HeaderBlock(headers);
            var frame = new byte[8 + 10 + block.Length];
            WriteControlHead(frame, SynStream, 10 + block.Length);
            BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(8), id);
            block.CopyTo(frame.AsSpan(18));
            await _connection.WriteAsync(frame, cancel);
            return stream;
        }
        finally
        {
            _writing.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _connection.DisposeAsync();
        await _reading;
        _closing.Dispose();
        _writing.Dispose();
    }

    internal async ValueTask SendAsync(uint id, ReadOnlyMemory<byte> bytes, bool isLast, CancellationToken cancel)
    {
        do
        {
            var count = Math.Min(bytes.Length, DataBytesMax);
            var frame = ArrayPool<byte>.Shared.Rent(8 + count);
            try
            {
                BinaryPrimitives.WriteUInt32BigEndian(frame, id);
                BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), (uint)count);
                frame[4] = isLast && count == bytes.Length ? Fin : (byte)0;
                bytes.Span[..count].CopyTo(frame.AsSpan(8));
                await WriteAsync(frame.AsMemory(0, 8 + count), cancel);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(frame, clearArray: true);
            }
            bytes = bytes[count..];
        }
        while (!bytes.IsEmpty);
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> frame, CancellationToken cancel)
    {
        await _writing.WaitAsync(cancel);
        try
        {
            await _connection.WriteAsync(frame, cancel);
        }
        finally
        {
            _writing.Release();
        }
    }

    private byte[] HeaderBlock(IEnumerable<KeyValuePair<string, string>> headers)
    {
        var plain = new ArrayBufferWriter<byte>();
        var list = headers.ToList();
        WriteInt(plain, list.Count);
        foreach (var (name, value) in list)
        {
            WriteText(plain, name.ToLowerInvariant());
            WriteText(plain, value);
        }
        var block = new ArrayBufferWriter<byte>();
        // Head of the one zlib stream of this direction: deflate, 32 KB window, dictionary with Adler-32 e3c6a7c2.
        if (!_hasSentHeaders) block.Write((ReadOnlySpan<byte>)[0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2]);
        _hasSentHeaders = true;
        // A stored block that is not the last: length and its complement, little endian.
        var length = (ushort)plain.WrittenCount;
        block.Write((ReadOnlySpan<byte>)[0, (byte)length, (byte)(length >> 8), (byte)~length, (byte)(~length >> 8)]);
        block.Write(plain.WrittenSpan);
        // An empty block: Go's reader hands out a stored block only when it meets the next one, and would wait for it (a "sync flush").
        block.Write((ReadOnlySpan<byte>)[0, 0, 0, 0xff, 0xff]);
        return block.WrittenSpan.ToArray();

        static void WriteText(ArrayBufferWriter<byte> to, string text)
        {
            WriteInt(to, Encoding.UTF8.GetByteCount(text));
            to.Write(Encoding.UTF8.GetBytes(text));
        }

        static void WriteInt(ArrayBufferWriter<byte> to, int number)
        {
            BinaryPrimitives.WriteInt32BigEndian(to.GetSpan(4), number);
            to.Advance(4);
        }
    }

    private static void WriteControlHead(Span<byte> frame, int type, int length)
    {
        BinaryPrimitives.WriteUInt16BigEndian(frame, 0x8003);
        BinaryPrimitives.WriteUInt16BigEndian(frame[2..], (ushort)type);
        BinaryPrimitives.WriteInt32BigEndian(frame[4..], length);
    }

    private async Task ReadFramesAsync()
    {
        Exception? failure = null;
        try
        {
            var head = new byte[8];
            while (await TryFillAsync(head))
            {
                var length = (head[5] << 16) | (head[6] << 8) | head[7];
                if (length > FrameBytesMax) throw new IOException($"SPDY: a frame of {length} bytes");
                var content = new byte[length];
                if (!await TryFillAsync(content)) break;
                await HandleAsync(head, content);
            }
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // Our own end.
            failure = null;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            failure = _closing.IsCancellationRequested ? null : e;
        }
        foreach (var stream in _streams.Values) stream.End(failure);
    }

    private async Task HandleAsync(byte[] head, byte[] content)
    {
        if ((head[0] & 0x80) == 0)
        {
            var id = BinaryPrimitives.ReadUInt32BigEndian(head) & 0x7FFFFFFF;
            if (!_streams.TryGetValue(id, out var stream)) return;
            if (content.Length > 0) await stream.ReceiveAsync(content, _closing.Token);
            if ((head[4] & Fin) != 0) stream.End(null);
            return;
        }
        switch (BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(2)))
        {
            case SynReply or RstStream when content.Length >= 4:
                var id = BinaryPrimitives.ReadUInt32BigEndian(content) & 0x7FFFFFFF;
                var isReset = head[3] == RstStream;
                if (_streams.TryGetValue(id, out var stream) && (isReset || (head[4] & Fin) != 0)) stream.End(null);
                break;
            // Pings of the other side have even ids; each is sent back as it is.
            case Ping when content.Length == 4 && (content[3] & 1) == 0:
                await WriteAsync((byte[])[.. head, .. content], _closing.Token);
                break;
            case GoAway:
                foreach (var each in _streams.Values) each.End(null);
                break;
        }
    }

    private async Task<bool> TryFillAsync(Memory<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var count = await _connection.ReadAsync(buffer, _closing.Token);
            if (count == 0) return false;
            buffer = buffer[count..];
        }
        return true;
    }
}

/// <summary>One stream of a <see cref="SpdyConnection"/>: bytes both ways. Received bytes wait in a bounded pipe; a reader that does not read stops the
/// whole connection, as there is no flow control.</summary>
public sealed class SpdyStream
{
    private readonly SpdyConnection _connection;
    private readonly uint _id;
    private readonly Pipe _received = new(new PipeOptions(pauseWriterThreshold: 1 << 20, resumeWriterThreshold: 1 << 19, useSynchronizationContext: false));
    private int _hasEnded;

    internal SpdyStream(SpdyConnection connection, uint id)
    {
        _connection = connection;
        _id = id;
    }

    /// <summary>Why the stream ended before the other side ended it; null: it did. Known once everything was read.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>What the other side sends, until it ends the stream or the connection breaks.</summary>
    public PipeReader Received => _received.Reader;

    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel) =>
        bytes.IsEmpty ? ValueTask.CompletedTask : _connection.SendAsync(_id, bytes, isLast: false, cancel);

    /// <summary>Ends our direction: the other side reads the end of the stream.</summary>
    public ValueTask CloseAsync(CancellationToken cancel) => _connection.SendAsync(_id, ReadOnlyMemory<byte>.Empty, isLast: true, cancel);

    internal async ValueTask ReceiveAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        if (Volatile.Read(ref _hasEnded) == 0) await _received.Writer.WriteAsync(bytes, cancel);
    }

    internal void End(Exception? failure)
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) != 0) return;
        // Not handed to the pipe: it would throw away what has arrived before the break.
        Failure = failure;
        _received.Writer.Complete();
    }
}
