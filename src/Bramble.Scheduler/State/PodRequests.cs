using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>What a Pod takes of its node. Source: KEP-753 (sidecars), KEP-1287 and KEP-5419 (in-place resize of containers and of the whole Pod), KEP-2837 (requests of the whole
/// Pod), KEP-688 (overhead).</summary>
/// <remarks>Containers run together: their sum. Init containers run one after the other: the largest moment, with the sidecars that were started before it.
/// Example: sidecar 100m, init 900m, containers 300m and 200m → max(100m + 900m, 100m + 300m + 200m) = 1000m.</remarks>
internal static class PodRequests
{
    // What a container that asks for nothing is counted as when nodes are compared, so that many such pods still spread.
    private const long AssumedCpuMillicores = 100;
    private const long AssumedMemoryBytes = 200 * 1024 * 1024;

    public static ResourceAmounts Of(V1Pod pod) => Sum(pod, assumesCpu: false, assumesMemory: false);

    /// <summary>For scores: containers without a request for CPU or memory count as a little of it.</summary>
    public static ResourceAmounts WithAssumed(V1Pod pod, ResourceAmounts requests)
    {
        var isOfPod = HasPodLevel(pod);
        return Sum(pod, assumesCpu: !isOfPod || requests.CpuMillicores == 0, assumesMemory: !isOfPod || requests.MemoryBytes == 0);
    }

    private static ResourceAmounts Sum(V1Pod pod, bool assumesCpu, bool assumesMemory)
    {
        var total = new ResourceAmounts();
        foreach (var container in pod.Spec.Containers) total.Add(OfContainer(container, StatusOf(container.Name, pod.Status?.ContainerStatuses), pod, assumesCpu, assumesMemory));
        if (pod.Spec.InitContainers is { Count: > 0 } inits)
        {
            var sidecars = new ResourceAmounts();
            var highest = new ResourceAmounts();
            foreach (var init in inits)
            {
                var isSidecar = init.RestartPolicy == "Always";
                // One that runs to its end counts as it is wished, whatever it once had.
                var moment = OfContainer(init, isSidecar ? StatusOf(init.Name, pod.Status?.InitContainerStatuses) : null, pod, assumesCpu, assumesMemory);
                if (isSidecar)
                {
                    total.Add(moment);
                    sidecars.Add(moment);
                    highest.RaiseTo(sidecars);
                    continue;
                }
                moment.Add(sidecars);
                highest.RaiseTo(moment);
            }
            total.RaiseTo(highest);
        }
        if (HasPodLevel(pod))
        {
            var whole = Taken(pod, pod.Spec.Resources.Requests, pod.Status?.Resources, pod.Status?.AllocatedResources);
            foreach (var name in pod.Spec.Resources.Requests.Keys)
                if (IsPodLevel(name)) total[name] = whole[name];
        }
        if (pod.Spec.Overhead is { Count: > 0 } overhead) total.Add(ResourceAmounts.Of(overhead));
        return total;
    }

    private static bool HasPodLevel(V1Pod pod) => pod.Spec.Resources?.Requests is { Count: > 0 } requests && requests.Keys.Any(IsPodLevel);

    private static bool IsPodLevel(string name) => name is ResourceAmounts.Cpu or ResourceAmounts.Memory || name.StartsWith("hugepages-", StringComparison.Ordinal);

    private static ResourceAmounts OfContainer(V1Container container, V1ContainerStatus? status, V1Pod pod, bool assumesCpu, bool assumesMemory)
    {
        var asked = container.Resources?.Requests;
        var amounts = Taken(pod, asked, status?.Resources, status?.AllocatedResources);
        if (assumesCpu && asked?.ContainsKey(ResourceAmounts.Cpu) != true && amounts.CpuMillicores == 0) amounts.CpuMillicores = AssumedCpuMillicores;
        if (assumesMemory && asked?.ContainsKey(ResourceAmounts.Memory) != true && amounts.MemoryBytes == 0) amounts.MemoryBytes = AssumedMemoryBytes;
        return amounts;
    }

    /// <summary>While a resize is under way the largest of wanted, had and promised; an infeasible wish takes nothing.</summary>
    /// <param name="had">Null: the node has not said yet.</param>
    private static ResourceAmounts Taken(V1Pod pod, IDictionary<string, ResourceQuantity>? wanted, V1ResourceRequirements? had, IDictionary<string, ResourceQuantity>? promised)
    {
        if (had is null) return ResourceAmounts.Of(wanted);
        var amounts = ResourceAmounts.Of(IsInfeasible(pod) ? null : wanted);
        amounts.RaiseTo(ResourceAmounts.Of(had.Requests));
        amounts.RaiseTo(ResourceAmounts.Of(promised));
        return amounts;
    }

    private static V1ContainerStatus? StatusOf(string name, IList<V1ContainerStatus>? statuses)
    {
        if (statuses is null) return null;
        foreach (var status in statuses)
            if (status.Name == name) return status;
        return null;
    }

    private static bool IsInfeasible(V1Pod pod)
    {
        foreach (var condition in pod.Status?.Conditions ?? [])
            if (condition.Type == "PodResizePending") return condition.Reason == "Infeasible";
        return false;
    }
}
