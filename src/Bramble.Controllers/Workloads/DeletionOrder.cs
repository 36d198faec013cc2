using System.Globalization;
using k8s.Models;

namespace Bramble.Controllers.Workloads;

/// <summary>Which replica goes first: the one whose loss is felt least.</summary>
internal static class DeletionOrder
{
    private const string CostAnnotation = "controller.kubernetes.io/pod-deletion-cost";

    /// <summary>Of a ReplicaSet or ReplicationController. Behaviour of upstream's ActivePodsWithRanks.</summary>
    /// <param name="minReadySeconds">What has been ready for less is not available yet and goes before what is: a Deployment that shrinks its set by those would lose
    /// one that it counts on. Upstream looks at costs and nodes first, and so can fall below what a rollout may lack.</param>
    /// <param name="related">Active pods of all sets of the same Deployment: where two of them share a node, one of them goes before one that is alone.</param>
    public static List<V1Pod> First(IReadOnlyList<V1Pod> pods, IReadOnlyList<V1Pod> related, int count, DateTimeOffset now, int minReadySeconds = 0)
    {
        if (count >= pods.Count) return [.. pods];
        var onNode = related.Where(p => !string.IsNullOrEmpty(p.Spec.NodeName)).GroupBy(p => p.Spec.NodeName).ToDictionary(g => g.Key, g => g.Count());
        return [.. ByUse(pods)
            .ThenBy(p => p.IsAvailable(minReadySeconds, now, out _) ? 1 : 0)
            .ThenBy(Cost)
            .ThenByDescending(p => p.Spec.NodeName is { Length: > 0 } node ? onNode.GetValueOrDefault(node) : 0)
            // Ages count by their magnitude only, so that pods of about one age go in random (here: name) order, KEP-2185.
            .ThenBy(p => p.IsReady() ? Magnitude(p.Condition("Ready")?.LastTransitionTime, now) : 0)
            .ThenByDescending(p => p.RestartsMax())
            .ThenByDescending(p => p.SidecarRestartsMax())
            .ThenBy(p => Magnitude(p.Metadata.CreationTimestamp, now))
            .ThenBy(p => p.Metadata.Uid, StringComparer.Ordinal)
            .Take(count)];
    }

    /// <summary>Of a Job: the youngest; no costs, no nodes. Behaviour of upstream's ActivePods.</summary>
    public static List<V1Pod> YoungestFirst(IReadOnlyList<V1Pod> pods, int count) => count >= pods.Count ? [.. pods] : [.. ByUse(pods)
        .ThenByDescending(p => p.IsReady() ? p.Condition("Ready")!.LastTransitionTime ?? DateTime.MaxValue : default)
        .ThenByDescending(p => p.RestartsMax())
        .ThenByDescending(p => p.SidecarRestartsMax())
        .ThenByDescending(p => p.Metadata.CreationTimestamp ?? DateTime.MaxValue)
        .Take(count)];

    private static IOrderedEnumerable<V1Pod> ByUse(IReadOnlyList<V1Pod> pods) => pods
        .OrderBy(p => string.IsNullOrEmpty(p.Spec.NodeName) ? 0 : 1)
        .ThenBy(p => p.Status?.Phase switch { "Running" => 2, "Unknown" => 1, _ => 0 })
        .ThenBy(p => p.IsReady() ? 1 : 0);

    private static int Cost(V1Pod pod) =>
        pod.Metadata.Annotations is { } annotations && annotations.TryGetValue(CostAnnotation, out var text)
            && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var cost) ? cost : 0;

    /// <summary>Of this moment or later: -1. A time that nobody wrote is before all others.</summary>
    private static int Magnitude(DateTime? since, DateTimeOffset now) =>
        since is not { } at ? -2 : now > at ? System.Numerics.BitOperations.Log2((ulong)(now - at).Ticks * 100) : -1;
}
