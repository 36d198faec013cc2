using Bramble.Kubelet.Resize;
using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>The conditions the kubelet owns, in upstream's order and words. Pure: transition times are the writer's.</summary>
internal static class PodConditions
{
    private static readonly HashSet<string> Owned =
        ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled", AllContainersRestart.ConditionType, PodResize.PendingType, PodResize.InProgressType];

    public const string DisruptionTarget = "DisruptionTarget";
    public const string TerminationByKubelet = "TerminationByKubelet";

    /// <summary>DisruptionTarget is shared: evictions and lost nodes write it too, with reasons of their own.</summary>
    public static bool IsOwned(V1PodCondition condition) =>
        Owned.Contains(condition.Type) || (condition.Type == DisruptionTarget && condition.Reason == TerminationByKubelet);

    /// <summary>Conditions that go away again.</summary>
    public static readonly string[] Passing = [PodResize.PendingType, PodResize.InProgressType];

    /// <param name="others">Conditions of others: readiness gates look there.</param>
    /// <param name="own">The kubelet's as last written.</param>
    public static List<V1PodCondition> Decide(V1Pod pod, bool hasSandbox, V1PodStatus status, IList<V1PodCondition>? others, IList<V1PodCondition>? own)
    {
        var all = (status.InitContainerStatuses ?? []).Concat(status.ContainerStatuses ?? []).ToList();
        var containersReady = ContainersReady(pod, all, status.Phase);
        return
        [
            Is("PodReadyToStartContainers", hasSandbox),
            Initialized(pod, all, status.Phase, own),
            Ready(pod, containersReady, others),
            containersReady,
            Is("PodScheduled", true),
        ];

        V1PodCondition Is(string type, bool value) => Condition(pod, type, value);
    }

    private static V1PodCondition Initialized(V1Pod pod, List<V1ContainerStatus> statuses, string phase, IList<V1PodCondition>? own)
    {
        var unknown = new List<string>();
        var incomplete = new List<string>();
        foreach (var init in pod.Spec.InitContainers ?? [])
        {
            var status = PodPhase.Find(statuses, init.Name);
            if (status is null) unknown.Add(init.Name);
            else if (init.IsSidecar() ? status.Started != true : !status.Ready) incomplete.Add(init.Name);
        }
        if (phase == "Succeeded" && unknown.Count == 0) return Condition(pod, "Initialized", true, "PodCompleted");
        // Once an app container has started the pod stays initialized, whatever its sidecars do.
        var isStarted = pod.Spec.Containers.Any(c =>
            PodPhase.Find(statuses, c.Name) is { } s && (s.Started == true || s.LastState?.Terminated is not null || s.State?.Terminated is not null));
        if (isStarted) return Condition(pod, "Initialized", true);
        var message = Message(("containers with unknown status", unknown), ("containers with incomplete status", incomplete));
        // What was initialized once stays so, even while all containers are started anew.
        var wasInitialized = own?.Any(c => c.Type == "Initialized" && c.Status == "True") == true;
        return message.Length > 0 && !wasInitialized ? Condition(pod, "Initialized", false, "ContainersNotInitialized", message) : Condition(pod, "Initialized", true);
    }

    private static V1PodCondition ContainersReady(V1Pod pod, List<V1ContainerStatus> statuses, string phase)
    {
        var unknown = new List<string>();
        var unready = new List<string>();
        foreach (var c in (pod.Spec.InitContainers ?? []).Where(c => c.IsSidecar()).Concat(pod.Spec.Containers))
        {
            var status = PodPhase.Find(statuses, c.Name);
            if (status is null) unknown.Add(c.Name);
            else if (!status.Ready) unready.Add(c.Name);
        }
        if (phase == "Succeeded" && unknown.Count == 0) return Condition(pod, "ContainersReady", false, "PodCompleted");
        if (phase == "Failed") return Condition(pod, "ContainersReady", false, "PodFailed");
        var message = Message(("containers with unknown status", unknown), ("containers with unready status", unready));
        return message.Length > 0 ? Condition(pod, "ContainersReady", false, "ContainersNotReady", message) : Condition(pod, "ContainersReady", true);
    }

    private static V1PodCondition Ready(V1Pod pod, V1PodCondition containersReady, IList<V1PodCondition>? others)
    {
        if (containersReady.Status != "True") return Condition(pod, "Ready", false, containersReady.Reason, containersReady.Message);
        var missing = new List<string>();
        foreach (var gate in pod.Spec.ReadinessGates ?? [])
        {
            var condition = others?.FirstOrDefault(c => c.Type == gate.ConditionType);
            if (condition is null) missing.Add($"corresponding condition of pod readiness gate \"{gate.ConditionType}\" does not exist.");
            else if (condition.Status != "True")
                missing.Add($"the status of pod readiness gate \"{gate.ConditionType}\" is not \"True\", but {condition.Status}");
        }
        return missing.Count > 0
            ? Condition(pod, "Ready", false, "ReadinessGatesNotReady", string.Join(", ", missing))
            : Condition(pod, "Ready", true);
    }

    private static string Message(params ReadOnlySpan<(string What, List<string> Names)> parts)
    {
        var texts = new List<string>();
        foreach (var (what, names) in parts)
            if (names.Count > 0) texts.Add($"{what}: [{string.Join(' ', names)}]");
        return string.Join(", ", texts);
    }

    public static V1PodCondition Condition(V1Pod pod, string type, bool value, string? reason = null, string? message = null) => new()
    {
        Type = type,
        Status = value ? "True" : "False",
        Reason = reason,
        Message = message,
        ObservedGeneration = pod.Metadata.Generation,
    };
}
