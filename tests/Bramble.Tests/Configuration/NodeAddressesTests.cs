using System.Net;
using Bramble.Configuration;

namespace Bramble.Tests.Configuration;

public class NodeAddressesTests
{
    private static readonly string[] IPv6Lines =
    [
        "00000000000000000000000000000001 01 80 10 80       lo",
        "fd00000200000000aabbccddeeff0001 02 40 00 01     eth0",
        "fd000002000000000000000000000007 02 40 00 20     eth0",
        "fe800000000000000000000000000002 02 40 20 80     eth0",
        "fd000002000000000000000000000002 02 40 00 80     eth0",
        "fd000003000000000000000000000002 03 40 00 80    wlan0",
    ];

    [Theory]
    [InlineData("eth0", "fd00:2::2")]
    [InlineData("wlan0", "fd00:3::2")]
    [InlineData("eth1", null)]
    public void The_lasting_global_IPv6_address_is_the_nodes_not_a_temporary_or_deprecated_one(string link, string? expected) =>
        Assert.Equal(expected, NodeAddresses.GlobalIPv6(IPv6Lines, link)?.ToString());

    [Theory]
    [InlineData("10.42.0.0/16", "192.168.1.10")]
    [InlineData("10.42.0.0/16 fd00:42::/56", "192.168.1.10 fd00:2::2")]
    [InlineData("fd00:42::/56 10.42.0.0/16", "fd00:2::2 192.168.1.10")]
    [InlineData("fd00:42::/56", "fd00:2::2")]
    public void A_node_has_addresses_of_its_clusters_families_in_the_clusters_order(string cidrs, string expected) =>
        Assert.Equal(expected, string.Join(' ', NodeAddresses.OfFamilies([IPAddress.Parse("192.168.1.10"), IPAddress.Parse("fd00:2::2")], [.. cidrs.Split(' ').Select(text => IPNetwork.Parse(text))])));
}
