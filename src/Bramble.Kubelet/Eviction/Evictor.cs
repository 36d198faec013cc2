using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Images;
using Bramble.Kubelet.Node;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Stats;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Eviction;

/// <summary>Acts on pressure: pods over limits of their own first, then what can be taken without hurting a pod (unused images), then one pod at a time.</summary>
internal sealed class Evictor(PodWorkers workers, PodParts parts, CgroupStats stats, ImageGarbage images, EvictionConfig config, ILogger log)
{
    private readonly LocalStorageLimits _limits = new(parts);

    public async Task RelieveAsync(Pressure pressure, CancellationToken cancel)
    {
        foreach (var worker in workers.Active.Where(w => !w.IsEnding && !w.Pod.IsBeingDeleted()).ToList())
            if (_limits.Exceeded(worker.Pod) is { } message) Evict(worker.Pod, message, grace: 0, disruption: null);
        if (pressure.Due.Count == 0) return;
        var threshold = pressure.Due[0];
        var isDisk = threshold.Signal is not ("memory.available" or "allocatableMemory.available" or "pid.available");
        var resource = threshold.Signal switch
        {
            "pid.available" => "pids",
            var signal when signal.EndsWith(".inodesFree", StringComparison.Ordinal) => "inodes",
            _ => isDisk ? "ephemeral-storage" : "memory",
        };
        parts.Events.Warning(NodeEvents.About(parts.Config.NodeName), "EvictionThresholdMet", $"Attempting to reclaim {resource}");
        try
        {
            if (isDisk && await images.CollectAllAsync(cancel) > 0) return;
        }
        catch (RuntimeException e)
        {
            // Without the runtime no pod can be ended either: with the next look.
            Log.ImageGc(log, e.Message);
            return;
        }
        // One is still ending: see first what that gives back.
        if (workers.Active.Any(w => w.IsEnding)) return;
        Func<V1Pod, long> usage = resource switch
        {
            "memory" => pod => stats.MemoryOf(parts.Cgroups.PathOf(pod))?.WorkingSetBytes ?? 0,
            "pids" => pod => stats.PidsOf(parts.Cgroups.PathOf(pod)) ?? 0,
            _ => _limits.UsedBytes,
        };
        var measured = workers.Active.Select(w => w.Pod).ToDictionary(p => p, usage);
        var ranked = EvictionRanking.Order(measured.Keys, pod => measured[pod], resource);
        if (ranked.Count == 0) return;
        var victim = ranked[0];
        var grace = threshold.Grace is null ? 0 : Math.Min(config.PodGraceMaxSeconds, victim.Spec.TerminationGracePeriodSeconds ?? 30);
        var reason = EvictionRanking.Message(resource, threshold, pressure.Signals[threshold.Signal], victim, resource == "memory" ? ContainerMemory(victim) : new Dictionary<string, long>());
        Evict(victim, reason, grace, disruption: reason);
    }

    /// <param name="disruption">Null: it was over limits of its own, which is no disruption.</param>
    private void Evict(V1Pod pod, string message, long grace, string? disruption)
    {
        Log.Evicted(log, pod.Described(), message);
        parts.Tell(pod, null, "Warning", "Evicted", message);
        workers.Find(pod.Uid())?.End(new PodEnd(GraceSeconds: grace, Reason: "Evicted", Message: message, Disruption: disruption));
    }

    private Dictionary<string, long> ContainerMemory(V1Pod pod)
    {
        var used = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var status in parts.Statuses.Find(pod)?.ContainerStatuses ?? [])
            if (status.ContainerID is { } id && stats.MemoryOf(ContainerCgroups.Path(parts.Config.CgroupDriver, parts.Cgroups.PathOf(pod), id)) is { } memory)
                used[status.Name] = memory.WorkingSetBytes;
        return used;
    }
}
