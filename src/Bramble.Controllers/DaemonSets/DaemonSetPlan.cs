using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Deployments;
using Bramble.Controllers.History;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.DaemonSets;

/// <summary>What a DaemonSet's decisions see.</summary>
/// <param name="Placement">Of each node: whether a Pod should be started there, and whether one that is there may stay.</param>
/// <param name="ByNode">Pods by the node they are on or meant for; finished ones that are already going are left out.</param>
/// <param name="Hash">Of the template now.</param>
/// <param name="Generation">Its number; null: none.</param>
internal sealed record DaemonView(
    JsonObject Set, IReadOnlyDictionary<string, (bool ShouldRun, bool MayStay)> Placement, IReadOnlyDictionary<string, List<V1Pod>> ByNode, string Hash, string? Generation, DateTimeOffset Now)
{
    public const string GenerationLabel = "pod-template-generation";

    public int MinReadySeconds => (int?)Set["spec"]!["minReadySeconds"] ?? 0;
    public bool IsRolling => (string?)Set["spec"]!["updateStrategy"]?["type"] is null or "RollingUpdate";
    public int WantedNodes => Placement.Count(p => p.Value.ShouldRun);

    /// <summary>Extra Pods a node-by-node update may start; 0: old ones go first.</summary>
    public int MaxSurge(int nodes) => IsRolling ? Fenceposts.Resolve(Set["spec"]!["updateStrategy"]?["rollingUpdate"]?["maxSurge"], nodes, isRoundedUp: true) : 0;

    public int MaxUnavailable(int nodes)
    {
        var rolling = Set["spec"]!["updateStrategy"]?["rollingUpdate"];
        // What the API fills in.
        return !IsRolling ? 0 : rolling?["maxUnavailable"] is { } value ? Fenceposts.Resolve(value, nodes, isRoundedUp: true) : 1;
    }

    public bool IsUpdated(V1Pod pod) =>
        (Hash.Length > 0 && Revisions.HashOf(pod) == Hash)
        || (Generation is not null && pod.Metadata.Labels is { } labels && labels.TryGetValue(GenerationLabel, out var generation) && generation == Generation);

    public bool IsAvailable(V1Pod pod) => pod.IsAvailable(MinReadySeconds, Now, out _);

    /// <summary>On its node first, then the oldest.</summary>
    public static List<V1Pod> Oldest(IEnumerable<V1Pod> pods) =>
        [.. pods.OrderBy(p => string.IsNullOrEmpty(p.Spec.NodeName) ? 1 : 0).ThenBy(p => p.Metadata.CreationTimestamp).ThenBy(p => p.Metadata.Name, StringComparer.Ordinal)];
}

/// <summary>Pods that go, and nodes that get one.</summary>
internal sealed record DaemonChanges(List<V1Pod> Delete, List<string> Create)
{
    /// <summary>They go too, but with a back-off.</summary>
    public List<(V1Pod Pod, string Node)> Failed { get; } = [];

    /// <summary>They go too, and an event says so.</summary>
    public List<(V1Pod Pod, string Node)> Succeeded { get; } = [];
}

/// <summary>One Pod on each node that fits. Behaviour of upstream's podsShouldBeOnNode.</summary>
internal static class DaemonSetPlan
{
    public static DaemonChanges Decide(DaemonView view)
    {
        var changes = new DaemonChanges([], []);
        foreach (var (node, (shouldRun, mayStay)) in view.Placement)
        {
            var exists = view.ByNode.TryGetValue(node, out var pods);
            if (shouldRun && !exists) changes.Create.Add(node);
            else if (mayStay) Stay(view, node, pods ?? [], shouldRun, changes);
            else if (exists) changes.Delete.AddRange(pods!.Where(p => !p.IsBeingDeleted()));
        }
        // Of nodes that are gone: a Pod that is not bound yet is nobody else's to remove.
        foreach (var (node, pods) in view.ByNode)
            if (!view.Placement.ContainsKey(node)) changes.Delete.AddRange(pods.Where(p => string.IsNullOrEmpty(p.Spec.NodeName) && !p.IsBeingDeleted()));
        return changes;
    }

    private static void Stay(DaemonView view, string node, List<V1Pod> pods, bool shouldRun, DaemonChanges changes)
    {
        var running = new List<V1Pod>();
        foreach (var pod in pods.Where(p => !p.IsBeingDeleted()))
        {
            if (pod.Status?.Phase == "Failed") changes.Failed.Add((pod, node));
            else if (pod.Status?.Phase == "Succeeded") changes.Succeeded.Add((pod, node));
            else running.Add(pod);
        }
        running = DaemonView.Oldest(running);
        if (view.MaxSurge(1) == 0)
        {
            changes.Delete.AddRange(running.Skip(1));
            return;
        }
        if (running.Count == 0)
        {
            if (shouldRun) changes.Create.Add(node);
            return;
        }
        if (running.Count == 1) return;
        // While one surges two may be there: the old one as long as it serves and the new one does not yet.
        var newest = running.Find(p => Revisions.HashOf(p) == view.Hash);
        var old = running.Find(p => Revisions.HashOf(p) != view.Hash);
        changes.Delete.AddRange(running.Where(p => p != newest && p != old));
        if (newest is not null && old is not null && (!old.IsReady() || view.IsAvailable(newest))) changes.Delete.Add(old);
    }
}

/// <summary>Replaces old Pods node by node. Without surge old ones go as far as maxUnavailable lets them, and those that serve nobody go at once; with surge new
/// ones come first. Behaviour of upstream's rollingUpdate.</summary>
internal static class DaemonRollingUpdate
{
    public static DaemonChanges Decide(DaemonView view)
    {
        var wanted = view.WantedNodes;
        var (surge, unavailable) = (view.MaxSurge(wanted), view.MaxUnavailable(wanted));
        if (wanted > 0 && surge == 0 && unavailable == 0) unavailable = 1;
        var nodes = view.ByNode.Keys.Union(view.Placement.Where(p => p.Value.ShouldRun).Select(p => p.Key)).Order(StringComparer.Ordinal).ToList();
        return surge == 0 ? Replace(view, nodes, unavailable) : Surge(view, nodes, surge, wanted);
    }

    private static DaemonChanges Replace(DaemonView view, List<string> nodes, int maxUnavailable)
    {
        var unavailable = 0;
        var replaced = new List<V1Pod>();
        var candidates = new List<V1Pod>();
        foreach (var node in nodes)
        {
            if (!TrySplit(view, node, out var now, out var old) || (now is null) == (old is null)) unavailable++;     // the plan above sees to it
            else if (now is not null) unavailable += view.IsAvailable(now) ? 0 : 1;
            else if (!view.IsAvailable(old!))
            {
                replaced.Add(old!);
                unavailable++;
            }
            else if (unavailable < maxUnavailable) candidates.Add(old!);
        }
        return new DaemonChanges([.. replaced, .. candidates.Take(Math.Max(0, maxUnavailable - unavailable))], []);
    }

    private static DaemonChanges Surge(DaemonView view, List<string> nodes, int maxSurge, int wanted)
    {
        int surging = 0, available = 0;
        var going = new List<V1Pod>();
        var misplaced = new List<V1Pod>();
        var allowed = new List<string>();
        var candidates = new List<string>();
        foreach (var node in nodes)
        {
            if (!TrySplit(view, node, out var now, out var old))
            {
                surging++;
                continue;
            }
            if ((old ?? now) is { } counted && view.IsAvailable(counted)) available++;
            if (old is null) continue;
            if (now is not null)
            {
                if (view.IsAvailable(now)) going.Add(old);
                else surging++;
                continue;
            }
            var shouldRun = view.Placement.GetValueOrDefault(node).ShouldRun;
            if (!view.IsAvailable(old))
            {
                if (shouldRun) allowed.Add(node);
                else going.Add(old);
            }
            else if (!shouldRun) misplaced.Add(old);
            else if (surging < maxSurge) candidates.Add(node);
        }
        // Where the placement changed, a Pod that serves goes only when another one serves in its place.
        going.AddRange(misplaced.Take(Math.Max(0, available - wanted)));
        return new DaemonChanges(going, [.. allowed, .. candidates.Take(Math.Max(0, maxSurge - surging))]);
    }

    /// <returns>False: more than one of a kind.</returns>
    private static bool TrySplit(DaemonView view, string node, out V1Pod? now, out V1Pod? old)
    {
        now = old = null;
        foreach (var pod in view.ByNode.TryGetValue(node, out var pods) ? pods : [])
        {
            if (pod.IsBeingDeleted()) continue;
            ref var place = ref view.IsUpdated(pod) ? ref now : ref old;
            if (place is not null) return false;
            place = pod;
        }
        return true;
    }
}

/// <summary>How often a DaemonSet's Pods failed on a node lately: each is removed a little later than the one before, so that a node that refuses them is not
/// flooded. 1 s, doubled up to 15 min; forgotten after twice as long without a failure.</summary>
internal sealed class FailedPodBackOff(TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Most = TimeSpan.FromMinutes(15);

    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, (TimeSpan Span, long At)> _known = new(StringComparer.Ordinal);

    /// <summary>Null: it may be removed now, and that is noted; else how long to wait.</summary>
    public TimeSpan? Next(string uid, string node)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"{uid}/{node}");
        if (_known.TryGetValue(key, out var last))
        {
            var age = time.GetElapsedTime(last.At);
            if (age < last.Span) return last.Span;
            _known[key] = (age > Most * 2 ? First : last.Span * 2 > Most ? Most : last.Span * 2, time.GetTimestamp());
            return null;
        }
        _known[key] = (First, time.GetTimestamp());
        return null;
    }

    public void Forget(string uid)
    {
        foreach (var key in _known.Keys.Where(k => k.StartsWith(uid + "/", StringComparison.Ordinal))) _known.TryRemove(key, out _);
    }
}
