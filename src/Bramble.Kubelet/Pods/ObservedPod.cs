using Bramble.Kubelet.Cri;

namespace Bramble.Kubelet.Pods;

/// <summary>A pod as the runtime has it now: sandboxes and containers, each newest first. Immutable.</summary>
internal sealed record ObservedPod(IReadOnlyList<PodSandboxStatus> Sandboxes, IReadOnlyList<ContainerStatus> Containers)
{
    public static readonly ObservedPod Nothing = new([], []);

    /// <summary>The newest instance of a container.</summary>
    public ContainerStatus? Find(string name)
    {
        foreach (var c in Containers)
            if (c.Metadata.Name == name) return c;
        return null;
    }

    public ContainerStatus? FindById(string id)
    {
        foreach (var c in Containers)
            if (c.Id == id) return c;
        return null;
    }

    /// <summary>Addresses of the running sandbox, the runtime's order.</summary>
    public IReadOnlyList<string> Ips =>
        Sandboxes is [{ State: PodSandboxState.SandboxReady, Network: { Ip.Length: > 0 } network }, ..]
            ? [network.Ip, .. network.AdditionalIps.Select(i => i.Ip)]
            : [];

    public bool IsAnythingRunning =>
        Containers.Any(c => c.State is ContainerState.ContainerRunning) || Sandboxes.Any(s => s.State == PodSandboxState.SandboxReady);

    public bool IsAnyContainerRunning => Containers.Any(c => c.State is ContainerState.ContainerRunning);
}

/// <summary>Reads pods from the runtime.</summary>
internal sealed class PodObserver(IRuntimeService runtime)
{
    public async Task<ObservedPod> ObserveAsync(string podUid, CancellationToken cancel)
    {
        var sandboxFilter = new PodSandboxFilter();
        sandboxFilter.LabelSelector[RuntimeLabels.PodUid] = podUid;
        var containerFilter = new ContainerFilter();
        containerFilter.LabelSelector[RuntimeLabels.PodUid] = podUid;
        var sandboxes = new List<PodSandboxStatus>();
        foreach (var sandbox in await runtime.ListPodSandboxesAsync(sandboxFilter, cancel))
            if (await runtime.FindPodSandboxAsync(sandbox.Id, cancel) is { } status) sandboxes.Add(status);
        var containers = new List<ContainerStatus>();
        foreach (var container in await runtime.ListContainersAsync(containerFilter, cancel))
            if (await runtime.FindContainerAsync(container.Id, cancel) is { } status) containers.Add(status);
        sandboxes.Sort((a, b) => b.CreatedAt.CompareTo(a.CreatedAt));
        containers.Sort((a, b) => b.CreatedAt.CompareTo(a.CreatedAt));
        return new(sandboxes, containers);
    }
}

/// <summary>Labels and annotations by which containers are found again; the kubelet's own, so that its tools and ours read each other's pods.</summary>
internal static class RuntimeLabels
{
    public const string PodName = "io.kubernetes.pod.name";
    public const string PodNamespace = "io.kubernetes.pod.namespace";
    public const string PodUid = "io.kubernetes.pod.uid";
    public const string ContainerName = "io.kubernetes.container.name";
    public const string ContainerHash = "io.kubernetes.container.hash";
    public const string RestartCount = "io.kubernetes.container.restartCount";
    public const string TerminationMessagePath = "io.kubernetes.container.terminationMessagePath";
    public const string TerminationMessagePolicy = "io.kubernetes.container.terminationMessagePolicy";
    public const string ContainerPorts = "io.kubernetes.container.ports";
    public const string PodDeletionGracePeriod = "io.kubernetes.pod.deletionGracePeriod";
    public const string PodTerminationGracePeriod = "io.kubernetes.pod.terminationGracePeriod";
}
