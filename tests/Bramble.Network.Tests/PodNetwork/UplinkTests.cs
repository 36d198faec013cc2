using System.Net;
using Bramble.Network.Netlink;
using Bramble.Network.PodNetwork;

namespace Bramble.Network.Tests.PodNetwork;

public sealed class UplinkTests
{
    private static readonly Link[] Links = [Named(1, "lo"), Named(2, "eth0"), Named(3, "eth1"), Named(4, "eth1.10")];
    private static readonly (int, IPAddress, int)[] Addresses = [(2, IPAddress.Parse("10.0.2.15"), 24), (3, IPAddress.Parse("192.168.77.11"), 24), (4, IPAddress.Parse("10.77.10.11"), 24)];
    private static readonly Route[] Routes = [new(IPNetwork.Parse("10.0.2.0/24"), 2, null, 2), new(IPNetwork.Parse("0.0.0.0/0"), 2, IPAddress.Parse("10.0.2.2"), 3)];

    [Theory]
    [InlineData("eth1.10", "192.168.77.11", "eth1.10")]     // named: whatever address the node has
    [InlineData(null, "192.168.77.11", "eth1")]             // not the default route's: a second network between the boards
    [InlineData(null, "10.0.2.15", "eth0")]
    [InlineData(null, "203.0.113.7", "eth0")]               // no link has it: behind a router that translates
    [InlineData("eth9", "192.168.77.11", null)]
    public void Is_the_named_link_else_the_one_with_the_nodes_address(string? name, string nodeIp, string? expected) =>
        Assert.Equal(expected, Uplink.Choose(Links, Addresses, Routes, name, [IPAddress.Parse(nodeIp)])?.Name);

    [Fact]
    public void Without_a_default_route_an_address_that_no_link_has_leads_nowhere() =>
        Assert.Null(Uplink.Choose(Links, Addresses, [], null, [IPAddress.Parse("203.0.113.7")]));

    private static Link Named(int index, string name) => new(index, name, 1500, [], IsUp: true, 0);
}
