using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;

namespace Bramble.Network.Ingress.Routing;

/// <summary>All routes of a node at one moment, found by host in one look-up and in upstream's order below it. Immutable: a change makes a new one.</summary>
internal sealed class RouteTable
{
    public static readonly RouteTable Empty = new([]);

    private readonly FrozenDictionary<string, Route[]> _exact;
    private readonly FrozenDictionary<string, Route[]> _wildcard;
    private readonly Route[] _any;

    public RouteTable(IEnumerable<Route> routes)
    {
        var all = routes.ToList();
        _exact = ByHost(all.Where(r => r.Host is { IsWildcard: false, Host.Length: > 0 }));
        _wildcard = ByHost(all.Where(r => r.Host.IsWildcard));
        _any = Sorted(all.Where(r => r.Host.Host.Length == 0));
    }

    /// <summary>The route of a request: the host's own rules first, then those of wildcards, the narrower first, then those for any host. Null: nobody serves it.</summary>
    public Route? Find(HttpRequest request, EntryPoints entry)
    {
        var host = request.Host.Host.AsSpan().TrimEnd('.');
        var path = request.Path.Value is { Length: > 0 } given ? given : "/";
        if (_exact.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(host, out var own) && First(own, request, path, entry, isOneLabel: true) is { } exact) return exact;
        if (_wildcard.Count > 0)
        {
            var wildcards = _wildcard.GetAlternateLookup<ReadOnlySpan<char>>();
            var isOneLabel = true;
            for (var rest = host; rest.IndexOf('.') is >= 0 and var dot; isOneLabel = false)
            {
                rest = rest[(dot + 1)..];
                if (wildcards.TryGetValue(rest, out var wide) && First(wide, request, path, entry, isOneLabel) is { } found) return found;
            }
        }
        return First(_any, request, path, entry, isOneLabel: true);
    }

    private static Route? First(Route[] routes, HttpRequest request, string path, EntryPoints entry, bool isOneLabel)
    {
        foreach (var route in routes)
            if ((route.EntryPoints & entry) != 0 && (isOneLabel || route.Host.SpansLabels) && (route.Method is null || route.Method == request.Method)
                && route.Path.Matches(path) && HasHeaders(route, request) && HasQuery(route, request))
                return route;
        return null;
    }

    private static bool HasHeaders(Route route, HttpRequest request)
    {
        foreach (var match in route.Headers)
            if (!request.Headers.TryGetValue(match.Name, out var value) || !match.Matches(value.Count == 1 ? value[0] : value.ToString())) return false;
        return true;
    }

    private static bool HasQuery(Route route, HttpRequest request)
    {
        // Only the first of several values counts (Gateway API, HTTPQueryParamMatch).
        foreach (var match in route.Query)
            if (!request.Query.TryGetValue(match.Name, out var value) || !match.Matches(value.Count > 0 ? value[0] : "")) return false;
        return true;
    }

    private static FrozenDictionary<string, Route[]> ByHost(IEnumerable<Route> routes) =>
        routes.GroupBy(r => r.Host.Host, StringComparer.OrdinalIgnoreCase).ToFrozenDictionary(g => g.Key, Sorted, StringComparer.OrdinalIgnoreCase);

    /// <summary>Exact paths before expressions before prefixes, the longer prefix first; then method, number of headers, of query parameters; then age and name.
    /// Sources: Ingress' "multiple matches" (the longest path, Exact before Prefix) and HTTPRoute's rules of precedence, which agree.</summary>
    private static Route[] Sorted(IEnumerable<Route> routes) =>
    [
        .. routes.OrderBy(r => r.IsDefault)
            .ThenBy(r => r.Path.Kind switch { PathKind.Exact => 0, PathKind.Regex => 1, _ => 2 })
            .ThenByDescending(r => r.Path.Kind == PathKind.Prefix ? r.Path.Value.TrimEnd('/').Length : r.Path.Value.Length)
            .ThenBy(r => r.Path.Kind == PathKind.Characters)
            .ThenBy(r => r.Method is null)
            .ThenByDescending(r => r.Headers.Count)
            .ThenByDescending(r => r.Query.Count)
            .ThenBy(r => r.CreatedAt)
            .ThenBy(r => r.Name, StringComparer.Ordinal)
            .ThenBy(r => r.Order),
    ];
}
