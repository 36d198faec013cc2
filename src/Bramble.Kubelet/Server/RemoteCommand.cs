using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Bramble.Client.Streaming;

namespace Bramble.Kubelet.Server;

/// <summary>Which streams an exec or attach has.</summary>
internal sealed record CommandStreams(bool Stdin, bool Stdout, bool Stderr, bool Tty);

/// <summary>Carries one exec or attach between a client's WebSocket channels and the runtime's SPDY streams. The runtime's own WebSocket knows no end of
/// stdin, SPDY does. Ends when the command has ended and all its output was sent, or when either side goes.</summary>
internal static class RemoteCommand
{
    private static readonly TimeSpan CloseWait = TimeSpan.FromSeconds(5);

    /// <param name="runtime">Upgraded to SPDY/3.1; closed here.</param>
    public static async Task RunAsync(ChannelSocket client, UpgradedConnection runtime, CommandStreams streams, CancellationToken cancel)
    {
        await using var spdy = new SpdyConnection(runtime);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Task<SpdyStream> Open(string type) => spdy.OpenAsync([new("streamType", type)], ended.Token);

        // The order in which the runtime's reference client opens them; the runtime waits until all are there.
        var error = await Open("error");
        var stdin = streams.Stdin ? await Open("stdin") : null;
        var stdout = streams.Stdout ? await Open("stdout") : null;
        // A terminal has one output.
        var stderr = streams.Stderr && !streams.Tty ? await Open("stderr") : null;
        var resize = streams.Tty ? await Open("resize") : null;
        // Tells the client that the streams are there.
        await client.SendAsync(stdout is not null ? Channel.Stdout : stderr is not null ? Channel.Stderr : Channel.Error, ReadOnlyMemory<byte>.Empty, ended.Token);

        var output = Task.WhenAll(Forward(stdout, Channel.Stdout), Forward(stderr, Channel.Stderr));
        using var commandEnded = CancellationTokenSource.CreateLinkedTokenSource(ended.Token);
        var input = ReceiveAsync(client, stdin, resize, commandEnded.Token, ended.Token);
        try
        {
            var finished = FinishAsync();
            await Task.WhenAny(finished, input);
            // The client has gone: what runs is left to the runtime. Otherwise the command has ended.
            if (!finished.IsCompleted) await ended.CancelAsync();
            await finished;
            // Input that nobody reads any more is dropped, so that the client's close frame behind it is seen.
            await commandEnded.CancelAsync();
            // Both close frames pass before the connection goes; ending it at once could lose output that is still on its way.
            await Task.WhenAny(input, Task.Delay(CloseWait, ended.Token));
        }
        catch (Exception e) when (e is IOException or WebSocketException or OperationCanceledException && (ended.IsCancellationRequested || e is not OperationCanceledException))
        {
            // One side broke off; closing both is all that is left to do.
            await ended.CancelAsync();
        }
        finally
        {
            await ended.CancelAsync();
            await input;
        }

        Task Forward(SpdyStream? stream, Channel channel) => stream is null ? Task.CompletedTask : ForwardAsync(client, stream, channel, ended.Token);

        async Task FinishAsync()
        {
            var status = await ReadAllAsync(error, ended.Token);
            await output;
            // Broken off: the client must not take it for a success.
            if (status.Length == 0 && error.Failure is { } failure) throw new IOException("the container runtime broke off the stream", failure);
            if (!client.SendsStatus && status.Length > 0) status = AsText(status);
            if (status.Length > 0) await client.SendAsync(Channel.Error, status, ended.Token);
            await client.CloseAsync(ended.Token);
        }
    }

    /// <summary>Before version 4 nothing is said of success, and of a failure only its message.</summary>
    private static byte[] AsText(byte[] status)
    {
        using var document = JsonDocument.Parse(status);
        return document.RootElement.TryGetProperty("message", out var message) ? Encoding.UTF8.GetBytes(message.GetString() ?? "") : [];
    }

    private static async Task ForwardAsync(ChannelSocket client, SpdyStream stream, Channel channel, CancellationToken cancel)
    {
        while (true)
        {
            var read = await stream.Received.ReadAsync(cancel);
            foreach (var segment in read.Buffer) await client.SendAsync(channel, segment, cancel);
            stream.Received.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) return;
        }
    }

    private static async Task<byte[]> ReadAllAsync(SpdyStream stream, CancellationToken cancel)
    {
        while (true)
        {
            var read = await stream.Received.ReadAsync(cancel);
            if (read.IsCompleted)
            {
                var all = read.Buffer.ToArray();
                stream.Received.AdvanceTo(read.Buffer.End);
                return all;
            }
            stream.Received.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>Returns when the client has closed or broken off. A command that takes no more input is no end: its output and exit code are still to come.</summary>
    private static async Task ReceiveAsync(ChannelSocket client, SpdyStream? stdin, SpdyStream? resize, CancellationToken commandEnded, CancellationToken cancel)
    {
        try
        {
            while (await client.ReceiveAsync(cancel) is var (channel, bytes))
            {
                if (commandEnded.IsCancellationRequested) continue;
                try
                {
                    if (channel == Channel.Stdin && stdin is not null) await stdin.SendAsync(bytes, commandEnded);
                    else if (channel == Channel.Resize && resize is not null) await resize.SendAsync(bytes, commandEnded);
                    else if (channel == Channel.Close && client.CanCloseChannels && bytes.Length == 1 && bytes.Span[0] == (byte)Channel.Stdin && stdin is not null)
                        await stdin.CloseAsync(commandEnded);
                }
                catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException && !cancel.IsCancellationRequested)
                {
                    // The runtime has closed its side, or the command has ended meanwhile; FinishAsync tells the client which.
                    stdin = null;
                    resize = null;
                }
            }
        }
        catch (Exception e) when (e is WebSocketException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The end of the client is what this method waits for.
            return;
        }
    }
}
