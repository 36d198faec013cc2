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

    /// <summary>a has x, b has x and y, c has y. The Pod prefers x (2), y (4) and both together (5): 2, 11 and 4 of 11 → 18, 100, 36. With y (3) of the profile's: 2, 5 and 3 of 5.</summary>
    [Fact]
    public void The_profile_prefers_nodes_too_and_the_best_gets_100()
    {
        var cluster = Some.Cluster(Some.Node("a", ("x", "1")), Some.Node("b", ("x", "1"), ("y", "1")), Some.Node("c", ("y", "1")));
        V1PreferredSchedulingTerm Prefers(int weight, params string[] keys) => new() { Weight = weight, Preference = new V1NodeSelectorTerm { MatchExpressions = [.. keys.Select(k => Is(k, "Exists"))] } };
        PodInfo Pod(params V1PreferredSchedulingTerm[] terms) =>
            Some.Pod("p", with: p => p.Spec.Affinity = new V1Affinity { NodeAffinity = new V1NodeAffinity { PreferredDuringSchedulingIgnoredDuringExecution = terms } });
        var ofProfile = new NodeAffinity(new V1NodeAffinity { PreferredDuringSchedulingIgnoredDuringExecution = [Prefers(3, "y")] });
        Assert.Equal([18, 100, 36], new NodeAffinity().Scores(Pod(Prefers(2, "x"), Prefers(4, "y"), Prefers(5, "x", "y")), cluster)!);
        Assert.Equal([40, 100, 60], ofProfile.Scores(Pod(Prefers(2, "x")), cluster)!);
        Assert.Equal([0, 100, 100], ofProfile.Scores(Some.Pod("p"), cluster)!);
        Assert.Equal([0, 0, 0], new NodeAffinity().Scores(Pod(Prefers(2, "z"), Prefers(3)), cluster)!);
    }

    public static TheoryData<string, V1NodeSelectorTerm[], string[]?, string> Terms => new()
    {
        { "a name and a label of one term", [new() { MatchFields = [Is("metadata.name", "In", "a")], MatchExpressions = [Is("zone", "In", "z1")] }], ["a"], "fits" },
        { "a name without the label of the term", [new() { MatchFields = [Is("metadata.name", "In", "a")], MatchExpressions = [Is("zone", "In", "z2")] }], ["a"], NotMatched },
        { "two terms of names", [new() { MatchFields = [Is("metadata.name", "In", "a")] }, new() { MatchFields = [Is("metadata.name", "In", "b")] }], ["a", "b"], "fits" },
        { "names that contradict each other beside a term that holds", [new() { MatchFields = [Is("metadata.name", "In", "a"), Is("metadata.name", "In", "b")] }, new() { MatchExpressions = [Is("zone", "In", "z1")] }], null, "fits" },
        { "any name but one", [new() { MatchFields = [Is("metadata.name", "NotIn", "a")] }], null, NotMatched },
        { "requirements of a term must all hold", [new() { MatchExpressions = [Is("zone", "Exists"), Is("zone", "In", "z2")] }], null, NotMatched },
        { "numbers with zeros in front", [new() { MatchExpressions = [Is("cores", "Gt", "003")] }], null, "fits" },
    };

    [Theory]
    [MemberData(nameof(Terms))]
    public void Terms_by_name_and_label(string name, V1NodeSelectorTerm[] terms, string[]? only, string expected)
    {
        _ = name;
        Assert.Equal(only, new NodeAffinity().Prepare(Wants(terms), Cluster).OnlyNodes?.Order());
        Assert.Equal(expected, new NodeAffinity().Says(Wants(terms), Cluster, "a"));
    }

    [Fact]
    public void Only_a_node_that_matches_now_and_did_not_before_helps()
    {
        var (rule, pod) = (new NodeAffinity(), Some.Pod("p", with: p => p.Spec.NodeSelector = Some.Labels(("zone", "z1"))));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z2")), Some.Node("n", ("zone", "z1")))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z1")), Some.Node("n", ("zone", "z1"), ("x", "y")))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeAdded, null, Some.Node("n", ("zone", "z2")))));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeAdded, null, Some.Node("n", ("zone", "z1")))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z1")), Some.Node("n", ("zone", "z2")))));
        // What the profile demands may be what was missing, also to a Pod that demands nothing.
        var enforced = new NodeAffinity(new V1NodeAffinity { RequiredDuringSchedulingIgnoredDuringExecution = new V1NodeSelector { NodeSelectorTerms = [new V1NodeSelectorTerm { MatchExpressions = [Is("pool", "Exists")] }] } });
        Assert.True(enforced.Helps(Some.Pod("q"), new(ChangeKinds.NodeLabels, Some.Node("n", labels: []), Some.Node("n", ("pool", "x")))));
        Assert.False(enforced.Helps(Some.Pod("q"), new(ChangeKinds.NodeLabels, Some.Node("n", labels: []), Some.Node("n", ("x", "y")))));
        Assert.False(enforced.Helps(pod, new(ChangeKinds.NodeAdded, null, Some.Node("n", ("zone", "z1")))));
        Assert.True(enforced.Helps(pod, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z1")), Some.Node("n", ("zone", "z1"), ("pool", "x")))));
    }

    private static V1NodeSelectorRequirement Is(string key, string op, params string[] values) => new() { Key = key, OperatorProperty = op, Values = values };

    private static PodInfo Wants(params V1NodeSelectorTerm[] terms) =>
        Some.Pod("p", with: p => p.Spec.Affinity = new V1Affinity { NodeAffinity = new V1NodeAffinity { RequiredDuringSchedulingIgnoredDuringExecution = new V1NodeSelector { NodeSelectorTerms = terms } } });
}
