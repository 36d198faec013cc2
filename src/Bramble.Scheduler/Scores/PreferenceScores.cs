using Bramble.Client.Placement;
using Bramble.Scheduler.Filters;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Scores;

/// <summary>Fewer PreferNoSchedule taints that the Pod does not tolerate are better.</summary>
internal sealed class TaintPreference : IScorePlugin
{
    public int Weight => 3;

    public double Score(PodInfo pod, NodeInfo node, ClusterState cluster) =>
        (node.Node.Spec?.Taints ?? []).Count(t => t.Effect == "PreferNoSchedule" && !Tolerations.Tolerates(pod.Pod.Spec.Tolerations, t));

    public void Normalize(double[] scores) => IScorePlugin.Spread(scores, isReverse: true);
}

/// <summary>The preferred node affinity.</summary>
internal sealed class NodePreference : IScorePlugin
{
    public int Weight => 2;

    public double Score(PodInfo pod, NodeInfo node, ClusterState cluster) =>
        (pod.Pod.Spec.Affinity?.NodeAffinity?.PreferredDuringSchedulingIgnoredDuringExecution ?? [])
            .Where(t => NodeSelection.Matches(t.Preference, node.Node)).Sum(t => t.Weight);

    public void Normalize(double[] scores) => IScorePlugin.Spread(scores, isReverse: false);
}

/// <summary>The preferred affinity and anti-affinity between Pods.</summary>
internal sealed class PodPreference(Func<string, IDictionary<string, string>?> namespaceLabels) : IScorePlugin
{
    public int Weight => 2;

    public double Score(PodInfo pod, NodeInfo node, ClusterState cluster)
    {
        var affinity = pod.Pod.Spec.Affinity;
        return Sum(affinity?.PodAffinity?.PreferredDuringSchedulingIgnoredDuringExecution) - Sum(affinity?.PodAntiAffinity?.PreferredDuringSchedulingIgnoredDuringExecution);

        double Sum(IList<V1WeightedPodAffinityTerm>? terms) => (terms ?? []).Sum(t => t.Weight * (node.Label(t.PodAffinityTerm.TopologyKey) is { } place
            ? cluster.Nodes.Where(n => n.Label(t.PodAffinityTerm.TopologyKey) == place).SelectMany(n => n.Pods)
                .Count(p => PodSelectors.Matches(t.PodAffinityTerm, pod.Name.Namespace, p.Pod, namespaceLabels))
            : 0));
    }

    public void Normalize(double[] scores)
    {
        double least = scores.DefaultIfEmpty().Min(), most = scores.DefaultIfEmpty().Max();
        for (var i = 0; i < scores.Length; i++) scores[i] = most > least ? 100 * (scores[i] - least) / (most - least) : 0;
    }
}

/// <summary>Spreads over nodes and zones: by the Pod's own soft constraints, else the replicas of one controller.</summary>
internal sealed class SpreadPreference : IScorePlugin
{
    private const string Zone = "topology.kubernetes.io/zone";

    public int Weight => 2;

    public double Score(PodInfo pod, NodeInfo node, ClusterState cluster)
    {
        var soft = (pod.Pod.Spec.TopologySpreadConstraints ?? []).Where(c => c.WhenUnsatisfiable == "ScheduleAnyway").ToList();
        if (soft.Count > 0)
            return soft.Sum(c => node.Label(c.TopologyKey) is { } place ? (double)PodTopologySpread.Count(c, pod, node, cluster).GetValueOrDefault(place) : 1000);
        if (pod.ControllerUid is not { } uid) return 0;
        var here = node.Pods.Count(p => p.ControllerUid == uid);
        var inZone = node.Label(Zone) is { } zone ? cluster.Nodes.Where(n => n.Label(Zone) == zone).Sum(n => n.Pods.Count(p => p.ControllerUid == uid)) : 0;
        return here + inZone;
    }

    public void Normalize(double[] scores) => IScorePlugin.Spread(scores, isReverse: true);
}

/// <summary>Prefers nodes that have the images already: a pull over a home's connection takes minutes.</summary>
internal sealed class ImageLocality : IScorePlugin
{
    private const double BytesMin = 23 << 20;
    private const double BytesMaxPerContainer = 1000L << 20;

    public int Weight => 1;

    public double Score(PodInfo pod, NodeInfo node, ClusterState cluster)
    {
        if (cluster.Nodes.Count < 2 || node.Node.Status?.Images is not { Count: > 0 } images) return 0;
        var wanted = pod.Pod.Spec.Containers.Select(c => FullName(c.Image)).ToHashSet(StringComparer.Ordinal);
        double bytes = images.Where(i => i.Names?.Any(wanted.Contains) == true).Sum(i => (double)(i.SizeBytes ?? 0));
        var most = BytesMaxPerContainer * pod.Pod.Spec.Containers.Count;
        return 100 * (Math.Clamp(bytes, BytesMin, most) - BytesMin) / (most - BytesMin);
    }

    private static string FullName(string? image) => image is null ? "" : image.LastIndexOf(':') > image.LastIndexOf('/') ? image : image + ":latest";
}
