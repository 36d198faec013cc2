using System.Net;
using System.Net.Sockets;
using System.Text;
using Bramble.Client.Streaming;
using CsCheck;

namespace Bramble.Client.Tests.Streaming;

public sealed class SpdyConnectionTests
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stream_carries_bytes_both_ways_and_ends()
    {
        await using var pair = await Pair.OpenAsync();
        var stream = await pair.Client.OpenAsync([new("streamType", "stdin")], Cancel);
        var syn = await pair.ReadAsync(18 + 6 + 5 + 4 + 4 + 10 + 4 + 5 + 5);
        Assert.Equal("800300010000", Convert.ToHexStringLower(syn.AsSpan(0, 6)));
        Assert.Equal("78bbe3c6a7c2", Convert.ToHexStringLower(syn.AsSpan(18, 6)));
        Assert.Equal("streamtype", Encoding.ASCII.GetString(syn.AsSpan(18 + 6 + 5 + 8, 10)));
        // Without this empty block Go's reader waits for the next one.
        Assert.Equal("000000ffff", Convert.ToHexStringLower(syn.AsSpan(syn.Length - 5)));

        await stream.SendAsync("hello"u8.ToArray(), Cancel);
        await stream.CloseAsync(Cancel);
        var data = await pair.ReadAsync(8 + 5 + 8);
        Assert.Equal("0000000100000005", Convert.ToHexStringLower(data.AsSpan(0, 8)));
        Assert.Equal("0000000101000000", Convert.ToHexStringLower(data.AsSpan(13, 8)));

        await pair.WriteAsync([0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 2]);
        Assert.Equal("800300060000000400000002", Convert.ToHexStringLower(await pair.ReadAsync(12)));

        await pair.WriteAsync([0, 0, 0, 1, 1, 0, 0, 2, (byte)'o', (byte)'k']);
        var received = await stream.Received.ReadAtLeastAsync(100, Cancel);
        Assert.True(received.IsCompleted);
        Assert.Equal("ok", Encoding.ASCII.GetString(received.Buffer.FirstSpan));
    }

    [Fact]
    public async Task A_connection_that_breaks_ends_its_streams()
    {
        await using var pair = await Pair.OpenAsync();
        var stream = await pair.Client.OpenAsync([new("streamType", "stdout")], Cancel);
        pair.Break();
        Assert.True((await stream.Received.ReadAtLeastAsync(1, Cancel)).IsCompleted);
    }

    [Fact]
    public async Task Random_bytes_never_crash_the_reader() =>
        await Gen.Byte.Array[0, 300].SampleAsync(
            async bytes =>
            {
                await using var pair = await Pair.OpenAsync();
                var stream = await pair.Client.OpenAsync([], Cancel);
                await pair.WriteAsync(bytes);
                pair.Break();
                try
                {
                    await stream.Received.ReadAtLeastAsync(1 << 20, Cancel);
                }
                catch (IOException e)
                {
                    Assert.NotEmpty(e.Message);
                }
            },
            iter: 50, threads: 1);

    [Fact]
    public void The_newest_protocol_that_both_know_is_spoken()
    {
        Assert.Equal("v5.channel.k8s.io", ChannelSocket.Choose(["v4.channel.k8s.io", "v5.channel.k8s.io"]));
        Assert.Equal("", ChannelSocket.Choose([]));
        Assert.Null(ChannelSocket.Choose(["v9.channel.k8s.io"]));
    }

    private sealed class Pair(SpdyConnection client, Socket server) : IAsyncDisposable
    {
        public SpdyConnection Client => client;

        public static async Task<Pair> OpenAsync()
        {
            using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen();
            var accepting = listener.AcceptAsync(Cancel);
            var connection = await UpgradedConnection.ConnectAsync("127.0.0.1", ((IPEndPoint)listener.LocalEndPoint!).Port, null, null, Cancel);
            var server = await accepting;
            var asking = connection.RequestAsync("POST", "/exec", [new("Connection", "Upgrade")], Cancel);
            var pair = new Pair(null!, server);
            await pair.ReadAsync("POST /exec HTTP/1.1\r\nConnection: Upgrade\r\n\r\n".Length);
            await pair.WriteAsync("HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\n\r\n"u8.ToArray());
            var answer = await asking;
            Assert.Equal((101, "SPDY/3.1"), (answer.StatusCode, answer.Header("upgrade")));
            return new Pair(new SpdyConnection(connection), server);
        }

        public async Task<byte[]> ReadAsync(int count)
        {
            var bytes = new byte[count];
            for (var at = 0; at < count;) at += await server.ReceiveAsync(bytes.AsMemory(at), Cancel) is > 0 and var read ? read : throw new IOException($"closed after {at} of {count} bytes");
            return bytes;
        }

        public async Task WriteAsync(byte[] bytes) => await server.SendAsync(bytes, Cancel);

        public void Break() => server.Shutdown(SocketShutdown.Both);

        public async ValueTask DisposeAsync()
        {
            server.Dispose();
            await client.DisposeAsync();
        }
    }
}
