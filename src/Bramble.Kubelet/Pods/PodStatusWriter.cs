using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Pods;

/// <summary>Writes pods' statuses to the API: the newest wanted one of each pod, nothing when nothing changed, again after a failure. Keeps the last one,
/// so that what is known is not lost while the API is away. Thread-safe; one task writes.</summary>
internal sealed class PodStatusWriter(IKubeClient client, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, Entry> _entries = new();

    // Bounded by the pods of the node: an entry is in the queue at most once.
    private readonly Channel<string> _dirty = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>The status last set; the API's own after a start.</summary>
    public V1PodStatus? Find(V1Pod pod) => _entries.TryGetValue(pod.Uid(), out var entry) ? entry.Status : pod.Status;

    /// <param name="apiUid">Uid of the object to write to: the mirror pod's for a static pod.</param>
    public void Set(V1Pod pod, V1PodStatus status, string? apiUid)
    {
        var old = Find(pod);
        var now = time.GetUtcNow().UtcDateTime;
        status.StartTime = old?.StartTime ?? status.StartTime ?? now;
        foreach (var condition in status.Conditions ?? [])
        {
            var same = old?.Conditions?.FirstOrDefault(c => c.Type == condition.Type);
            condition.LastTransitionTime = same is not null && same.Status == condition.Status && (same.Reason == condition.Reason || !PodConditions.Passing.Contains(condition.Type)) ? same.LastTransitionTime : now;
        }
        // Conditions of others stay known: readiness gates look at them.
        foreach (var other in (pod.Status?.Conditions ?? []).Where(c => !PodConditions.IsOwned(c))) status.Conditions!.Add(other);
        var tree = PodStatusTree.Of(Owned(status));
        if (_entries.TryGetValue(pod.Uid(), out var known) && known.ApiUid == apiUid && JsonNode.DeepEquals(known.Tree, tree)) return;
        var entry = new Entry(new(pod.Namespace(), pod.Name()), apiUid, status, tree);
        _entries[pod.Uid()] = entry;
        if (apiUid is not null) _dirty.Writer.TryWrite(pod.Uid());
    }

    private static V1PodStatus Owned(V1PodStatus s) => new()
    {
        Phase = s.Phase,
        Reason = s.Reason,
        Message = s.Message,
        HostIP = s.HostIP,
        HostIPs = s.HostIPs,
        PodIP = s.PodIP,
        PodIPs = s.PodIPs,
        StartTime = s.StartTime,
        QosClass = s.QosClass,
        Resources = s.Resources,
        AllocatedResources = s.AllocatedResources,
        ObservedGeneration = s.ObservedGeneration,
        ContainerStatuses = s.ContainerStatuses,
        InitContainerStatuses = s.InitContainerStatuses,
        EphemeralContainerStatuses = s.EphemeralContainerStatuses,
        Conditions = [.. (s.Conditions ?? []).Where(PodConditions.IsOwned)],
    };

    public void Forget(string uid) => _entries.TryRemove(uid, out _);

    /// <summary>Writes what waits for the pod now. False: it could not be written.</summary>
    public async Task<bool> FlushAsync(string uid, CancellationToken cancel) => await WriteAsync(uid, cancel);

    public async Task RunAsync(CancellationToken cancel)
    {
        try
        {
            await foreach (var uid in _dirty.Reader.ReadAllAsync(cancel))
            {
                if (await WriteAsync(uid, cancel)) continue;
                _ = Task.Delay(Again, time, cancel).ContinueWith(_ => _dirty.Writer.TryWrite(uid), TaskScheduler.Default);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The node stops; the next start writes what is then true.
        }
    }

    private async Task<bool> WriteAsync(string uid, CancellationToken cancel)
    {
        if (!_entries.TryGetValue(uid, out var entry) || entry.ApiUid is null) return true;
        if (ReferenceEquals(entry.Written, entry.Tree)) return true;
        try
        {
            var current = await client.FindAsync(Resources.Pods, entry.Name, cancel);
            if (current is null || current.Uid != entry.ApiUid) return true;
            if (PodStatusPatch.Decide(current.ToTree()["status"] as JsonObject, entry.Tree, entry.ApiUid) is { } patch)
                await client.PatchAsync(Resources.Pods, entry.Name, new Patch(PatchType.Strategic, patch), "status", cancel);
            entry.Written = entry.Tree;
            return true;
        }
        catch (StatusException e) when (e.IsNotFound || e.IsConflict)
        {
            return e.IsNotFound;
        }
        catch (Exception e) when (!cancel.IsCancellationRequested)
        {
            Log.StatusNotWritten(log, entry.Name.ToString(), e.Message);
            return false;
        }
    }

    private sealed class Entry(NamespacedName name, string? apiUid, V1PodStatus status, JsonObject tree)
    {
        public NamespacedName Name { get; } = name;
        public string? ApiUid { get; } = apiUid;
        public V1PodStatus Status { get; } = status;
        public JsonObject Tree { get; } = tree;
        public JsonObject? Written { get; set; }
    }
}
