using Bramble.Scheduler.Plugins;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class NodeResourcesBalancedAllocationTests
{
    /// <summary>The Pod takes half of the CPU and nothing of the memory. a is empty: shares 0.5 and 0, deviation 0.25, balance 75 from 100 → 50 + (50 - 25) / 2 = 62.
    /// b has its memory half used: 0.5 and 0.5, balance 100 from 75 → 50 + (50 + 25) / 2 = 87.</summary>
    [Fact]
    public void A_node_whose_balance_the_Pod_betters_is_better()
    {
        var cluster = Some.Cluster(Some.Node("a", labels: []), Some.Node("b", labels: [])).On("b", Some.Pod("x", memory: "4Gi"));
        Assert.Equal([62, 87], new NodeResourcesBalancedAllocation().Scores(Some.Pod("p", "2"), cluster)!);
    }

    [Fact]
    public void A_Pod_that_asks_for_nothing_changes_no_balance() => Assert.Null(new NodeResourcesBalancedAllocation().Scores(Some.Pod("p"), Some.Cluster(Some.Node("a", labels: []))));

    [Fact]
    public void A_Pod_that_asks_for_both_alike_leaves_an_even_node_as_it_is() =>
        Assert.Equal([75], new NodeResourcesBalancedAllocation().Scores(Some.Pod("p", "1", "2Gi"), Some.Cluster(Some.Node("a", labels: [])))!);
}
