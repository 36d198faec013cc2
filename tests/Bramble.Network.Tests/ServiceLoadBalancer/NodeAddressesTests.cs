using Bramble.Network.ServiceLoadBalancer;
using Bramble.Network.Services;
using Bramble.Network.Tests.Support;
using k8s.Models;

namespace Bramble.Network.Tests.ServiceLoadBalancer;

public sealed class NodeAddressesTests
{
    private static V1Node Node(string name, string address, string? external = null, bool isReady = true, params (string Key, string Value)[] labels) => new()
    {
        Metadata = new() { Name = name, Labels = labels.ToDictionary(l => l.Key, l => l.Value) },
        Status = new()
        {
            Conditions = [new() { Type = "Ready", Status = isReady ? "True" : "False" }],
            Addresses = external is null ? [new() { Type = "InternalIP", Address = address }] : [new() { Type = "InternalIP", Address = address }, new() { Type = "ExternalIP", Address = external }],
        },
    };

    private static V1Service Balancer(string name, int port = 80, string? policy = null, string? @class = null, int age = 0, string? pool = null)
    {
        var service = Make.Service(name, "10.43.0.7", Make.Port(port));
        service.Spec.Type = "LoadBalancer";
        service.Spec.ExternalTrafficPolicy = policy;
        service.Spec.LoadBalancerClass = @class;
        service.Metadata.CreationTimestamp = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddSeconds(-age);
        if (pool is not null) service.Metadata.Labels = new Dictionary<string, string> { ["svccontroller.k3s.cattle.io/lbpool"] = pool };
        return service;
    }

    private static readonly V1Node One = Node("one", "192.0.2.1");
    private static readonly V1Node Two = Node("two", "192.0.2.2");

    public static TheoryData<string, V1Service[], V1Node[], string> Cases => new()
    {
        { "every ready node", [Balancer("a")], [Two, One, Node("three", "192.0.2.3", isReady: false)], "a: 192.0.2.1,192.0.2.2" },
        { "external addresses if any node has one", [Balancer("a")], [One, Node("two", "192.0.2.2", "203.0.113.2")], "a: 203.0.113.2" },
        { "only enabled nodes once one is", [Balancer("a")], [One, Node("two", "192.0.2.2", labels: ("svccontroller.k3s.cattle.io/enablelb", "true"))], "a: 192.0.2.2" },
        { "also while that one is away", [Balancer("a")], [One, Node("two", "192.0.2.2", isReady: false, labels: ("svccontroller.k3s.cattle.io/enablelb", "true"))], "a: " },
        { "a pool", [Balancer("a", pool: "p")], [One, Node("two", "192.0.2.2", labels: ("svccontroller.k3s.cattle.io/lbpool", "p"))], "a: 192.0.2.2" },
        { "Local: nodes with ready endpoints", [Balancer("a", policy: "Local")], [One, Two], "a: 192.0.2.2" },
        { "somebody else's class", [Balancer("a", @class: "metallb")], [One], "" },
        { "the ingress has the port", [Balancer("a", port: 443), Balancer("b")], [One], "a: ; b: 192.0.2.1" },
        { "the older one has the port", [Balancer("a"), Balancer("b", age: 5), Balancer("c", port: 81)], [One], "a: ; b: 192.0.2.1; c: 192.0.2.1" },
    };

    [Theory]
    [InlineData(null, null, null, true)]
    [InlineData(null, "p", null, false)]
    [InlineData(null, "p", "p", true)]
    [InlineData("true", null, "p", true)]
    [InlineData("false", null, null, false)]
    public void A_node_serves(string? enabled, string? pool, string? ownPool, bool expected)
    {
        List<(string, string)> labels = [];
        if (enabled is not null) labels.Add(("svccontroller.k3s.cattle.io/enablelb", enabled));
        if (ownPool is not null) labels.Add(("svccontroller.k3s.cattle.io/lbpool", ownPool));
        var node = Node("one", "192.0.2.1", labels: [.. labels]);
        Assert.Equal(expected, NodeAddresses.Serves(Balancer("a", pool: pool), NodeAddresses.Placed(new NodePlace("one", null), node, [node, Two])));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Addresses_are(string name, V1Service[] services, V1Node[] nodes, string expected)
    {
        Assert.NotEmpty(name);
        var wanted = NodeAddresses.Decide(services, nodes, _ => new HashSet<string> { "two" }, [443]);
        Assert.Equal(expected, string.Join("; ", wanted.OrderBy(w => w.Key.Name, StringComparer.Ordinal).Select(w => $"{w.Key.Name}: {string.Join(',', w.Value)}")));
    }
}
