using System.Globalization;
using Bramble.Network.Ingress.Routing;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>What becomes of each request: found in the route table, answered here or forwarded to a backend, which is another one when the first refuses.</summary>
internal sealed class IngressApplication(IngressState state, IngressMetrics metrics, Http1Forwarder plain, IHttpForwarder forwarder, BackendClients backends, TimeProvider time, ILogger accessLog)
    : IHttpApplication<DefaultHttpContext>
{
    private const int AttemptsMax = 3;
    private const int RestMilliseconds = 2000;
    private const int ClientGone = 499;

    private RunningRequests _running = new();

    public DefaultHttpContext CreateContext(IFeatureCollection features)
    {
        // One context a connection, used again for its next request.
        if (features is not IHostContextContainer<DefaultHttpContext> container) return new DefaultHttpContext(features);
        if (container.HostContext is { } known)
        {
            known.Initialize(features);
            return known;
        }
        return container.HostContext = new DefaultHttpContext(features);
    }

    public void DisposeContext(DefaultHttpContext http, Exception? exception) => http.Uninitialize();

    /// <summary>Done when the requests that run now have ended; those that come later are not waited for.</summary>
    public Task RunningRequestsAsync()
    {
        var running = Interlocked.Exchange(ref _running, new());
        running.Leave();
        return running.Ended;
    }

    public async Task ProcessRequestAsync(DefaultHttpContext http)
    {
        var running = Volatile.Read(ref _running);
        running.Enter();
        try
        {
            var started = time.GetTimestamp();
            var now = state.Current;
            var entry = http.Request.IsHttps ? EntryPoints.WebSecure : EntryPoints.Web;
            var route = now.Routes.Find(http.Request, entry);
            BackendPool? pool = null;
            switch (route?.Action)
            {
                case RouteAction.Forward forward:
                    pool = forward.Pools.Pick();
                    if (pool is null) await AnswerAsync(http, 500, "Internal Server Error\n");
                    else await ForwardAsync(http, route, forward, pool, entry);
                    break;
                case RouteAction.Redirect redirect:
                    http.Response.StatusCode = redirect.Status;
                    http.Response.Headers.Location = Redirection.Location(http.Request, redirect, route.Path);
                    break;
                case RouteAction.Answer answer:
                    await AnswerAsync(http, answer.Status, answer.Text);
                    break;
                default:
                    // Go's words, which are Traefik's.
                    await AnswerAsync(http, 404, "404 page not found\n");
                    break;
            }
            var took = time.GetElapsedTime(started);
            var status = http.RequestAborted.IsCancellationRequested && !http.Response.HasStarted ? ClientGone : http.Response.StatusCode;
            metrics.Add(entry, http.Request.Method, status, pool?.Name, took);
            if (now.WritesAccessLog) AccessLog.Write(accessLog, http, status, route?.Name, pool?.Name, time.GetUtcNow(), took);
        }
        finally
        {
            running.Leave();
        }
    }

    private async Task ForwardAsync(DefaultHttpContext http, Route route, RouteAction.Forward forward, BackendPool pool, EntryPoints entry)
    {
        AddForwardedHeaders(http, entry);
        forward.Changes.Request?.Apply(http.Request.Headers);
        using var deadline = forward.Timeout is { } limit ? new CancellationTokenSource(limit, time) : null;
        var isPlain = pool.Protocol == BackendProtocol.Http && http.Features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest != true && http.Features.Get<IHttpExtendedConnectFeature>()?.IsExtendedConnect != true;
        var tried = new BackendEndpoint?[AttemptsMax];
        var isLate = false;
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            if (pool.Pick(tried, Environment.TickCount64) is not { } endpoint)
            {
                if (attempt > 0) break;
                await AnswerAsync(http, 503, "no available server\n");
                return;
            }
            endpoint.Enter();
            ForwardResult result;
            try
            {
                result = isPlain ? await SendPlainAsync(http, route, forward, endpoint, deadline) : await SendByYarpAsync(http, route, forward, pool.Protocol, endpoint, deadline);
            }
            catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested || http.Response.HasStarted)
            {
                // Too late for another answer: the client sees that this one is not whole.
                http.Abort();
                return;
            }
            catch (OperationCanceledException)
            {
                isLate = true;
                break;
            }
            finally
            {
                endpoint.Leave();
            }
            if (result == ForwardResult.Done) return;
            http.Response.Clear();
            if (result == ForwardResult.BadRequest)
            {
                await AnswerAsync(http, 400, "Bad Request");
                return;
            }
            if (result == ForwardResult.Unreached)
            {
                tried[attempt] = endpoint;
                endpoint.RestUntil(Environment.TickCount64 + RestMilliseconds);
            }
            else if (result != ForwardResult.Unanswered || !CanRepeat(http.Request)) break;
        }
        await AnswerAsync(http, isLate ? 504 : 502, isLate ? "Gateway Timeout" : "Bad Gateway");
    }

    private async Task<ForwardResult> SendPlainAsync(DefaultHttpContext http, Route route, RouteAction.Forward forward, BackendEndpoint endpoint, CancellationTokenSource? deadline)
    {
        using var either = deadline is null ? null : CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, deadline.Token);
        return await plain.SendAsync(http, RequestTarget.Of(http, forward.Changes, route.Path), forward.Changes, endpoint, either?.Token ?? http.RequestAborted);
    }

    private async Task<ForwardResult> SendByYarpAsync(DefaultHttpContext http, Route route, RouteAction.Forward forward, BackendProtocol protocol, BackendEndpoint endpoint, CancellationTokenSource? deadline)
    {
        http.Features.Set<IForwarderErrorFeature>(null);
        var error = await forwarder.SendAsync(
            http, "http://backend", backends.Invoker, BackendClients.ConfigOf(protocol), new BackendRequest(forward.Changes, route.Path, protocol, endpoint), deadline?.Token ?? CancellationToken.None);
        if (error == ForwarderError.None || http.Response.HasStarted || http.RequestAborted.IsCancellationRequested) return ForwardResult.Done;
        deadline?.Token.ThrowIfCancellationRequested();
        var failure = http.Features.Get<IForwarderErrorFeature>()?.Exception;
        if (IsUnreached(failure)) return ForwardResult.Unreached;
        return failure is HttpRequestException { HttpRequestError: HttpRequestError.ResponseEnded } ? ForwardResult.Unanswered : ForwardResult.Failed;
    }

    /// <summary>No connection came about, so nothing was sent: refused, no route, or no answer in time (a pod that has just gone).</summary>
    private static bool IsUnreached(Exception? failure) =>
        failure is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError }
        || failure is OperationCanceledException { InnerException: TimeoutException };

    /// <summary>Only what has no body and may come twice is sent again (RFC 9110 9.2.2).</summary>
    private static bool CanRepeat(HttpRequest request) =>
        request.Method is "GET" or "HEAD" or "OPTIONS" && request.ContentLength is null or 0 && !request.Headers.ContainsKey("Transfer-Encoding");

    /// <summary>Who the client is, in the headers that Traefik sets. What a client says of itself in them is not believed.</summary>
    private static void AddForwardedHeaders(DefaultHttpContext http, EntryPoints entry)
    {
        var headers = http.Request.Headers;
        foreach (var name in ClientsClaims) headers.Remove(name);
        var client = http.Connection.RemoteIpAddress?.ToString() ?? "";
        var isSecure = entry == EntryPoints.WebSecure;
        var host = http.Request.Host;
        headers["X-Forwarded-For"] = client;
        headers["X-Forwarded-Host"] = host.Value;
        headers["X-Forwarded-Port"] = host.Port is { } port ? port.ToString(CultureInfo.InvariantCulture) : isSecure ? "443" : "80";
        headers["X-Forwarded-Proto"] = isSecure ? "https" : "http";
        headers["X-Forwarded-Server"] = ServerName;
        headers["X-Real-Ip"] = client;
    }

    // What a proxy in front of Traefik would say; nobody is in front of us whom we know.
    private static readonly string[] ClientsClaims = ["X-Forwarded-Prefix", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info"];

    private static readonly string ServerName = Environment.MachineName;

    private static async Task AnswerAsync(HttpContext http, int status, string text)
    {
        if (http.Response.HasStarted || http.RequestAborted.IsCancellationRequested) return;
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/plain; charset=utf-8";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        http.Response.ContentLength = text.Length;
        if (!HttpMethods.IsHead(http.Request.Method)) await http.Response.WriteAsync(text);
    }
}

/// <summary>Requests that began in one span of time, counted until the last has ended. Thread-safe.</summary>
internal sealed class RunningRequests
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    // One more while the span lasts.
    private int _count = 1;

    public Task Ended => _ended.Task;

    public void Enter() => Interlocked.Increment(ref _count);

    public void Leave()
    {
        if (Interlocked.Decrement(ref _count) == 0) _ended.TrySetResult();
    }
}
