using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Nodes;

/// <summary>Whether a Pod is one that nobody else will remove. Pure.</summary>
internal abstract record PodGarbage
{
    /// <summary>A node that was deleted by mistake comes back within this time, and its Pods live.</summary>
    private static readonly TimeSpan Quarantine = TimeSpan.FromSeconds(40);

    private static readonly Keep Kept = new();

    private PodGarbage() { }

    public sealed record Keep : PodGarbage;

    public sealed record Wait(TimeSpan Left) : PodGarbage;

    /// <summary>At once: it is marked for deletion, and no kubelet will end it.</summary>
    public sealed record Remove : PodGarbage;

    /// <summary>Its node is gone for good: it is disrupted by that.</summary>
    public sealed record RemoveOrphan : PodGarbage;

    /// <param name="node">Its node; null: it has none, or one that is not there.</param>
    /// <param name="missing">How long its node has been known not to be there.</param>
    public static PodGarbage Decide(V1Pod pod, V1Node? node, TimeSpan missing, DateTimeOffset now)
    {
        if (string.IsNullOrEmpty(pod.Spec.NodeName)) return pod.IsBeingDeleted() ? new Remove() : Kept;
        if (node is not null) return pod.IsBeingDeleted() && IsOutOfService(node) ? new Remove() : Kept;
        // A Pod that is younger than its node's absence has a quarantine of its own, as upstream begins one anew after each look.
        var age = pod.Metadata.CreationTimestamp is { } created ? now - created : TimeSpan.MaxValue;
        var left = Quarantine - (age < missing ? age : missing);
        return left > TimeSpan.Zero ? new Wait(left) : new RemoveOrphan();
    }

    /// <summary>An operator says that the machine is off for good: what was to end there has ended.</summary>
    public static bool IsOutOfService(V1Node node) => !ZoneStates.IsReady(node) && node.Spec?.Taints?.Any(t => t.Key == "node.kubernetes.io/out-of-service") == true;

    /// <summary>The finished Pods that are too many: evicted ones first (those of controllers may still be counted), then the oldest.</summary>
    /// <param name="most">How many finished ones may stay; zero or less: all.</param>
    public static IReadOnlyList<V1Pod> Beyond(IReadOnlyList<V1Pod> pods, int most)
    {
        if (most <= 0) return [];
        var finished = pods.Where(p => p.IsFinished()).ToList();
        return [.. finished.OrderBy(p => p.Status is { Phase: "Failed", Reason: "Evicted" } ? 0 : 1).ThenBy(p => p.Metadata.CreationTimestamp).ThenBy(p => p.Metadata.Name, StringComparer.Ordinal)
            .Take(Math.Max(0, finished.Count - most))];
    }
}
