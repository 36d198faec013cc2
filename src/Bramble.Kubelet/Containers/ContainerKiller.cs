using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>Ends containers: preStop hook, SIGTERM, SIGKILL when the grace period is over. Sidecars end after the app containers, the last one first.</summary>
internal sealed class ContainerKiller(PodParts parts)
{
    /// <summary>However short the grace, a process gets this long.</summary>
    private const int GraceMinSeconds = 2;

    /// <param name="graceSeconds">Overrides what pod and probe say; null: theirs.</param>
    public async Task KillAsync(V1Pod pod, KillAction action, long? graceSeconds, IReadOnlyList<string> podIps, CancellationToken cancel, Task? after = null)
    {
        var spec = pod.Spec.FindContainer(action.Name);
        var grace = graceSeconds ?? GraceOf(pod, spec?.Container, action.Reason);
        parts.Tell(pod, action.Name, "Normal", "Killing", action.Message.Length > 0 ? action.Message : $"Stopping container {action.Name}");
        var start = parts.Time.GetTimestamp();
        if (spec?.Container.Lifecycle?.PreStop is { } hook && grace > 0)
        {
            using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            bound.CancelAfter(TimeSpan.FromSeconds(grace));
            try
            {
                var outcome = await parts.Prober.RunHookAsync(
                    hook, pod, spec.Value.Container, action.ContainerId, podIps.Count > 0 ? podIps[0] : "", TimeSpan.FromSeconds(grace), bound.Token);
                if (!outcome.IsSuccess) parts.Tell(pod, action.Name, "Warning", "FailedPreStopHook", "PreStopHook failed");
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                // The hook used up the whole grace period: the container is ended now.
            }
        }
        if (after is not null) await Task.WhenAny(after, Task.Delay(Left(), parts.Time, cancel));
        try
        {
            await parts.Runtime.StopContainerAsync(action.ContainerId, Left(), cancel);
        }
        catch (RuntimeException e) when (e.IsNotFound)
        {
            // Gone already: that is what was wanted.
        }

        TimeSpan Left()
        {
            var left = TimeSpan.FromSeconds(grace) - parts.Time.GetElapsedTime(start);
            return left < TimeSpan.FromSeconds(GraceMinSeconds) ? TimeSpan.FromSeconds(GraceMinSeconds) : left;
        }
    }

    /// <summary>Ends all containers of a pod side by side, then its sandboxes.</summary>
    public async Task KillPodAsync(V1Pod pod, ObservedPod observed, long? graceSeconds, CancellationToken cancel)
    {
        var running = observed.Containers.Where(c => c.State is ContainerState.ContainerRunning or ContainerState.ContainerUnknown).ToList();
        var sidecars = (pod.Spec.InitContainers ?? []).Where(c => c.IsSidecar()).Select(c => c.Name).ToList();
        var apps = running.Where(c => !sidecars.Contains(c.Metadata.Name)).Select(c => Kill(c, null)).ToList();
        var waitFor = Task.WhenAll(apps);
        var all = new List<Task>(apps);
        foreach (var name in Enumerable.Reverse(sidecars))
        {
            foreach (var c in running.Where(c => c.Metadata.Name == name))
            {
                var kill = Kill(c, waitFor);
                all.Add(kill);
                waitFor = kill;
            }
        }
        await Task.WhenAll(all);
        foreach (var sandbox in observed.Sandboxes)
        {
            try
            {
                await parts.Runtime.StopPodSandboxAsync(sandbox.Id, cancel);
            }
            catch (RuntimeException e) when (e.IsNotFound)
            {
                // Gone already: that is what was wanted.
            }
        }

        Task Kill(ContainerStatus c, Task? after) => KillAsync(pod, new KillAction(c.Id, c.Metadata.Name, ""), graceSeconds, observed.Ips, cancel, after);
    }

    private static long GraceOf(V1Pod pod, V1Container? container, KillReason reason)
    {
        if (pod.Metadata.DeletionGracePeriodSeconds is { } deletion) return deletion;
        var own = reason switch
        {
            KillReason.LivenessProbe => container?.LivenessProbe?.TerminationGracePeriodSeconds,
            KillReason.StartupProbe => container?.StartupProbe?.TerminationGracePeriodSeconds,
            _ => null,
        };
        return own ?? pod.Spec.TerminationGracePeriodSeconds ?? 30;
    }
}
