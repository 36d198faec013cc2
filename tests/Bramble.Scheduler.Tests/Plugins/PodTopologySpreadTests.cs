using System.Globalization;
using Bramble.Client;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class PodTopologySpreadTests
{
    private const string Uneven = "node(s) didn't match pod topology spread constraints";
    private static readonly (string, string)[] App = [("app", "web")];

    private readonly SomeInformers _informers = new();

    public static TheoryData<string, Action<V1TopologySpreadConstraint>, string, string, string> Cases => new()
    {
        // z1 has 2, z2 has 1 matching Pods; node d has no zone.
        { "one ahead is allowed, two are not", _ => { }, Uneven, "fits", Uneven + " (missing required label)!" },
        { "with a skew of 2 both do", c => c.MaxSkew = 2, "fits", "fits", Uneven + " (missing required label)!" },
        { "fewer places than minDomains: the emptiest is one that is not there", c => c.MinDomains = 3, Uneven, Uneven, Uneven + " (missing required label)!" },
        { "a selector that is not the Pod's own", c => c.LabelSelector = Some.Selector(("app", "db")), "fits", "fits", Uneven + " (missing required label)!" },
        { "ScheduleAnyway refuses nobody", c => c.WhenUnsatisfiable = "ScheduleAnyway", "fits", "fits", "fits" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void No_place_may_be_too_far_ahead(string name, Action<V1TopologySpreadConstraint> change, string inZ1, string inZ2, string without)
    {
        _ = name;
        var cluster = Zones();
        var pod = Spread("p", change);
        Assert.Equal([inZ1, inZ2, without], new[] { "a", "c", "d" }.Select(n => Plugin().Says(pod, cluster, n)));
    }

    [Fact]
    public void Pods_that_are_leaving_or_of_other_namespaces_do_not_count()
    {
        var leaving = Some.Pod("l", labels: App, with: p => p.Metadata.DeletionTimestamp = DateTime.UnixEpoch);
        var cluster = Some.Cluster(Some.Node("a", ("zone", "z1")), Some.Node("c", ("zone", "z2"))).On("a", leaving, Some.Pod("o", ns: "other", labels: App));
        Assert.Equal("fits", Plugin().Says(Spread("p"), cluster, "a"));
    }

    [Fact]
    public void Nodes_the_Pod_cannot_go_to_count_as_the_policies_say()
    {
        // z2 is empty, but tainted and not selected: only when it counts is z1 ahead of it.
        var cluster = Some.Cluster(Some.Node("a", ("zone", "z1"), ("disk", "ssd")), Some.Node("c", taints: [Some.Taint("k")], labels: [("zone", "z2")])).On("a", Some.Pod("x", labels: App));
        string Says(Action<V1TopologySpreadConstraint> change, bool selects) => Plugin().Says(Spread("p", change, p => p.Spec.NodeSelector = selects ? Some.Labels(("disk", "ssd")) : null), cluster, "a");
        Assert.Equal("fits", Says(_ => { }, selects: true));
        Assert.Equal(Uneven, Says(c => c.NodeAffinityPolicy = "Ignore", selects: true));
        Assert.Equal(Uneven, Says(_ => { }, selects: false));
        Assert.Equal("fits", Says(c => c.NodeTaintsPolicy = "Honor", selects: false));
    }

    [Fact]
    public void MatchLabelKeys_compares_only_Pods_of_the_same_revision()
    {
        var cluster = Zones();
        var pod = Spread("p", c => c.MatchLabelKeys = ["revision"], p => p.Metadata.Labels["revision"] = "2");
        Assert.Equal("fits", Plugin().Says(pod, cluster, "a"));
    }

    [Fact]
    public void Preemption_counts_what_would_go()
    {
        var cluster = Zones();
        var filter = Plugin().Prepare(Spread("p"), cluster).Filter!.Copy();
        var node = cluster.Find("a")!;
        Assert.False(filter.Filter(node).DoesFit);
        filter.Remove(node.Pods[0], node);
        Assert.True(filter.Filter(node).DoesFit);
        filter.Add(node.Pods[0], node);
        Assert.False(filter.Filter(node).DoesFit);
    }

    [Fact]
    public void Emptier_places_are_better()
    {
        var pod = Spread("p", c => c.WhenUnsatisfiable = "ScheduleAnyway");
        // Two places: weight ln(4) = 1.386. z1: 2 * 1.386 = 2.77 → 3; z2: 1.386 → 1; d has no zone. (3 + 1 - 3) / 3 → 33, (3 + 1 - 1) / 3 → 100.
        Assert.Equal([33, 33, 100, 0], Plugin().Scores(pod, Zones())!);
    }

    public static TheoryData<string, string, string, string, long[]> Figures => new()
    {
        // Zones of the nodes; constraints (key, skew, selected label); labels of the Pods on each node, which is no candidate after "-".
        { "nobody is there", "1 1", "host 1 f", "|", [100, 100] },
        { "one candidate", "1 1", "host 1 f", "f f|-f", [100] },
        { "alike", "1 1", "host 1 f", "f|f", [100, 100] },
        { "2, 1, 0 and 3", "1 1 1 1", "host 1 f", "f f|f||f f f", [20, 60, 100, 0] },
        { "a skew of 2 waters it down", "1 1 1 1", "host 2 f", "f f|f||f f f", [33, 66, 100, 16] },
        { "a skew of 3 more", "1 1 1 1", "host 3 f", "f f f f|f f f|f f|f", [44, 66, 77, 100] },
        { "nothing is selected", "1 1 1 1", "host 1 -", "f f|f||f f f", [100, 100, 100, 100] },
        { "three of four", "1 1 2 2", "host 1 f", "f f f f|f f|f|-f f f", [33, 83, 100] },
        { "by zone, Pods of the fourth count", "1 1 2 2", "zone 1 f", "f f f f|f f|f|-f f f", [75, 75, 100] },
        { "by zone and name", "1 1 2 2", "zone 1 f, host 1 f", "f f|-f|f f|-f f f f", [100, 63] },
        { "by zone twice", "1 1 2 2", "zone 1 f, zone 1 b", "fb f|-fb||-f fb f", [85, 100] },
        { "by zone and name of others", "1 1 2 2", "zone 1 f, host 1 b", "f|fb||f b", [60, 20, 100, 60] },
        { "some have none", "1 1 2 2", "zone 1 f, host 1 b", "|b|f|fb", [100, 60, 40, 0] },
        { "by zone and name of others, three of four", "1 1 2 2", "zone 1 f, host 1 b", "f|fb||-f b", [50, 25, 100] },
        { "a node without a zone gets nothing, and its Pods do not count", "1 - 2 2", "zone 1 f", "f f f f|f f|f|-f f", [66, 0, 100] },
    };

    [Theory]
    [MemberData(nameof(Figures))]
    public void How_much_better_emptier_places_are(string name, string zones, string constraints, string placed, long[] expected)
    {
        _ = name;
        var cluster = Placed(zones, placed, out var candidates);
        var pod = Labelled("fb", constraints, "ScheduleAnyway");
        var opinion = ((IScorePlugin)Plugin()).Prepare(pod, candidates, cluster)!;
        long[] scores = [.. candidates.Select(opinion.Score)];
        opinion.Normalize(scores);
        Assert.Equal(expected, scores);
    }

    public static TheoryData<string, string, string, string, string, string> Verdicts => new()
    {
        // Zones of the nodes; the Pod's labels; constraints (key, skew, selected label, minDomains); labels of the Pods on each node; + fits, - uneven, ! no such label.
        { "nobody is there", "1 1 2 2", "f", "zone 1 f", "|||", "++++" },
        { "nothing is selected", "1 1 2 2", "f", "zone 1 -", "f f|||", "++++" },
        { "3 and 3", "1 1 2 2", "f", "zone 1 f", "f f|f||f f f", "++++" },
        { "a node without a zone: 1 and 2", "1 - 2 2", "f", "zone 1 f", "f|f|f|f", "+!--" },
        { "no node has the label", "1 1 2 2", "f", "rack 1 f", "|||", "!!!!" },
        { "by name", "1 1 2 2", "f", "host 1 f", "f f|f||f f f", "--+-" },
        { "by name with a skew of 2", "1 1 2 2", "f", "host 2 f", "f f|f||f f f", "-++-" },
        { "one that does not select itself changes nothing by coming", "1 1 2 2", "b", "host 1 f", "f f|f||f f f", "-++-" },
        { "fewer names than wanted", "1 1 2", "f", "host 2 f 4", "f f|f f|f", "--+" },
        { "as many names as wanted", "1 1 2", "f", "host 2 f 2", "f f|f f|f", "+++" },
        { "fewer zones than wanted", "1 1 2 2", "f", "zone 2 f 3", "f f||f|", "--++" },
        { "as many zones as wanted", "1 1 2 2", "f", "zone 2 f 2", "f f||f|", "++++" },
        { "zones alike, by name one", "1 1 2 2", "f", "zone 1 f, host 1 f", "f f|f||f f f", "--+-" },
        { "by zone 1, by name one of zone 2", "1 1 2 2", "f", "zone 1 f, host 1 f", "f f|f||f f f f", "----" },
        { "others by zone than by name", "1 1 2 2", "fb", "zone 1 f, host 1 b", "f|||b", "--+-" },
        { "others by zone than by name: nowhere", "1 1 2 2", "fb", "zone 1 f, host 1 b", "f||b|b", "----" },
        { "others by zone than by name: one", "1 1 2 2", "fb", "zone 1 f, host 1 b", "f fb|||f fb f", "-+--" },
        { "selects itself by name only", "1 1 2 2", "b", "zone 1 f, host 1 b", "f||b|b", "++--" },
        { "zones twice", "1 1 2 2", "fb", "zone 1 f, zone 1 b", "fb f|fb||f fb f", "--++" },
        { "zones twice: nowhere", "1 1 2 2", "fb", "zone 1 f, zone 1 b", "fb f|fb||f f f fb", "----" },
    };

    [Theory]
    [MemberData(nameof(Verdicts))]
    public void Where_the_next_one_may_go(string name, string zones, string labels, string constraints, string placed, string expected)
    {
        _ = name;
        var cluster = Placed(zones, placed, out var nodes);
        var filter = Plugin().Prepare(Labelled(labels, constraints, "DoNotSchedule"), cluster).Filter!;
        Assert.Equal(expected, string.Concat(nodes.Select(filter.Filter).Select(r => r.DoesFit ? '+' : r.IsUnresolvable ? '!' : '-')));
    }

    [Fact]
    public void Places_the_Pod_cannot_go_to_are_not_counted_in_scores_either()
    {
        long[] Scores(Action<V1TopologySpreadConstraint> change, bool selects, V1Taint[]? taints = null)
        {
            var cluster = Some.Cluster(Some.Node("a", ("rack", "1"), ("disk", "")), Some.Node("b", ("rack", "2"), ("disk", "")), Some.Node("c", labels: [("rack", "3")], taints: taints))
                .On("a", Some.Pod("w", labels: App), Some.Pod("x", labels: App)).On("b", Some.Pod("y", labels: App)).On("c", Some.Pod("z", labels: App));
            return Plugin().Scores(Spread("p", c =>
            {
                (c.TopologyKey, c.WhenUnsatisfiable) = ("rack", "ScheduleAnyway");
                change(c);
            }, p => p.Spec.NodeSelector = selects ? Some.Labels(("disk", "")) : null), cluster)!;
        }
        Assert.Equal([0, 33, 100], Scores(_ => { }, selects: true));
        Assert.Equal([66, 100, 100], Scores(c => c.NodeAffinityPolicy = "Ignore", selects: true));
        Assert.Equal([0, 33, 100], Scores(c => c.NodeTaintsPolicy = "Honor", selects: false, [Some.Taint("k")]));
        Assert.Equal([66, 100, 100], Scores(_ => { }, selects: false, [Some.Taint("k")]));
    }

    [Fact]
    public void Pods_without_constraints_are_spread_by_the_system_over_what_their_ReplicaSet_and_Services_select()
    {
        _informers.Of(Resources.ReplicaSets).Set(new V1ReplicaSet { Metadata = new V1ObjectMeta { Name = "rs", NamespaceProperty = "default" }, Spec = new V1ReplicaSetSpec { Selector = Some.Selector(App) } });
        var owned = Some.Pod("p", labels: App, with: p => p.Metadata.OwnerReferences = [new V1OwnerReference { ApiVersion = "apps/v1", Kind = "ReplicaSet", Name = "rs", Uid = "u", Controller = true }]);
        var served = Some.Pod("q", labels: App);
        Assert.Null(Plugin().Scores(served, Zones()));
        // By name: 4 places, weight ln 6 = 1.79, skew 3; by zone: z1, z2 and none are 3, weight ln 5 = 1.61, skew 5.
        // a: 2 * 1.79 + 2 + 2 * 1.61 + 4 = 13; b: 0 + 2 + 2 * 1.61 + 4 = 9; c: 1.79 + 2 + 1.61 + 4 = 9; d has no zone: 2. (13 + 2 - 13) / 13 → 15.
        var scores = Plugin().Scores(owned, Zones())!;
        Assert.Equal([15, 46, 46, 100], scores);
        _informers.Of(Resources.Services).Set(new V1Service { Metadata = new V1ObjectMeta { Name = "s", NamespaceProperty = "default" }, Spec = new V1ServiceSpec { Selector = Some.Labels(App) } });
        Assert.Equal(scores, Plugin().Scores(served, Zones())!);
    }

    public static TheoryData<string, string, string> Owners => new()
    {
        // The owner selects owner=x, the Service app=web; Pods with both are on a, with one of them on b and c.
        { "v1", "ReplicationController", "2 100 100" },
        { "apps/v1", "ReplicaSet", "2 100 100" },
        { "apps/v1", "StatefulSet", "2 100 100" },
        { "batch/v1", "Job", "2 100 2" },
        { "extensions/v1beta1", "ReplicaSet", "2 100 2" },
    };

    [Theory]
    [MemberData(nameof(Owners))]
    public void What_both_the_Services_and_the_owner_select_is_counted(string apiVersion, string kind, string expected)
    {
        var metadata = new V1ObjectMeta { Name = "o", NamespaceProperty = "default" };
        var selector = Some.Selector(("owner", "x"));
        _informers.Of(Resources.ReplicationControllers).Set(new V1ReplicationController { Metadata = metadata, Spec = new V1ReplicationControllerSpec { Selector = selector.MatchLabels } });
        _informers.Of(Resources.ReplicaSets).Set(new V1ReplicaSet { Metadata = metadata, Spec = new V1ReplicaSetSpec { Selector = selector } });
        _informers.Of(Resources.StatefulSets).Set(new V1StatefulSet { Metadata = metadata, Spec = new V1StatefulSetSpec { Selector = selector } });
        foreach (var (name, labels) in ((string, IDictionary<string, string>?)[])[("s", Some.Labels(App)), ("other", Some.Labels(("app", "db"))), ("none", null)])
            _informers.Of(Resources.Services).Set(new V1Service { Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = "default" }, Spec = new V1ServiceSpec { Selector = labels } });
        (string, string)[] both = [.. App, ("owner", "x")];
        var cluster = Some.Cluster(Some.Node("a", labels: []), Some.Node("b", labels: []), Some.Node("c", labels: [])).On("a", Many("a", both)).On("b", Many("b", [("owner", "x")])).On("c", Many("c", App));
        var pod = Some.Pod("p", labels: both, with: p => p.Metadata.OwnerReferences = [new V1OwnerReference { ApiVersion = apiVersion, Kind = kind, Name = "o", Uid = "u", Controller = true }]);
        // 50 Pods against none: 50 * ln 5 + 2 = 82 and 2, so (82 + 2 - 82) / 82 → 2.
        Assert.Equal(expected, string.Join(' ', Plugin().Scores(pod, cluster)!));

        static PodInfo[] Many(string prefix, (string, string)[] labels) => [.. Enumerable.Range(0, 50).Select(i => Some.Pod($"{prefix}{i}", labels: labels))];
    }

    [Fact]
    public void A_profile_may_have_defaults_of_its_own()
    {
        V1TopologySpreadConstraint[] own = [new() { MaxSkew = 1, TopologyKey = "zone", WhenUnsatisfiable = "DoNotSchedule" }];
        _informers.Of(Resources.Services).Set(new V1Service { Metadata = new V1ObjectMeta { Name = "s", NamespaceProperty = "default" }, Spec = new V1ServiceSpec { Selector = Some.Labels(App) } });
        Assert.Equal(Uneven, Plugin(own).Says(Some.Pod("p", labels: App), Zones(), "a"));
        Assert.Equal("fits", Plugin([]).Says(Some.Pod("p", labels: App), Zones(), "a"));
    }

    [Fact]
    public void Only_changes_of_what_is_counted_help()
    {
        var (rule, pod) = (Plugin(), Spread("p"));
        Assert.True(rule.Helps(pod, new(ChangeKinds.PodRemoved, Some.Pod("x", labels: App), null)));
        Assert.False(rule.Helps(pod, new(ChangeKinds.PodRemoved, Some.Pod("x"), null)));
        Assert.False(rule.Helps(pod, new(ChangeKinds.PodRemoved, Some.Pod("x", ns: "other", labels: App), null)));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeAdded, null, Some.Node("n", ("zone", "z3")))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeAdded, null, Some.Node("n", ("rack", "r1")))));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z1")), Some.Node("n", ("zone", "z2")))));
        Assert.True(rule.Helps(pod, new(ChangeKinds.PodAdded, null, Some.Pod("x", labels: App))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.PodAdded, null, Some.Pod("x"))));
        Assert.True(rule.Helps(pod, new(ChangeKinds.PodLabels, Some.Pod("x"), Some.Pod("x", labels: App))));
        Assert.True(rule.Helps(pod, new(ChangeKinds.PodLabels, Some.Pod("x", labels: App), Some.Pod("x"))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.PodLabels, Some.Pod("x", labels: App), Some.Pod("x", labels: [.. App, ("y", "z")]))));
        var honors = Spread("p", c => c.NodeTaintsPolicy = "Honor");
        Assert.True(rule.Helps(honors, new(ChangeKinds.PodTolerations, honors, honors)));
        Assert.False(rule.Helps(pod, new(ChangeKinds.PodTolerations, pod, pod)));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeRemoved, Some.Node("n", ("zone", "z1")), null)));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeRemoved, Some.Node("n", labels: []), null)));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z1")), Some.Node("n", labels: []))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z1")), Some.Node("n", ("zone", "z1"), ("x", "y")))));
        Assert.True(rule.Helps(pod, new(ChangeKinds.NodeTaints, Some.Node("n", ("zone", "z1")), Some.Node("n", labels: [("zone", "z1")], taints: [Some.Taint("k")]))));
        Assert.False(rule.Helps(pod, new(ChangeKinds.NodeTaints, Some.Node("n", labels: []), Some.Node("n", labels: [], taints: [Some.Taint("k")]))));
        // The emptiest place is none any more when the Pod may not go there.
        var selects = Spread("p", with: p => p.Spec.NodeSelector = Some.Labels(("disk", "ssd")));
        Assert.True(rule.Helps(selects, new(ChangeKinds.NodeLabels, Some.Node("n", ("zone", "z1"), ("disk", "ssd")), Some.Node("n", ("zone", "z1")))));
    }

    /// <param name="zones">One for each node; "-": it has none.</param>
    /// <param name="placed">For each node its Pods, of each its labels, one letter each.</param>
    /// <param name="candidates">The nodes in turn, without those whose Pods begin with "-".</param>
    private static ClusterState Placed(string zones, string placed, out List<NodeInfo> candidates)
    {
        var cluster = Some.Cluster();
        candidates = [];
        foreach (var (zone, pods) in zones.Split(' ').Zip(placed.Split('|')))
        {
            var node = $"n{cluster.NodeCount}";
            cluster.SetNode(Some.Node(node, zone == "-" ? [] : [("zone", zone)]));
            foreach (var (index, letters) in pods.TrimStart('-').Split(' ', StringSplitOptions.RemoveEmptyEntries).Index()) cluster.On(node, Some.Pod($"{node}-{index}", labels: Letters(letters)));
            if (!pods.StartsWith('-')) candidates.Add(cluster.Find(node)!);
        }
        return cluster;
    }

    private static PodInfo Labelled(string letters, string constraints, string whenUnsatisfiable) => Some.Pod("p", labels: Letters(letters), with: p => p.Spec.TopologySpreadConstraints =
        [.. constraints.Split(", ").Select(c => c.Split(' ')).Select(c => new V1TopologySpreadConstraint
        {
            TopologyKey = c[0] == "host" ? "kubernetes.io/hostname" : c[0],
            MaxSkew = int.Parse(c[1], CultureInfo.InvariantCulture),
            LabelSelector = c[2] == "-" ? null : new() { MatchExpressions = [new V1LabelSelectorRequirement { Key = c[2], OperatorProperty = "Exists" }] },
            MinDomains = c.Length > 3 ? int.Parse(c[3], CultureInfo.InvariantCulture) : null,
            WhenUnsatisfiable = whenUnsatisfiable,
        })]);

    private static (string, string)[] Letters(string letters) => [.. letters.Select(c => (c.ToString(), ""))];

    private static ClusterState Zones() => Some.Cluster(Some.Node("a", ("zone", "z1"), ("topology.kubernetes.io/zone", "z1")), Some.Node("b", ("zone", "z1"), ("topology.kubernetes.io/zone", "z1")),
            Some.Node("c", ("zone", "z2"), ("topology.kubernetes.io/zone", "z2")), Some.Node("d", labels: []))
        .On("a", Some.Pod("x", labels: App), Some.Pod("y", labels: App)).On("c", Some.Pod("z", labels: App));

    private static PodInfo Spread(string name, Action<V1TopologySpreadConstraint>? change = null, Action<V1Pod>? with = null)
    {
        var constraint = new V1TopologySpreadConstraint { MaxSkew = 1, TopologyKey = "zone", WhenUnsatisfiable = "DoNotSchedule", LabelSelector = Some.Selector(App) };
        change?.Invoke(constraint);
        return Some.Pod(name, labels: App, with: p =>
        {
            p.Spec.TopologySpreadConstraints = [constraint];
            with?.Invoke(p);
        });
    }

    private PodTopologySpread Plugin(IReadOnlyList<V1TopologySpreadConstraint>? own = null)
    {
        var defaults = new SpreadDefaults(own, _informers.Of(Resources.Services), _informers.Of(Resources.ReplicationControllers), _informers.Of(Resources.ReplicaSets), _informers.Of(Resources.StatefulSets));
        defaults.Index();
        return new PodTopologySpread(defaults);
    }
}
