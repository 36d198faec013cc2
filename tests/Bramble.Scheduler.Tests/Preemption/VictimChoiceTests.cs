using Bramble.Scheduler.Cycle;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Preemption;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Preemption;

public sealed class VictimChoiceTests
{
    private static readonly DateTime Noon = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly Profile Profile = new() { SchedulerName = "s", Filters = [new NodeUnschedulable(), new NodeResourcesFit()], Scores = [] };

    [Fact]
    public void As_few_as_possible_go_and_the_most_important_stay()
    {
        var cluster = Some.Cluster(Some.Node("a", labels: [])).On("a", Low("small", "1", 1), Low("big", "2", 2), Low("mid", "1", 3));
        Assert.Equal(("a", "small"), Chosen(High("1"), cluster));
        Assert.Equal(("a", "big"), Chosen(High("2"), cluster));
        Assert.Equal(("a", "big small"), Chosen(High("3"), cluster));
    }

    public static TheoryData<string, V1Pod[], V1Pod[], string> Nodes => new()
    {
        { "the lower of the most important victims", [Low("x", "4", 5).Pod], [Low("y", "4", 3).Pod], "b" },
        { "the smaller sum of priorities", [Low("x", "2", 3).Pod, Low("x2", "2", 3).Pod], [Low("y", "2", 3).Pod, Low("y2", "2", 1).Pod], "b" },
        { "fewer Pods where priorities are negative", [Low("x", "2", -1).Pod, Low("x2", "2", -1).Pod], [Low("y", "4", -1).Pod], "b" },
        { "the latest start, because least work is lost", [Low("x", "4", 3, Noon).Pod], [Low("y", "4", 3, Noon.AddHours(1)).Pod], "b" },
    };

    [Theory]
    [MemberData(nameof(Nodes))]
    public void The_node_where_it_hurts_least(string name, V1Pod[] onA, V1Pod[] onB, string expected)
    {
        _ = name;
        for (var seed = 0; seed < 4; seed++)
            Assert.Equal(expected, Chosen(High("4"), Some.Cluster(Some.Node("a", labels: []), Some.Node("b", labels: [])).On("a", [.. onA.Select(p => new PodInfo(p))]).On("b", [.. onB.Select(p => new PodInfo(p))]), seed: seed).Node);
    }

    [Fact]
    public void Budgets_are_broken_only_where_nothing_else_helps()
    {
        Budget[] budgets = [new("default", PodSelector.OfLabels([KeyValuePair.Create("app", "db")]), Allowed: 0, new HashSet<string>())];
        PodInfo Db(string name, string cpu, int priority) => Some.Pod(name, cpu, priority: priority, labels: [("app", "db")]);
        var cluster = Some.Cluster(Some.Node("a", labels: []), Some.Node("b", labels: [])).On("a", Db("d", "4", 1)).On("b", Low("x", "4", 9));
        Assert.Equal(("b", "x"), Chosen(High("4"), cluster, budgets));
        // On one node those without a budget go first, although they are more important.
        Assert.Equal(("a", "x"), Chosen(High("2"), Some.Cluster(Some.Node("a", labels: [])).On("a", Db("d", "2", 1), Low("x", "2", 9)), budgets));
        Assert.Equal(("a", "d"), Chosen(High("4"), Some.Cluster(Some.Node("a", labels: [])).On("a", Db("d", "4", 1)), budgets));
    }

    [Fact]
    public void A_budget_is_used_up_one_by_one()
    {
        PodInfo[] pods = [.. Enumerable.Range(0, 3).Select(i => Some.Pod($"p{i}", labels: [("app", "db")]))];
        var budget = new Budget("default", PodSelector.OfLabels([KeyValuePair.Create("app", "db")]), Allowed: 1, new HashSet<string> { "p0" });
        var (violating, others) = VictimChoice.Split(pods, [budget]);
        Assert.Equal(["p2"], violating.Select(p => p.Name.Name));
        Assert.Equal(["p0", "p1"], others.Select(p => p.Name.Name));
    }

    public static TheoryData<string, V1Pod, string> Refusals => new()
    {
        { "preemptionPolicy Never", Some.Pod("p", "2", priority: 100, with: p => p.Spec.PreemptionPolicy = "Never").Pod, "preemption: not eligible due to preemptionPolicy=Never." },
        { "nobody is less important", Some.Pod("p", "2", priority: 1).Pod,
            "preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling." },
        { "more than any node has", Some.Pod("p", "9", priority: 100).Pod, "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling." },
        { "what stays is too much", Some.Pod("p", "4", priority: 2).Pod, "preemption: 0/3 nodes are available: 1 Insufficient cpu, 2 Preemption is not helpful for scheduling." },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Why_it_does_not_help(string name, V1Pod pod, string expected)
    {
        _ = name;
        var cluster = Some.Cluster(Some.Node("a", labels: []), Some.Node("b", isCordoned: true), Some.Node("c", isCordoned: true)).On("a", Low("x", "2", 1), Low("y", "1", 5));
        Assert.Equal(expected, Decide(new PodInfo(pod), cluster) switch { PreemptionOutcome.NotEligible no => no.Message, PreemptionOutcome.NotHelpful no => no.Message, var other => other.ToString() });
    }

    [Fact]
    public void While_victims_are_going_no_others_are_chosen()
    {
        var going = Some.Pod("x", "4", priority: 1, with: p =>
        {
            p.Metadata.DeletionTimestamp = Noon;
            p.Status.Conditions = [new V1PodCondition { Type = "DisruptionTarget", Status = "True", Reason = "PreemptionByScheduler" }];
        });
        var cluster = Some.Cluster(Some.Node("a", labels: []), Some.Node("b", labels: [])).On("a", going).On("b", Low("y", "4", 1));
        Assert.Equal(new PreemptionOutcome.NotEligible("preemption: not eligible due to a terminating pod on the nominated node."), Decide(Some.Pod("p", "4", priority: 100, nominated: "a"), cluster));
    }

    [Fact]
    public void A_node_that_cannot_be_judged_matters_only_where_no_other_will_do()
    {
        Profile withFailing = Profile with { Filters = [.. Profile.Filters, new FailsWithout("x")] };
        PreemptionOutcome With(params V1Node[] nodes)
        {
            var cluster = Some.Cluster(nodes);
            foreach (var node in nodes) cluster.On(node.Metadata.Name, Low(node.Metadata.Name == "a" ? "x" : "y", "4", 1));
            Assert.Null(new NodeSearch(new Random(1)).Find(withFailing, High("4"), cluster, out var filters, out var diagnosis));
            return VictimChoice.Decide(High("4"), diagnosis, filters, cluster, () => [], new PreemptionArgs(), new Random(1));
        }
        Assert.Equal(new PreemptionOutcome.Failed("preemption: broken"), With(Some.Node("a", labels: [])));
        Assert.Equal("b", Assert.IsType<PreemptionOutcome.Preempt>(With(Some.Node("a", labels: []), Some.Node("b", labels: []))).Victims.Node);
    }

    [Fact]
    public void Where_only_an_extender_refuses_nobody_makes_room()
    {
        var cluster = Some.Cluster(Some.Node("a", labels: [])).On("a", Low("x", "1", 1));
        Assert.NotNull(new NodeSearch(new Random(1)).Find(Profile, High("1"), cluster, out var filters, out var diagnosis));
        diagnosis.Refuse("a", FilterResult.Unschedulable("occupied"));
        Assert.Equal(new PreemptionOutcome.Failed("preemption: expected at least one victim pod on node \"a\""),
            VictimChoice.Decide(High("1"), diagnosis, filters, cluster, () => [], new PreemptionArgs(), new Random(1)));
    }

    /// <summary>A rule that fails where a Pod has been taken away.</summary>
    private sealed class FailsWithout(string name) : IFilterPlugin, INodeFilter
    {
        public string Name => "Fails";
        public ChangeKinds MayHelp => ChangeKinds.None;

        public Preparation Prepare(PodInfo pod, ClusterState cluster) => new(this);

        public FilterResult Filter(NodeInfo node) => FilterResult.Fits;

        public void Remove(PodInfo other, NodeInfo node)
        {
            if (other.Name.Name == name) throw new SchedulingException("broken");
        }
    }

    private static PodInfo High(string cpu) => Some.Pod("p", cpu, priority: 100);

    private static PodInfo Low(string name, string cpu, int priority, DateTime? started = null) => Some.Pod(name, cpu, priority: priority, with: p => p.Status.StartTime = started ?? Noon);

    private static PreemptionOutcome Decide(PodInfo pod, ClusterState cluster, Budget[]? budgets = null, int seed = 1)
    {
        Assert.Null(new NodeSearch(new Random(seed)).Find(Profile, pod, cluster, out var filters, out var diagnosis));
        return VictimChoice.Decide(pod, diagnosis, filters, cluster, () => budgets ?? [], new PreemptionArgs(), new Random(seed));
    }

    private static (string Node, string Victims) Chosen(PodInfo pod, ClusterState cluster, Budget[]? budgets = null, int seed = 1)
    {
        var victims = Assert.IsType<PreemptionOutcome.Preempt>(Decide(pod, cluster, budgets, seed)).Victims;
        return (victims.Node, string.Join(' ', victims.Pods.Select(p => p.Name.Name)));
    }
}
