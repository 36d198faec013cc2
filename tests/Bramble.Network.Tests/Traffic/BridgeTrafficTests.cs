using Bramble.Network.Nftables;
using Bramble.Network.Services;
using Bramble.Network.Tests.Support;

namespace Bramble.Network.Tests.Traffic;

/// <summary>A kernel without bridge netfilter: the answer of a neighbour must still come from the service's address.</summary>
[Collection(nameof(Board))]
public sealed class BridgeTrafficTests(BoardFixture board)
{
    private const string Setting = "/proc/sys/net/bridge/bridge-nf-call-iptables";

    [Fact]
    public async Task Services_between_neighbours_work_without_bridge_netfilter()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        await board.ServeAsync(Make.Service("bridge", "10.43.3.1", Make.Port(80)), Make.Slice("bridge", 8080, Make.Endpoint("10.42.0.6")));
        await board.ServeAsync(Make.Service("bridge-self", "10.43.3.2", Make.Port(80)), Make.Slice("bridge-self", 8080, Make.Endpoint("10.42.0.5")));
        using var nftables = new NftablesLibrary();
        if (File.Exists(Setting)) File.WriteAllText(Setting, "0");
        try
        {
            Assert.Equal("timeout", Talk.Ask(board.PodA, "10.43.3.1", 80));
            nftables.Apply($"add rule ip bramble postrouting {BaseRules.NeighbourMasquerade}");
            Assert.Equal("b 10.42.0.1", Talk.Ask(board.PodA, "10.43.3.1", 80));
            Assert.Equal("a 10.42.0.1", Talk.Ask(board.PodA, "10.43.3.2", 80));
            Assert.Equal("b 10.42.0.5", Talk.Ask(board.PodA, "10.42.0.6", 8080));
        }
        finally
        {
            nftables.Apply("flush ruleset");
            if (File.Exists(Setting)) File.WriteAllText(Setting, "1");
        }
        await board.EventuallyAsync(() => Talk.Ask(board.PodA, "10.43.3.1", 80) == "b 10.42.0.5", "the rules as they were");
    }
}
