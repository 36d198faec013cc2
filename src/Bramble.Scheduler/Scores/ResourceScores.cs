using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Scores;

/// <summary>Prefers the node of which most stays free: an even cluster stays cool and survives the loss of a board best.</summary>
internal sealed class LeastAllocated : IScorePlugin
{
    public int Weight => 1;

    public double Score(PodInfo pod, NodeInfo node, ClusterState cluster) =>
        (FreeShare(node.Allocatable["cpu"], node.ScoreRequested["cpu"] + pod.ScoreRequests["cpu"])
            + FreeShare(node.Allocatable["memory"], node.ScoreRequested["memory"] + pod.ScoreRequests["memory"])) / 2;

    private static double FreeShare(long capacity, long used) => capacity == 0 || used > capacity ? 0 : 100.0 * (capacity - used) / capacity;
}

/// <summary>Prefers the node whose CPU and memory would be used alike, so that neither runs out while the other lies idle.</summary>
internal sealed class BalancedAllocation : IScorePlugin
{
    public int Weight => 1;

    public double Score(PodInfo pod, NodeInfo node, ClusterState cluster)
    {
        var cpu = Share(node.Allocatable["cpu"], node.Requested["cpu"] + pod.Requests["cpu"]);
        var memory = Share(node.Allocatable["memory"], node.Requested["memory"] + pod.Requests["memory"]);
        return 100 * (1 - (Math.Abs(cpu - memory) / 2));
    }

    private static double Share(long capacity, long used) => capacity == 0 ? 1 : Math.Min(1, (double)used / capacity);
}
