using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>A connection to a backend and the bytes that have come from it but were not consumed. One request at a time uses it.</summary>
internal sealed class BackendConnection : IDisposable
{
    private const int UsualBytes = 8 * 1024, HeadBytesMax = 64 * 1024;

    private readonly Socket _socket;
    private byte[] _buffer = new byte[UsualBytes];
    private int _start, _end;

    private BackendConnection(Socket socket) => _socket = socket;

    /// <summary>Where heads are written before they are sent.</summary>
    public ArrayBufferWriter<byte> Head { get; } = new(1024);

    /// <summary>As <see cref="Environment.TickCount64"/>; while it waits for its next request.</summary>
    public long IdleSince { get; set; }

    /// <summary>It has carried a request before, so the backend may have closed it just now.</summary>
    public bool IsUsed { get; set; }

    public ReadOnlySpan<byte> Unread => _buffer.AsSpan(_start, _end - _start);

    public ReadOnlyMemory<byte> UnreadMemory => _buffer.AsMemory(_start, _end - _start);

    /// <summary>Nothing has come and nobody has closed: fit for a request.</summary>
    public bool IsQuiet => _start == _end && !_socket.Poll(0, SelectMode.SelectRead);

    /// <exception cref="SocketException">Refused, or no way there.</exception>
    /// <exception cref="OperationCanceledException">Not within the patience, or cancelled.</exception>
    public static async Task<BackendConnection> OpenAsync(IPEndPoint address, TimeSpan patience, CancellationToken cancel)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            limit.CancelAfter(patience);
            await socket.ConnectAsync(address, limit.Token);
            return new BackendConnection(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        while (bytes.Length > 0) bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, cancel)..];
    }

    /// <summary>Takes more in behind what is unread; false: the backend has closed.</summary>
    /// <exception cref="BadAnswerException">The unread bytes fill the largest buffer there may be.</exception>
    public ValueTask<bool> FillAsync(CancellationToken cancel)
    {
        if (_start == _end) _start = _end = 0;
        else if (_end == _buffer.Length)
        {
            if (_start == 0 && _buffer.Length >= HeadBytesMax) throw new BadAnswerException("its head is longer than 64 KiB");
            var target = _start == 0 ? new byte[_buffer.Length * 2] : _buffer;
            Unread.CopyTo(target);
            (_buffer, _end, _start) = (target, _end - _start, 0);
        }
        return TakenAsync(_socket.ReceiveAsync(_buffer.AsMemory(_end), SocketFlags.None, cancel));
    }

    /// <summary>Reads the result once: that of a receive which completes between being begun and being looked at is consumed by reading it.</summary>
    internal ValueTask<bool> TakenAsync(ValueTask<int> receiving)
    {
        return receiving.IsCompletedSuccessfully ? ValueTask.FromResult(Taken(receiving.Result)) : Slow(receiving);

        async ValueTask<bool> Slow(ValueTask<int> pending) => Taken(await pending);

        bool Taken(int count)
        {
            _end += count;
            return count > 0;
        }
    }

    public void Consume(int count) => _start += count;

    public void Dispose() => _socket.Dispose();
}

/// <summary>A backend's answer that is not HTTP/1.</summary>
internal sealed class BadAnswerException(string message) : Exception(message);

/// <summary>Connections that wait for their next request, by endpoint. Bounded: what is more is closed. One timer, only while there are any. Thread-safe.</summary>
internal sealed class IdleConnections : IDisposable
{
    private const int PerEndpointMax = 64;
    // Shorter than the keep-alive of common servers (nginx 75 s), so that rarely a request meets a closing connection.
    private const long KeepMilliseconds = 60_000;
    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Dictionary<IPEndPoint, Stack<BackendConnection>> _idle = [];
    private readonly ITimer _sweeping;
    private bool _isSweeping, _isDisposed;

    public IdleConnections(TimeProvider time) => _sweeping = time.CreateTimer(_ => Clean(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    public BackendConnection? Take(IPEndPoint endpoint)
    {
        while (true)
        {
            BackendConnection? connection;
            lock (_gate)
                if (!_idle.TryGetValue(endpoint, out var stack) || !stack.TryPop(out connection)) return null;
            // The one that was used last: the others may grow old.
            if (connection.IsQuiet) return connection;
            connection.Dispose();
        }
    }

    public void Return(IPEndPoint endpoint, BackendConnection connection)
    {
        connection.IdleSince = Environment.TickCount64;
        connection.IsUsed = true;
        lock (_gate)
        {
            if (!_isDisposed)
            {
                if (!_idle.TryGetValue(endpoint, out var stack)) _idle[endpoint] = stack = new Stack<BackendConnection>();
                if (stack.Count < PerEndpointMax)
                {
                    stack.Push(connection);
                    if (!_isSweeping) _isSweeping = _sweeping.Change(Sweep, Sweep);
                    return;
                }
            }
        }
        connection.Dispose();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _sweeping.Dispose();
            foreach (var connection in _idle.Values.SelectMany(stack => stack)) connection.Dispose();
            _idle.Clear();
        }
    }

    private void Clean()
    {
        var now = Environment.TickCount64;
        lock (_gate)
        {
            foreach (var (endpoint, stack) in _idle.ToList())
            {
                var all = stack.ToArray();
                stack.Clear();
                for (var i = all.Length - 1; i >= 0; i--)
                    if (now - all[i].IdleSince < KeepMilliseconds && all[i].IsQuiet) stack.Push(all[i]);
                    else all[i].Dispose();
                if (stack.Count == 0) _idle.Remove(endpoint);
            }
            if (_idle.Count == 0 && !_isDisposed)
            {
                _sweeping.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _isSweeping = false;
            }
        }
    }
}
