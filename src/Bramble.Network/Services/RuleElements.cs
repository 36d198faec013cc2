using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Bramble.Network.Services;

/// <summary>One element of one of our sets or maps. <c>Value</c> empty: a set.</summary>
internal readonly record struct RuleElement(string Set, string Key, string Value);

/// <summary>A set or map that lives as long as a chain uses it. <c>Kind</c>: <c>set</c> or <c>map</c>.</summary>
internal sealed record OwnSet(string Kind, string Name, string Definition);

/// <summary>A chain that some element jumps to, with the sets it needs; made when the first such element comes.</summary>
/// <param name="Rules">One rule a line.</param>
internal sealed record RuleChain(string Name, IReadOnlyList<string> Rules, IReadOnlyList<OwnSet> OwnSets);

/// <summary>How a front end is written in the tables of <see cref="BaseRules"/>. Pure.</summary>
/// <remarks>A connection pays three look-ups however many services there are: its destination names a chain by the number of backends (<c>lb-3</c>), that
/// chain picks a random index, and the destination is looked up in the map of that index. Adding a service or an endpoint adds elements, hardly ever a chain.
/// Example: 10.43.0.7 tcp 80 with 2 backends is services {10.43.0.7 . tcp . 80 : goto lb-2}, endpoints-0 {10.43.0.7 . tcp . 80 : 10.42.0.5 . 8080} and the
/// same with endpoints-1. (One map with the index in its key would be shorter, but libnftables 1.0.6 refuses a rule about such a map that it has not
/// made itself: "conflicting protocols specified".)</remarks>
internal static class RuleElements
{
    public static IEnumerable<RuleElement> Of(FrontKey key, FrontEnd front)
    {
        var isNode = key.Address.Length == 0;
        var place = Place(key);
        var balances = front.Verdict == FrontVerdict.Balance;
        // Backends first: a verdict must not be there before what it looks up.
        if (balances && front.Affinity is null)
            for (var i = 0; i < front.Backends.Count; i++)
                yield return new($"{Kind(key)}endpoints-{Number(i)}", place, Target(front.Backends[i]));
        if (balances)
            foreach (var backend in front.Backends)
                if (backend.IsLocal) yield return new("hairpin", $"{backend.Address} . {backend.Address}", "");
        var original = isNode ? Number(key.Port) : $"{key.Address} . {Number(key.Port)}";
        if (front.KeepsSource) yield return new($"keep_source{(isNode ? "_node" : "")}_{key.Protocol}", original, "");
        if (balances && front.IsExternal) yield return new($"masquerade{(isNode ? "_node" : "")}_{key.Protocol}", original, "");
        if (front.AllowedSources is { } allowed && !isNode && key.Scope == TrafficScope.All)
        {
            foreach (var range in allowed) yield return new("allowed", $"{place} . {range}", "");
            yield return new("guarded", place, "");
        }
        var map = !isNode ? "services" : key.Scope == TrafficScope.HostPort ? "hostports" : "nodeports";
        yield return new(map + (key.Scope == TrafficScope.External ? "_external" : ""), place, front.Verdict switch
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
        var kind = Kind(key);
        var family = key.Family == IpFamily.V6 ? "ip6" : "ip";
        var addressType = key.Family == IpFamily.V6 ? "ipv6_addr" : "ipv4_addr";
        var (lookup, keyType) = key.Address.Length == 0
            ? ("meta l4proto . th dport", "inet_proto . inet_service")
            : ($"{family} daddr . meta l4proto . th dport", $"{addressType} . inet_proto . inet_service");
        var choices = new List<string>();
        for (var i = 0; i < front.Backends.Count; i++)
        {
            var map = $"{kind}endpoints-{Number(i)}";
            var deliver = $"{kind}to-{Number(i)}";
            choices.Add($"{Number(i)} : goto {deliver}");
            yield return new(deliver,
                [$"meta l4proto {{ tcp, udp, sctp }} dnat {family} to {lookup} map @{map}"],
                [new OwnSet("map", map, $"type {keyType} : {addressType} . inet_service;")]);
        }
        yield return new(ChainName(key, front), [$"numgen random mod {Number(front.Backends.Count)} vmap {{ {string.Join(", ", choices)} }}"], []);
    }

    // The kinds of front ends look up different keys, or from different places.
    private static string Kind(FrontKey key) =>
        (key.Address.Length > 0 ? "" : key.Scope == TrafficScope.HostPort ? "host-" : "node-") + (key.Scope == TrafficScope.External ? "external-" : "");

    private static string ChainName(FrontKey key, FrontEnd front) => front.Affinity is { } affinity
        ? AffinityChainName(key, front, affinity)
        : $"{Kind(key)}lb-{Number(front.Backends.Count)}";

    // Clients are remembered in one set a backend. The chain's name holds its backends, so another choice of backends is another chain; the sets keep
    // their names, so that nobody is forgotten when a neighbour comes or goes.
    private static IEnumerable<RuleChain> AffinityChains(FrontKey key, FrontEnd front, SessionAffinity affinity)
    {
        var family = key.Family == IpFamily.V6 ? "ip6" : "ip";
        var timeout = Number(affinity.TimeoutSeconds) + "s";
        var rules = new List<string>();
        var sets = new List<OwnSet>();
        var choices = new List<string>();
        foreach (var (index, backend) in front.Backends.Index())
        {
            var set = AffinitySetName(affinity, backend);
            var deliver = $"to-{set}";
            var own = new OwnSet("set", set, $"type {(key.Family == IpFamily.V6 ? "ipv6_addr" : "ipv4_addr")}; size 65535; flags dynamic,timeout;");
            sets.Add(own);
            yield return new(deliver, [$"update @{set} {{ {family} saddr timeout {timeout} }}", $"meta l4proto {key.Protocol} dnat {family} to {Socket(backend)}"], [own]);
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
