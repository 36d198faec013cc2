using Bramble.Network.Dns;
using k8s.Models;

namespace Bramble.Network.Tests.Dns;

public sealed class NodeHostsTests
{
    [Fact]
    public void A_nodes_lines_are_its_internal_addresses()
    {
        var node = new V1Node
        {
            Metadata = new() { Name = "pi-1" },
            Status = new() { Addresses = [Address("InternalIP", "192.0.2.1"), Address("InternalIP", "fd00::1"), Address("ExternalIP", "203.0.113.1"), Address("Hostname", "pi")] },
        };
        Assert.Equal(["192.0.2.1 pi-1 pi", "fd00::1 pi-1 pi"], NodeHosts.LinesOf(node));

        static V1NodeAddress Address(string type, string address) => new() { Type = type, Address = address };
    }

    [Theory]
    [InlineData("nobody has written it", null, "192.0.2.1 pi\n", "192.0.2.1 pi\n")]
    [InlineData("others' lines stay", "192.0.2.9 host.k3d.internal\n192.0.2.2 pi2\n", "192.0.2.1 pi\n", "192.0.2.9 host.k3d.internal\n192.0.2.2 pi2\n192.0.2.1 pi\n")]
    [InlineData("a new address takes the place of the old one", "192.0.2.7 pi\n192.0.2.2 pi2\n", "192.0.2.1 pi\n", "192.0.2.2 pi2\n192.0.2.1 pi\n")]
    [InlineData("a node that is gone", "192.0.2.7 pi\n192.0.2.2 pi2\n# mine\n", "", "192.0.2.2 pi2\n# mine\n")]
    public void The_file_becomes(string because, string? before, string lines, string after)
    {
        Assert.NotEmpty(because);
        Assert.Equal(after, NodeHosts.With(before, "pi", lines.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Fact]
    public void Names_of_all_lines_are_known()
    {
        var names = NodeHosts.Read("192.0.2.1 pi\n192.0.2.9 NAS.home nas # the box\nfd00::9 nas.home\nnonsense\n");
        Assert.Equal(["nas", "nas.home", "pi"], names.Keys.Order(StringComparer.Ordinal));
        Assert.Equal((1, 1), (names["nas.home"].A.Count, names["nas.home"].Aaaa.Count));
        // What the node says itself is the same once more.
        Assert.Single(names["pi"].With(NodeHosts.Read("192.0.2.1 pi")["pi"]).A);
    }
}
