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

    public static TheoryData<string, string, long[]> Cases => new()
    {
        // node: what it has of CPU, memory, GPUs; /: what is used of them. The Pod's own first.
        { "from the worst to the best and back", "0 5000; 3000 5000/3000 0; 3000 5000/0 0", [100, 50] },
        { "both nodes lose as much", "3000 0; 6000 10000/3000 0; 6000 10000/3000 5000", [62, 62] },
        { "a GPU that is asked for counts", "0 0 1; 3500 40000 8/3000 5000 3; 3500 40000 8/3000 5000 0", [75, 76] },
        { "one that is not does not", "3000 5000; 3500 40000 8/0 0 0; 3500 40000/0 0", [56, 56] },
        { "between", "3000 5000; 10000 20000/3000 0; 10000 20000/3000 5000", [73, 74] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Three_resources_and_two(string name, string figures, long[] expected)
    {
        _ = name;
        static IDictionary<string, k8s.Models.ResourceQuantity> Amounts(string list) =>
            Some.Amounts([.. list.Trim().Split(' ').Zip((string[])["cpu", "memory", "vendor.com/gpu"], (amount, resource) => (resource, (string?)(resource == "cpu" ? amount + "m" : amount)))]);
        var (cluster, parts) = (Some.Cluster(), figures.Split(';'));
        for (var i = 1; i < parts.Length; i++)
        {
            var (has, used) = (Amounts(parts[i].Split('/')[0]), Amounts(parts[i].Split('/')[1]));
            cluster.SetNode(Some.Node($"n{i}", with: n => n.Status.Allocatable = has));
            cluster.On($"n{i}", Some.Pod($"x{i}", with: p => p.Spec.Containers[0].Resources.Requests = used));
        }
        var rule = new NodeResourcesBalancedAllocation([("cpu", 1), ("memory", 1), ("vendor.com/gpu", 1)]);
        Assert.Equal(expected, rule.Scores(Some.Pod("p", with: p => p.Spec.Containers[0].Resources.Requests = Amounts(parts[0])), cluster)!);
    }

    [Fact]
    public void A_Pod_that_asks_for_nothing_changes_no_balance() => Assert.Null(new NodeResourcesBalancedAllocation().Scores(Some.Pod("p"), Some.Cluster(Some.Node("a", labels: []))));

    [Fact]
    public void A_Pod_that_asks_for_both_alike_leaves_an_even_node_as_it_is() =>
        Assert.Equal([75], new NodeResourcesBalancedAllocation().Scores(Some.Pod("p", "1", "2Gi"), Some.Cluster(Some.Node("a", labels: [])))!);
}
