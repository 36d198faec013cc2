using System.Net;
using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Bramble.IntegrationTests.Network;

/// <summary>An application outside the cluster, on this machine, that tells what reaches it: HTTP/1.1 on one port, HTTP/2 without TLS on another.</summary>
internal sealed class TestBackend : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestBackend(WebApplication app, int port, int h2cPort) => (_app, Port, H2cPort) = (app, port, h2cPort);

    public int Port { get; }
    public int H2cPort { get; }

    /// <summary>Lets /stream go on to its second part.</summary>
    public SemaphoreSlim Continue { get; } = new(0);

    /// <summary>The parts that /upload has read so far.</summary>
    public System.Threading.Channels.Channel<string> Uploaded { get; } = System.Threading.Channels.Channel.CreateUnbounded<string>();

    public static async Task<TestBackend> Start()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRouting();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Listen(IPAddress.Any, 0, listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Listen(IPAddress.Any, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        var app = builder.Build();
        app.UseWebSockets();
        TestBackend? self = null;
        app.Run(http => self!.Answer(http));
        await app.StartAsync();
        var ports = app.Urls.Select(url => new Uri(url.Replace("[::]", "localhost")).Port).ToList();
        return self = new TestBackend(app, ports[0], ports[1]);
    }

    /// <summary>The Service of a name in a namespace that leads here.</summary>
    public string Manifest(string ns, string name) => $$$"""
        apiVersion: v1
        kind: Service
        metadata: {name: {{{name}}}, namespace: {{{ns}}} }
        spec: {ports: [{name: web, port: 80}, {name: grpc, port: 90, appProtocol: kubernetes.io/h2c}]}
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: {{{name}}}-1, namespace: {{{ns}}}, labels: {kubernetes.io/service-name: {{{name}}} } }
        addressType: IPv4
        ports: [{name: web, port: {{{Port}}} }, {name: grpc, port: {{{H2cPort}}} }]
        endpoints: [{addresses: [10.201.0.1], conditions: {ready: true}}]
        """;

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    /// <summary>What comes goes back at once.</summary>
    private static async Task EchoAsync(HttpContext http)
    {
        var buffer = new byte[4096];
        while (await http.Request.Body.ReadAsync(buffer) is > 0 and var count)
        {
            await http.Response.Body.WriteAsync(buffer.AsMemory(0, count));
            await http.Response.Body.FlushAsync();
        }
    }

    private async Task Answer(HttpContext http)
    {
        switch (http.Request.Path.Value)
        {
            case "/ws":
                using (var socket = await http.WebSockets.AcceptWebSocketAsync())
                {
                    var buffer = new byte[1024];
                    while (await socket.ReceiveAsync(buffer, default) is { MessageType: not WebSocketMessageType.Close } part)
                        await socket.SendAsync(Encoding.UTF8.GetBytes("you said " + Encoding.UTF8.GetString(buffer, 0, part.Count)), WebSocketMessageType.Text, true, default);
                    await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, default);
                }
                break;
            case "/stream":
                await http.Response.WriteAsync("first ");
                await http.Response.Body.FlushAsync();
                await Continue.WaitAsync();
                await http.Response.WriteAsync("second");
                break;
            case "/upload":
                var read = new byte[1024];
                while (await http.Request.Body.ReadAsync(read) is > 0 and var count) await Uploaded.Writer.WriteAsync(Encoding.UTF8.GetString(read, 0, count));
                break;
            case "/slow":
                await Task.Delay(TimeSpan.FromSeconds(20), http.RequestAborted);
                break;
            // A gRPC method whose answers are the bytes of its requests; a message is a message, whatever is in it.
            case "/test.Echo/Talk":
                http.Response.ContentType = "application/grpc";
                await EchoAsync(http);
                http.Response.AppendTrailer("grpc-status", http.Request.Headers["fails-with"].FirstOrDefault() ?? "0");
                http.Response.AppendTrailer("grpc-message", "as asked");
                break;
            case "/echo":
                await EchoAsync(http);
                break;
            default:
                var target = http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
                await http.Response.WriteAsync($"{http.Request.Protocol} {http.Request.Method} {target}\n" + string.Concat(http.Request.Headers.OrderBy(h => h.Key).Select(h => $"{h.Key.ToLowerInvariant()}: {h.Value}\n")));
                break;
        }
    }
}
