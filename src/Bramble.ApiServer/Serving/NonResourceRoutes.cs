using Bramble.ApiServer.Authentication;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary>Answers a non-resource path. Authorized before it is called.</summary>
public delegate Task NonResourceHandler(HttpContext http, UserInfo user, CancellationToken cancel);

/// <summary>One path that is no resource: <c>/version</c>, or with <c>IsPrefix</c> all below it.</summary>
/// <param name="IsOpen">Neither authenticated nor authorized (join endpoints with a secret of their own, <c>/ping</c>).</param>
/// <param name="AuthorizesItself">Authenticated here, authorized by the handler (the join protocol has groups of its own).</param>
public sealed record NonResourceRoute(string Path, NonResourceHandler Handler, bool IsPrefix = false, bool IsOpen = false, bool AuthorizesItself = false);

/// <summary>All non-resource paths of the server. An exact path wins over a prefix, a longer prefix over a shorter one. Immutable once serving.</summary>
public sealed class NonResourceRoutes
{
    private readonly Dictionary<string, NonResourceRoute> _exact = new(StringComparer.Ordinal);
    private readonly List<NonResourceRoute> _prefixes = [];

    /// <summary>The paths that <c>/</c> lists.</summary>
    public IEnumerable<string> Paths => _exact.Keys.Concat(_prefixes.Where(p => !p.AuthorizesItself).Select(p => p.Path)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    public NonResourceRoutes Add(NonResourceRoute route)
    {
        if (!route.IsPrefix) _exact.Add(route.Path, route);
        else
        {
            _prefixes.Add(route);
            _prefixes.Sort((a, b) => b.Path.Length - a.Path.Length);
        }
        return this;
    }

    internal NonResourceRoute? Find(string path)
    {
        if (_exact.TryGetValue(path, out var exact)) return exact;
        foreach (var route in _prefixes)
            if (path.StartsWith(route.Path, StringComparison.Ordinal) && (path.Length == route.Path.Length || route.Path[^1] == '/' || path[route.Path.Length] == '/')) return route;
        return null;
    }
}
