using System.Buffers;
using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Threading.Channels;

namespace Bramble.Supervisor.Tunnel;

/// <summary>Connects to an address on behalf of the other side; throws <see cref="IOException"/> with the reason when it will not or cannot.</summary>
internal delegate Task<Stream> TunnelDial(string network, string address, CancellationToken cancel);

/// <summary>Many connections over one WebSocket. The same class on both sides: a server opens connections, an agent (with <paramref name="dial"/>) makes them.</summary>
/// <remarks>One loop reads, one writes; a stream has at most one frame waiting to be written, so memory is bounded by the number of connections.</remarks>
internal sealed class TunnelSession(WebSocket socket, TunnelDial? dial) : IAsyncDisposable
{
    private const int MessageBytesMax = 1 << 20;

    private readonly ConcurrentDictionary<long, TunnelStream> _streams = new();
    private readonly Channel<Outgoing> _outgoing = Channel.CreateUnbounded<Outgoing>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _ended = new();
    private readonly ConcurrentDictionary<Task, bool> _dialled = new();
    private long _lastFrame = Random.Shared.Next();
    // The first connection of a session is number 2 in remotedialer.
    private long _lastConnection = 1;

    private readonly record struct Outgoing(byte[] Rented, int Length, TaskCompletionSource? Sent);

    /// <summary>Runs until the WebSocket ends or <paramref name="cancel"/>; then all its connections have ended too.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, _ended.Token);
        var writing = WriteAsync(stop.Token);
        try
        {
            await ReadAsync(stop.Token);
        }
        finally
        {
            await _ended.CancelAsync();
            _outgoing.Writer.TryComplete();
            foreach (var stream in _streams.Values) stream.TakeEnd("the tunnel has ended");
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (_outgoing.Reader.TryRead(out var left)) Drop(left);
            await Task.WhenAll(_dialled.Keys).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Asks the other side to connect. It does not confirm: a failure shows at the first read.</summary>
    /// <exception cref="IOException">The tunnel has ended.</exception>
    public async Task<Stream> OpenAsync(string network, string address, CancellationToken cancel)
    {
        var id = Interlocked.Increment(ref _lastConnection);
        var stream = new TunnelStream(this, id);
        _streams[id] = stream;
        try
        {
            await SendAsync(id, FrameType.Connect, Encoding.UTF8.GetBytes($"{network}/{address}"), cancel);
            return stream;
        }
        catch
        {
            _streams.TryRemove(id, out _);
            throw;
        }
    }

    /// <summary>Returns when the frame has been handed to the WebSocket.</summary>
    internal async Task SendAsync(long connection, FrameType type, ReadOnlyMemory<byte> payload, CancellationToken cancel)
    {
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!Enqueue(connection, type, payload, sent)) throw new IOException("the tunnel has ended");
        await sent.Task.WaitAsync(cancel);
    }

    /// <summary>Sends without waiting: for the small frames that steer.</summary>
    internal void Post(long connection, FrameType type, ReadOnlyMemory<byte> payload) => Enqueue(connection, type, payload, null);

    internal void Forget(long connection) => _streams.TryRemove(connection, out _);

    private bool Enqueue(long connection, FrameType type, ReadOnlyMemory<byte> payload, TaskCompletionSource? sent)
    {
        var (rented, length) = new TunnelFrame(Interlocked.Increment(ref _lastFrame), connection, type, payload).Write();
        var outgoing = new Outgoing(rented, length, sent);
        if (_outgoing.Writer.TryWrite(outgoing)) return true;
        ArrayPool<byte>.Shared.Return(rented);
        return false;
    }

    private static void Drop(in Outgoing left)
    {
        ArrayPool<byte>.Shared.Return(left.Rented);
        left.Sent?.TrySetException(new IOException("the tunnel has ended"));
    }

    private async Task WriteAsync(CancellationToken cancel)
    {
        await foreach (var next in _outgoing.Reader.ReadAllAsync(cancel))
            try
            {
                await socket.SendAsync(next.Rented.AsMemory(0, next.Length), WebSocketMessageType.Binary, endOfMessage: true, cancel);
                ArrayPool<byte>.Shared.Return(next.Rented);
                next.Sent?.TrySetResult();
            }
            catch (Exception failed) when (failed is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException)
            {
                Drop(next);
                // The reader ends the session.
                await _ended.CancelAsync();
                return;
            }
    }

    private async Task ReadAsync(CancellationToken cancel)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            while (true)
            {
                var length = 0;
                ValueWebSocketReceiveResult part;
                do
                {
                    if (length == buffer.Length)
                    {
                        if (length >= MessageBytesMax) throw new IOException($"a message in the tunnel is longer than {MessageBytesMax} bytes");
                        var larger = ArrayPool<byte>.Shared.Rent(length * 2);
                        buffer.AsSpan(0, length).CopyTo(larger);
                        ArrayPool<byte>.Shared.Return(buffer);
                        buffer = larger;
                    }
                    part = await socket.ReceiveAsync(buffer.AsMemory(length), cancel);
                    if (part.MessageType == WebSocketMessageType.Close) return;
                    length += part.Count;
                } while (!part.EndOfMessage);
                if (!TunnelFrame.TryParse(buffer.AsMemory(0, length), out var frame)) throw new IOException("a message in the tunnel is cut off");
                Take(frame, cancel);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void Take(in TunnelFrame frame, CancellationToken cancel)
    {
        _streams.TryGetValue(frame.Connection, out var stream);
        switch (frame.Type)
        {
            case FrameType.Data when stream is not null:
                stream.Take(frame.Payload.Span);
                break;
            case FrameType.Data:
                Post(frame.Connection, FrameType.Error, "connection not found"u8.ToArray());
                break;
            case FrameType.Connect:
                Answer(frame.Connection, Encoding.UTF8.GetString(frame.Payload.Span), cancel);
                break;
            case FrameType.Error when stream is not null:
                _streams.TryRemove(frame.Connection, out _);
                var text = Encoding.UTF8.GetString(frame.Payload.Span);
                stream.TakeEnd(text == "EOF" ? null : text);
                break;
            case FrameType.Pause:
                stream?.TakePause();
                break;
            case FrameType.Resume:
                stream?.TakeResume();
                break;
            case FrameType.SyncConnections when dial is null:
                Keep(frame.Payload.Span);
                break;
        }
    }

    // The agent's list of connections that live; the others have ended there without our hearing of it.
    private void Keep(ReadOnlySpan<byte> list)
    {
        var alive = new HashSet<long>();
        for (; list.Length >= 8; list = list[8..]) alive.Add((long)System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(list));
        foreach (var (id, stream) in _streams)
            // One that was opened after the list was made is not in it.
            if (!alive.Contains(id) && id <= (alive.Count > 0 ? alive.Max() : 0) && _streams.TryRemove(id, out _)) stream.TakeEnd("the other side has ended the connection");
    }

    private void Answer(long connection, string target, CancellationToken cancel)
    {
        var slash = target.IndexOf('/');
        if (dial is null || slash < 0)
        {
            Post(connection, FrameType.Error, Encoding.UTF8.GetBytes("connect not allowed"));
            return;
        }
        // At once, because data may follow before the other end is connected.
        var stream = new TunnelStream(this, connection);
        _streams[connection] = stream;
        var running = CarryAsync(stream, target[..slash], target[(slash + 1)..], connection, cancel);
        _dialled[running] = true;
        _ = running.ContinueWith(static (ended, all) => ((ConcurrentDictionary<Task, bool>)all!).TryRemove(ended, out _), _dialled, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task CarryAsync(TunnelStream stream, string network, string address, long connection, CancellationToken cancel)
    {
        await using var _ = stream;
        Stream target;
        try
        {
            target = await dial!(network, address, cancel);
        }
        catch (Exception failed) when (failed is IOException or System.Net.Sockets.SocketException)
        {
            _streams.TryRemove(connection, out var _);
            Post(connection, FrameType.Error, Encoding.UTF8.GetBytes(failed.Message));
            stream.TakeEnd(failed.Message);
            return;
        }
        await using var __ = target;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var there = CopyAsync(stream, target, either.Token);
        var back = CopyAsync(target, stream, either.Token);
        await Task.WhenAny(there, back);
        await either.CancelAsync();
        await Task.WhenAll(there, back).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static async Task CopyAsync(Stream from, Stream to, CancellationToken cancel)
    {
        try
        {
            await from.CopyToAsync(to, 32 * 1024, cancel);
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException or System.Net.Sockets.SocketException)
        {
            // One end has gone: the other is closed by the caller, and that is how it hears of it.
            return;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        _ended.Dispose();
        socket.Dispose();
    }
}
