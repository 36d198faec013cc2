using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Verbs;
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
public sealed class ApiServer(ApiPipeline pipeline, AuthenticationChain authentication, NonResourceRoutes routes, ILoggerFactory logs) : IAsyncDisposable
{
    internal ApiPipeline Pipeline { get; } = pipeline;
    internal AuthenticationChain Authentication { get; } = authentication;
    internal NonResourceRoutes Routes { get; } = routes;
    internal ILoggerFactory Logs { get; } = logs;

    /// <summary>The port it listens on, once started.</summary>
    public int Port => throw new NotSupportedException();

    /// <summary>Listens; returns when requests are answered. An address in use is an IOException.</summary>
    public Task StartAsync(CancellationToken cancel) => throw new NotSupportedException();

    /// <summary>Accepts nothing new, ends watches cleanly, waits for requests in flight until <paramref name="cancel"/>.</summary>
    public Task StopAsync(CancellationToken cancel) => throw new NotSupportedException();

    public ValueTask DisposeAsync() => default;
}
