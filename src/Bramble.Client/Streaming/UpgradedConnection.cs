using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Bramble.Client.Streaming;

/// <summary>What a server answered before a connection became something else (or did not). Header names keep the case they came in.</summary>
public sealed record UpgradeAnswer(int StatusCode, string Reason, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    public bool IsSwitched => StatusCode == 101;

    public string Header(string name)
    {
        foreach (var (key, value) in Headers)
            if (key.Equals(name, StringComparison.OrdinalIgnoreCase)) return value;
        return "";
    }
}

/// <summary>An HTTP/1.1 connection of our own to a server (kubelet, container runtime), made to ask for one upgrade: afterwards its bytes belong to the new
/// protocol. One owner; dispose it to close it.</summary>
public sealed class UpgradedConnection : IAsyncDisposable
{
    private const int HeadBytesMax = 64 * 1024;

    private readonly Stream _stream;
    private byte[] _ahead = [];
    private int _aheadOffset;

    private UpgradedConnection(Stream stream) => _stream = stream;

    /// <param name="tls">Null: plain TCP.</param>
    /// <param name="dial">Makes the connection beneath; null: a socket to host and port.</param>
    public static async Task<UpgradedConnection> ConnectAsync(
        string host, int port, SslClientAuthenticationOptions? tls, Func<string, int, CancellationToken, ValueTask<Stream>>? dial, CancellationToken cancel)
    {
        var stream = await (dial ?? DialAsync)(host, port, cancel);
        if (tls is null) return new(stream);
        var secured = new SslStream(stream);
        try
        {
            await secured.AuthenticateAsClientAsync(tls, cancel);
            return new(secured);
        }
        catch
        {
            await secured.DisposeAsync();
            throw;
        }
    }

    private static async ValueTask<Stream> DialAsync(string host, int port, CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(host, port, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends a request without a body and reads the answer's head.</summary>
    /// <exception cref="IOException">The server sent no HTTP answer.</exception>
    public async Task<UpgradeAnswer> RequestAsync(string method, string pathAndQuery, IEnumerable<KeyValuePair<string, string>> headers, CancellationToken cancel)
    {
        var head = new StringBuilder($"{method} {pathAndQuery} HTTP/1.1\r\n");
        foreach (var (name, value) in headers)
        {
            // A line break would begin a header of the caller's choice.
            if (name.AsSpan().IndexOfAny('\r', '\n') >= 0 || value.AsSpan().IndexOfAny('\r', '\n') >= 0) continue;
            head.Append(name).Append(": ").Append(value).Append("\r\n");
        }
        head.Append("\r\n");
        await _stream.WriteAsync(Encoding.Latin1.GetBytes(head.ToString()), cancel);
        await _stream.FlushAsync(cancel);
        return Parse(await ReadHeadAsync(cancel));
    }

    /// <summary>0: the other side has closed.</summary>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancel)
    {
        if (_aheadOffset == _ahead.Length) return _stream.ReadAsync(buffer, cancel);
        var count = Math.Min(buffer.Length, _ahead.Length - _aheadOffset);
        _ahead.AsSpan(_aheadOffset, count).CopyTo(buffer.Span);
        _aheadOffset += count;
        return ValueTask.FromResult(count);
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        await _stream.WriteAsync(bytes, cancel);
        await _stream.FlushAsync(cancel);
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    /// <summary>Reads to the blank line; what came after it is kept for <see cref="ReadAsync"/>.</summary>
    private async Task<string> ReadHeadAsync(CancellationToken cancel)
    {
        var buffer = new byte[4096];
        var length = 0;
        while (true)
        {
            if (length == buffer.Length)
            {
                if (length >= HeadBytesMax) throw new IOException($"the head of the answer is longer than {HeadBytesMax} bytes");
                Array.Resize(ref buffer, buffer.Length * 2);
            }
            var count = await _stream.ReadAsync(buffer.AsMemory(length), cancel);
            if (count == 0) throw new IOException("the server closed the connection before it answered");
            length += count;
            var end = buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
            if (end < 0) continue;
            _ahead = buffer[(end + 4)..length];
            return Encoding.Latin1.GetString(buffer, 0, end);
        }
    }

    private static UpgradeAnswer Parse(string head)
    {
        var lines = head.Split("\r\n");
        if (lines[0].Split(' ', 3) is not [var protocol, var code, ..] || !protocol.StartsWith("HTTP/1.", StringComparison.Ordinal) || !int.TryParse(code, out var status))
            throw new IOException($"not an HTTP answer: {lines[0]}");
        var headers = new List<KeyValuePair<string, string>>();
        foreach (var line in lines.AsSpan(1))
        {
            var colon = line.IndexOf(':');
            if (colon > 0) headers.Add(new(line[..colon], line[(colon + 1)..].Trim()));
        }
        return new UpgradeAnswer(status, lines[0].Split(' ', 3) is [_, _, var reason] ? reason : "", headers);
    }
}
