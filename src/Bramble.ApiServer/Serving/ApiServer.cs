using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Bramble.Api.Discovery;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Serving;

/// <summary>The HTTPS front end: Kestrel, authentication, negotiation, encoding. Composed so:
/// <code>
/// var cache = new WatchCache(store, time, logs);
/// var pipeline = new ApiPipeline(cache, store, options, parts, time, logs);
/// var server = new ApiServer(pipeline, authentication, routes, logs);   // routes: the composition's own; /healthz, /version, /metrics, /api, /apis, /openapi are built in
/// var loading = cache.RunAsync(stop); await cache.Ready; await server.StartAsync(stop);
/// var scheduler = new InProcessClient(pipeline, UserInfo.Loopback).As(...);
/// </code></summary>
public sealed class ApiServer : IAsyncDisposable
{
    private readonly ApiServerOptions _options;
    private readonly RequestHandler _handler;
    private readonly ILoggerFactory _logs;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConditionalWeakTable<X509Certificate2, SslStreamCertificateContext> _contexts = [];
    private WebApplication? _app;

    public ApiServer(ApiPipeline pipeline, AuthenticationChain authentication, NonResourceRoutes routes, ILoggerFactory logs)
    {
        (_options, _logs) = (pipeline.Options, logs);
        Health = new HealthChecks();
        Health.Add("ping", () => null);
        Health.Add("log", () => null);
        Health.Add("etcd", () => pipeline.Cache.IsReady ? null : "the store has not been read yet");
        Health.AddNames(DiscoveryDocuments.KnownPaths(), endpoint => _stopping.IsCancellationRequested && endpoint == "readyz" ? "process is shutting down" : pipeline.Cache.IsReady ? null : "not finished");
        BuiltInRoutes.AddTo(routes, pipeline, Health);
        _handler = new RequestHandler(pipeline, authentication, routes, _stopping.Token);
    }

    /// <summary>Checks of /healthz, /livez and /readyz; add before the start.</summary>
    public HealthChecks Health { get; }

    /// <summary>The port it listens on, once started.</summary>
    public int Port { get; private set; }

    /// <summary>Listens; returns when requests are answered. An address in use is an IOException.</summary>
    public async Task StartAsync(CancellationToken cancel)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(_logs);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(Configure);
        _app = builder.Build();
        _app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(30) });
        _app.Run(_handler.HandleAsync);
        await _app.StartAsync(cancel);
        var addresses = _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        Port = addresses.Select(a => BindingAddress.Parse(a).Port).First();
    }

    /// <summary>Accepts nothing new, ends watches cleanly, waits for requests in flight until <paramref name="cancel"/>.</summary>
    public async Task StopAsync(CancellationToken cancel)
    {
        await _stopping.CancelAsync();
        if (_app is not null) await _app.StopAsync(cancel);
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null) await _app.DisposeAsync();
        _stopping.Dispose();
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        // Warnings quote what the client sent, and its Audit-Id goes back to it: both may be more than ASCII.
        kestrel.ResponseHeaderEncodingSelector = static name => name is "Warning" or "Audit-Id" ? Encoding.UTF8 : null;
        // Longer bodies are read only as far as the answer 413 needs; exec and proxy streams have no limit.
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(3);
        kestrel.Limits.MaxRequestHeadersTotalSize = 64 * 1024;
        kestrel.Limits.Http2.MaxStreamsPerConnection = 250;
        kestrel.Listen(_options.Listen, Secure);
        // Bound to one address of the machine it is reached on the loopback all the same, as in K3s.
        var (any, loopback) = _options.Listen.AddressFamily == AddressFamily.InterNetworkV6 ? (IPAddress.IPv6Any, IPAddress.IPv6Loopback) : (IPAddress.Any, IPAddress.Loopback);
        if (!_options.Listen.Address.Equals(any) && !IPAddress.IsLoopback(_options.Listen.Address)) kestrel.Listen(loopback, _options.Listen.Port, Secure);

        void Secure(ListenOptions listen)
        {
            if (_options.ServingCertificate is not { } certificateOf) return;
            listen.Protocols = HttpProtocols.Http1AndHttp2;
            listen.UseHttps(new TlsHandshakeCallbackOptions
            {
                OnConnection = context => ValueTask.FromResult(new SslServerAuthenticationOptions
                {
                    ServerCertificateContext = ContextOf(certificateOf(context.ClientHelloInfo.ServerName is { Length: > 0 } name ? name : null)),
                    ClientCertificateRequired = _options.AsksForClientCertificates,
                    // Whether a certificate is believed is the authenticators' business: an unknown one is 401, not a broken connection.
                    RemoteCertificateValidationCallback = static (_, _, _, _) => true,
                    EnabledSslProtocols = _options.LeastTlsVersion | SslProtocols.Tls13,
                    CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                }),
            });
        }
    }

    private SslStreamCertificateContext ContextOf(X509Certificate2 certificate) =>
        _contexts.GetValue(certificate, static c => SslStreamCertificateContext.Create(c, null, offline: true));
}
