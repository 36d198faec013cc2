using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class NodeResourcesFitTests
{
    public static TheoryData<string, string?, string?, string> Cases => new()
    {
        { "just fits", "1", "2Gi", "fits" },
        { "too much CPU beside the others", "1500m", null, "Insufficient cpu" },
        { "too much of both", "2", "4Gi", "Insufficient cpu, Insufficient memory" },
        { "more than the whole node: no eviction helps", "5", null, "Insufficient cpu!" },
        { "one of two is hopeless", "5", "4Gi", "Insufficient cpu, Insufficient memory!" },
        { "asks for nothing", null, null, "fits" },
    };

    /// <summary>4 CPUs and 8Gi, of which 3 and 6Gi are used.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void What_is_asked_for_must_be_left(string name, string? cpu, string? memory, string expected)
    {
        _ = name;
        var cluster = Some.Cluster(Some.Node("a", labels: [])).On("a", Some.Pod("x", "3", "6Gi"));
        Assert.Equal(expected, new NodeResourcesFit().Says(Some.Pod("p", cpu, memory), cluster, "a"));
    }

    [Fact]
    public void The_number_of_Pods_is_limited_too()
    {
        var cluster = Some.Cluster(Some.Node("a", pods: "1")).On("a", Some.Pod("x"));
        Assert.Equal("Too many pods", new NodeResourcesFit().Says(Some.Pod("p"), cluster, "a"));
        Assert.Equal("Too many pods, Insufficient cpu!", new NodeResourcesFit().Says(Some.Pod("p", "9"), cluster, "a"));
    }

    [Fact]
    public void Extended_resources_are_pieces_and_some_may_be_ignored()
    {
        var cluster = Some.Cluster(Some.Node("a", with: n => n.Status.Allocatable["vendor.com/gpu"] = new("1")));
        PodInfo Wants(string amount) => Some.Pod("p", with: p => p.Spec.Containers[0].Resources.Requests["vendor.com/gpu"] = new(amount));
        Assert.Equal("fits", new NodeResourcesFit().Says(Wants("1"), cluster, "a"));
        Assert.Equal("Insufficient vendor.com/gpu!", new NodeResourcesFit().Says(Wants("2"), cluster, "a"));
        Assert.Equal("fits", new NodeResourcesFit(new() { IgnoredResourceGroups = ["vendor.com"] }).Says(Wants("2"), cluster, "a"));
    }

    /// <summary>a: 4000m and 8Gi free of all; b: 3000m and 6Gi used. The Pod asks for 1000m and 2Gi.</summary>
    [Fact]
    public void Least_and_most_allocated()
    {
        var cluster = Some.Cluster(Some.Node("a", labels: []), Some.Node("b", labels: [])).On("b", Some.Pod("x", "3", "6Gi"));
        var pod = Some.Pod("p", "1", "2Gi");
        Assert.Equal([75, 0], new NodeResourcesFit().Scores(pod, cluster)!);
        Assert.Equal([25, 100], new NodeResourcesFit(new() { Strategy = new() { Type = ScoringStrategyType.MostAllocated } }).Scores(pod, cluster)!);
        Assert.Equal([75, 0], new NodeResourcesFit(new() { Strategy = new() { Resources = [("cpu", 3), ("memory", 1)] } }).Scores(pod, cluster)!);
    }

    /// <summary>A container that asks for nothing counts as 100m and 200Mi, so that many of them still spread: 100 - 2.5 → 97, 100 - 2.4… → 97.</summary>
    [Fact]
    public void Pods_that_ask_for_nothing_still_weigh_something() =>
        Assert.Equal([97], new NodeResourcesFit().Scores(Some.Pod("p"), Some.Cluster(Some.Node("a", labels: [])))!);

    [Theory]
    [InlineData(0, 100)]
    [InlineData(20, 80)]
    [InlineData(40, 60)]
    [InlineData(70, 30)]
    [InlineData(100, 0)]
    public void Requested_to_capacity_follows_its_shape(int used, long expected)
    {
        var strategy = new ScoringStrategy { Type = ScoringStrategyType.RequestedToCapacityRatio, Shape = [new(0, 10), new(100, 0)] };
        Assert.Equal(expected, strategy.ScoreOf(used, 100));
    }

    [Fact]
    public void A_change_helps_only_where_something_asked_for_got_more()
    {
        var (rule, pod) = (new NodeResourcesFit(), Some.Pod("p", "2"));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeAllocatable, Some.Node("a", cpu: "1"), Some.Node("a", cpu: "2"))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeAllocatable, Some.Node("a", memory: "1Gi"), Some.Node("a", memory: "2Gi"))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeAdded, null, Some.Node("a", cpu: "1"))));
        Assert.True(rule.Helps(pod, new(ChangeKinds.PodRemoved, Some.Pod("x"), null)));
        Assert.True(rule.Helps(pod, new(ChangeKinds.PodScaledDown, Some.Pod("x", "2"), Some.Pod("x", "1"))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.PodScaledDown, Some.Pod("x", memory: "2Gi"), Some.Pod("x", memory: "1Gi"))));
    }

    [Fact]
    public void Filtering_a_node_allocates_nothing()
    {
        var cluster = Some.Cluster(Some.Node("a", labels: [])).On("a", Some.Pod("x", "3", "6Gi"));
        var (filter, node) = (new NodeResourcesFit().Prepare(Some.Pod("p", "2", "4Gi"), cluster).Filter!, cluster.Find("a")!);
        filter.Filter(node);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) filter.Filter(node);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
