using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Eviction;

/// <summary>Who goes first when something is scarce. Pure. Source: API page "Node-pressure Eviction".</summary>
internal static class EvictionRanking
{
    /// <param name="usageBytes">Memory or disk in use, by pod uid.</param>
    /// <returns>First to last: users of more than they asked for, then by priority (low first), then by how much more they use.</returns>
    public static IReadOnlyList<V1Pod> Order(IEnumerable<V1Pod> pods, Func<V1Pod, long> usageBytes, string resource) =>
    [
        .. pods.Where(p => !IsCritical(p))
            .OrderBy(p => usageBytes(p) > p.Spec.EffectiveRequest(resource) ? 0 : 1)
            .ThenBy(p => p.Spec.Priority ?? 0)
            .ThenByDescending(p => usageBytes(p) - p.Spec.EffectiveRequest(resource)),
    ];

    public static bool IsCritical(V1Pod pod) => pod.IsStatic() || pod.Spec.Priority >= 2_000_000_000;

    public static string Message(string resource, Threshold threshold, Signal seen) => FormattableString.Invariant(
        $"The node was low on resource: {resource}. Threshold quantity: {Show(threshold.Of(seen.Capacity))}, available: {Show(seen.Available)}. ");

    private static string Show(decimal bytes) => bytes >= 1024 ? FormattableString.Invariant($"{decimal.Truncate(bytes / 1024)}Ki") : FormattableString.Invariant($"{bytes:0}");
}
