using Bramble.Network.Ingress.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>One request on its way to one backend: the client's own bytes of path and query, its Host, and the route's changes.</summary>
internal sealed class BackendRequest(RequestChanges changes, PathMatch match, BackendProtocol protocol, BackendEndpoint endpoint) : HttpTransformer
{
    // The path is not ours to tidy: what the client wrote is what the backend reads.
    private static readonly UriCreationOptions Verbatim = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public override async ValueTask TransformRequestAsync(HttpContext http, HttpRequestMessage request, string destinationPrefix, CancellationToken cancel)
    {
        await base.TransformRequestAsync(http, request, destinationPrefix, cancel);
        request.RequestUri = new Uri($"{(protocol == BackendProtocol.Https ? "https" : "http")}://{endpoint.Authority}{RequestTarget.Of(http, changes, match)}", Verbatim);
        if (changes.Host is { } host) request.Headers.Host = host;
    }

    public override async ValueTask<bool> TransformResponseAsync(HttpContext http, HttpResponseMessage? response, CancellationToken cancel)
    {
        var isForwarded = await base.TransformResponseAsync(http, response, cancel);
        if (response is not null) changes.Response?.Apply(http.Response.Headers);
        return isForwarded;
    }
}

/// <summary>Path and query as the backend gets them.</summary>
internal static class RequestTarget
{
    public static string Of(HttpContext http, RequestChanges changes, PathMatch match)
    {
        if (changes.Path is { } path) return new PathString(path.Apply(http.Request.Path.Value ?? "/", match)).ToUriComponent() + http.Request.QueryString.Value;
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        // The absolute form (RFC 9112 3.2.2) names the host too; an asterisk is OPTIONS for the server itself.
        return target.StartsWith('/') ? target : http.Request.Path.ToUriComponent() + http.Request.QueryString.Value;
    }
}
