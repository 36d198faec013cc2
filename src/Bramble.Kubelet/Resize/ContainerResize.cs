using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Resize;

/// <summary>A running container whose resources are not yet what the node has given to it.</summary>
/// <param name="IsByRestart">Its resizePolicy wants a restart for what changes.</param>
internal sealed record ContainerResize(string ContainerId, V1Container Container, ComputeResources From, ComputeResources To, bool IsByRestart)
{
    /// <summary>Null: it runs with what it shall have.</summary>
    /// <param name="actual">The pod as it was when the container got its resources.</param>
    public static ContainerResize? Decide(V1Pod allocated, V1Container container, string containerId, V1Pod actual)
    {
        if (actual.Spec.FindContainer(container.Name) is not { } before) return null;
        var (from, to) = (ComputeResources.Of(actual, before.Container), ComputeResources.Of(allocated, container));
        if (from == to) return null;
        var isByRestart = (from.CpuRequest, from.CpuLimit) != (to.CpuRequest, to.CpuLimit) && RestartsFor("cpu")
            || (from.MemoryRequest, from.MemoryLimit) != (to.MemoryRequest, to.MemoryLimit) && RestartsFor("memory");
        return new(containerId, container, from, to, isByRestart);

        bool RestartsFor(string resource) => container.ResizePolicy?.Any(p => p.ResourceName == resource && p.RestartPolicy == "RestartContainer") == true;
    }

    public bool IsMemoryLimitLowered => To.MemoryLimit > 0 && (From.MemoryLimit == 0 || To.MemoryLimit < From.MemoryLimit);

    /// <summary>Containers that give something back come before those that get more.</summary>
    public bool IsShrinking => To.MemoryLimit < From.MemoryLimit || To.CpuLimit < From.CpuLimit || To.CpuRequest < From.CpuRequest;
}
