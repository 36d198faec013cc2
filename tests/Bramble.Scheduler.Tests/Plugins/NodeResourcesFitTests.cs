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

    private static readonly ScoringStrategy Least = new(), Most = new() { Type = ScoringStrategyType.MostAllocated };

    public static TheoryData<string, string, long[]> Shares => new()
    {
        // a: 4000 and 10000 of which 2000 and 4000 are used; b: 6000 and 10000 of which 1000 and 2000 are used. CPU in cores, memory in bytes.
        // Most, a: (3000 / 4000 + 6000 / 10000) / 2 = (75 + 60) / 2 = 67.
        { "most allocated", "Most 1000 2000", [67, 36] },
        { "least allocated", "Least 1000 2000", [32, 63] },
        // Shape from 10 at 0 % down to 0 at 100 %; a: CPU is full and counts nothing, memory 90 % → 10.
        { "a ratio that prefers empty nodes", "Down 3000 5000", [10, 32] },
        { "a ratio that prefers full nodes", "Up 3000 5000", [95, 68] },
        { "more than there is is worth nothing", "Least 3000 0", [30, 56] },
        { "asks for nothing at all: 0 is a request", "Least 0 0", [55, 81] },
    };

    [Theory]
    [MemberData(nameof(Shares))]
    public void Shares_of_two_nodes(string name, string ask, long[] expected)
    {
        _ = name;
        var parts = ask.Split(' ');
        static ScoringStrategy Ratio(int from, int to) => new() { Type = ScoringStrategyType.RequestedToCapacityRatio, Shape = [new(0, from), new(100, to)] };
        var strategy = parts[0] switch { "Most" => Most, "Least" => Least, "Down" => Ratio(10, 0), _ => Ratio(0, 10) };
        var cluster = Some.Cluster(Some.Node("a", "4000", "10000"), Some.Node("b", "6000", "10000")).On("a", Some.Pod("x", "2000", "4000")).On("b", Some.Pod("y", "1000", "2000"));
        Assert.Equal(expected, new NodeResourcesFit(new() { Strategy = strategy }).Scores(Some.Pod("p", parts[1], parts[2]), cluster)!);
    }

    [Fact]
    public void Sidecars_of_others_are_in_the_way_too()
    {
        var sidecar = Some.Pod("x", "1000", "2000", with: p => p.Spec.InitContainers = [new() { Name = "s", RestartPolicy = "Always", Resources = new() { Requests = Some.Amounts(("cpu", "1000"), ("memory", "2000")) } }]);
        var cluster = Some.Cluster(Some.Node("a", "4000", "10000"), Some.Node("b", "4000", "10000")).On("a", sidecar).On("b", Some.Pod("y", "1000", "2000"));
        Assert.Equal([67, 45], new NodeResourcesFit(new() { Strategy = Most }).Scores(Some.Pod("p", "1000", "2000"), cluster)!);
        Assert.Equal([32, 55], new NodeResourcesFit(new() { Strategy = Least }).Scores(Some.Pod("p", "1000", "2000"), cluster)!);
    }

    /// <summary>Half of CPU and memory is asked for; b has 10 GPUs more than a's 4, of which 2 are asked for.</summary>
    [Fact]
    public void Extended_resources_weigh_only_for_those_that_ask_for_them_and_the_number_of_Pods_never()
    {
        static k8s.Models.V1Node Node(string name, string gpus) => Some.Node(name, "6000", "10000", with: n => n.Status.Allocatable["vendor.com/gpu"] = new(gpus));
        var rule = new NodeResourcesFit(new() { Strategy = new() { Resources = [("cpu", 1), ("memory", 1), ("vendor.com/gpu", 1), ("pods", 100)] } });
        var cluster = Some.Cluster(Node("a", "4"), Node("b", "10"));
        Assert.Equal([50, 50], rule.Scores(Some.Pod("p", "3000", "5000"), cluster)!);
        Assert.Equal([50, 60], rule.Scores(Some.Pod("p", "3000", "5000", with: p => p.Spec.Containers[0].Resources.Requests["vendor.com/gpu"] = new("2")), cluster)!);
    }

    public static TheoryData<string, string, string, long[]> Pieces => new()
    {
        // a has 8 x and 4 y, b 4 x and 8 y; the shape goes to 1 of 10; x counts 3, y counts 5. What is asked for, and what is used on b.
        { "nothing is asked for", "0 0", "0 0", [0, 0] },
        { "one kind, empty", "2 0", "0 0", [2, 5] },
        { "one kind, half used", "2 0", "2 0", [2, 10] },
        { "one kind, all of it", "4 0", "0 0", [5, 10] },
        // a: (2 * 3 + 5 * 5) / 8 = 3.9 → 4; b: (5 * 3 + 2 * 5) / 8 = 3.1 → 3.
        { "both kinds, empty", "2 2", "0 0", [4, 3] },
        { "both kinds, beside others", "2 2", "4 2", [4, 7] },
        { "both kinds, as much of each share", "4 2", "0 0", [5, 5] },
    };

    [Theory]
    [MemberData(nameof(Pieces))]
    public void Ratios_of_extended_resources(string name, string wanted, string used, long[] expected)
    {
        _ = name;
        static void Set(IDictionary<string, k8s.Models.ResourceQuantity> amounts, string pieces) => (amounts["v.com/x"], amounts["v.com/y"]) = (new(pieces.Split(' ')[0]), new(pieces.Split(' ')[1]));
        static PodInfo Pod(string name, string pieces) => Some.Pod(name, with: p => Set(p.Spec.Containers[0].Resources.Requests, pieces));
        var cluster = Some.Cluster(Some.Node("a", with: n => Set(n.Status.Allocatable, "8 4")), Some.Node("b", with: n => Set(n.Status.Allocatable, "4 8"))).On("b", Pod("u", used));
        var strategy = new ScoringStrategy { Type = ScoringStrategyType.RequestedToCapacityRatio, Shape = [new(0, 0), new(100, 1)], Resources = [("v.com/x", 3), ("v.com/y", 5)] };
        Assert.Equal(expected, new NodeResourcesFit(new() { Strategy = strategy }).Scores(Pod("p", wanted), cluster)!);
    }

    [Theory]
    [InlineData(0, 10)]
    [InlineData(9, 10)]
    [InlineData(19, 19)]
    [InlineData(20, 20)]
    [InlineData(89, 89)]
    [InlineData(95, 90)]
    [InlineData(120, 90)]
    public void A_shape_goes_on_flat_at_its_ends(int used, long expected)
    {
        var strategy = new ScoringStrategy { Type = ScoringStrategyType.RequestedToCapacityRatio, Shape = [new(10, 1), new(90, 9)] };
        Assert.Equal(expected, strategy.ScoreOf(used, 100));
    }

    public static TheoryData<string, string, string, string> Sizes => new()
    {
        { "disk", "ephemeral-storage", "5Gi", "Insufficient ephemeral-storage!" },
        { "huge pages", "hugepages-2Mi", "4Mi", "Insufficient hugepages-2Mi!" },
        { "a resource of Kubernetes' own domain cannot be ignored", "example.kubernetes.io/x", "1", "Insufficient example.kubernetes.io/x!" },
        { "none of something nobody has", "vendor.com/x", "0", "fits" },
        { "plain names mean nothing", "made-up", "9", "fits" },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Other_resources(string name, string resource, string amount, string expected)
    {
        _ = name;
        var pod = Some.Pod("p", with: p => p.Spec.Containers[0].Resources.Requests[resource] = new(amount));
        var rule = new NodeResourcesFit(new() { IgnoredResourceGroups = ["example.kubernetes.io"] });
        Assert.Equal(expected, rule.Says(pod, Some.Cluster(Some.Node("a", labels: [])), "a"));
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
        Assert.True(rule.Helps(pod, new(ChangeKinds.PodScaledDown, Some.Pod("p", "3"), Some.Pod("p", "2"))));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeAllocatable, Some.Node("a", pods: "1"), Some.Node("a", pods: "2"))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeAllocatable, Some.Node("a", cpu: "4"), Some.Node("a", cpu: "1"))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeAllocatable, Some.Node("a", cpu: "3"), Some.Node("a", cpu: "2"))));
        PodInfo Whole(string name, string resource, string amount) => Some.Pod(name, with: p => p.Spec.Resources = new() { Requests = Some.Amounts((resource, amount)) });
        Assert.True(rule.Helps(Whole("q", "cpu", "1"), new(ChangeKinds.PodScaledDown, Whole("x", "cpu", "2"), Whole("x", "cpu", "1"))));
        Assert.False(rule.Helps(Whole("q", "cpu", "1"), new(ChangeKinds.PodScaledDown, Whole("x", "memory", "2"), Whole("x", "memory", "1"))));
        var asksForNothing = Some.Pod("n");
        Assert.False(rule.Helps(asksForNothing, new(ChangeKinds.NodeAllocatable, Some.Node("a", cpu: "1", memory: "1"), Some.Node("a", cpu: "2", memory: "2"))));
        Assert.True(rule.Helps(asksForNothing, new(ChangeKinds.NodeAllocatable, Some.Node("a", pods: "1"), Some.Node("a", pods: "2"))));
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
