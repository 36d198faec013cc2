using System.Net;

namespace Bramble.Network.Ingress.Routing;

/// <summary>What is spoken to a backend.</summary>
internal enum BackendProtocol
{
    Http,

    /// <summary>HTTP/2 without TLS: gRPC.</summary>
    H2c,

    /// <summary>TLS, whose certificate is not checked: pods are reached by address, for which no certificate is made.</summary>
    Https,
}

/// <summary>One receiver of requests. Lives as long as some table names it, so that its counts outlive a change of the table. Thread-safe.</summary>
internal sealed class BackendEndpoint(IPEndPoint address)
{
    private int _inFlight;
    private long _restsUntil;

    public IPEndPoint Address => address;

    /// <summary>Host and port as they stand in an URL.</summary>
    public string Authority { get; } = address.ToString();

    public int InFlight => Volatile.Read(ref _inFlight);

    public void Enter() => Interlocked.Increment(ref _inFlight);

    public void Leave() => Interlocked.Decrement(ref _inFlight);

    /// <summary>It refused a connection: others get requests first for a while.</summary>
    /// <param name="until">As <see cref="Environment.TickCount64"/>.</param>
    public void RestUntil(long until) => Volatile.Write(ref _restsUntil, until);

    public bool IsResting(long now) => Volatile.Read(ref _restsUntil) > now;
}

/// <summary>The receivers of one service port. Immutable but for its turn counter; thread-safe.</summary>
internal sealed class BackendPool(string name, BackendProtocol protocol, IReadOnlyList<BackendEndpoint> endpoints)
{
    private int _turn;

    /// <summary><c>NAMESPACE-SERVICE-PORT</c>, as Traefik's metrics call it.</summary>
    public string Name => name;

    public BackendProtocol Protocol => protocol;
    public IReadOnlyList<BackendEndpoint> Endpoints => endpoints;

    /// <summary>Whose turn it is: of two neighbours in the round the one with fewer requests in flight. Null: nobody is left.</summary>
    /// <param name="tried">Those that this request has tried in vain.</param>
    /// <param name="now"><see cref="Environment.TickCount64"/>.</param>
    public BackendEndpoint? Pick(ReadOnlySpan<BackendEndpoint?> tried, long now)
    {
        var count = endpoints.Count;
        if (count == 0) return null;
        var turn = (int)((uint)Interlocked.Increment(ref _turn) % (uint)count);
        BackendEndpoint? chosen = null, resting = null;
        var seen = 0;
        for (var i = 0; i < count && seen < 2; i++)
        {
            var candidate = endpoints[(turn + i) % count];
            if (tried.Contains(candidate)) continue;
            if (candidate.IsResting(now))
            {
                resting ??= candidate;
                continue;
            }
            seen++;
            if (chosen is null || candidate.InFlight < chosen.InFlight) chosen = candidate;
        }
        return chosen ?? resting;
    }
}

/// <summary>Several pools that share a route's requests by weight. Thread-safe.</summary>
internal sealed class WeightedPools
{
    private readonly (BackendPool? Pool, int UpTo)[] _shares;
    private readonly int _total;
    private int _turn;

    /// <param name="shares">A pool of null gets its share too: those requests are answered with 500 (an invalid backendRef of an HTTPRoute).</param>
    public WeightedPools(IReadOnlyList<(BackendPool? Pool, int Weight)> shares)
    {
        var list = new List<(BackendPool?, int)>();
        foreach (var (pool, weight) in shares)
            if (weight > 0) list.Add((pool, _total += weight));
        _shares = [.. list];
    }

    public static WeightedPools Of(BackendPool pool) => new([(pool, 1)]);

    public IEnumerable<BackendPool?> All => _shares.Select(s => s.Pool);

    /// <summary>The pool of the next request; null: answered with 500.</summary>
    public BackendPool? Pick()
    {
        if (_shares.Length == 0) return null;
        if (_shares.Length == 1) return _shares[0].Pool;
        // A stride without common divisor spreads the shares: 90 and 10 do not come as 90 in a row and then 10.
        var at = (int)((uint)Interlocked.Increment(ref _turn) * 2654435761u % (uint)_total);
        foreach (var (pool, upTo) in _shares)
            if (at < upTo) return pool;
        return _shares[^1].Pool;
    }
}
