using System.Buffers;
using System.Buffers.Text;
using System.Net.WebSockets;
using System.Text;

namespace Bramble.Client.Streaming;

/// <summary>Channels of the remote command protocol: the first byte of each message.</summary>
public enum Channel : byte
{
    Stdin = 0,
    Stdout = 1,
    Stderr = 2,

    /// <summary>A Status as JSON when the command has ended.</summary>
    Error = 3,

    /// <summary>Terminal sizes as JSON.</summary>
    Resize = 4,

    /// <summary>Version 5: the channel named by the next byte has ended.</summary>
    Close = 255,
}

/// <summary>The server's side of remote command over a WebSocket (<c>v5.channel.k8s.io</c> and older): messages that begin with a channel.
/// One reader; writers take turns.</summary>
public sealed class ChannelSocket(WebSocket socket, string subprotocol) : IDisposable
{
    private const int MessageBytesMax = 1 << 20;

    private readonly SemaphoreSlim _writing = new(1);
    private byte[] _received = new byte[32 * 1024];
    private readonly bool _isBase64 = subprotocol.Contains("base64", StringComparison.Ordinal);

    /// <summary>Protocols in order of preference.</summary>
    public static readonly IReadOnlyList<string> Subprotocols =
    [
        "v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io", "",
    ];

    /// <summary>The one to speak out of what a client offers; null: none.</summary>
    public static string? Choose(IReadOnlyList<string> offered) =>
        offered.Count == 0 ? "" : Subprotocols.FirstOrDefault(offered.Contains);

    /// <summary>True: a channel can end before the connection does.</summary>
    public bool CanCloseChannels => subprotocol.StartsWith("v5.", StringComparison.Ordinal);

    /// <summary>True: the end of a command is told as a Status; before version 4 as a text.</summary>
    public bool SendsStatus => subprotocol.StartsWith("v5.", StringComparison.Ordinal) || subprotocol.StartsWith("v4.", StringComparison.Ordinal);

    public async ValueTask SendAsync(Channel channel, ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        var rented = ArrayPool<byte>.Shared.Rent(1 + (_isBase64 ? Base64.GetMaxEncodedToUtf8Length(bytes.Length) : bytes.Length));
        try
        {
            var length = bytes.Length;
            if (_isBase64) Base64.EncodeToUtf8(bytes.Span, rented.AsSpan(1), out _, out length);
            else bytes.Span.CopyTo(rented.AsSpan(1));
            rented[0] = _isBase64 ? (byte)('0' + (byte)channel) : (byte)channel;
            await _writing.WaitAsync(cancel);
            try
            {
                await socket.SendAsync(rented.AsMemory(0, 1 + length), _isBase64 ? WebSocketMessageType.Text : WebSocketMessageType.Binary, endOfMessage: true, cancel);
            }
            finally
            {
                _writing.Release();
            }
        }
        finally
        {
            // A terminal shows secrets too.
            ArrayPool<byte>.Shared.Return(rented, clearArray: true);
        }
    }

    /// <summary>The next message, whose bytes are good until the one after it is asked for; null: the client has closed.</summary>
    /// <exception cref="WebSocketException">The connection broke, or what came is no message of this protocol.</exception>
    public async Task<(Channel Channel, ReadOnlyMemory<byte> Bytes)?> ReceiveAsync(CancellationToken cancel)
    {
        var buffer = _received;
        var length = 0;
        while (true)
        {
            if (length == buffer.Length)
            {
                if (length >= MessageBytesMax) throw new WebSocketException(WebSocketError.Faulted, $"a message is longer than {MessageBytesMax} bytes");
                Array.Resize(ref buffer, buffer.Length * 2);
                _received = buffer;
            }
            var part = await socket.ReceiveAsync(buffer.AsMemory(length), cancel);
            if (part.MessageType == WebSocketMessageType.Close) return null;
            length += part.Count;
            if (!part.EndOfMessage) continue;
            if (length == 0) continue;
            if (!_isBase64) return ((Channel)buffer[0], buffer.AsMemory(1, length - 1));
            var bytes = new byte[length];
            if (!Convert.TryFromBase64Chars(Encoding.ASCII.GetChars(buffer, 1, length - 1), bytes, out var count))
                throw new WebSocketException(WebSocketError.InvalidMessageType, "a message is not base64");
            return ((Channel)(buffer[0] - '0'), bytes.AsMemory(0, count));
        }
    }

    public async Task CloseAsync(CancellationToken cancel)
    {
        await _writing.WaitAsync(cancel);
        try
        {
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived) await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", cancel);
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Dispose() => _writing.Dispose();
}
