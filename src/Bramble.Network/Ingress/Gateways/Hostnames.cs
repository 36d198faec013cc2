namespace Bramble.Network.Ingress.Gateways;

/// <summary>Which names both a listener and a route are for. Here a wildcard stands for one label or more (Gateway API, Hostname).</summary>
internal static class Hostnames
{
    /// <summary>The route's names below the listener's; empty: none, the route does not attach. Null stands for every name.</summary>
    public static IReadOnlyList<string?> Intersect(string? listener, IReadOnlyList<string> route)
    {
        if (string.IsNullOrEmpty(listener)) return route.Count > 0 ? [.. route] : [null];
        if (route.Count == 0) return [listener];
        return [.. route.Select(host => Narrower(listener, host)).OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase)];
    }

    private static string? Narrower(string a, string b)
    {
        if (string.Equals(a, b, StringComparison.OrdinalIgnoreCase) || Covers(a, b)) return b;
        return Covers(b, a) ? a : null;
    }

    // *.example covers a.example, b.a.example and *.a.example.
    private static bool Covers(string wildcard, string host) =>
        wildcard.StartsWith("*.", StringComparison.Ordinal) && host.EndsWith(wildcard[1..], StringComparison.OrdinalIgnoreCase) && host.Length > wildcard.Length - 1 && host != wildcard;
}
