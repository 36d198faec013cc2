using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Images;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Stats;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Eviction;

/// <summary>Acts on pressure: first what can be taken without hurting a pod (unused images), then one pod at a time.</summary>
internal sealed class Evictor(PodWorkers workers, PodParts parts, CgroupStats stats, ImageGarbage images, ILogger log)
{
    public async Task RelieveAsync(Pressure pressure, CancellationToken cancel)
    {
        try
        {
            if (pressure.Disk is not null && await images.CollectAllAsync(cancel) > 0) return;
        }
        catch (RuntimeException e)
        {
            // Without the runtime no pod can be ended either: with the next look.
            Log.ImageGc(log, e.Message);
            return;
        }
        var (threshold, resource) = pressure.Memory is { } memory ? (memory, "memory") : pressure.Disk is { } disk ? (disk, "ephemeral-storage") : (pressure.Pids!.Value, "pids");
        // One is still ending: see first what that gives back.
        if (workers.Active.Any(w => w.IsEnding)) return;
        var ranked = EvictionRanking.Order(workers.Active.Select(w => w.Pod), pod => stats.MemoryOf(parts.Cgroups.PathOf(pod))?.WorkingSetBytes ?? 0, resource);
        if (ranked.Count == 0) return;
        var victim = ranked[0];
        var message = EvictionRanking.Message(resource, threshold, pressure.Signals[threshold.Signal]);
        Log.Evicted(log, victim.Described(), message);
        parts.Tell(victim, null, "Warning", "Evicted", message);
        workers.Find(victim.Uid())?.End(new PodEnd(GraceSeconds: 0, Reason: "Evicted", Message: message));
    }
}
