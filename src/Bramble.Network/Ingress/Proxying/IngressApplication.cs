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
internal sealed class IngressApplication(IngressState state, IngressMetrics metrics, IHttpForwarder forwarder, BackendClients backends, TimeProvider time, ILogger accessLog)
    : IHttpApplication<DefaultHttpContext>
{
    private const int AttemptsMax = 3;
    private const int RestMilliseconds = 2000;
    private const int ClientGone = 499;

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

    public async Task ProcessRequestAsync(DefaultHttpContext http)
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

    private async Task ForwardAsync(DefaultHttpContext http, Route route, RouteAction.Forward forward, BackendPool pool, EntryPoints entry)
    {
        AddForwardedHeaders(http, entry);
        forward.Changes.Request?.Apply(http.Request.Headers);
        using var deadline = forward.Timeout is { } limit ? new CancellationTokenSource(limit, time) : null;
        var config = BackendClients.ConfigOf(pool.Protocol);
        var tried = new BackendEndpoint?[AttemptsMax];
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            if (pool.Pick(tried, Environment.TickCount64) is not { } endpoint)
            {
                if (attempt > 0) break;
                await AnswerAsync(http, 503, "no available server\n");
                return;
            }
            tried[attempt] = endpoint;
            endpoint.Enter();
            ForwarderError error;
            try
            {
                error = await forwarder.SendAsync(http, "http://backend", backends.Invoker, config, new BackendRequest(forward, route.Path, pool.Protocol, endpoint), deadline?.Token ?? CancellationToken.None);
            }
            finally
            {
                endpoint.Leave();
            }
            if (error == ForwarderError.None || http.Response.HasStarted || http.RequestAborted.IsCancellationRequested) return;
            var failure = http.Features.Get<IForwarderErrorFeature>()?.Exception;
            var isUnreached = IsUnreached(failure) && deadline?.IsCancellationRequested != true;
            if (isUnreached) endpoint.RestUntil(Environment.TickCount64 + RestMilliseconds);
            if (!isUnreached && !CanRepeat(http.Request, failure))
            {
                var isLate = deadline?.IsCancellationRequested == true || error == ForwarderError.RequestTimedOut;
                await AnswerAsync(http, isLate ? 504 : 502, isLate ? "Gateway Timeout" : "Bad Gateway");
                return;
            }
            http.Features.Set<IForwarderErrorFeature>(null);
            http.Response.StatusCode = 200;
        }
        await AnswerAsync(http, 502, "Bad Gateway");
    }

    /// <summary>No connection came about, so nothing was sent: refused, no route, or no answer in time (a pod that has just gone).</summary>
    private static bool IsUnreached(Exception? failure) =>
        failure is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError }
        || failure is OperationCanceledException { InnerException: TimeoutException };

    /// <summary>The backend closed a kept connection just as the request came; only what has no body and may come twice is sent again (RFC 9110 9.2.2).</summary>
    private static bool CanRepeat(HttpRequest request, Exception? failure) =>
        failure is HttpRequestException { HttpRequestError: HttpRequestError.ResponseEnded } && request.ContentLength is null or 0 && !request.Headers.ContainsKey("Transfer-Encoding")
        && request.Method is "GET" or "HEAD" or "OPTIONS";

    /// <summary>Who the client is, in the headers that Traefik sets. What a client says of itself in them is not believed.</summary>
    private static void AddForwardedHeaders(DefaultHttpContext http, EntryPoints entry)
    {
        var headers = http.Request.Headers;
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
