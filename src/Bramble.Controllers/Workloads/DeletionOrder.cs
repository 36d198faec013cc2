using System.Globalization;
using k8s.Models;

namespace Bramble.Controllers.Workloads;

/// <summary>Which replica goes first: the one whose loss is felt least. Behaviour of upstream's ActivePodsWithRanks.</summary>
internal static class DeletionOrder
{
    private const string CostAnnotation = "controller.kubernetes.io/pod-deletion-cost";

    /// <param name="related">Active pods of all siblings: where two replicas share a node, one of them goes before a replica that is alone.</param>
    public static List<V1Pod> First(IReadOnlyList<V1Pod> pods, IReadOnlyList<V1Pod> related, int count, DateTimeOffset now)
    {
        if (count >= pods.Count) return [.. pods];
        var onNode = related.Where(p => !string.IsNullOrEmpty(p.Spec.NodeName)).GroupBy(p => p.Spec.NodeName).ToDictionary(g => g.Key, g => g.Count());
        return [.. pods
            .OrderBy(p => string.IsNullOrEmpty(p.Spec.NodeName) ? 0 : 1)
            .ThenBy(p => p.Status?.Phase switch { "Pending" => 0, "Unknown" => 1, _ => 2 })
            .ThenBy(p => p.IsReady() ? 1 : 0)
            .ThenBy(Cost)
            .ThenByDescending(p => p.Spec.NodeName is { Length: > 0 } node ? onNode.GetValueOrDefault(node) : 0)
            // Ages count by their magnitude only, so that pods of about one age go in random (here: name) order, KEP-2185.
            .ThenBy(p => p.IsReady() ? Magnitude(p.Condition("Ready")?.LastTransitionTime, now) : 0)
            .ThenByDescending(p => p.RestartsMax())
            .ThenBy(p => Magnitude(p.Metadata.CreationTimestamp, now))
            .ThenBy(p => p.Metadata.Uid, StringComparer.Ordinal)
            .Take(count)];
    }

    private static int Cost(V1Pod pod) =>
        pod.Metadata.Annotations is { } annotations && annotations.TryGetValue(CostAnnotation, out var text)
            && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var cost) ? cost : 0;

    private static int Magnitude(DateTime? since, DateTimeOffset now) =>
        since is { } at && now > at ? System.Numerics.BitOperations.Log2((ulong)(now - at).Ticks * 100) : 0;
}
