using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Bramble.Supervisor.Tunnel;
using CsCheck;

namespace Bramble.Supervisor.Tests.Tunnel;

public sealed class TunnelTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void A_frame_is_bytes_as_Go_writes_them()
    {
        var (rented, length) = new TunnelFrame(1, 2, FrameType.Connect, "tcp/127.0.0.1:10250"u8.ToArray()).Write();
        // Zig-zag: 1 → 2, 2 → 4, 2 → 4, 15000 → 30000 = 0xb0 0xea 0x01.
        Assert.Equal([2, 4, 4, 0xb0, 0xea, 0x01], rented[..6]);
        Assert.Equal("tcp/127.0.0.1:10250", Encoding.ASCII.GetString(rented, 6, length - 6));
    }

    [Fact]
    public void A_frame_that_is_written_is_read() =>
        Gen.Select(Gen.Long, Gen.Long, Gen.Enum<FrameType>(), Gen.Byte.Array).Sample((id, connection, type, payload) =>
        {
            var (rented, length) = new TunnelFrame(id, connection, type, payload).Write();
            return TunnelFrame.TryParse(rented.AsMemory(0, length), out var read)
                && read.Id == id && read.Connection == connection && read.Type == type && read.Payload.Span.SequenceEqual(payload);
        });

    [Fact]
    public void Any_bytes_are_a_frame_or_an_error() => Gen.Byte.Array.Sample(bytes => { _ = TunnelFrame.TryParse(bytes, out _); });

    [Fact]
    public async Task Bytes_go_both_ways_beside_a_reader_that_sleeps()
    {
        await using var pair = await Pair.OpenAsync(EchoAsync);
        await using var lazy = await pair.Server.OpenAsync("tcp", "echo", Cancel);
        await using var busy = await pair.Server.OpenAsync("tcp", "echo", Cancel);
        var sent = RandomNumberGenerator.GetBytes(3 << 20);
        // Nobody reads the echo of the first: it must be paused, not grow, and not stop the second.
        var stuck = lazy.WriteAsync(sent, Cancel).AsTask();
        var writing = busy.WriteAsync(sent, Cancel).AsTask();
        var received = new byte[sent.Length];
        await busy.ReadExactlyAsync(received, Cancel);
        await writing;
        Assert.True(sent.AsSpan().SequenceEqual(received));
        await lazy.ReadExactlyAsync(received, Cancel);
        await stuck;
        Assert.True(sent.AsSpan().SequenceEqual(received));
    }

    [Fact]
    public async Task A_refused_connection_says_why_at_the_first_read()
    {
        await using var pair = await Pair.OpenAsync((_, address, _) => throw new IOException($"no way to {address}"));
        await using var stream = await pair.Server.OpenAsync("tcp", "10.0.0.1:22", Cancel);
        var refused = await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(new byte[1], Cancel).AsTask());
        Assert.Equal("no way to 10.0.0.1:22", refused.Message);
    }

    [Fact]
    public async Task When_the_tunnel_breaks_its_connections_end()
    {
        var pair = await Pair.OpenAsync(EchoAsync);
        var stream = await pair.Server.OpenAsync("tcp", "echo", Cancel);
        await stream.WriteAsync("x"u8.ToArray(), Cancel);
        await stream.ReadExactlyAsync(new byte[1], Cancel);
        await pair.DisposeAsync();
        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(new byte[1], Cancel).AsTask());
        await Assert.ThrowsAsync<IOException>(() => pair.Server.OpenAsync("tcp", "echo", Cancel));
    }

    private static async Task<Stream> EchoAsync(string network, string address, CancellationToken cancel)
    {
        var (near, far) = await ConnectedAsync(cancel);
        _ = Task.Run(async () =>
        {
            await using (far) await far.CopyToAsync(far, CancellationToken.None);
        }, CancellationToken.None);
        return near;
    }

    private static async Task<(Stream Near, Stream Far)> ConnectedAsync(CancellationToken cancel)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var near = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await near.ConnectAsync(listener.LocalEndpoint, cancel);
        return (new NetworkStream(near, ownsSocket: true), new NetworkStream(await listener.AcceptSocketAsync(cancel), ownsSocket: true));
    }

    /// <summary>Both ends of a tunnel over a loopback connection.</summary>
    private sealed class Pair(TunnelSession server, TunnelSession agent, CancellationTokenSource stop) : IAsyncDisposable
    {
        private readonly Task _running = Task.WhenAll(server.RunAsync(stop.Token), agent.RunAsync(stop.Token));

        public TunnelSession Server => server;

        public static async Task<Pair> OpenAsync(TunnelDial dial)
        {
            var (near, far) = await ConnectedAsync(Cancel);
            return new Pair(
                new TunnelSession(WebSocket.CreateFromStream(near, new WebSocketCreationOptions { IsServer = true }), dial: null),
                new TunnelSession(WebSocket.CreateFromStream(far, new WebSocketCreationOptions()), dial), new CancellationTokenSource());
        }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await server.DisposeAsync();
            await agent.DisposeAsync();
        }
    }
}
