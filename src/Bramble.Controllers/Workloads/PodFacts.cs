using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.Workloads;

/// <summary>What controllers ask of a Pod.</summary>
internal static class PodFacts
{
    public static bool IsFinished(this V1Pod pod) => pod.Status?.Phase is "Succeeded" or "Failed";

    /// <summary>It needs its volumes no longer: it is finished, or on its way out with no container running.</summary>
    public static bool IsTerminated(this V1Pod pod) =>
        pod.IsFinished() || (pod.IsBeingDeleted() && NoneRuns(pod.Status?.InitContainerStatuses) && NoneRuns(pod.Status?.ContainerStatuses) && NoneRuns(pod.Status?.EphemeralContainerStatuses));

    private static bool NoneRuns(IList<V1ContainerStatus>? containers) => containers?.All(c => c.State?.Terminated is not null || c.State?.Waiting is not null) != false;

    /// <summary>Counts as a replica: neither finished nor going.</summary>
    public static bool IsActive(this V1Pod pod) => !pod.IsFinished() && !pod.IsBeingDeleted();

    public static V1PodCondition? Condition(this V1Pod pod, string type)
    {
        // Asked of each Pod of a set whenever one of them changes.
        if (pod.Status?.Conditions is { } conditions)
            for (var i = 0; i < conditions.Count; i++)
                if (conditions[i].Type == type) return conditions[i];
        return null;
    }

    public static bool IsReady(this V1Pod pod) => pod.Condition("Ready")?.Status == "True";

    /// <summary>Ready for at least <paramref name="minReadySeconds"/>; else how long until then (null: not ready).</summary>
    public static bool IsAvailable(this V1Pod pod, int minReadySeconds, DateTimeOffset now, out TimeSpan? wait)
    {
        wait = null;
        if (pod.Condition("Ready") is not { Status: "True" } ready) return false;
        if (minReadySeconds == 0) return true;
        if (ready.LastTransitionTime is not { } since) return false;
        var left = since.AddSeconds(minReadySeconds) - now;
        if (left <= TimeSpan.Zero) return true;
        wait = left;
        return false;
    }

    /// <summary>The claims that its volumes are of, those of ephemeral volumes by the names they get.</summary>
    public static IEnumerable<string> ClaimNames(this V1Pod pod) => (pod.Spec.Volumes ?? [])
        .Select(v => v.PersistentVolumeClaim?.ClaimName ?? (v.Ephemeral is null ? null : $"{pod.Metadata.Name}-{v.Name}")).OfType<string>();

    public static int RestartsMax(this V1Pod pod) => (pod.Status?.ContainerStatuses ?? []).Select(c => c.RestartCount).DefaultIfEmpty().Max();

    public static int SidecarRestartsMax(this V1Pod pod) => pod.Spec.InitContainers is not { Count: > 0 } initial || pod.Status?.InitContainerStatuses is not { Count: > 0 } statuses ? 0
        : statuses.Where(s => initial.Any(c => c.Name == s.Name && c.RestartPolicy == "Always")).Select(s => s.RestartCount).DefaultIfEmpty().Max();
}
