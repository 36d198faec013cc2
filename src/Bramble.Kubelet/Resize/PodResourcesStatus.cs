using Bramble.Api.Quantities;
using Bramble.Kubelet.Cgroups;
using Bramble.Kubelet.Containers;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Resize;

/// <summary>What a pod's status says of its resources as a whole (KEP-5419): the sum over its containers, or what it has for itself. Pure.</summary>
internal static class PodResourcesStatus
{
    /// <summary>Fills <c>allocatedResources</c> and <c>resources</c>.</summary>
    /// <param name="actual">The pod as far as its resources are in force.</param>
    public static void AddTo(V1PodStatus status, V1Pod allocated, V1Pod actual)
    {
        var requests = Sum(allocated, r => r.Requests);
        status.AllocatedResources = Shown(requests);
        if (allocated.Status?.Phase != "Running")
        {
            status.Resources = new() { Requests = Shown(requests), Limits = Shown(Sum(allocated, r => r.Limits)) };
            return;
        }
        var (own, limits) = (actual.Spec.Resources, PodCgroupLimits.Of(actual));
        var shownRequests = Own(own?.Requests);
        foreach (var (name, amount) in Sum(actual, r => r.Requests))
            if (name == "memory" || (name == "cpu" && amount.ToMillis() > ContainerResourceLimits.SharesMin)) shownRequests[name] = amount;
        var shownLimits = Own(own?.Limits);
        if (limits.QuotaMicroseconds > 0) shownLimits["cpu"] = Quantity.FromMillis(limits.QuotaMicroseconds * 1000 / ContainerResourceLimits.QuotaPeriodMicroseconds);
        if (limits.MemoryBytes > 0) shownLimits["memory"] = Quantity.FromUnits(limits.MemoryBytes, QuantityFormat.BinarySI);
        status.Resources = new() { Requests = Shown(shownRequests), Limits = Shown(shownLimits) };
    }

    private static Dictionary<string, Quantity> Own(IDictionary<string, ResourceQuantity>? amounts) =>
        (amounts ?? new Dictionary<string, ResourceQuantity>()).ToDictionary(a => a.Key, a => Quantity.Parse(a.Value.ToString()), StringComparer.Ordinal);

    /// <summary>Every resource that any container names, as upstream writes it: in the notation of the first. The pod's own amounts count instead; and the overhead.</summary>
    private static Dictionary<string, Quantity> Sum(V1Pod pod, Func<V1ResourceRequirements, IDictionary<string, ResourceQuantity>?> list)
    {
        var total = Own(pod.Spec.Resources is { } whole ? list(whole) : null);
        foreach (var container in pod.Spec.Containers.Concat(pod.Spec.InitContainers ?? []))
            foreach (var (name, amount) in Own(Of(container)))
                if (!total.ContainsKey(name)) total[name] = Quantity.FromMillis((long)(pod.Spec.Together(c => PodSpecs.Amount(Of(c), name)) * 1000), amount.Format);
        foreach (var (name, amount) in Own(pod.Spec.Overhead))
            if (total.TryGetValue(name, out var sum)) total[name] = sum + amount;
        return total;

        IDictionary<string, ResourceQuantity>? Of(V1Container c) => c.Resources is null ? null : list(c.Resources);
    }

    private static Dictionary<string, ResourceQuantity>? Shown(Dictionary<string, Quantity> amounts) =>
        amounts.Count == 0 ? null : amounts.ToDictionary(a => a.Key, a => new ResourceQuantity(a.Value.ToString()), StringComparer.Ordinal);
}
