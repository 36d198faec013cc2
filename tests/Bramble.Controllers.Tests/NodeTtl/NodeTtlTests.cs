using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.NodeTtl;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.NodeTtl;

public sealed class NodeTtlTests
{
    private const string Ttl = "node.alpha.kubernetes.io/ttl";

    [Theory]
    [InlineData("a small cluster asks each time", 0, 100, 0)]
    [InlineData("one node more", 0, 101, 15)]
    [InlineData("and one less again: as it was", 15, 100, 15)]
    [InlineData("until it is clearly smaller", 15, 89, 0)]
    [InlineData("many nodes at once", 0, 1500, 60)]
    [InlineData("the longest", 0, 2001, 300)]
    [InlineData("is never longer", 300, 20000, 300)]
    [InlineData("all but a few are gone", 300, 3, 0)]
    public void So_long_kubelets_keep_what_they_read(string because, int before, int nodes, int expected)
    {
        Assert.NotEmpty(because);
        var step = Enumerable.Range(0, 5).First(s => NodeTtlController.TtlOf(s) == before);
        Assert.Equal(expected, NodeTtlController.TtlOf(NodeTtlController.StepOf(step, nodes)));
    }

    [Fact]
    public async Task Who_takes_it_away_gets_it_back()
    {
        await using var scenario = Start("ttl-controller");
        await scenario.CreateAsync(Resources.Nodes, """{"metadata":{"name":"n"},"spec":{}}""");
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.Nodes, "n"))!["metadata"]!["annotations"]?[Ttl] == "0");
        await scenario.Api.ChangeAsync(Resources.Nodes, new NamespacedName("", "n"), t => t["metadata"]!["annotations"]![Ttl] = "7");
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.Nodes, "n"))!["metadata"]!["annotations"]?[Ttl] == "0");
    }
}
