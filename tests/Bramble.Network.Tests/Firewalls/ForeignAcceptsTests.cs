using System.Net;
using System.Text.Json.Nodes;
using Bramble.Network.Firewalls;

namespace Bramble.Network.Tests.Firewalls;

public sealed class ForeignAcceptsTests
{
    private static readonly IPNetwork[] Pods = [IPNetwork.Parse("10.42.0.0/16")];

    private static string Chain(string table, string name, string hook, string policy, string family = "ip") =>
        $$"""{"chain": {"family": "{{family}}", "table": "{{table}}", "name": "{{name}}", "handle": 1, "type": "filter", "hook": "{{hook}}", "prio": 0, "policy": "{{policy}}" } }""";

    private static string Rule(string chain, string expressions, string more = "", string table = "filter", string family = "ip") =>
        $$"""{"rule": {"family": "{{family}}", "table": "{{table}}", "chain": "{{chain}}", "handle": 9, {{more}} "expr": [{{expressions}}] } }""";

    private const string Saddr = """{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": "10.42.0.0", "len": 16}}}}""";
    private const string Daddr = """{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": {"prefix": {"addr": "10.42.0.0", "len": 16}}}}""";
    private const string Tagged = "\"comment\": \"bramble\",";
    private const string InsertForward =
        "insert rule ip filter FORWARD ip saddr 10.42.0.0/16 counter accept comment \"bramble\"\ninsert rule ip filter FORWARD ip daddr 10.42.0.0/16 counter accept comment \"bramble\"\n";

    public static TheoryData<string, string[], string> Cases => new()
    {
        { "an open firewall is left alone", [Chain("filter", "FORWARD", "forward", "accept")], "" },
        { "Docker's FORWARD drops", [Chain("filter", "FORWARD", "forward", "drop")], InsertForward },
        { "what is there is not added again", [Chain("filter", "FORWARD", "forward", "drop"), Rule("FORWARD", Saddr + """, {"counter": {}}, {"accept": null}""", Tagged), Rule("FORWARD", Daddr + """, {"accept": null}""", Tagged)], "" },
        {
            "after iptables-restore the tag is an iptables comment",
            [Chain("filter", "FORWARD", "forward", "drop"), Rule("FORWARD", Saddr + """, {"xt": {"type": "match", "name": "comment"}}, {"accept": null}"""), Rule("FORWARD", Daddr + """, {"xt": {"type": "match", "name": "comment"}}, {"accept": null}""")],
            ""
        },
        { "input needs the pods' source only", [Chain("filter", "INPUT", "input", "drop")], "insert rule ip filter INPUT ip saddr 10.42.0.0/16 counter accept comment \"bramble\"\n" },
        { "firewalld ends in a reject", [Chain("firewalld", "filter_INPUT", "input", "accept", "inet"), Rule("filter_INPUT", """{"reject": {"type": "icmpx"}}""", table: "firewalld", family: "inet")], "insert rule inet firewalld filter_INPUT ip saddr 10.42.0.0/16 counter accept comment \"bramble\"\n" },
        { "ufw rejects in a chain it jumps to", [Chain("filter", "FORWARD", "forward", "accept"), Rule("FORWARD", """{"counter": {}}, {"jump": {"target": "ufw-reject"}}"""), Rule("ufw-reject", """{"counter": {}}, {"xt": {"type": "target", "name": "REJECT"}}""")], InsertForward },
        { "a drop of some packets is somebody's wish", [Chain("filter", "FORWARD", "forward", "accept"), Rule("FORWARD", """{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth7"}}, {"drop": null}""")], "" },
        {
            "a rule about a port is not ours",
            [Chain("filter", "INPUT", "input", "drop"), Rule("INPUT", """{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}, {"accept": null}""")],
            "insert rule ip filter INPUT ip saddr 10.42.0.0/16 counter accept comment \"bramble\"\n"
        },
        { "our own chains and IPv6 chains are not for IPv4 pods", [Chain("bramble", "forward", "forward", "drop"), Chain("filter", "FORWARD", "forward", "drop", "ip6")], "" },
        { "NAT chains do not filter", [Chain("nat", "POSTROUTING", "postrouting", "drop")], "" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_firewall_needs(string name, string[] items, string expected)
    {
        Assert.NotEmpty(name);
        Assert.Equal(expected, ForeignAccepts.Missing(JsonNode.Parse($"{{\"nftables\": [{string.Join(",", items)}]}}")!, Pods));
    }
}
