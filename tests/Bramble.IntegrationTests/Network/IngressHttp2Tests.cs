using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;

namespace Bramble.IntegrationTests.Network;

/// <summary>HTTP/2 from clients to the ingress, with TLS and without (prior knowledge, as Traefik takes it), asked by .NET's real gRPC, HTTP and WebSocket clients.</summary>
public sealed class IngressHttp2Tests(IngressDesk desk)
{
    private static readonly Marshaller<string> Text = Marshallers.Create(Encoding.UTF8.GetBytes, Encoding.UTF8.GetString);
    private static readonly Method<string, string> Talk = new(MethodType.DuplexStreaming, "test.Echo", "Talk", Text, Text);

    [Theory]
    [InlineData("https://grpc.example")]
    [InlineData("http://grpc.example")]
    public async Task GRPC_talks_in_both_directions_and_ends_with_its_status(string address)
    {
        await Prepare("ing-grpc", "grpc.example", port: 90);
        using var channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { HttpHandler = Handler("10.201.0.130") });
        var calls = channel.CreateCallInvoker();
        await Eventually(async () => await Say(calls, "ready?") == "ready?");
        using var call = calls.AsyncDuplexStreamingCall(Talk, null, new CallOptions(new Metadata { { "fails-with", "9" } }, cancellationToken: TestContext.Current.CancellationToken));
        // Each word is answered before the next is said: nobody on the way waits for more.
        foreach (var word in new[] { "one", "two", new string('x', 3000) })
        {
            await call.RequestStream.WriteAsync(word, TestContext.Current.CancellationToken);
            Assert.True(await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
            Assert.Equal(word, call.ResponseStream.Current);
        }
        await call.RequestStream.CompleteAsync();
        var ended = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        Assert.Equal((StatusCode.FailedPrecondition, "as asked"), (ended.StatusCode, ended.Status.Detail));
    }

    [Theory]
    [InlineData("https://two.example")]
    [InlineData("http://two.example")]
    public async Task HTTP2_to_a_backend_of_HTTP1_streams_in_both_directions(string address)
    {
        await Prepare("ing-two", "two.example", port: 80);
        using var http = new HttpClient(Handler("10.201.0.130")) { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        await Eventually(async () => (await http.GetStringAsync(address, TestContext.Current.CancellationToken)).StartsWith("HTTP/1.1 GET /", StringComparison.Ordinal));
        using var parts = new Parts();
        using var request = new HttpRequestMessage(HttpMethod.Post, address + "/echo") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = parts };
        var answering = http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        await parts.Send("first");
        using var answer = await answering;
        var body = await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        Assert.Equal("first", await Read(body));
        await parts.Send("second");
        Assert.Equal("second", await Read(body));
        parts.End();
        Assert.Equal("", await Read(body));
    }

    [Theory]
    [InlineData("wss://sockets.example/ws")]
    [InlineData("ws://sockets.example/ws")]
    public async Task A_WebSocket_opens_within_HTTP2(string address)
    {
        await Prepare("ing-ws2", "sockets.example", port: 80);
        await IngressDesk.Becomes("sockets.example", "http://10.201.0.130/", text => text.StartsWith("HTTP/1.1 GET /", StringComparison.Ordinal));
        using var invoker = new HttpMessageInvoker(Handler("10.201.0.130"));
        using var socket = new ClientWebSocket();
        // RFC 8441: what browsers do when the page came by HTTP/2.
        socket.Options.HttpVersion = HttpVersion.Version20;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        await socket.ConnectAsync(new Uri(address), invoker, TestContext.Current.CancellationToken);
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, TestContext.Current.CancellationToken);
        var buffer = new byte[100];
        var said = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
        Assert.Equal("you said hello", Encoding.UTF8.GetString(buffer, 0, said.Count));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Bytes_that_only_begin_as_HTTP2_does_are_HTTP1()
    {
        await Prepare("ing-pri", "pri.example", port: 80);
        await IngressDesk.Becomes("pri.example", "http://10.201.0.130/", text => text.StartsWith("HTTP/1.1 GET /", StringComparison.Ordinal));
        using var tcp = new TcpClient();
        await tcp.ConnectAsync("10.201.0.130", 80, TestContext.Current.CancellationToken);
        foreach (var piece in new[] { "P", "RI", "NT /x HTTP/1.1\r\nHost: pri.example\r\nConnection: close\r\n\r\n" })
        {
            await tcp.GetStream().WriteAsync(Encoding.ASCII.GetBytes(piece), TestContext.Current.CancellationToken);
            await tcp.GetStream().FlushAsync(TestContext.Current.CancellationToken);
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
        using var reader = new StreamReader(tcp.GetStream());
        Assert.Contains("HTTP/1.1 PRINT /x\n", await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    private async Task Prepare(string prefix, string host, int port)
    {
        await desk.Get();
        var ns = await desk.NewNamespace(prefix);
        await desk.Cluster.KubectlWithInput(IngressDesk.Ingress(ns, host, port: port), "apply", "-f", "-");
    }

    /// <summary>Every name is at one address, and its certificate is believed.</summary>
    private static SocketsHttpHandler Handler(string address) => new()
    {
        UseProxy = false,
        SslOptions = new() { RemoteCertificateValidationCallback = (_, _, _, _) => true },
        ConnectCallback = async (connection, cancel) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(address, connection.DnsEndPoint.Port, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        },
    };

    private static async Task<string> Say(CallInvoker calls, string word)
    {
        using var call = calls.AsyncDuplexStreamingCall(Talk, null, new CallOptions(cancellationToken: TestContext.Current.CancellationToken));
        await call.RequestStream.WriteAsync(word, TestContext.Current.CancellationToken);
        await call.RequestStream.CompleteAsync();
        return await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken) ? call.ResponseStream.Current : "";
    }

    private static async Task<string> Read(Stream body)
    {
        var buffer = new byte[100];
        return Encoding.UTF8.GetString(buffer, 0, await body.ReadAsync(buffer, TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
    }

    /// <summary>The route comes to the nodes in its own time; until then they answer 404.</summary>
    private static Task Eventually(Func<Task<bool>> isSo) => Support.Eventually.Becomes(async () =>
    {
        try
        {
            return await isSo() ? "" : "another answer";
        }
        catch (Exception error) when (error is HttpRequestException or RpcException)
        {
            return error.Message;
        }
    }, answer => answer == "", "the ingress serves the host", TimeSpan.FromSeconds(20));

    /// <summary>A body whose parts the test sends one by one.</summary>
    private sealed class Parts : HttpContent
    {
        private readonly TaskCompletionSource<Stream> _stream = new();
        private readonly TaskCompletionSource _ended = new();

        public async Task Send(string part)
        {
            var stream = await _stream.Task;
            await stream.WriteAsync(Encoding.UTF8.GetBytes(part));
            await stream.FlushAsync();
        }

        public void End() => _ended.SetResult();

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            _stream.SetResult(stream);
            return _ended.Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
