using System.Globalization;
using Bramble.Network.Ingress.Routing;
using Microsoft.AspNetCore.Http;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>Where a redirect leads. Source: HTTPRequestRedirectFilter of the Gateway API.</summary>
internal static class Redirection
{
    public static string Location(HttpRequest request, RouteAction.Redirect redirect, PathMatch match)
    {
        var scheme = redirect.Scheme ?? request.Scheme;
        // A scheme that is given decides the port; else it is the one that the request came to.
        var port = redirect.Port ?? (redirect.Scheme is null ? request.Host.Port : null);
        var isWellKnown = port is null || port == (scheme == "https" ? 443 : 80);
        var host = redirect.Host ?? request.Host.Host;
        var path = redirect.Path is { } change ? new PathString(change.Apply(request.Path.Value ?? "/", match)) : request.Path;
        return $"{scheme}://{host}{(isWellKnown ? "" : ":" + port!.Value.ToString(CultureInfo.InvariantCulture))}{path.ToUriComponent()}{request.QueryString.Value}";
    }
}
