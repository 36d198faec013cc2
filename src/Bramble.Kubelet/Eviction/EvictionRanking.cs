using System.Text;
using Bramble.Kubelet.Node;
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
        .. pods.Where(p => !p.IsCritical())
            .OrderBy(p => usageBytes(p) > p.Spec.EffectiveRequest(resource) ? 0 : 1)
            .ThenBy(p => p.Spec.Priority ?? 0)
            .ThenByDescending(p => usageBytes(p) - p.Spec.EffectiveRequest(resource)),
    ];

    /// <param name="usage">What each container uses of the resource, by name.</param>
    public static string Message(string resource, Threshold threshold, Signal seen, V1Pod pod, IReadOnlyDictionary<string, long> usage)
    {
        var text = new StringBuilder($"The node was low on resource: {resource}. ");
        text.Append($"Threshold quantity: {Show(resource, threshold.Of(seen.Capacity))}, available: {Show(resource, seen.Available)}. ");
        foreach (var container in pod.Spec.Containers)
        {
            if (!usage.TryGetValue(container.Name, out var used)) continue;
            var request = PodSpecs.Amount(container.Resources?.Requests, resource);
            if (used <= request) continue;
            text.Append($"Container {container.Name} was using {Show(resource, used)}, request is {Show(resource, request)}, has larger consumption of {resource}. ");
        }
        return text.ToString();
    }

    private static string Show(string resource, decimal amount) => NodeResources.Show(resource, decimal.Truncate(amount));
}
