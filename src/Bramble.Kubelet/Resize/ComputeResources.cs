using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Resize;

/// <summary>CPU (cores) and memory (bytes) of a container or a pod, as far as they can be resized; 0: none. A limit that a container has not itself is its pod's.</summary>
internal readonly record struct ComputeResources(decimal CpuRequest, decimal CpuLimit, decimal MemoryRequest, decimal MemoryLimit)
{
    public static ComputeResources Of(V1Pod pod, V1Container container)
    {
        var (own, whole) = (Of(container.Resources), Of(pod.Spec.Resources));
        return own with { CpuLimit = own.CpuLimit > 0 ? own.CpuLimit : whole.CpuLimit, MemoryLimit = own.MemoryLimit > 0 ? own.MemoryLimit : whole.MemoryLimit };
    }

    public static ComputeResources Of(V1ResourceRequirements? r) => new(
        PodSpecs.Amount(r?.Requests, "cpu"), PodSpecs.Amount(r?.Limits, "cpu"), PodSpecs.Amount(r?.Requests, "memory"), PodSpecs.Amount(r?.Limits, "memory"));

    public static ComputeResources Requests(V1Pod pod) => new(pod.Spec.EffectiveRequest("cpu"), 0, pod.Spec.EffectiveRequest("memory"), 0);

    public bool IsAnyRequestMoreThan(ComputeResources other) => CpuRequest > other.CpuRequest || MemoryRequest > other.MemoryRequest;
}
