using System.Text;
using Bramble.Network.Netlink;

namespace Bramble.Network.Services;

/// <summary>Who wants a front end. Lower wins, then the name in order.</summary>
internal enum ClaimRank { ClusterDns, Service, HostPort }

/// <summary>UDP flows that the kernel still sends where a front end no longer leads. <c>Backend</c> null: flows that began before there was a backend.</summary>
internal readonly record struct StaleFlow(FrontKey Front, Backend? Backend);

/// <summary>The desired elements and chains of one family, and what differs from what the kernel was last told. Not thread-safe: the proxy loop's.</summary>
/// <remarks>Work is proportional to what a change touches. A failed transaction is followed by <see cref="TakeAll"/>.</remarks>
internal sealed class RuleSet(IpFamily family)
{
    // One buffer of 10,000 elements makes libnftables use 20 MB; parts of this size stay below 3.
    private const int ElementsInPartMax = 1000;

    private readonly Dictionary<FrontKey, SortedDictionary<(ClaimRank Rank, string Owner), FrontEnd>> _claims = [];
    private readonly Dictionary<(ClaimRank Rank, string Owner), Dictionary<FrontKey, FrontEnd>> _owned = [];
    private readonly Dictionary<(string Set, string Key), (string Value, int Users)> _elements = [];
    private readonly Dictionary<string, (RuleChain Chain, int Users)> _chains = [];
    private readonly Dictionary<string, int> _setUsers = [];
    private readonly Dictionary<(string Set, string Key), string?> _touchedElements = [];
    private readonly Dictionary<string, RuleChain?> _touchedChains = [];
    private readonly HashSet<StaleFlow> _stale = [];

    public IpFamily Family => family;

    private string Ip => family == IpFamily.V6 ? "ip6" : "ip";

    /// <summary>Number of elements wanted now.</summary>
    public int Count => _elements.Count;

    /// <summary>Replaces everything that <paramref name="owner"/> wants.</summary>
    public void Set(ClaimRank rank, string owner, IReadOnlyDictionary<FrontKey, FrontEnd> fronts)
    {
        var claimant = (rank, owner);
        _owned.TryGetValue(claimant, out var before);
        var now = fronts.Where(f => f.Key.Family == family).ToDictionary();
        foreach (var key in (before?.Keys ?? Enumerable.Empty<FrontKey>()).Union(now.Keys).ToList())
        {
            var oldWinner = Winner(key);
            if (!_claims.TryGetValue(key, out var claims)) _claims[key] = claims = [];
            if (now.TryGetValue(key, out var front)) claims[claimant] = front;
            else claims.Remove(claimant);
            if (claims.Count == 0) _claims.Remove(key);
            Replace(key, oldWinner, Winner(key));
        }
        if (now.Count > 0) _owned[claimant] = now;
        else _owned.Remove(claimant);
    }

    /// <summary>One transaction from what the kernel has to what is wanted; empty when they are the same. The caller applies it.</summary>
    public string TakeChanges()
    {
        var text = new StringBuilder();
        var removed = new List<RuleElement>();
        var added = new List<RuleElement>();
        foreach (var (id, before) in _touchedElements)
        {
            var isWanted = _elements.TryGetValue(id, out var wanted);
            if (before is not null && (!isWanted || wanted.Value != before)) removed.Add(new(id.Set, id.Key, before));
            if (isWanted && wanted.Value != before) added.Add(new(id.Set, id.Key, wanted.Value));
        }
        // A chain can go only when no verdict leads to it, and must be there before one does.
        AppendElements(text, "delete", removed);
        AppendRemovedChains(text);
        AppendChains(text, _touchedChains.Where(c => c.Value is null && _chains.ContainsKey(c.Key)).Select(c => _chains[c.Key].Chain));
        AppendElements(text, "add", added);
        ForgetTouched();
        return text.ToString();
    }

    /// <summary>Everything, on top of <paramref name="baseRules"/>: the first part makes the tables anew and holds the first elements, in one transaction.</summary>
    public IEnumerable<string> TakeAll(string baseRules)
    {
        ForgetTouched();
        _setUsers.Clear();
        var text = new StringBuilder(baseRules);
        AppendChains(text, _chains.Values.Select(c => c.Chain));
        // Verdicts last: in a load of several parts nothing leads to a backend that is not there yet.
        var ordered = _elements.Select(e => new RuleElement(e.Key.Set, e.Key.Key, e.Value.Value)).OrderBy(e => IsVerdictMap(e.Set)).ToList();
        var parts = ordered.Chunk(ElementsInPartMax).ToList();
        if (parts.Count == 0) parts.Add([]);
        foreach (var part in parts)
        {
            AppendElements(text, "add", part);
            yield return text.ToString();
            text.Clear();
        }
    }

    /// <summary>UDP flows to forget, as of the changes since the last call.</summary>
    public IReadOnlyList<StaleFlow> TakeStaleFlows()
    {
        var stale = _stale.ToList();
        _stale.Clear();
        return stale;
    }

    /// <summary>A UDP flow that was sent to a backend which its front end no longer has.</summary>
    public bool IsStale(in TrackedFlow flow)
    {
        if (flow.ReplySource.Equals(flow.Destination)) return false;
        var (isKnown, answer) = (false, new Backend(flow.ReplySource.ToString(), flow.ReplySourcePort, IsLocal: false));
        foreach (var address in (string[])[flow.Destination.ToString(), ""])
            foreach (var scope in (TrafficScope[])[TrafficScope.All, TrafficScope.External, TrafficScope.HostPort])
            {
                if (Winner(new FrontKey(family, scope, address, "udp", flow.DestinationPort)) is not { } front) continue;
                if (front.Verdict is FrontVerdict.ClusterDns or FrontVerdict.GuardedClusterDns || front.Backends.Any(backend => backend with { IsLocal = false } == answer)) return false;
                isKnown = true;
            }
        return isKnown;
    }

    private FrontEnd? Winner(FrontKey key) => _claims.TryGetValue(key, out var claims) && claims.Count > 0 ? claims.First().Value : null;

    private void Replace(FrontKey key, FrontEnd? before, FrontEnd? now)
    {
        if (ReferenceEquals(before, now)) return;
        if (now is not null)
        {
            foreach (var chain in RuleElements.ChainsOf(key, now)) AddChain(chain);
            foreach (var element in RuleElements.Of(key, now)) Account(element, +1);
        }
        if (before is not null)
        {
            foreach (var element in RuleElements.Of(key, before)) Account(element, -1);
            foreach (var chain in RuleElements.ChainsOf(key, before)) RemoveChain(chain);
        }
        if (key.Protocol == "udp") NoteStale(key, before, now);
    }

    // The new value of an element is counted before the old one is dropped, so a key has two users for a moment; the last value set is the one that counts.
    private void Account(in RuleElement element, int users)
    {
        var id = (element.Set, element.Key);
        _elements.TryGetValue(id, out var known);
        _touchedElements.TryAdd(id, known.Users > 0 ? known.Value : null);
        var left = known.Users + users;
        if (left > 0) _elements[id] = (users > 0 ? element.Value : known.Value, left);
        else _elements.Remove(id);
    }

    private void AddChain(RuleChain chain)
    {
        var users = _chains.TryGetValue(chain.Name, out var known) ? known.Users : 0;
        if (users == 0) _touchedChains.TryAdd(chain.Name, null);
        _chains[chain.Name] = (chain, users + 1);
    }

    private void RemoveChain(RuleChain chain)
    {
        var (known, users) = _chains[chain.Name];
        if (users > 1)
        {
            _chains[chain.Name] = (known, users - 1);
            return;
        }
        _touchedChains.TryAdd(chain.Name, known);
        _chains.Remove(chain.Name);
    }

    private void NoteStale(FrontKey key, FrontEnd? before, FrontEnd? now)
    {
        var old = before is { Verdict: FrontVerdict.Balance } ? before.Backends : [];
        var current = now is { Verdict: FrontVerdict.Balance } ? now.Backends : [];
        foreach (var gone in old.Except(current)) _stale.Add(new(key, gone));
        if (old.Count == 0 && current.Count > 0) _stale.Add(new(key, null));
    }

    private void AppendRemovedChains(StringBuilder text)
    {
        var gone = _touchedChains.Where(c => c.Value is not null && !_chains.ContainsKey(c.Key)).Select(c => c.Value!).ToList();
        // Chains lead to each other (affinity → delivery): emptied all before any is deleted.
        foreach (var chain in gone) text.Append($"flush chain {Ip} {BaseRules.Table} {chain.Name}\n");
        foreach (var chain in gone) text.Append($"delete chain {Ip} {BaseRules.Table} {chain.Name}\n");
        foreach (var chain in gone)
            foreach (var set in chain.OwnSets)
                if (--UsersOf(set.Name) == 0)
                {
                    _setUsers.Remove(set.Name);
                    text.Append($"delete {set.Kind} {Ip} {BaseRules.Table} {set.Name}\n");
                }
    }

    private void AppendChains(StringBuilder text, IEnumerable<RuleChain> chains)
    {
        var list = chains.ToList();
        foreach (var chain in list)
        {
            foreach (var set in chain.OwnSets)
                if (++UsersOf(set.Name) == 1) text.Append($"add {set.Kind} {Ip} {BaseRules.Table} {set.Name} {{ {set.Definition} }}\n");
            text.Append($"add chain {Ip} {BaseRules.Table} {chain.Name}\n");
        }
        foreach (var chain in list)
            foreach (var rule in chain.Rules) text.Append($"add rule {Ip} {BaseRules.Table} {chain.Name} {rule}\n");
    }

    private ref int UsersOf(string set) => ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_setUsers, set, out _);

    private void AppendElements(StringBuilder text, string verb, IEnumerable<RuleElement> elements)
    {
        foreach (var bySet in elements.GroupBy(e => e.Set).OrderBy(g => verb == "add" == IsVerdictMap(g.Key)))
        {
            text.Append($"{verb} element {Ip} {BaseRules.Table} {bySet.Key} {{ ");
            var isFirst = true;
            foreach (var element in bySet)
            {
                if (!isFirst) text.Append(", ");
                isFirst = false;
                text.Append(element.Key);
                if (element.Value.Length > 0) text.Append(" : ").Append(element.Value);
            }
            text.Append(" }\n");
        }
    }

    private static bool IsVerdictMap(string set) => set.StartsWith("services", StringComparison.Ordinal) || set.StartsWith("nodeports", StringComparison.Ordinal) || set == "hostports";

    private void ForgetTouched()
    {
        _touchedElements.Clear();
        _touchedChains.Clear();
    }
}
