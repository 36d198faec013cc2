using System.Net;
using Bramble.Client;
using Bramble.Controllers.Nodes;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Nodes;

public sealed class NodeIpamTests
{
    [Theory]
    [InlineData("10.42.0.0/16", 24, "", 0, "10.42.0.0/24", 1)]
    [InlineData("10.42.0.0/16", 24, "10.42.0.0/24", 0, "10.42.1.0/24", 2)]
    [InlineData("10.42.0.0/16", 24, "10.42.1.0/24", 1, "10.42.2.0/24", 3)]      // that of a node that went is not the next one's
    [InlineData("10.42.0.0/23", 24, "10.42.1.0/24", 1, "10.42.0.0/24", 1)]      // until all others are given
    [InlineData("10.42.0.0/23", 24, "10.42.0.0/16", 0, null, 0)]
    [InlineData("10.0.0.0/8", 16, "10.0.0.0/15", 0, "10.2.0.0/16", 3)]          // where Services are nobody else is
    [InlineData("fd00::/56", 64, "", 255, "fd00:0:0:ff::/64", 0)]
    public void Next(string range, int mask, string taken, long next, string? expected, long after)
    {
        var blocks = taken.Length == 0 ? [] : new[] { IPNetwork.Parse(taken) };
        Assert.Equal((expected, after), (PodCidrs.NextFree(IPNetwork.Parse(range), mask, blocks, ref next), next));
    }

    [Fact]
    public async Task A_block_rests_when_its_node_has_gone_and_Services_keep_theirs()
    {
        await using var scenario = Start("node-controller", config: new ControllersConfig(["10.0.0.0/14"], "CA", NodeMaskSizeIPv4: 16) { ServiceCidrs = [IPNetwork.Parse("10.1.0.0/16")] });
        Assert.Equal("10.0.0.0/16", await BlockOf("a"));
        Assert.Equal("10.2.0.0/16", await BlockOf("b"));
        await scenario.Api.DeleteAsync(Resources.Nodes, new("", "b"), new DeleteQuery(), default);
        Assert.Equal("10.3.0.0/16", await BlockOf("c"));
        Assert.Equal("10.2.0.0/16", await BlockOf("d"));

        async Task<string?> BlockOf(string node)
        {
            await scenario.CreateAsync(Resources.Nodes, "{\"metadata\":{\"name\":\"" + node + "\"},\"spec\":{}}");
            string? block = null;
            await EventuallyAsync(async () => (block = (string?)(await scenario.FindAsync(Resources.Nodes, node))!["spec"]?["podCIDR"]) is not null);
            return block;
        }
    }
}
