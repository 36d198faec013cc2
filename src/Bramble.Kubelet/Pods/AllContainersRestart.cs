using Bramble.Kubelet.Cri;
using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>A container's exit that starts all containers of its pod anew, in the sandbox and with the volumes there are (restart rule RestartAllContainers,
/// KEP-5532). Pure.</summary>
internal static class AllContainersRestart
{
    public const string ConditionType = "AllContainersRestarting";

    /// <summary>Reason of the state of a container that was removed for it.</summary>
    public const string Reason = "RestartingAllContainers";

    public const string Message = "The container is removed because RestartAllContainers in place";

    private const string Action = "RestartAllContainers";

    /// <summary>Whether any rule of the pod asks for it.</summary>
    public static bool IsPossible(V1Pod pod) => All(pod).Any(c => c.RestartPolicyRules?.Any(r => r.Action == Action) == true);

    /// <summary>Whether it has begun or is to begin: it was under way, or a container has ended with a code that asks for it.</summary>
    /// <param name="old">The status last written.</param>
    public static bool IsDue(V1Pod pod, ObservedPod observed, V1PodStatus? old)
    {
        if (!IsPossible(pod)) return false;
        if (old?.Conditions?.Any(c => c.Type == ConditionType && c.Status == "True") == true) return true;
        var told = (old?.InitContainerStatuses ?? []).Concat(old?.ContainerStatuses ?? []).ToList();
        return All(pod).Any(c => (observed.Find(c.Name) is { State: ContainerState.ContainerExited } ended && IsTrigger(c, ended.ExitCode))
            || (observed.Find(c.Name) is null && PodPhase.Find(told, c.Name)?.State?.Terminated is { } last && IsTrigger(c, last.ExitCode)));
    }

    /// <summary>Null: no rule asks for it.</summary>
    public static V1PodCondition? Condition(V1Pod pod, ObservedPod observed, V1PodStatus? old, string phase) => !IsPossible(pod) ? null : phase switch
    {
        "Succeeded" => new() { Type = ConditionType, Status = "False", Reason = "PodCompleted" },
        "Failed" => new() { Type = ConditionType, Status = "False", Reason = "PodFailed" },
        _ => IsDue(pod, observed, old) && All(pod).Any(c => observed.Find(c.Name) is not null)
            ? new() { Type = ConditionType, Status = "True", Reason = "RestartAllContainersStarted", Message = "container exited with restart policy rule" }
            : new() { Type = ConditionType, Status = "False" },
    };

    /// <summary>What is to be removed, in order: what has asked for it last, so that a start of the node in between goes on with it.</summary>
    public static IReadOnlyList<ContainerStatus> Removals(V1Pod pod, ObservedPod observed)
    {
        var specs = All(pod).ToDictionary(c => c.Name, StringComparer.Ordinal);
        var inits = (pod.Spec.InitContainers ?? []).Select(c => c.Name).ToHashSet(StringComparer.Ordinal);
        return [.. observed.Containers.Where(c => specs.ContainsKey(c.Metadata.Name))
            .OrderBy(c => c.State == ContainerState.ContainerExited && IsTrigger(specs[c.Metadata.Name], c.ExitCode))
            .ThenBy(c => inits.Contains(c.Metadata.Name))];
    }

    private static bool IsTrigger(V1Container container, int exitCode) => container.RuleFor(exitCode)?.Action == Action;

    private static IEnumerable<V1Container> All(V1Pod pod) => (pod.Spec.InitContainers ?? []).Concat(pod.Spec.Containers);
}
