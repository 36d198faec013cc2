using System.Net;
using Bramble.Network.Policies;
using Bramble.Network.Services;
using k8s.Models;

namespace Bramble.Network.Tests.Policies;

public sealed class PolicyRulesTests
{
    private static readonly PolicyPod Web = Pod("default", "web", "10.42.0.2", isLocal: true, [new("http", "tcp", 8080)]);
    private static readonly PolicyPod Friend = Pod("default", "friend", "10.42.1.3", isLocal: false, [new("api", "tcp", 9000)]);
    private static readonly PolicyPod Mate = Pod("other", "mate", "10.42.1.4", isLocal: false, []);

    /// <summary>Name, policy, the rules of its ingress and egress chain (absent: not isolated), elements of its peers, protocols by which the cluster DNS may be asked.</summary>
    public static TheoryData<string, V1NetworkPolicySpec, string[]?, string[]?, string[], string> Cases => new()
    {
        { "nothing comes in", new() { PolicyTypes = ["Ingress"] }, [], null, [], "" },
        { "without types a policy isolates ingress", new(), [], null, [], "" },
        { "with egress rules it isolates both", new() { Egress = [new()] }, [], ["accept"], [], "tcp udp" },
        { "everybody on one port", new() { Ingress = [new() { Ports = [Port(80)] }] }, ["meta l4proto tcp th dport 80 accept"], null, [], "" },
        { "a range, and a protocol alone", new() { Ingress = [new() { Ports = [Port(8000, 8100), new() { Protocol = "UDP" }] }] }, ["meta l4proto tcp th dport 8000-8100 accept", "meta l4proto udp accept"], null, [], "" },
        { "pods of the own namespace", new() { Ingress = [new() { FromProperty = [Pods("app", "friend")] }] }, ["ip saddr @peers-i0 accept"], null, ["10.42.1.3"], "" },
        { "pods of other namespaces are meant by name only", new() { Ingress = [new() { FromProperty = [Pods("app", "mate")] }] }, ["ip saddr @peers-i0 accept"], null, [], "" },
        { "all pods of namespaces", new() { Ingress = [new() { FromProperty = [Namespaces("team", "b")] }] }, ["ip saddr @peers-i0 accept"], null, ["10.42.1.4"], "" },
        {
            "a network without a part of it, host bits cut off", new() { Ingress = [new() { FromProperty = [new() { IpBlock = new() { Cidr = "192.168.7.9/16", Except = ["192.168.1.0/24", "192.168.1.128/25"] } }] }] },
            ["ip saddr 192.168.0.0/16 ip saddr != { 192.168.1.0/24 } accept"], null, [], ""
        },
        { "a named port is the receiver's", new() { Ingress = [new() { Ports = [new() { Port = "http" }] }] }, ["ip daddr . meta l4proto . th dport @ports-i0 accept"], null, [], "" },
        { "an IPv6 network is not for IPv4", new() { Ingress = [new() { FromProperty = [new() { IpBlock = new() { Cidr = "fd00::/8" } }] }] }, [], null, [], "" },
        { "nothing goes out, not even a question", new() { PolicyTypes = ["Egress"] }, null, [], [], "" },
        {
            "the cluster DNS counts as a pod labelled kube-dns", new() { PolicyTypes = ["Egress"], Egress = [new() { To = [Dns()], Ports = [new() { Port = 53, Protocol = "UDP" }] }] },
            null, ["ip daddr @peers-e0 meta l4proto udp th dport 53 accept"], [], "udp"
        },
        { "a network around its address allows it", new() { PolicyTypes = ["Egress"], Egress = [new() { To = [new() { IpBlock = new() { Cidr = "10.43.0.0/16" } }] }] }, null, ["ip daddr 10.43.0.0/16 accept"], [], "tcp udp" },
        { "other pods do not", new() { PolicyTypes = ["Egress"], Egress = [new() { To = [Pods("app", "friend")] }] }, null, ["ip daddr @peers-e0 accept"], ["10.42.1.3"], "" },
        {
            "ingress traffic counts as Traefik's", new() { Ingress = [new() { FromProperty = [new() { NamespaceSelector = Labels("kubernetes.io/metadata.name", "kube-system"), PodSelector = Labels("app.kubernetes.io/name", "traefik") }] }] },
            ["ip saddr @peers-i0 accept"], null, ["10.42.1.0"], ""
        },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_policy_means(string name, V1NetworkPolicySpec spec, string[]? ingress, string[]? egress, string[] peers, string dns)
    {
        spec.PodSelector = Labels("app", "web");
        var table = Decide(spec);
        Assert.NotEmpty(name);
        Assert.Equal(ingress, RulesOf(table, "in-"));
        Assert.Equal(egress, RulesOf(table, "out-"));
        Assert.Equal(peers, table.Sets.Where(s => s.Key.StartsWith("peers-", StringComparison.Ordinal)).SelectMany(s => s.Value.Elements));
        var asked = new[] { "tcp", "udp" }.Where(p => table.Sets.TryGetValue($"egress-dns-{p}", out var map) && map.Elements.Contains("10.42.0.2 : accept"));
        Assert.Equal(dns, string.Join(' ', asked));
        Assert.Equal(ingress is not null, table.Hooks.ContainsKey("ingress-forward"));
        Assert.Equal(egress is not null, table.Hooks.ContainsKey("egress-forward") && table.Hooks.ContainsKey("egress-input"));
    }

    [Fact]
    public void A_policy_for_pods_elsewhere_is_no_work_here()
    {
        var table = Decide(new() { PodSelector = Labels("app", "friend") });
        Assert.True(table.IsEmpty);
        Assert.Equal("add table ip bramble-policy\ndelete table ip bramble-policy\n", table.ChangesFrom(null));
        Assert.Equal("", table.ChangesFrom(Decide(new() { PodSelector = Labels("app", "friend") })));
    }

    [Fact]
    public void A_peer_that_comes_changes_elements_and_no_rule()
    {
        var spec = new V1NetworkPolicySpec { PodSelector = Labels("app", "web"), Ingress = [new() { FromProperty = [Pods("app", "friend")] }] };
        var changes = Decide(spec, Pod("default", "friend", "10.42.2.9", isLocal: false, [])).ChangesFrom(Decide(spec));
        Assert.Matches(@"^add element ip bramble-policy peers-[0-9a-f]{16}-i0 \{ 10\.42\.2\.9 \}\n$", changes);
    }

    private static PolicyTable Decide(V1NetworkPolicySpec spec, params PolicyPod[] more) => PolicyRules.Decide(new PolicyWorld(
        [new V1NetworkPolicy { Metadata = new() { Name = "policy", NamespaceProperty = "default" }, Spec = spec }], [Web, Friend, Mate, .. more],
        new Dictionary<string, IDictionary<string, string>?>
        {
            ["default"] = new Dictionary<string, string> { ["team"] = "a" },
            ["other"] = new Dictionary<string, string> { ["team"] = "b" },
            ["kube-system"] = new Dictionary<string, string> { ["kubernetes.io/metadata.name"] = "kube-system" },
        },
        [IPAddress.Parse("10.43.0.10")], [IPAddress.Parse("10.42.1.0")]), IpFamily.V4);

    // The policy's name is a hash in the table's names; it says nothing here.
    private static string[]? RulesOf(PolicyTable table, string prefix) => table.Chains.FirstOrDefault(c => c.Key.StartsWith(prefix, StringComparison.Ordinal)).Value?
        .Select(rule => System.Text.RegularExpressions.Regex.Replace(rule, "@(peers|ports)-[0-9a-f]{16}-", "@$1-")).ToArray();

    private static PolicyPod Pod(string space, string app, string address, bool isLocal, PolicyPort[] ports) =>
        new(new(space, app + address), new Dictionary<string, string> { ["app"] = app }, [IPAddress.Parse(address)], isLocal, ports);

    private static V1LabelSelector Labels(string key, string value) => new() { MatchLabels = new Dictionary<string, string> { [key] = value } };

    private static V1NetworkPolicyPeer Pods(string key, string value) => new() { PodSelector = Labels(key, value) };

    private static V1NetworkPolicyPeer Namespaces(string key, string value) => new() { NamespaceSelector = Labels(key, value) };

    private static V1NetworkPolicyPeer Dns() => new() { NamespaceSelector = new(), PodSelector = Labels("k8s-app", "kube-dns") };

    private static V1NetworkPolicyPort Port(int port, int? end = null) => new() { Port = port, EndPort = end };
}
