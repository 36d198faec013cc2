using Bramble.Client;
using Bramble.Scheduler.Filters;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler;

/// <summary>Pods that would have to go for another to fit on a node.</summary>
internal sealed record Victims(NodeInfo Node, IReadOnlyList<PodInfo> Pods);

/// <summary>Which less important Pods make room for a more important one: on each node as few as possible, and the node where it hurts least.</summary>
internal static class Preemption
{
    public static Victims? Decide(PodInfo pod, IReadOnlyDictionary<NodeInfo, FilterResult> refusals, ClusterState cluster, Func<PodInfo, NodeInfo, FilterResult> filter)
    {
        if (pod.Pod.Spec.PreemptionPolicy == "Never") return null;
        return refusals.Where(r => !r.Value.IsUnresolvable).Select(r => On(r.Key, pod, filter)).OfType<Victims>()
            .OrderBy(v => v.Pods.Max(p => p.Priority)).ThenBy(v => v.Pods.Sum(p => (long)p.Priority + int.MaxValue + 1)).ThenBy(v => v.Pods.Count)
            // The latest started of the most important victims loses least work.
            .ThenByDescending(v => v.Pods.Where(p => p.Priority == v.Pods.Max(x => x.Priority)).Min(p => p.Pod.Status?.StartTime ?? DateTime.MaxValue))
            .ThenBy(v => v.Node.Name, StringComparer.Ordinal)
            .FirstOrDefault();
    }

    private static Victims? On(NodeInfo node, PodInfo pod, Func<PodInfo, NodeInfo, FilterResult> filter)
    {
        var lesser = node.Pods.Where(p => p.Priority < pod.Priority && !p.Pod.IsBeingDeleted())
            .OrderByDescending(p => p.Priority).ThenBy(p => p.Pod.Status?.StartTime ?? DateTime.MaxValue).ToList();
        if (lesser.Count == 0 || !filter(pod, node.Without(lesser)).DoesFit) return null;
        // Put back as many as can stay, the most important first.
        var victims = new List<PodInfo>(lesser);
        foreach (var candidate in lesser)
        {
            victims.Remove(candidate);
            if (!filter(pod, node.Without(victims)).DoesFit) victims.Add(candidate);
        }
        return victims.Count == 0 ? null : new Victims(node, victims);
    }
}
