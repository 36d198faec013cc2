using Bramble.Scheduler.Cycle;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Cycle;

public sealed class NodeSearchTests
{
    private static readonly Profile Everyday = new()
    {
        SchedulerName = "default-scheduler",
        Filters = [new NodeUnschedulable(), new TaintToleration(), new NodeAffinity(), new NodeResourcesFit()],
        Scores = [(new NodeResourcesFit(), 1)],
    };

    [Fact]
    public void Each_reason_is_told_with_how_many_nodes_have_it()
    {
        var cluster = Some.Cluster(Some.Node("a", cpu: "1"), Some.Node("b", taints: [Some.Taint("k")]), Some.Node("c", taints: [Some.Taint("k")]), Some.Node("d", memory: "1Gi", cpu: "1"));
        Assert.Equal("0/4 nodes are available: 1 Insufficient memory, 2 Insufficient cpu, 2 node(s) had untolerated taint(s).", Refused(Some.Pod("p", "2", "4Gi"), cluster));
    }

    [Fact]
    public void Nodes_that_were_not_looked_at_are_told_too()
    {
        var pod = Some.Pod("p", with: p => p.Spec.Affinity = new V1Affinity
        {
            NodeAffinity = new V1NodeAffinity
            {
                RequiredDuringSchedulingIgnoredDuringExecution = new V1NodeSelector
                {
                    NodeSelectorTerms = [new V1NodeSelectorTerm { MatchFields = [new V1NodeSelectorRequirement { Key = "metadata.name", OperatorProperty = "In", Values = ["a"] }] }],
                },
            },
        });
        var cluster = Some.Cluster(Some.Node("a", isCordoned: true), Some.Node("b", labels: []), Some.Node("c", labels: []));
        Assert.Equal("0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].", Refused(pod, cluster));
    }

    [Fact]
    public void The_best_node_is_taken()
    {
        var cluster = Some.Cluster(Some.Node("a", labels: []), Some.Node("b", labels: [])).On("a", Some.Pod("x", "2", "4Gi"));
        for (var seed = 0; seed < 10; seed++) Assert.Equal("b", new NodeSearch(new Random(seed)).Find(Everyday, Some.Pod("p", "1"), cluster, out _, out _)!.Name);
    }

    [Fact]
    public void Equally_good_nodes_are_taken_alike()
    {
        var cluster = Some.Cluster([.. Enumerable.Range(0, 4).Select(i => Some.Node($"n{i}", labels: []))]);
        var search = new NodeSearch(new Random(1));
        var counts = Enumerable.Range(0, 400).Select(_ => search.Find(Everyday, Some.Pod("p", "1"), cluster, out PodFilters _, out Diagnosis _)!.Name).CountBy(n => n).ToList();
        Assert.All(counts, c => Assert.InRange(c.Value, 60, 140));
    }

    [Fact]
    public void A_nominated_node_is_tried_first_and_its_room_is_kept_from_others()
    {
        var cluster = Some.Cluster(Some.Node("a", labels: []), Some.Node("b", labels: [])).On("b", Some.Pod("x", "3"));
        var preemptor = Some.Pod("p", "1", priority: 10, nominated: "b");
        cluster.Nominations.Set(preemptor, "b");
        Assert.Equal("b", new NodeSearch(new Random(1)).Find(Everyday, preemptor, cluster, out _, out _)!.Name);
        cluster.On("a", Some.Pod("y", "4"));
        Assert.Null(new NodeSearch(new Random(1)).Find(Everyday, Some.Pod("q", "1", priority: 10), cluster, out _, out _));
        Assert.Equal("b", new NodeSearch(new Random(1)).Find(Everyday, Some.Pod("r", "1", priority: 11), cluster, out _, out _)!.Name);
    }

    [Theory]
    [InlineData(3, 0, 3)]
    [InlineData(99, 0, 99)]
    [InlineData(200, 0, 100)]
    [InlineData(1000, 0, 420)]
    [InlineData(6000, 0, 300)]
    [InlineData(1000, 100, 1000)]
    [InlineData(1000, 20, 200)]
    [InlineData(1000, 1, 100)]
    public void In_big_clusters_not_all_nodes_are_looked_at(int nodes, int percentage, int expected) => Assert.Equal(expected, NodeSearch.NodesToFind(nodes, percentage));

    [Fact]
    public void Zones_are_looked_at_in_turn()
    {
        V1Node In(string name, string zone) => Some.Node(name, ("topology.kubernetes.io/zone", zone));
        var cluster = Some.Cluster(In("a1", "a"), In("a2", "a"), In("a3", "a"), In("b1", "b"));
        Assert.Equal(["a1", "b1", "a2", "a3"], cluster.Nodes.Select(n => n.Name));
    }

    private static string Refused(PodInfo pod, ClusterState cluster)
    {
        Assert.Null(new NodeSearch(new Random(1)).Find(Everyday, pod, cluster, out _, out var diagnosis));
        return diagnosis.Message();
    }
}
