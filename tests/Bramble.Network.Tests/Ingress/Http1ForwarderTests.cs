using System.Net;
using System.Net.Sockets;
using System.Text;
using Bramble.Network.Ingress.Proxying;
using Bramble.Network.Ingress.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bramble.Network.Tests.Ingress;

/// <summary>The exchange with an HTTP/1.1 backend, byte by byte (RFC 9112): what it is sent, what the client gets, whether the connection is used again.</summary>
public sealed class Http1ForwarderTests
{
    public static TheoryData<string, string, string, string, bool> Answers => new()
    {
        { "a length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello", "200 Content-Length=5 X-A=b | hello", true },
        { "no body", "GET", "HTTP/1.1 204 No Content\r\n\r\n", "204 | ", true },
        { "not modified, with the length of what is not sent", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "304 Content-Length=9 | ", true },
        { "HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "200 Content-Length=9 | ", true },
        { "chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", "200 | hello", true },
        { "chunks with trailers", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", "200 | hello", true },
        { "until the end", "GET", "HTTP/1.1 200 OK\r\n\r\nhello<close>", "200 | hello", false },
        { "close is asked for", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "200 Content-Length=2 | hi", false },
        { "HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 Content-Length=2 | hi", false },
        { "HTTP/1.0 that keeps", "GET", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", "200 Content-Length=2 | hi", true },
        { "100 Continue first", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 Content-Length=2 | hi", true },
        { "several of one name", "GET", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n", "200 Set-Cookie=a=1;b=2 Content-Length=0 | ", true },
        { "one hop's fields", "GET", "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n", "200 Content-Length=0 | ", true },
        { "no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 Content-Length=0 | ", true },
        { "length and chunks: the chunks count", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "200 | hi", false },
        { "two lengths", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", "Failed", false },
        { "no HTTP", "GET", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "Failed", false },
        { "ended within its head", "GET", "HTTP/1.1 200 OK\r\nContent-<close>", "Failed", false },
        { "without a word", "GET", "<close>", "Failed", false },
        { "a field without a name", "GET", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", "Failed", false },
        { "an upgrade nobody asked for", "GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "Failed", false },
        { "a chunk without size", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "Failed", false },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task An_answer_comes_through(string name, string method, string answer, string expected, bool isReused)
    {
        Assert.NotEmpty(name);
        // Once whole and once in single bytes: no part may rely on what came together.
        foreach (var step in new[] { int.MaxValue, 1 })
        {
            using var backend = new Backend(answer, step);
            using var forwarder = new Http1Forwarder(TimeProvider.System);
            var endpoint = new BackendEndpoint(backend.Address);
            Assert.Equal(expected, await Ask(forwarder, endpoint, Request(method)));
            if (!expected.Contains('|')) continue;
            Assert.Equal(expected, await Ask(forwarder, endpoint, Request(method)));
            Assert.Equal(isReused ? 1 : 2, backend.Connections);
        }
    }

    [Fact]
    public async Task The_request_is_the_clients_without_one_hops_fields()
    {
        using var backend = new Backend("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", int.MaxValue);
        using var forwarder = new Http1Forwarder(TimeProvider.System);
        var http = Request("GET");
        http.Request.Headers["X-A"] = new(["1", "2"]);
        http.Request.Headers.Connection = "keep-alive, X-Mine";
        http.Request.Headers["X-Mine"] = "x";
        http.Request.Headers.TE = "gzip";
        http.Request.Headers.Upgrade = "h2c";
        http.Request.Headers.Cookie = new(["a=1", "b=2"]);
        http.Request.Headers["X-Ä"] = "ü";
        await Ask(forwarder, new(backend.Address), http);
        Assert.Equal("GET /x?y HTTP/1.1\r\nHost: a.example\r\nX-A: 1\r\nX-A: 2\r\nCookie: a=1; b=2\r\nX-Ä: ü\r\n\r\n", backend.Seen);
    }

    [Fact]
    public async Task A_body_of_unknown_length_goes_in_chunks()
    {
        using var backend = new Backend("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", int.MaxValue, "0\r\n\r\n");
        using var forwarder = new Http1Forwarder(TimeProvider.System);
        var http = Request("POST", hasBody: true);
        http.Request.Body = new MemoryStream("hello"u8.ToArray());
        Assert.Equal("200 Content-Length=0 | ", await Ask(forwarder, new(backend.Address), http));
        Assert.EndsWith("\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", backend.Seen);
    }

    [Fact]
    public async Task Nothing_that_ends_a_line_gets_into_a_head()
    {
        using var backend = new Backend("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", int.MaxValue);
        using var forwarder = new Http1Forwarder(TimeProvider.System);
        var endpoint = new BackendEndpoint(backend.Address);
        var http = Request("GET");
        http.Request.Headers["X-A"] = "1\r\nX-B: 2";
        Assert.Equal("BadRequest", await Ask(forwarder, endpoint, http));
        Assert.Equal("BadRequest", await Ask(forwarder, endpoint, Request("GET"), "/x HTTP/1.1\r\nX-B:"));
        Assert.Equal("BadRequest", await Ask(forwarder, endpoint, Request("GET"), "/a b"));
    }

    [Fact]
    public async Task Nobody_there_is_unreached()
    {
        using var forwarder = new Http1Forwarder(TimeProvider.System);
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var address = (IPEndPoint)closed.LocalEndpoint;
        closed.Stop();
        Assert.Equal("Unreached", await Ask(forwarder, new(address), Request("GET")));
    }

    private static DefaultHttpContext Request(string method, bool hasBody = false)
    {
        var http = new DefaultHttpContext();
        http.Request.Method = method;
        http.Request.Host = new HostString("a.example");
        http.Features.Set<IHttpRequestBodyDetectionFeature>(new Body(hasBody));
        http.Response.Body = new MemoryStream();
        return http;
    }

    private static async Task<string> Ask(Http1Forwarder forwarder, BackendEndpoint endpoint, DefaultHttpContext http, string target = "/x?y")
    {
        var result = await forwarder.SendAsync(http, target, RequestChanges.None, endpoint, TestContext.Current.CancellationToken);
        if (result != ForwardResult.Done) return result.ToString();
        await http.Response.BodyWriter.FlushAsync();
        var headers = string.Concat(http.Response.Headers.Select(h => $" {h.Key}={string.Join(';', h.Value.ToArray())}"));
        return $"{http.Response.StatusCode}{headers} | {Encoding.ASCII.GetString(((MemoryStream)http.Response.Body).ToArray())}";
    }

    private sealed record Body(bool CanHaveBody) : IHttpRequestBodyDetectionFeature;

    /// <summary>Answers every request with the same bytes.</summary>
    private sealed class Backend : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public Backend(string answer, int step, string end = "\r\n\r\n")
        {
            _listener.Start();
            _ = Serve(answer, step, end);
        }

        public IPEndPoint Address => (IPEndPoint)_listener.LocalEndpoint;
        public int Connections { get; private set; }
        public string Seen { get; private set; } = "";

        public void Dispose() => _listener.Dispose();

        private async Task Serve(string answer, int step, string end)
        {
            try
            {
                while (true)
                {
                    var client = await _listener.AcceptSocketAsync();
                    client.NoDelay = true;
                    Connections++;
                    _ = Talk(client, answer, step, end);
                }
            }
            catch (Exception stopped) when (stopped is SocketException or ObjectDisposedException)
            {
            }
        }

        private async Task Talk(Socket client, string answer, int step, string end)
        {
            var closes = answer.EndsWith("<close>", StringComparison.Ordinal);
            var bytes = Encoding.Latin1.GetBytes(answer.Replace("<close>", ""));
            var buffer = new byte[4096];
            var seen = "";
            while (await client.ReceiveAsync(buffer) is > 0 and var count)
            {
                seen += Encoding.Latin1.GetString(buffer, 0, count);
                if (!seen.EndsWith(end, StringComparison.Ordinal)) continue;
                (Seen, seen) = (seen, "");
                for (var at = 0; at < bytes.Length; at += step)
                {
                    await client.SendAsync(bytes.AsMemory(at, Math.Min(step, bytes.Length - at)));
                    if (step == 1) await Task.Yield();
                    if (step == int.MaxValue) break;
                }
                if (closes) break;
            }
            client.Dispose();
        }
    }
}
