using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Tests.Pods;

/// <summary>Short ways to write pods and what the runtime says of them.</summary>
internal static class Make
{
    public static V1Pod Pod(string restartPolicy = "Always", V1Container[]? init = null, params V1Container[] containers) => new()
    {
        Metadata = new() { Name = "p", NamespaceProperty = "ns", Uid = "u1", Generation = 3 },
        Spec = new() { RestartPolicy = restartPolicy, Containers = containers.Length > 0 ? containers : [Container("c")], InitContainers = init },
    };

    public static V1Container Container(string name, string? restartPolicy = null) => new() { Name = name, Image = "busybox:1", RestartPolicy = restartPolicy };

    public static PodSandboxStatus Sandbox(bool isReady = true, uint attempt = 0) => new()
    {
        Id = $"s{attempt}",
        Metadata = new() { Attempt = attempt },
        State = isReady ? PodSandboxState.SandboxReady : PodSandboxState.SandboxNotready,
        Network = new() { Ip = "10.0.0.2" },
        Linux = new() { Namespaces = new() { Options = new() } },
    };

    public static ContainerStatus Running(string name) => Status(name, ContainerState.ContainerRunning, 0);
    public static ContainerStatus Exited(string name, int code = 0) => Status(name, ContainerState.ContainerExited, code);

    private static ContainerStatus Status(string name, ContainerState state, int code)
    {
        var status = new ContainerStatus
        {
            Id = $"id-{name}",
            Metadata = new() { Name = name },
            State = state,
            ExitCode = code,
            StartedAt = 1_000_000_000,
            FinishedAt = 2_000_000_000,
            Reason = "Completed",
        };
        status.Annotations[RuntimeLabels.ContainerHash] = ContainerHash.Of(Container(name));
        return status;
    }

    public static ObservedPod Observed(params ContainerStatus[] containers) => new([Sandbox()], containers);
}
