using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Jobs;

/// <summary>How long a Job waits after Pods that failed: 10 s, doubled with each failure since the last success, at most 10 minutes, from when the last one ended.</summary>
/// <param name="Failures">Since the last success.</param>
internal readonly record struct JobBackOff(int Failures, DateTimeOffset? LastFailureAt)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Most = TimeSpan.FromMinutes(10);

    public JobBackOff After(IEnumerable<V1Pod> succeeded, IEnumerable<V1Pod> failed)
    {
        var successes = succeeded.Select(FinishedAt).ToList();
        var failures = failed.Select(FinishedAt).Order().ToList();
        if (successes.Count == 0) return failures.Count == 0 ? this : new JobBackOff(Failures + failures.Count, failures[^1]);
        var since = failures.Where(f => f > successes.Max()).ToList();
        return since.Count == 0 ? default : new JobBackOff(since.Count, since[^1]);
    }

    public TimeSpan Remaining(DateTimeOffset now)
    {
        if (Failures == 0 || LastFailureAt is not { } last) return TimeSpan.Zero;
        var span = Failures > 7 ? Most : First * (1 << (Failures - 1));
        if (span > Most) span = Most;
        var left = span - (now - last);
        // A clock that was set back must not make a Job wait for days.
        return left < TimeSpan.Zero ? TimeSpan.Zero : left > span ? span : left;
    }

    public static DateTimeOffset FinishedAt(V1Pod pod)
    {
        var sidecars = (pod.Spec.InitContainers ?? []).Where(c => c.RestartPolicy == "Always").Select(c => c.Name).ToHashSet();
        var containers = (pod.Status?.ContainerStatuses ?? []).Concat((pod.Status?.InitContainerStatuses ?? []).Where(c => sidecars.Contains(c.Name))).ToList();
        if (containers.Count > 0 && containers.TrueForAll(c => c.State?.Terminated?.FinishedAt is not null)) return KubeTime.Utc(containers.Max(c => c.State.Terminated.FinishedAt!.Value));
        if (pod.Condition("Ready") is { Status: "False", LastTransitionTime: { } unready }) return KubeTime.Utc(unready);
        if (pod.Metadata.DeletionTimestamp is { } deleted) return KubeTime.Utc(deleted).AddSeconds(-(pod.Metadata.DeletionGracePeriodSeconds ?? 0));
        return KubeTime.Utc(pod.Metadata.CreationTimestamp ?? default);
    }
}
