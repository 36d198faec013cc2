using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class NodeAffinityTests
{
    private static readonly ClusterState Cluster = Some.Cluster(Some.Node("a", ("zone", "z1"), ("cores", "4")), Some.Node("b", ("zone", "z2")));

    public static TheoryData<string, V1NodeSelectorRequirement, string> Requirements => new()
    {
        { "In", Is("zone", "In", "z1", "z3"), "fits" },
        { "In of others", Is("zone", "In", "z3"), NotMatched },
        { "NotIn", Is("zone", "NotIn", "z1"), NotMatched },
        { "NotIn without the label", Is("rack", "NotIn", "r1"), "fits" },
        { "Exists", Is("zone", "Exists"), "fits" },
        { "DoesNotExist", Is("zone", "DoesNotExist"), NotMatched },
        { "Gt", Is("cores", "Gt", "3"), "fits" },
        { "Gt is not at least", Is("cores", "Gt", "4"), NotMatched },
        { "Lt", Is("cores", "Lt", "5"), "fits" },
        { "Lt of no number", Is("zone", "Lt", "5"), NotMatched },
    };

    private static string NotMatched => "node(s) didn't match Pod's node affinity/selector!";

    [Theory]
    [MemberData(nameof(Requirements))]
    public void Required_node_affinity(string name, V1NodeSelectorRequirement requirement, string expected)
    {
        _ = name;
        Assert.Equal(expected, new NodeAffinity().Says(Wants(new V1NodeSelectorTerm { MatchExpressions = [requirement] }), Cluster, "a"));
    }

    [Fact]
    public void One_of_several_terms_suffices_and_an_empty_one_matches_nothing()
    {
        var (wrong, right) = (new V1NodeSelectorTerm { MatchExpressions = [Is("zone", "In", "z9")] }, new V1NodeSelectorTerm { MatchExpressions = [Is("zone", "In", "z1")] });
        Assert.Equal("fits", new NodeAffinity().Says(Wants(wrong, right), Cluster, "a"));
        Assert.Equal(NotMatched, new NodeAffinity().Says(Wants(new V1NodeSelectorTerm()), Cluster, "a"));
    }

    [Fact]
    public void NodeSelector_and_affinity_must_both_hold()
    {
        var pod = Some.Pod("p", with: p => p.Spec.NodeSelector = Some.Labels(("zone", "z1")));
        Assert.Equal("fits", new NodeAffinity().Says(pod, Cluster, "a"));
        Assert.Equal(NotMatched, new NodeAffinity().Says(pod, Cluster, "b"));
    }

    [Fact]
    public void Named_nodes_are_the_only_ones_looked_at()
    {
        V1NodeSelectorTerm Named(params string[] names) => new() { MatchFields = [.. names.Select(n => Is("metadata.name", "In", n))] };
        Assert.Equal(["a"], new NodeAffinity().Prepare(Wants(Named("a")), Cluster).OnlyNodes!);
        Assert.Equal("pod affinity terms conflict!", new NodeAffinity().Says(Wants(Named("a", "b")), Cluster, "a"));
        Assert.Null(new NodeAffinity().Prepare(Wants(Named("a"), new V1NodeSelectorTerm { MatchExpressions = [Is("zone", "Exists")] }), Cluster).OnlyNodes);
    }

    [Fact]
    public void What_the_profile_adds_is_enforced()
    {
        var added = new V1NodeAffinity { RequiredDuringSchedulingIgnoredDuringExecution = new V1NodeSelector { NodeSelectorTerms = [new V1NodeSelectorTerm { MatchExpressions = [Is("zone", "In", "z2")] }] } };
        Assert.Equal("node(s) didn't match scheduler-enforced node affinity!", new NodeAffinity(added).Says(Some.Pod("p"), Cluster, "a"));
        Assert.Equal("fits", new NodeAffinity(added).Says(Some.Pod("p"), Cluster, "b"));
    }

    [Fact]
    public void Preferred_weights_add_up()
    {
        V1PreferredSchedulingTerm Prefers(int weight, string zone) => new() { Weight = weight, Preference = new V1NodeSelectorTerm { MatchExpressions = [Is("zone", "In", zone)] } };
        var pod = Some.Pod("p", with: p => p.Spec.Affinity = new V1Affinity { NodeAffinity = new V1NodeAffinity { PreferredDuringSchedulingIgnoredDuringExecution = [Prefers(30, "z1"), Prefers(10, "z1"), Prefers(20, "z2")] } });
        Assert.Equal([100, 50], new NodeAffinity().Scores(pod, Cluster)!);
        Assert.Null(new NodeAffinity().Scores(Some.Pod("p"), Cluster));
    }

    [Fact]
    public void Only_a_node_that_matches_now_and_did_not_before_helps()
    {
        var (rule, pod) = (new NodeAffinity(), Some.Pod("p", with: p => p.Spec.NodeSelector = Some.Labels(("zone", "z1"))));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z2")), Some.Node("n", ("zone", "z1")))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z1")), Some.Node("n", ("zone", "z1"), ("x", "y")))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeAdded, null, Some.Node("n", ("zone", "z2")))));
    }

    private static V1NodeSelectorRequirement Is(string key, string op, params string[] values) => new() { Key = key, OperatorProperty = op, Values = values };

    private static PodInfo Wants(params V1NodeSelectorTerm[] terms) =>
        Some.Pod("p", with: p => p.Spec.Affinity = new V1Affinity { NodeAffinity = new V1NodeAffinity { RequiredDuringSchedulingIgnoredDuringExecution = new V1NodeSelector { NodeSelectorTerms = terms } } });
}
