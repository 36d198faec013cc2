using Bramble.Client.Placement;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Plugins;

/// <summary>Taints with NoSchedule or NoExecute that the Pod does not tolerate keep it away; those with PreferNoSchedule make a node worse.</summary>
internal sealed class TaintToleration : IFilterPlugin, IScorePlugin
{
    private static readonly FilterResult IsTainted = FilterResult.Unresolvable("node(s) had untolerated taint(s)");

    public string Name => "TaintToleration";
    public ChangeKinds MayHelp => ChangeKinds.NodeAdded | ChangeKinds.NodeTaints | ChangeKinds.PodTolerations;

    public Preparation Prepare(PodInfo pod, ClusterState cluster) => new(new ForPod(pod.Pod.Spec.Tolerations));

    public INodeScore? Prepare(PodInfo pod, IReadOnlyList<NodeInfo> nodes, ClusterState cluster) => new Preference(pod.Pod.Spec.Tolerations);

    public bool Helps(PodInfo pod, in ClusterChange change)
    {
        if (change.New is PodInfo changed) return changed.Uid == pod.Uid;
        var tolerations = pod.Pod.Spec.Tolerations;
        var wasTainted = change.Old is not V1Node old || HasUntolerated(old.Spec?.Taints, tolerations);
        return wasTainted && change.New is V1Node now && !HasUntolerated(now.Spec?.Taints, tolerations);
    }

    public static bool HasUntolerated(IList<V1Taint>? taints, IList<V1Toleration>? tolerations)
    {
        if (taints is null) return false;
        for (var i = 0; i < taints.Count; i++)
            if (taints[i].Effect is "NoSchedule" or "NoExecute" && !Tolerations.Tolerates(tolerations, taints[i])) return true;
        return false;
    }

    private sealed class ForPod(IList<V1Toleration>? tolerations) : INodeFilter
    {
        public FilterResult Filter(NodeInfo node) => HasUntolerated(node.Taints, tolerations) ? IsTainted : FilterResult.Fits;
    }

    private sealed class Preference(IList<V1Toleration>? tolerations) : INodeScore
    {
        /// <summary>How many taints with PreferNoSchedule are not tolerated.</summary>
        public long Score(NodeInfo node)
        {
            if (node.Taints is not { Count: > 0 } taints) return 0;
            var count = 0;
            for (var i = 0; i < taints.Count; i++)
                if (taints[i].Effect == "PreferNoSchedule" && !Tolerations.Tolerates(tolerations, taints[i])) count++;
            return count;
        }

        public void Normalize(Span<long> scores) => INodeScore.ByHighest(scores, isReverse: true);
    }
}
