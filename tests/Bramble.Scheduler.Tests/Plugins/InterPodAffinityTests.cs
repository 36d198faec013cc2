using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class InterPodAffinityTests
{
    private const string NotNear = "node(s) didn't match pod affinity rules!", NotFar = "node(s) didn't match pod anti-affinity rules", Unwelcome = "node(s) didn't satisfy existing pods anti-affinity rules";
    private static readonly (string, string)[] Web = [("app", "web")];
    private static readonly InterPodAffinity Rule = new(new SomeNamespaces(("default", []), ("team", [("team", "a")])));

    public static TheoryData<string, V1PodAffinityTerm, string, string, string> Near => new()
    {
        // A web Pod is on a; a and b are in z1, c in z2, d nowhere.
        { "in the same zone", Term(), "fits", NotNear, NotNear },
        { "other Pods", Term(selector: Some.Selector(("app", "db"))), NotNear, NotNear, NotNear },
        { "another namespace", Term(namespaces: ["team"]), NotNear, NotNear, NotNear },
        { "namespaces by label", Term(namespaceSelector: Some.Selector(("team", "a"))), NotNear, NotNear, NotNear },
        { "all namespaces", Term(namespaceSelector: new V1LabelSelector()), "fits", NotNear, NotNear },
        { "no selector selects nobody", new V1PodAffinityTerm { TopologyKey = "zone" }, NotNear, NotNear, NotNear },
    };

    [Theory]
    [MemberData(nameof(Near))]
    public void Required_affinity(string name, V1PodAffinityTerm term, string inZ1, string inZ2, string nowhere)
    {
        _ = name;
        var pod = Wants(near: [term]);
        Assert.Equal([inZ1, inZ2, nowhere], new[] { "b", "c", "d" }.Select(n => Rule.Says(pod, Zones(), n)));
    }

    [Fact]
    public void Namespaces_are_found_by_their_labels() =>
        Assert.Equal("fits", Rule.Says(Wants(near: [Term(namespaceSelector: Some.Selector(("team", "a")))]), Zones().On("c", Some.Pod("t", ns: "team", labels: Web)), "c"));

    [Fact]
    public void A_namespace_is_looked_up_only_for_a_Pod_that_a_term_with_a_selector_means()
    {
        var (rule, cluster) = (new InterPodAffinity(new UnknownNamespaces()), Some.Cluster(Some.Node("a", ("zone", "z1"))).On("a", Some.Pod("w", ns: "other", labels: Web), Some.Pod("d", ns: "third")));
        Assert.Equal("fits", rule.Says(Wants(far: [Term(), Term(namespaces: ["team"])]), cluster, "a"));
        Assert.Equal("fits", rule.Says(Wants(far: [Term(Some.Selector(("app", "db")), namespaceSelector: Some.Selector(("team", "a")))]), cluster, "a"));
        Assert.Throws<InvalidOperationException>(() => rule.Says(Wants(far: [Term(namespaceSelector: Some.Selector(("team", "a")))]), cluster, "a"));
    }

    [Fact]
    public void The_first_of_a_group_that_wants_to_be_together_may_go_anywhere_with_the_key()
    {
        var empty = Some.Cluster(Some.Node("a", ("zone", "z1")), Some.Node("d", labels: []));
        var pod = Wants(near: [Term()], labels: Web);
        Assert.Equal("fits", Rule.Says(pod, empty, "a"));
        Assert.Equal(NotNear, Rule.Says(pod, empty, "d"));
        Assert.Equal(NotNear, Rule.Says(Wants(near: [Term()]), empty, "a"));
    }

    [Fact]
    public void Required_anti_affinity_of_the_Pod()
    {
        var pod = Wants(far: [Term()]);
        Assert.Equal([NotFar, NotFar, "fits", "fits"], new[] { "a", "b", "c", "d" }.Select(n => Rule.Says(pod, Zones(), n)));
    }

    [Fact]
    public void Required_anti_affinity_of_those_that_are_there()
    {
        var cluster = Some.Cluster(Some.Node("a", ("zone", "z1")), Some.Node("c", ("zone", "z2"))).On("a", Wants(far: [Term()], name: "hermit"));
        Assert.Equal(Unwelcome, Rule.Says(Some.Pod("p", labels: Web), cluster, "a"));
        Assert.Equal("fits", Rule.Says(Some.Pod("p", labels: Web), cluster, "c"));
        Assert.Equal("fits", Rule.Says(Some.Pod("p"), cluster, "a"));
    }

    [Fact]
    public void Preemption_counts_what_would_go()
    {
        var cluster = Zones();
        var (filter, node) = (Rule.Prepare(Wants(far: [Term()]), cluster).Filter!.Copy(), cluster.Find("a")!);
        filter.Remove(node.Pods[0], node);
        Assert.True(filter.Filter(node).DoesFit);
        filter.Add(node.Pods[0], node);
        Assert.False(filter.Filter(node).DoesFit);
    }

    [Fact]
    public void Pods_that_come_and_go_are_counted_on_a_copy_only()
    {
        var cluster = Some.Cluster(Some.Node("a", ("zone", "z1")), Some.Node("b", ("zone", "z2")), Some.Node("c", labels: [])).On("a", Some.Pod("x", labels: Web));
        var (a, b) = (cluster.Find("a")!, cluster.Find("b")!);
        var original = Rule.Prepare(Wants(near: [Term()], far: [Term(Some.Selector(("app", "db")))], labels: [("app", "web")]), cluster).Filter!;
        string Says(INodeFilter filter) => string.Join("; ", cluster.Nodes.OrderBy(n => n.Name).Select(n => filter.Filter(n).Reasons?[0] ?? "fits"));
        const string NearOnly = "fits; node(s) didn't match pod affinity rules; node(s) didn't match pod affinity rules";
        Assert.Equal(NearOnly, Says(original));
        var copy = original.Copy();
        var (web, db, hermit) = (Some.Pod("w", labels: Web), Some.Pod("d", labels: [("app", "db")]), Wants(far: [Term()], name: "h"));
        copy.Add(web, b);
        Assert.Equal("fits; fits; node(s) didn't match pod affinity rules", Says(copy));
        copy.Add(db, a);
        copy.Add(hermit, b);
        Assert.Equal($"{NotFar}; {Unwelcome}; node(s) didn't match pod affinity rules", Says(copy));
        copy.Remove(db, a);
        copy.Remove(hermit, b);
        copy.Remove(web, b);
        Assert.Equal(NearOnly, Says(copy));
        // Without anybody to be near it is the first.
        copy.Remove(a.Pods[0], a);
        Assert.Equal("fits; fits; node(s) didn't match pod affinity rules", Says(copy));
        Assert.Equal(NearOnly, Says(original));
    }

    [Fact]
    public void Looking_for_a_place_without_enemies_allocates_nothing()
    {
        var byName = new V1PodAffinityTerm { TopologyKey = "kubernetes.io/hostname", LabelSelector = Some.Selector(Web) };
        var cluster = Some.Cluster([.. Enumerable.Range(0, 50).Select(i => Some.Node($"n{i}", labels: []))]);
        for (var i = 0; i < 49; i++) cluster.On($"n{i}", Wants(far: [byName], name: $"h{i}"));
        var filter = Rule.Prepare(Some.Pod("p", labels: Web), cluster).Filter!;
        var (taken, free) = (cluster.Find("n48")!, cluster.Find("n49")!);
        Assert.Equal((false, true), (filter.Filter(taken).DoesFit, filter.Filter(free).DoesFit));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) filter.Filter(i % 2 == 0 ? taken : free);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Preferences_add_up_and_those_of_others_count_too()
    {
        var prefers = Wants(prefers: [(10, Term())]);
        Assert.Equal([100, 100, 0, 0], Rule.Scores(prefers, Zones())!);
        var avoids = Wants(avoids: [(10, Term())]);
        Assert.Equal([0, 0, 100, 100], Rule.Scores(avoids, Zones())!);
        // A Pod on c requires to be near web Pods: that draws them to z2 a little (hardPodAffinityWeight).
        var cluster = Some.Cluster(Some.Node("a", ("zone", "z1")), Some.Node("c", ("zone", "z2"))).On("c", Wants(near: [Term()], name: "friend"));
        Assert.Equal([0, 100], Rule.Scores(Some.Pod("p", labels: Web), cluster)!);
        Assert.Null(new InterPodAffinity(new SomeNamespaces(), requiredWeight: 0).Scores(Some.Pod("p", labels: Web), cluster));
        Assert.Null(new InterPodAffinity(new SomeNamespaces(), ignoresPreferencesOfOthers: true).Scores(Some.Pod("p", labels: Web), cluster));
    }

    /// <summary>8 for database Pods, 2 for those that have any "app": 2 of 10 → 20. A node without the key is no place.</summary>
    [Fact]
    public void Preferences_are_shares_between_the_least_and_the_most()
    {
        var any = new V1LabelSelector { MatchExpressions = [new V1LabelSelectorRequirement { Key = "app", OperatorProperty = "Exists" }, new V1LabelSelectorRequirement { Key = "x", OperatorProperty = "DoesNotExist" }] };
        var cluster = Some.Cluster(Some.Node("a", ("zone", "z1")), Some.Node("b", ("zone", "z2")), Some.Node("c", labels: []))
            .On("a", Some.Pod("w", labels: Web)).On("b", Some.Pod("d", labels: [("app", "db")])).On("c", Some.Pod("v", labels: Web));
        Assert.Equal([20, 100, 0], Rule.Scores(Wants(prefers: [(8, Term(Some.Selector(("app", "db")))), (2, Term(any))]), cluster)!);
    }

    [Fact]
    public void Near_by_zone_and_far_by_name()
    {
        // z1: 4 Pods on a, b; z2: 3 on c. By zone 8 each: 32 and 24; by name -5 each: a 3, b 1, c 3. 17, 27, 9 of 9 to 27 → 44, 100, 0.
        var byName = new V1PodAffinityTerm { TopologyKey = "kubernetes.io/hostname", LabelSelector = Some.Selector(Web) };
        var cluster = Some.Cluster(Some.Node("a", ("zone", "z1")), Some.Node("b", ("zone", "z1")), Some.Node("c", ("zone", "z2")));
        foreach (var (node, count) in ((string, int)[])[("a", 3), ("b", 1), ("c", 3)])
            for (var i = 0; i < count; i++) cluster.On(node, Some.Pod($"{node}{i}", labels: Web));
        Assert.Equal([44, 100, 0], Rule.Scores(Wants(prefers: [(8, Term())], avoids: [(5, byName)]), cluster)!);
    }

    [Fact]
    public void Terms_of_others_by_the_labels_of_the_Pods_namespace()
    {
        var ofTeam = Term(namespaceSelector: Some.Selector(("team", "a")));
        ClusterState With(PodInfo other) => Some.Cluster(Some.Node("a", ("zone", "z1")), Some.Node("b", ("zone", "z2")), Some.Node("c", labels: [])).On("a", other);
        Assert.Equal([100, 0, 0], Rule.Scores(Some.Pod("p", ns: "team", labels: Web), With(Wants(prefers: [(5, ofTeam)], name: "x")))!);
        Assert.Equal([0, 100, 100], Rule.Scores(Some.Pod("p", ns: "team", labels: Web), With(Wants(avoids: [(5, ofTeam)], name: "x")))!);
        Assert.Null(Rule.Scores(Some.Pod("p", labels: Web), With(Wants(prefers: [(5, ofTeam)], name: "x"))));
        Assert.Equal(Unwelcome, Rule.Says(Some.Pod("p", ns: "team", labels: Web), With(Wants(far: [ofTeam], name: "x")), "a"));
        Assert.Equal("fits", Rule.Says(Some.Pod("p", labels: Web), With(Wants(far: [ofTeam], name: "x")), "a"));
    }

    public static TheoryData<string, (string, string)[], (string, string)[], string> Both => new()
    {
        // A Pod with the first labels, one with the second is there; both keep away who has abc or def.
        { "what the Pod wishes is told first", [("abc", ""), ("xyz", "")], [("def", ""), ("xyz", "")], NotFar },
        { "it is named only by those that are there", [("abc", "")], [("xyz", "")], Unwelcome },
        { "neither", [("xyz", "")], [("xyz", "")], "fits" },
    };

    [Theory]
    [MemberData(nameof(Both))]
    public void One_term_of_several_is_enough_to_keep_away(string name, (string, string)[] own, (string, string)[] there, string expected)
    {
        _ = name;
        var terms = new[] { "abc", "def" }.Select(k => Term(new V1LabelSelector { MatchExpressions = [new V1LabelSelectorRequirement { Key = k, OperatorProperty = "Exists" }] })).ToArray();
        var cluster = Some.Cluster(Some.Node("a", ("zone", "z1"))).On("a", Wants(far: terms, labels: there, name: "x"));
        Assert.Equal(expected, Rule.Says(Wants(far: terms, labels: own), cluster, "a"));
    }

    [Fact]
    public void All_terms_of_affinity_must_be_met_by_one_Pod()
    {
        V1PodAffinityTerm Has(string key) => Term(new V1LabelSelector { MatchExpressions = [new V1LabelSelectorRequirement { Key = key, OperatorProperty = "Exists" }] });
        ClusterState Empty() => Some.Cluster(Some.Node("a", ("zone", "z1")));
        var pod = Wants(near: [Has("x"), Has("y")]);
        Assert.Equal("fits", Rule.Says(pod, Empty().On("a", Some.Pod("b", labels: [("x", ""), ("y", "")])), "a"));
        Assert.Equal(NotNear, Rule.Says(pod, Empty().On("a", Some.Pod("b", labels: [("x", "")]), Some.Pod("c", labels: [("y", "")])), "a"));
        // Nobody meets both, so one that does itself is the first.
        Assert.Equal("fits", Rule.Says(Wants(near: [Has("x"), Has("y")], labels: [("x", ""), ("y", "")]), Empty().On("a", Some.Pod("b", labels: [("x", "")])), "a"));
    }

    [Fact]
    public void Only_Pods_that_the_terms_mean_help()
    {
        var (near, far) = (Wants(near: [Term()]), Wants(far: [Term()]));
        Assert.True(Rule.Helps(near, new(ChangeKinds.PodAdded, null, Some.Pod("x", labels: Web))));
        Assert.False(Rule.Helps(near, new(ChangeKinds.PodAdded, null, Some.Pod("x"))));
        Assert.True(Rule.Helps(far, new(ChangeKinds.PodRemoved, Some.Pod("x", labels: Web), null)));
        Assert.False(Rule.Helps(far, new(ChangeKinds.PodRemoved, Some.Pod("x"), null)));
        Assert.True(Rule.Helps(Some.Pod("p", labels: Web), new(ChangeKinds.PodRemoved, Wants(far: [Term()], name: "hermit"), null)));
        Assert.True(Rule.Helps(far, new(ChangeKinds.PodLabels, Some.Pod("x", labels: Web), Some.Pod("x"))));
        Assert.True(Rule.Helps(near, new(ChangeKinds.NodeAdded, null, Some.Node("n", ("zone", "z3")))));
        Assert.False(Rule.Helps(near, new(ChangeKinds.NodeAdded, null, Some.Node("n", labels: []))));
        Assert.True(Rule.Helps(far, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z1")), Some.Node("n", ("zone", "z2")))));
        Assert.True(Rule.Helps(near, new(ChangeKinds.PodLabels, Some.Pod("x"), Some.Pod("x", labels: Web))));
        Assert.False(Rule.Helps(near, new(ChangeKinds.PodLabels, Some.Pod("x", labels: Web), Some.Pod("x"))));
        Assert.False(Rule.Helps(near, new(ChangeKinds.PodLabels, Some.Pod("x", labels: Web), Some.Pod("x", labels: [.. Web, ("y", "z")]))));
        Assert.False(Rule.Helps(far, new(ChangeKinds.PodLabels, Some.Pod("x"), Some.Pod("x", labels: Web))));
        Assert.False(Rule.Helps(far, new(ChangeKinds.PodAdded, null, Some.Pod("x"))));
        Assert.True(Rule.Helps(Some.Pod("p"), new(ChangeKinds.PodLabels, Some.Pod("p", labels: Web), Some.Pod("p"))));
        Assert.False(Rule.Helps(Some.Pod("p"), new(ChangeKinds.PodRemoved, Wants(far: [Term()], name: "hermit"), null)));
        Assert.False(Rule.Helps(near, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z1")), Some.Node("n", ("zone", "z1"), ("x", "y")))));
        Assert.True(Rule.Helps(near, new(ChangeKinds.NodeLabels, Some.Node("n", labels: []), Some.Node("n", ("zone", "z1")))));
        Assert.True(Rule.Helps(far, new(ChangeKinds.NodeAdded, null, Some.Node("n", labels: []))));
        Assert.False(Rule.Helps(far, new(ChangeKinds.NodeLabels, Some.Node("n", labels: []), Some.Node("n", ("zone", "z1")))));
        Assert.True(Rule.Helps(far, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z1")), Some.Node("n", labels: []))));
    }

    /// <summary>Otherwise such Pods would wait for the five minutes after which everything is tried.</summary>
    [Fact]
    public void Help_that_is_easily_overlooked()
    {
        var (db, web) = (Term(Some.Selector(("app", "db"))), Term());
        // One of several terms was in the way, of either side.
        Assert.True(Rule.Helps(Wants(far: [web, db]), new(ChangeKinds.PodRemoved, Some.Pod("x", labels: Web), null)));
        Assert.True(Rule.Helps(Wants(far: [web, db]), new(ChangeKinds.PodLabels, Some.Pod("x", labels: Web), Some.Pod("x"))));
        Assert.True(Rule.Helps(Some.Pod("p", labels: Web), new(ChangeKinds.PodRemoved, Wants(far: [web, db], name: "hermit"), null)));
        // The last of its group is gone (its node is drained): anywhere will do.
        Assert.True(Rule.Helps(Wants(near: [web], labels: Web), new(ChangeKinds.PodRemoved, Some.Pod("x", labels: Web), null)));
        Assert.False(Rule.Helps(Wants(near: [web]), new(ChangeKinds.PodRemoved, Some.Pod("x", labels: Web), null)));
        // Others keep a Pod without wishes away from all nodes that were there.
        Assert.True(Rule.Helps(Some.Pod("p"), new(ChangeKinds.NodeAdded, null, Some.Node("n", labels: []))));
    }

    private static ClusterState Zones() => Some.Cluster(Some.Node("a", ("zone", "z1")), Some.Node("b", ("zone", "z1")), Some.Node("c", ("zone", "z2")), Some.Node("d", labels: [])).On("a", Some.Pod("x", labels: Web));

    private static V1PodAffinityTerm Term(V1LabelSelector? selector = null, string[]? namespaces = null, V1LabelSelector? namespaceSelector = null) =>
        new() { TopologyKey = "zone", LabelSelector = selector ?? Some.Selector(Web), Namespaces = namespaces, NamespaceSelector = namespaceSelector };

    private static PodInfo Wants(
        V1PodAffinityTerm[]? near = null, V1PodAffinityTerm[]? far = null, (int, V1PodAffinityTerm)[]? prefers = null, (int, V1PodAffinityTerm)[]? avoids = null,
        (string, string)[]? labels = null, string name = "p") => Some.Pod(name, labels: labels, with: p => p.Spec.Affinity = new V1Affinity
        {
            PodAffinity = new V1PodAffinity { RequiredDuringSchedulingIgnoredDuringExecution = near, PreferredDuringSchedulingIgnoredDuringExecution = Weighted(prefers) },
            PodAntiAffinity = new V1PodAntiAffinity { RequiredDuringSchedulingIgnoredDuringExecution = far, PreferredDuringSchedulingIgnoredDuringExecution = Weighted(avoids) },
        });

    private static List<V1WeightedPodAffinityTerm>? Weighted((int Weight, V1PodAffinityTerm Term)[]? terms) => terms?.Select(t => new V1WeightedPodAffinityTerm { Weight = t.Weight, PodAffinityTerm = t.Term }).ToList();

    private sealed class UnknownNamespaces : INamespaceLabels
    {
        public IDictionary<string, string>? Of(string ns) => throw new InvalidOperationException($"{ns} was looked up");
    }
}
