using Bramble.Scheduler.Cycle;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Preemption;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Tests;

/// <summary>Random Pods come to a random cluster and go again; whatever the scheduler decides must hold. A seed that failed is replayed by its number.</summary>
public sealed class RandomClusterTests
{
    private const int Seeds = 2000;

    private static readonly SomeNamespaces Namespaces = new();

    [Fact]
    public void No_decision_breaks_a_rule() => Parallel.For(0, Seeds, Play);

    private static void Play(int seed)
    {
        var random = new Random(seed);
        var profile = AProfile();
        var search = new NodeSearch(random);
        var cluster = new ClusterState();
        var nodes = random.Next(1, 7);
        for (var i = 0; i < nodes; i++) cluster.SetNode(ANode(random, i));
        for (var step = 0; step < 60; step++)
        {
            var where = $"seed {seed}, step {step}";
            if (random.Next(4) == 0) Remove(random, cluster);
            else if (random.Next(10) == 0) cluster.SetNode(ANode(random, random.Next(nodes)));
            else Schedule(random, profile, search, cluster, step, where);
            CountsAreTrue(cluster, where);
        }
    }

    private static void Schedule(Random random, Profile profile, NodeSearch search, ClusterState cluster, int step, string where)
    {
        var pod = APod(random, step);
        if (search.Find(profile, pod, cluster, out var filters, out var diagnosis) is { } node)
        {
            Fits(pod, node, cluster, where);
            cluster.Place(pod, node.Name, isAssumed: random.Next(2) == 0);
            return;
        }
        Assert.StartsWith($"0/{cluster.NodeCount} nodes are available: ", diagnosis.Message(), StringComparison.Ordinal);
        if (VictimChoice.Decide(pod, diagnosis, filters, cluster, () => [], new PreemptionArgs(), random) is not PreemptionOutcome.Preempt { Victims: var victims }) return;
        Assert.All(victims.Pods, v => Assert.True(v.Priority < pod.Priority, $"{where}: {v.Name} is not less important"));
        foreach (var victim in victims.Pods) Assert.NotNull(cluster.Remove(victim.Name));
        Assert.True(Accepts(profile, pod, cluster, victims.Node), $"{where}: {pod.Name} does not fit on {victims.Node} although its victims went");
        // The least important victim was needed too: with it back the Pod does not fit.
        var last = victims.Pods[^1];
        cluster.Place(last, victims.Node, isAssumed: false);
        Assert.False(Accepts(profile, pod, cluster, victims.Node), $"{where}: {last.Name} had not to go");
        cluster.Remove(last.Name);
        cluster.Place(pod, victims.Node, isAssumed: false);
    }

    private static bool Accepts(Profile profile, PodInfo pod, ClusterState cluster, string node)
    {
        foreach (var plugin in profile.Filters)
        {
            var prepared = plugin.Prepare(pod, cluster);
            if (!prepared.Refusal.DoesFit || prepared.Filter?.Filter(cluster.Find(node)!).DoesFit == false) return false;
        }
        return true;
    }

    /// <summary>The rules once more, written out simply.</summary>
    private static void Fits(PodInfo pod, NodeInfo node, ClusterState cluster, string where)
    {
        Assert.True(node.Pods.Sum(p => p.Requests.CpuMillicores) + pod.Requests.CpuMillicores <= node.Allocatable.CpuMillicores, $"{where}: {node.Name} is overfilled");
        Assert.True(node.Pods.Count + 1 <= node.Allocatable.PodCount, $"{where}: too many Pods on {node.Name}");
        Assert.True(node.Node.Spec.Unschedulable != true, $"{where}: {node.Name} is cordoned");
        foreach (var other in cluster.Nodes)
            foreach (var existing in other.Pods)
            {
                if (IsFar(pod, existing) || IsFar(existing, pod)) Assert.True(other.Label("zone") is null || other.Label("zone") != node.Label("zone"), $"{where}: {pod.Name} is too near {existing.Name}");
            }
        if (pod.Pod.Spec.TopologySpreadConstraints is not { Count: 1 } constraints) return;
        var counts = cluster.Nodes.Where(n => n.Label("zone") is not null).GroupBy(n => n.Label("zone")!, n => n.Pods.Count(p => App(p) == App(pod) && !p.IsLeaving)).ToDictionary(z => z.Key, z => z.Sum());
        Assert.True(counts[node.Label("zone")!] + 1 - counts.Values.Min() <= constraints[0].MaxSkew, $"{where}: {pod.Name} makes {node.Label("zone")} uneven");
    }

    private static void CountsAreTrue(ClusterState cluster, string where)
    {
        foreach (var node in cluster.Nodes)
        {
            Assert.True(node.Requested.CpuMillicores == node.Pods.Sum(p => p.Requests.CpuMillicores), $"{where}: CPU of {node.Name} is counted wrong");
            Assert.True(node.Tallies.Values.Sum(t => t.All) == node.Pods.Count, $"{where}: Pods of {node.Name} are tallied wrong");
            Assert.True(node.PodsWithAntiAffinity.Count == node.Pods.Count(p => p.RequiredAntiAffinity.Length > 0), $"{where}: hermits of {node.Name} are counted wrong");
        }
    }

    private static void Remove(Random random, ClusterState cluster)
    {
        var pods = cluster.Nodes.SelectMany(n => n.Pods).ToList();
        if (pods.Count > 0) Assert.NotNull(cluster.Remove(pods[random.Next(pods.Count)].Name));
    }

    private static bool IsFar(PodInfo a, PodInfo b) => a.RequiredAntiAffinity.Length > 0 && App(a) == App(b);

    private static string App(PodInfo pod) => pod.Labels.Labels!["app"];

    private static V1Node ANode(Random random, int number) => Some.Node(
        $"n{number}", cpu: $"{random.Next(1, 5)}", pods: $"{random.Next(3, 9)}", labels: random.Next(5) == 0 ? [] : [("zone", $"z{number % 3}")], isCordoned: random.Next(8) == 0);

    private static PodInfo APod(Random random, int number)
    {
        (string, string)[] app = [("app", $"a{random.Next(3)}")];
        return Some.Pod($"p{number}", $"{random.Next(0, 2500)}m", priority: random.Next(4), labels: app, with: p =>
        {
            if (random.Next(6) == 0)
                p.Spec.Affinity = new V1Affinity { PodAntiAffinity = new V1PodAntiAffinity { RequiredDuringSchedulingIgnoredDuringExecution = [new V1PodAffinityTerm { TopologyKey = "zone", LabelSelector = Some.Selector(app) }] } };
            if (random.Next(4) == 0)
                p.Spec.TopologySpreadConstraints = [new V1TopologySpreadConstraint { MaxSkew = random.Next(1, 3), TopologyKey = "zone", WhenUnsatisfiable = "DoNotSchedule", LabelSelector = Some.Selector(app) }];
            if (random.Next(10) == 0) p.Metadata.DeletionTimestamp = DateTime.UnixEpoch;
        });
    }

    private static Profile AProfile()
    {
        var informers = new SomeInformers();
        var defaults = new SpreadDefaults(null, informers.For(Client.Resources.Services), informers.For(Client.Resources.ReplicationControllers), informers.For(Client.Resources.ReplicaSets), informers.For(Client.Resources.StatefulSets));
        defaults.Index();
        var (fit, spread, near) = (new NodeResourcesFit(), new PodTopologySpread(defaults), new InterPodAffinity(Namespaces));
        return new Profile
        {
            SchedulerName = "s",
            Filters = [new NodeUnschedulable(), new TaintToleration(), new NodeAffinity(), fit, spread, near],
            Scores = [(fit, 1), (spread, 2), (near, 2), (new NodeResourcesBalancedAllocation(), 1)],
        };
    }
}
