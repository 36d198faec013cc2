using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Resize;

/// <summary>A pod's resources apart from the rest of its spec: what the API wants and what the node has given may differ for a while (KEP-1287). Pure.</summary>
internal static class PodAllocation
{
    public static bool IsSame(V1Pod a, V1Pod b) =>
        ComputeResources.Of(a.Spec.Resources) == ComputeResources.Of(b.Spec.Resources) && AreSame(a.Spec.Containers, b.Spec.Containers) && AreSame(a.Spec.InitContainers, b.Spec.InitContainers);

    private static bool AreSame(IList<V1Container>? a, IList<V1Container>? b)
    {
        if ((a?.Count ?? 0) != (b?.Count ?? 0)) return false;
        for (var i = 0; i < (a?.Count ?? 0); i++)
            if (ComputeResources.Of(a![i].Resources) != ComputeResources.Of(b![i].Resources)) return false;
        return true;
    }

    /// <summary>The pod with the resources of <paramref name="source"/>, an older or newer state of it.</summary>
    public static V1Pod With(V1Pod pod, V1Pod source) => Rebuilt(pod, c => source.Spec.FindContainer(c.Name)?.Container.Resources ?? c.Resources, source.Spec.Resources);

    /// <summary>What the node had given to the pod before it started anew: its status tells. A container without status has what the spec says.</summary>
    public static V1Pod FromStatus(V1Pod pod)
    {
        if (pod.Status?.StartTime is null) return pod;
        var statuses = (pod.Status.ContainerStatuses ?? []).Concat(pod.Status.InitContainerStatuses ?? []).ToList();
        var whole = pod.Spec.Resources is null ? null : pod.Status.Resources ?? pod.Spec.Resources;
        var given = Rebuilt(pod, c => PodPhase.Find(statuses, c.Name)?.Resources ?? c.Resources, whole);
        return IsSame(pod, given) ? pod : given;
    }

    private static V1Pod Rebuilt(V1Pod pod, Func<V1Container, V1ResourceRequirements?> resources, V1ResourceRequirements? whole) => pod with
    {
        Spec = pod.Spec with
        {
            Resources = whole,
            Containers = [.. pod.Spec.Containers.Select(c => c with { Resources = resources(c) })],
            InitContainers = pod.Spec.InitContainers is null ? null : [.. pod.Spec.InitContainers.Select(c => c with { Resources = resources(c) })],
        },
    };
}
