using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>A pod's phase from its container statuses. Pure. Source: API page "Pod Lifecycle"; sidecars KEP-753, restart rules KEP-5307.</summary>
internal static class PodPhase
{
    /// <param name="isTerminal">The pod will run nothing any more, whatever its restart policy says.</param>
    /// <param name="isInitialized">App containers have been started before.</param>
    public static string Decide(V1Pod pod, IReadOnlyList<V1ContainerStatus> statuses, bool isTerminal, bool isInitialized)
    {
        var pendingInits = 0;
        foreach (var c in (pod.Spec.InitContainers ?? []).Where(c => !c.IsSidecar()))
        {
            var status = Find(statuses, c.Name);
            var ended = status?.State?.Terminated ?? (status?.State?.Waiting is not null ? status.LastState?.Terminated : null);
            if (status is null || ended is null) pendingInits++;
            else if (ended.ExitCode != 0 && !Restarts(pod, c, ended)) return "Failed";
        }

        int unknown = 0, running = 0, waiting = 0, stopped = 0, stoppedForGood = 0, succeeded = 0, pendingSidecars = 0;
        foreach (var c in (pod.Spec.InitContainers ?? []).Where(c => c.IsSidecar()))
        {
            switch (Find(statuses, c.Name))
            {
                case null:
                    unknown++;
                    break;
                case { State.Running: not null } status:
                    if (status.Started != true) pendingSidecars++;
                    running++;
                    break;
                case { State.Terminated: not null }:
                    break;
                case { State.Waiting: not null } status:
                    if (status.LastState?.Terminated is not null) break;
                    pendingSidecars++;
                    waiting++;
                    break;
                default:
                    pendingSidecars++;
                    unknown++;
                    break;
            }
        }
        foreach (var c in pod.Spec.Containers)
        {
            var status = Find(statuses, c.Name);
            if (status?.State?.Running is not null) running++;
            else if (status?.State?.Terminated is { } ended)
            {
                Stopped(c, ended);
                if (ended.ExitCode == 0) succeeded++;
            }
            else if (status?.State?.Waiting is not null && status.LastState?.Terminated is { } before) Stopped(c, before);
            else if (status?.State?.Waiting is not null) waiting++;
            else unknown++;
        }

        if (pendingInits > 0 || (pendingSidecars > 0 && !isInitialized) || waiting > 0) return "Pending";
        if (running > 0 && unknown == 0) return "Running";
        if (running > 0 || stopped == 0 || unknown > 0) return "Pending";
        if (isTerminal && !pod.IsStatic()) return stopped == succeeded ? "Succeeded" : "Failed";
        if (stopped != stoppedForGood) return "Running";
        return stopped == succeeded ? "Succeeded" : "Failed";

        void Stopped(V1Container c, V1ContainerStateTerminated ended)
        {
            stopped++;
            if (!Restarts(pod, c, ended)) stoppedForGood++;
        }
    }

    private static bool Restarts(V1Pod pod, V1Container c, V1ContainerStateTerminated ended) => c.RestartsAfter(pod.Spec, ended.ExitCode) || ended.Reason == AllContainersRestart.Reason;

    public static V1ContainerStatus? Find(IReadOnlyList<V1ContainerStatus>? statuses, string name)
    {
        foreach (var s in statuses ?? [])
            if (s.Name == name) return s;
        return null;
    }
}
