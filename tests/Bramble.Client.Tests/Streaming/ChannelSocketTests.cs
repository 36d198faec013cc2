using System.Net.WebSockets;
using Bramble.Client.Streaming;

namespace Bramble.Client.Tests.Streaming;

public sealed class ChannelSocketTests
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("v5.channel.k8s.io", "01 68 69")]
    [InlineData("v4.base64.channel.k8s.io", "31 61 47 6B 3D")]
    public async Task A_message_begins_with_its_channel(string protocol, string expected)
    {
        var (server, client) = Pair();
        using var channels = new ChannelSocket(server, protocol);
        await channels.SendAsync(Channel.Stdout, "hi"u8.ToArray(), Cancel);
        var buffer = new byte[100];
        var message = await client.ReceiveAsync(buffer.AsMemory(), Cancel);
        Assert.Equal(expected, string.Join(' ', buffer.Take(message.Count).Select(b => b.ToString("X2"))));
        Assert.Equal(protocol.Contains("base64", StringComparison.Ordinal) ? WebSocketMessageType.Text : WebSocketMessageType.Binary, message.MessageType);
    }

    [Fact]
    public async Task Messages_larger_than_the_buffer_and_empty_ones_arrive()
    {
        var (server, client) = Pair();
        using var channels = new ChannelSocket(server, "v5.channel.k8s.io");
        var large = Enumerable.Range(0, 100_000).Select(i => (byte)i).ToArray();
        await client.SendAsync(new byte[] { 0 }.Concat(large).ToArray(), WebSocketMessageType.Binary, true, Cancel);
        await client.SendAsync(new byte[] { 255, 0 }, WebSocketMessageType.Binary, true, Cancel);
        var (channel, bytes) = (await channels.ReceiveAsync(Cancel))!.Value;
        Assert.Equal(Channel.Stdin, channel);
        Assert.Equal(large, bytes.ToArray());
        (channel, bytes) = (await channels.ReceiveAsync(Cancel))!.Value;
        Assert.Equal((Channel.Close, (byte)0), (channel, bytes.Span[0]));
        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", Cancel);
        Assert.Null(await channels.ReceiveAsync(Cancel));
    }

    [Theory]
    [InlineData("v5.channel.k8s.io,v4.channel.k8s.io", "v5.channel.k8s.io")]
    [InlineData("v4.channel.k8s.io", "v4.channel.k8s.io")]
    [InlineData("", "")]
    [InlineData("something-else", null)]
    public void The_newest_offered_protocol_is_spoken(string offered, string? expected) =>
        Assert.Equal(expected, ChannelSocket.Choose(offered.Split(',', StringSplitOptions.RemoveEmptyEntries)));

    private static (WebSocket Server, WebSocket Client) Pair()
    {
        using var listener = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        listener.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        listener.Listen();
        var there = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
        there.Connect(listener.LocalEndPoint!);
        var here = listener.Accept();
        return (Of(here, true), Of(there, false));

        static WebSocket Of(System.Net.Sockets.Socket socket, bool isServer) =>
            WebSocket.CreateFromStream(new System.Net.Sockets.NetworkStream(socket, ownsSocket: true), new WebSocketCreationOptions { IsServer = isServer });
    }
}
