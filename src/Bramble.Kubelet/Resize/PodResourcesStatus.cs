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

    private static Dictionary<string, Quantity> Own(IDictionary<string, ResourceQuantity>? amounts)
    {
        var own = new Dictionary<string, Quantity>(StringComparer.Ordinal);
        foreach (var (name, amount) in amounts ?? new Dictionary<string, ResourceQuantity>()) own[name] = Quantity.Parse(amount.ToString());
        return own;
    }

    /// <summary>Apps and sidecars together, or an init container with the sidecars before it; the pod's own amounts count instead; and the overhead.</summary>
    private static Dictionary<string, Quantity> Sum(V1Pod pod, Func<V1ResourceRequirements, IDictionary<string, ResourceQuantity>?> list)
    {
        var total = new Dictionary<string, Quantity>(StringComparer.Ordinal);
        foreach (var c in pod.Spec.Containers) Add(total, c);
        var (sidecars, peak) = (new Dictionary<string, Quantity>(StringComparer.Ordinal), new Dictionary<string, Quantity>(StringComparer.Ordinal));
        foreach (var init in pod.Spec.InitContainers ?? [])
        {
            var now = sidecars;
            if (init.IsSidecar())
            {
                Add(total, init);
                Add(sidecars, init);
            }
            else
            {
                now = new(sidecars, StringComparer.Ordinal);
                Add(now, init);
            }
            Raise(peak, now);
        }
        Raise(total, peak);
        if (pod.Spec.Resources is { } whole)
            foreach (var (name, amount) in Own(list(whole))) total[name] = amount;
        foreach (var (name, amount) in Own(pod.Spec.Overhead))
            if (total.TryGetValue(name, out var sum)) total[name] = sum + amount;
        return total;

        void Add(Dictionary<string, Quantity> to, V1Container container)
        {
            if (container.Resources is null) return;
            foreach (var (name, amount) in Own(list(container.Resources))) to[name] = to.TryGetValue(name, out var sum) ? sum + amount : amount;
        }
    }

    private static void Raise(Dictionary<string, Quantity> total, Dictionary<string, Quantity> atLeast)
    {
        foreach (var (name, amount) in atLeast)
            if (!total.TryGetValue(name, out var sum) || amount > sum) total[name] = amount;
    }

    private static Dictionary<string, ResourceQuantity>? Shown(Dictionary<string, Quantity> amounts) =>
        amounts.Count == 0 ? null : amounts.ToDictionary(a => a.Key, a => new ResourceQuantity(a.Value.ToString()), StringComparer.Ordinal);
}
