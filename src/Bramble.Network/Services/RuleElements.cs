using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Bramble.Network.Services;

/// <summary>One element of one of our sets or maps. <c>Value</c> empty: a set.</summary>
internal readonly record struct RuleElement(string Set, string Key, string Value);

/// <summary>A chain that some element jumps to, with the sets it needs; made when the first such element comes.</summary>
/// <param name="Rules">One rule a line.</param>
/// <param name="OwnSets">Names of dynamic sets that live as long as a chain uses them.</param>
internal sealed record RuleChain(string Name, IReadOnlyList<string> Rules, IReadOnlyList<string> OwnSets);

/// <summary>How a front end is written in the tables of <see cref="BaseRules"/>. Pure.</summary>
/// <remarks>A packet pays two look-ups however many services there are: its destination names a chain by the number of backends (<c>lb-3</c>), and
/// that chain looks up (random 0…2, destination) for the backend. Adding a service or an endpoint adds elements, hardly ever a chain.
/// Example: 10.43.0.7 tcp 80 with 2 backends is services {10.43.0.7 . tcp . 80 : goto lb-2} and endpoints {0 . 10.43.0.7 . tcp . 80 : 10.42.0.5 . 8080} and
/// the same with 1.</remarks>
internal static class RuleElements
{
    public static IEnumerable<RuleElement> Of(FrontKey key, FrontEnd front)
    {
        var isNode = key.Address.Length == 0;
        var suffix = key.Scope == TrafficScope.External ? "_external" : "";
        var place = Place(key);
        var balances = front.Verdict == FrontVerdict.Balance;
        // Backends first: a verdict must not be there before what it looks up.
        if (balances && front.Affinity is null)
            for (var i = 0; i < front.Backends.Count; i++)
                yield return new((isNode ? "node_endpoints" : "endpoints") + suffix, $"{i.ToString(CultureInfo.InvariantCulture)} . {place}", Target(front.Backends[i]));
        if (balances)
            foreach (var backend in front.Backends)
                if (backend.IsLocal) yield return new("hairpin", $"{backend.Address} . {backend.Address}", "");
        if (front.KeepsSource) yield return new($"keep_source{(isNode ? "_node" : "")}_{key.Protocol}", isNode ? Number(key.Port) : $"{key.Address} . {Number(key.Port)}", "");
        if (front.AllowedSources is { } allowed && !isNode && key.Scope == TrafficScope.All)
        {
            foreach (var range in allowed) yield return new("allowed", $"{place} . {range}", "");
            yield return new("guarded", place, "");
        }
        yield return new((isNode ? "nodeports" : "services") + suffix, place, front.Verdict switch
        {
            FrontVerdict.Refuse => "goto refuse",
            FrontVerdict.Drop => "drop",
            FrontVerdict.ClusterDns => "goto cluster-dns",
            FrontVerdict.GuardedClusterDns => "goto guarded-cluster-dns",
            _ => "goto " + ChainName(key, front),
        });
    }

    /// <summary>The chains that the elements of <paramref name="front"/> jump to.</summary>
    public static IEnumerable<RuleChain> ChainsOf(FrontKey key, FrontEnd front)
    {
        if (front.Verdict != FrontVerdict.Balance) yield break;
        if (front.Affinity is { } affinity)
        {
            foreach (var chain in AffinityChains(key, front, affinity)) yield return chain;
            yield break;
        }
        var isNode = key.Address.Length == 0;
        var map = (isNode ? "node_endpoints" : "endpoints") + (key.Scope == TrafficScope.External ? "_external" : "");
        var family = key.Family == IpFamily.V6 ? "ip6" : "ip";
        var lookup = isNode ? "meta l4proto . th dport" : $"{family} daddr . meta l4proto . th dport";
        yield return new(ChainName(key, front),
            [$"meta l4proto {{ tcp, udp, sctp }} dnat {family} to numgen random mod {Number(front.Backends.Count)} . {lookup} map @{map}"], []);
    }

    private static string ChainName(FrontKey key, FrontEnd front) => front.Affinity is { } affinity
        ? AffinityChainName(key, front, affinity)
        : (key.Address.Length == 0 ? "node-" : "") + (key.Scope == TrafficScope.External ? "external-" : "") + "lb-" + Number(front.Backends.Count);

    // Clients are remembered in one set a backend. The chain's name holds its backends, so another choice of backends is another chain; the sets keep
    // their names, so that nobody is forgotten when a neighbour comes or goes.
    private static IEnumerable<RuleChain> AffinityChains(FrontKey key, FrontEnd front, SessionAffinity affinity)
    {
        var family = key.Family == IpFamily.V6 ? "ip6" : "ip";
        var timeout = Number(affinity.TimeoutSeconds) + "s";
        var rules = new List<string>();
        var sets = new List<string>();
        var choices = new List<string>();
        foreach (var (index, backend) in front.Backends.Index())
        {
            var set = AffinitySetName(affinity, backend);
            var deliver = $"to-{set}";
            sets.Add(set);
            yield return new(deliver, [$"update @{set} {{ {family} saddr timeout {timeout} }}", $"meta l4proto {key.Protocol} dnat {family} to {Socket(backend)}"], [set]);
            rules.Add($"{family} saddr @{set} goto {deliver}");
            choices.Add($"{Number(index)} : goto {deliver}");
        }
        rules.Add($"numgen random mod {Number(front.Backends.Count)} vmap {{ {string.Join(", ", choices)} }}");
        yield return new(AffinityChainName(key, front, affinity), rules, sets);
    }

    private static string AffinityChainName(FrontKey key, FrontEnd front, SessionAffinity affinity) =>
        "affinity-" + Hash($"{key.Protocol}|{affinity.Name}|{affinity.TimeoutSeconds}|{string.Join(',', front.Backends.Select(Target))}");

    // The timeout is part of it: the chain that refreshes with another timeout must be another chain.
    private static string AffinitySetName(SessionAffinity affinity, Backend backend) => "stick-" + Hash($"{affinity.Name}|{affinity.TimeoutSeconds}|{Target(backend)}");

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));

    private static string Place(FrontKey key) =>
        key.Address.Length == 0 ? $"{key.Protocol} . {Number(key.Port)}" : $"{key.Address} . {key.Protocol} . {Number(key.Port)}";

    private static string Target(Backend backend) => $"{backend.Address} . {Number(backend.Port)}";

    private static string Socket(Backend backend) => backend.Address.Contains(':') ? $"[{backend.Address}]:{Number(backend.Port)}" : $"{backend.Address}:{Number(backend.Port)}";

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
