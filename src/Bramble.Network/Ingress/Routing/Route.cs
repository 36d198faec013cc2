using System.Text.RegularExpressions;

namespace Bramble.Network.Ingress.Routing;

/// <summary>Where a request came in, by Traefik's names: <c>web</c> is port 80, <c>websecure</c> port 443 with TLS.</summary>
[Flags]
internal enum EntryPoints { None = 0, Web = 1, WebSecure = 2, All = Web | WebSecure }

/// <summary>How a path is compared.</summary>
internal enum PathKind
{
    /// <summary>The whole path.</summary>
    Exact,

    /// <summary>A regular expression that matches anywhere, as Traefik's.</summary>
    Regex,

    /// <summary>Whole elements: /foo matches /foo and /foo/bar, not /foobar.</summary>
    Prefix,

    /// <summary>Characters: /foo matches /foobar too (Traefik's reading of ImplementationSpecific).</summary>
    Characters,
}

/// <summary>The condition on the path.</summary>
internal sealed record PathMatch(PathKind Kind, string Value)
{
    public static readonly PathMatch Any = new(PathKind.Prefix, "/");

    // An expression of a user must not hold a thread for long.
    private static readonly TimeSpan RegexPatience = TimeSpan.FromMilliseconds(50);
    private readonly Regex? _regex = Kind == PathKind.Regex ? new Regex(Value, RegexOptions.CultureInvariant, RegexPatience) : null;
    // "/foo/" and "/foo" are one prefix; "/" is the empty one, which everything has.
    private readonly string _prefix = Value.TrimEnd('/');

    public bool Matches(string path) => Kind switch
    {
        PathKind.Exact => path == Value,
        PathKind.Regex => IsMatch(_regex!, path),
        PathKind.Prefix => path.StartsWith(_prefix, StringComparison.Ordinal) && (path.Length == _prefix.Length || path[_prefix.Length] == '/'),
        _ => path.StartsWith(Value, StringComparison.Ordinal),
    };

    /// <summary>What comes behind the prefix; for the replacement of a prefix.</summary>
    public string Rest(string path) => path.Length >= _prefix.Length ? path[_prefix.Length..] : "";

    internal static bool IsMatch(Regex regex, string text)
    {
        try
        {
            return regex.IsMatch(text);
        }
        catch (RegexMatchTimeoutException)
        {
            // Too costly for this text: as good as no match, and the next rule decides.
            return false;
        }
    }

    internal static Regex Compile(string expression) => new(expression, RegexOptions.CultureInvariant, RegexPatience);
}

/// <summary>A condition on a header or a query parameter.</summary>
internal sealed record ValueCondition(string Name, string Value, Regex? Regex = null)
{
    public bool Matches(string? value) => value is not null && (Regex is null ? value == Value : PathMatch.IsMatch(Regex, value));
}

/// <summary>Whose requests a route is for. <c>Host</c> empty: everybody's; a wildcard is kept without its <c>*.</c>.</summary>
/// <param name="SpansLabels">Whether a wildcard stands for several labels (Gateway API) or for exactly one (Ingress).</param>
internal readonly record struct HostPattern(string Host, bool IsWildcard = false, bool SpansLabels = false)
{
    public static readonly HostPattern Any = new("");

    public static HostPattern Parse(string? host, bool spansLabels = false) =>
        string.IsNullOrEmpty(host) || host == "*" ? Any : host.StartsWith("*.", StringComparison.Ordinal) ? new(host[2..], true, spansLabels) : new(host);
}

/// <summary>One rule: conditions, and what becomes of a request that meets them. Immutable.</summary>
internal sealed record Route
{
    /// <summary>For the access log.</summary>
    public required string Name { get; init; }

    public EntryPoints EntryPoints { get; init; } = EntryPoints.All;
    public HostPattern Host { get; init; } = HostPattern.Any;
    public PathMatch Path { get; init; } = PathMatch.Any;
    public string? Method { get; init; }
    public IReadOnlyList<ValueCondition> Headers { get; init; } = [];
    public IReadOnlyList<ValueCondition> Query { get; init; } = [];
    public required RouteAction Action { get; init; }

    /// <summary>The older object wins a tie, then the one whose name comes first, then its own order.</summary>
    public DateTime CreatedAt { get; init; }

    public int Order { get; init; }

    /// <summary>An Ingress' defaultBackend: for what nobody else wants.</summary>
    public bool IsDefault { get; init; }
}

/// <summary>What becomes of a request.</summary>
internal abstract record RouteAction
{
    /// <summary>It goes to a backend.</summary>
    public sealed record Forward(WeightedPools Pools) : RouteAction
    {
        public RequestChanges Changes { get; init; } = RequestChanges.None;

        /// <summary>Until the answer is complete; null: no limit, because streams and WebSockets may stay open for days.</summary>
        public TimeSpan? Timeout { get; init; }
    }

    /// <summary>The client is sent elsewhere. What is null stays as the client asked.</summary>
    public sealed record Redirect(int Status) : RouteAction
    {
        public string? Scheme { get; init; }
        public string? Host { get; init; }
        public int? Port { get; init; }
        public PathChange? Path { get; init; }
    }

    /// <summary>Answered here.</summary>
    public sealed record Answer(int Status, string Text) : RouteAction;
}

/// <summary>A new path: the whole, or only what the rule's prefix matched.</summary>
internal sealed record PathChange(string Value, bool IsPrefix)
{
    /// <summary>Prefix /foo of /foo/bar replaced by /v1 is /v1/bar; by / it is /bar.</summary>
    public string Apply(string path, PathMatch match)
    {
        if (!IsPrefix) return Value;
        var result = Value.TrimEnd('/') + match.Rest(path);
        return result.Length == 0 ? "/" : result;
    }
}

/// <summary>Headers to change, in the order set, add, remove.</summary>
internal sealed record HeaderChanges(IReadOnlyList<KeyValuePair<string, string>> Set, IReadOnlyList<KeyValuePair<string, string>> Add, IReadOnlyList<string> Remove)
{
    public void Apply(Microsoft.AspNetCore.Http.IHeaderDictionary headers)
    {
        foreach (var (name, value) in Set) headers[name] = value;
        foreach (var (name, value) in Add) headers[name] = headers.TryGetValue(name, out var there) ? $"{there},{value}" : value;
        foreach (var name in Remove) headers.Remove(name);
    }
}

/// <summary>What is changed between client and backend.</summary>
internal sealed record RequestChanges
{
    public static readonly RequestChanges None = new();

    public HeaderChanges? Request { get; init; }
    public HeaderChanges? Response { get; init; }
    public string? Host { get; init; }
    public PathChange? Path { get; init; }
}
