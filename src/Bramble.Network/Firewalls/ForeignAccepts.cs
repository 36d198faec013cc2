using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Bramble.Network.Services;

namespace Bramble.Network.Firewalls;

/// <summary>Which rules of ours must be in other people's chains. Pure: reads <c>nft -j list ruleset</c>, gives nft commands.</summary>
/// <remarks>An accept in our own table ends only our own chain; a packet must pass every base chain of its hook. So where a foreign chain ends in a drop
/// (Docker's FORWARD, ufw, firewalld, a hand-made "policy drop") an accept for pods goes to the top of that very chain. Plain address matches only: a chain
/// that iptables manages must stay readable for iptables.</remarks>
internal static class ForeignAccepts
{
    public const string Tag = "bramble";

    /// <summary>Commands that add what is missing; empty: nothing is.</summary>
    public static string Missing(JsonNode ruleset, IReadOnlyList<IPNetwork> clusterCidrs)
    {
        var commands = new List<string>();
        var rules = RulesByChain(ruleset);
        foreach (var chain in BaseChains(ruleset))
        {
            if (!Drops(chain, rules)) continue;
            var present = rules.GetValueOrDefault(chain.Id, []).Select(r => AcceptedAddress(r, clusterCidrs)).OfType<string>().ToHashSet();
            foreach (var wanted in Wanted(chain, clusterCidrs))
                if (!present.Contains(wanted)) commands.Add($"insert rule {chain.Id.Family} {chain.Id.Table} {chain.Id.Name} {wanted} counter accept comment \"{Tag}\"\n");
        }
        return string.Concat(commands);
    }

    private readonly record struct ChainId(string Family, string Table, string Name);

    private sealed record BaseChain(ChainId Id, string Hook, string Policy);

    private static IEnumerable<BaseChain> BaseChains(JsonNode ruleset)
    {
        foreach (var chain in Items(ruleset, "chain"))
        {
            if (Text(chain, "type") != "filter" || Text(chain, "hook") is not ("forward" or "input")) continue;
            var id = new ChainId(Text(chain, "family"), Text(chain, "table"), Text(chain, "name"));
            if (id.Family is "ip" or "ip6" or "inet" && !BaseRules.IsOurs(id.Table)) yield return new BaseChain(id, Text(chain, "hook"), Text(chain, "policy"));
        }
    }

    // forward: to and from pods. input: from pods to the node, which is also their way to the cluster DNS and to services of the node itself.
    private static IEnumerable<string> Wanted(BaseChain chain, IReadOnlyList<IPNetwork> clusterCidrs)
    {
        foreach (var cidr in clusterCidrs)
        {
            var family = ServiceFrontEnds.FamilyOf(cidr.BaseAddress) == IpFamily.V6 ? "ip6" : "ip";
            if (chain.Id.Family != "inet" && chain.Id.Family != family) continue;
            yield return $"{family} saddr {cidr}";
            if (chain.Hook == "forward") yield return $"{family} daddr {cidr}";
        }
    }

    private static bool Drops(BaseChain chain, Dictionary<ChainId, List<JsonNode>> rules) => chain.Policy == "drop" || EndsInDrop(chain.Id, rules, []);

    // A rule that drops or rejects without asking anything, here or in a chain to which an unconditional jump leads.
    private static bool EndsInDrop(ChainId chain, Dictionary<ChainId, List<JsonNode>> rules, HashSet<ChainId> seen)
    {
        if (!seen.Add(chain)) return false;
        foreach (var rule in rules.GetValueOrDefault(chain, []))
        {
            if (rule["expr"] is not JsonArray expressions) continue;
            var isUnconditional = true;
            foreach (var expression in expressions.OfType<JsonObject>())
            {
                if (expression.ContainsKey("counter") || expression.ContainsKey("log")) continue;
                if (!isUnconditional) break;
                if (expression.ContainsKey("drop") || expression.ContainsKey("reject")) return true;
                if (expression["xt"] is JsonObject xt && Text(xt, "type") == "target" && Text(xt, "name") is "REJECT" or "DROP") return true;
                if ((expression["jump"] ?? expression["goto"]) is JsonObject jump && EndsInDrop(chain with { Name = Text(jump, "target") }, rules, seen)) return true;
                isUnconditional = false;
            }
        }
        return false;
    }

    // "ip saddr 10.42.0.0/16" of an accept that is ours. A reload by iptables-restore turns the tag into iptables' own comment, whose text nft does not show.
    private static string? AcceptedAddress(JsonNode rule, IReadOnlyList<IPNetwork> clusterCidrs)
    {
        if (rule["expr"] is not JsonArray expressions) return null;
        string? address = null;
        var accepts = false;
        var isTagged = IsTagged(rule);
        foreach (var expression in expressions.OfType<JsonObject>())
        {
            accepts |= expression.ContainsKey("accept");
            if (expression["xt"] is JsonObject xt) isTagged |= Text(xt, "name") == "comment";
            if (expression["match"] is not JsonObject match) continue;
            // Either side may be a plain number or word: tcp dport 22.
            if ((match["left"] as JsonObject)?["payload"] is not JsonObject payload || (match["right"] as JsonObject)?["prefix"] is not JsonObject prefix || address is not null) return null;
            var cidr = $"{Text(prefix, "addr")}/{prefix["len"]!.GetValue<int>().ToString(CultureInfo.InvariantCulture)}";
            if (!clusterCidrs.Any(c => c.ToString() == cidr)) return null;
            address = $"{Text(payload, "protocol")} {Text(payload, "field")} {cidr}";
        }
        return accepts && isTagged ? address : null;
    }

    private static bool IsTagged(JsonNode rule) => rule["comment"]?.GetValue<string>() == Tag;

    private static Dictionary<ChainId, List<JsonNode>> RulesByChain(JsonNode ruleset)
    {
        var rules = new Dictionary<ChainId, List<JsonNode>>();
        foreach (var rule in Items(ruleset, "rule"))
        {
            var id = new ChainId(Text(rule, "family"), Text(rule, "table"), Text(rule, "chain"));
            if (!rules.TryGetValue(id, out var list)) rules[id] = list = [];
            list.Add(rule);
        }
        return rules;
    }

    private static IEnumerable<JsonNode> Items(JsonNode ruleset, string kind) =>
        (ruleset["nftables"] as JsonArray ?? []).OfType<JsonObject>().Select(item => item[kind]).OfType<JsonNode>();

    private static string Text(JsonNode node, string field) => node[field] is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";
}
