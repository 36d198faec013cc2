using System.Net;
using System.Net.Sockets;
using System.Text;
using Bramble.Network.Ingress.Tls;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>Kestrel on the ports of the node, and YARP's forwarder behind it. Serves the state that is current when a request comes.</summary>
internal sealed class IngressServer(IngressPorts ports, IngressState state, IngressMetrics metrics, IKeptSockets kept, TimeProvider time, ILoggerFactory logs, ILogger logger)
{
    // Of a clean stop: requests that run get this long, then they are cut. Those that come meanwhile are served, or a WebSocket would make everybody wait for
    // the next process; the last second is theirs to end.
    private static readonly TimeSpan DrainPatience = TimeSpan.FromSeconds(10), LastPatience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan KeepAlive = TimeSpan.FromMinutes(3);

    private readonly Lazy<ServedCertificate> _selfSigned = new(() => ServedCertificate.SelfSigned(time.GetUtcNow()));

    public async Task RunAsync(CancellationToken cancel)
    {
        var priorKnowledge = new PriorKnowledge(KeepAlive, time);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(logs);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => Configure(kestrel, priorKnowledge));
        builder.Services.RemoveAll<IConnectionListenerFactory>();
        builder.Services.AddSingleton<IConnectionListenerFactory>(new PatientTransport(kept, priorKnowledge, time, logs, logger));
        builder.Services.AddHttpForwarder();
        await using var app = builder.Build();
        using var backends = new BackendClients();
        using var plain = new Http1Forwarder(time);
        var application = new IngressApplication(state, metrics, plain, app.Services.GetRequiredService<IHttpForwarder>(), backends, time, logs.CreateLogger("ingress-access"));
        // The server alone, without the host's pipeline: a proxied request needs none of it.
        var server = app.Services.GetRequiredService<IServer>();
        await server.StartAsync(application, cancel);
        await Task.Delay(Timeout.InfiniteTimeSpan, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        using var patience = new CancellationTokenSource(DrainPatience, time);
        await Task.WhenAny(application.RunningRequestsAsync(), Task.Delay(DrainPatience - LastPatience, time, CancellationToken.None));
        await server.StopAsync(patience.Token);
    }

    private void Configure(KestrelServerOptions kestrel, PriorKnowledge priorKnowledge)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null;
        // A slow client is the backend's business, as behind Traefik.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.KeepAliveTimeout = KeepAlive;
        kestrel.Limits.MaxRequestHeadersTotalSize = 64 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 200;
        kestrel.Limits.Http2.MaxStreamsPerConnection = 250;
        // Whatever bytes a client puts into a header, the backend gets them.
        kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
        kestrel.Listen(priorKnowledge.EndPoint, static listen => listen.Protocols = HttpProtocols.Http2);
        foreach (var any in Families())
        {
            kestrel.Listen(any, ports.Web, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(priorKnowledge.Divert);
            });
            kestrel.Listen(any, ports.WebSecure, listen =>
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                listen.UseHttps(new TlsHandshakeCallbackOptions
                {
                    OnConnection = hello => ValueTask.FromResult((state.Current.Certificates.Find(hello.ClientHelloInfo.ServerName) ?? _selfSigned.Value).Options),
                });
            });
        }
    }

    private static IEnumerable<IPAddress> Families()
    {
        yield return IPAddress.Any;
        if (Socket.OSSupportsIPv6) yield return IPAddress.IPv6Any;
    }
}

/// <summary>The node's ports of the ingress.</summary>
public readonly record struct IngressPorts(int Web, int WebSecure)
{
    /// <summary>K3s' Traefik's.</summary>
    public static readonly IngressPorts Default = new(80, 443);
}
