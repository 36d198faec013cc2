using System.Collections.Concurrent;
using Bramble.Api.Naming;
using Bramble.Kubelet.Resize;
using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>All pod workers of the node: one for each pod of the API or of a static manifest, and for each pod that only the runtime still has.
/// Runtime events wake the worker they concern. Thread-safe.</summary>
internal sealed class PodWorkers(PodParts parts, Func<V1Node?> node, CancellationToken stopping)
{
    private readonly ConcurrentDictionary<string, (PodWorker Worker, Task Running)> _workers = new();
    private readonly ConcurrentDictionary<string, string> _podOfContainer = new();
    private readonly Lock _admission = new();
    private volatile bool _isComplete;

    /// <summary>The runtime reported a change of this container or sandbox id. Handlers must not block.</summary>
    public event Action<string>? ContainerChanged;

    public IEnumerable<V1Pod> Pods => _workers.Values.Select(w => w.Worker.Pod);

    /// <summary>Pods whose resources count: all that have not ended.</summary>
    public IReadOnlyList<PodWorker> Active => [.. _workers.Values.Select(w => w.Worker).Where(w => !w.HasEnded)];

    public PodWorker? Find(string uid) => _workers.TryGetValue(uid, out var entry) ? entry.Worker : null;

    public void Wake(string uid) => Find(uid)?.Wake();

    public void WakeAll()
    {
        foreach (var (worker, _) in _workers.Values) worker.Wake();
    }

    /// <summary>A pod is there or has changed.</summary>
    public void Apply(V1Pod pod)
    {
        // A mirror is the API's picture of a static pod; its worker is the static pod's.
        if (pod.IsMirror() && !pod.IsStatic()) return;
        if (_workers.TryGetValue(pod.Uid(), out var known))
        {
            known.Worker.Update(pod);
            if (known.Worker.Resize.Desired is not null) DecideResizes();
            return;
        }
        lock (_admission)
        {
            if (_workers.ContainsKey(pod.Uid())) return;
            var worker = new PodWorker(pod, parts, DecideResizes);
            if (pod.IsBeingDeleted()) worker.End(PodEnd.Deleted);
            else if (!pod.Status.IsTerminalPhase() && IsNew(pod) && node() is { } self && Refuse(pod, self) is var (reason, message))
            {
                parts.Tell(pod, null, "Warning", reason, PodAdmission.Why(message));
                worker.End(new PodEnd(GraceSeconds: 0, Reason: reason, Message: message));
            }
            Start(worker);
        }
        parts.Cgroups.SetBurstableShares(Active.Select(w => w.Pod));
    }

    /// <returns>Null: it may run, for a critical pod after others were told to make room.</returns>
    private (string Reason, string Message)? Refuse(V1Pod pod, V1Node self)
    {
        List<V1Pod> others = [.. Active.Where(w => !w.IsEnding).Select(w => w.Pod)];
        if (PodAdmission.Decide(pod, self, others) is { } refusal) return refusal;
        if (PodAdmission.Shortages(pod, self, others) is not { Count: > 0 } shortages) return null;
        if (PodPreemption.Choose(pod, others, shortages) is not { } victims)
        {
            var needs = string.Concat(shortages.Select(s => FormattableString.Invariant($"(res: {s.Resource}, q: {Shortage.Shown(s.Resource, s.Missing):0}), ")));
            return ("UnexpectedAdmissionError", PodAdmission.Rejected + "Unexpected error while attempting to recover from admission failure: preemption: "
                + $"error finding a set of pods to preempt: no set of running pods found to reclaim resources: [{needs}]");
        }
        foreach (var victim in victims)
        {
            parts.Tell(victim, null, "Warning", PodPreemption.End.Reason, PodPreemption.End.Message);
            Find(victim.Uid())?.End(PodPreemption.End);
        }
        return null;
    }

    /// <summary>Gives pods the other resources that the API wants for them, as far as the node has them. Called when a wish comes and when a pod has ended:
    /// nothing else makes room.</summary>
    private void DecideResizes()
    {
        // Before all pods are known nobody can say what is left.
        if (!_isComplete || node() is not { } self) return;
        var given = false;
        lock (_admission)
        {
            foreach (var worker in ResizeOrder.Of(Active.Where(w => !w.IsEnding)))
            {
                var desired = worker.Resize.Desired!;
                var now = parts.Time.GetUtcNow().UtcDateTime;
                if (PodAdmission.Decide(desired, self, [.. Active.Where(w => w != worker).Select(w => w.Pod)]) is var (_, message))
                {
                    message = PodAdmission.Why(message);
                    if (!worker.Resize.Defer(message, now)) continue;
                    parts.Tell(desired, null, "Warning", "ResizeDeferred", ResizeMessage.Of("Pod resize Deferred", desired, desired.Metadata.Generation ?? 0, message));
                }
                else if (worker.Resize.Allocate(now))
                {
                    given = true;
                    parts.Tell(desired, null, "Normal", "ResizeStarted", ResizeMessage.Of("Pod resize started", desired, desired.Metadata.Generation ?? 0));
                }
                worker.Wake();
            }
        }
        if (given) parts.Cgroups.SetBurstableShares(Active.Select(w => w.Pod));
    }

    // What has run here before was admitted then.
    private static bool IsNew(V1Pod pod) => pod.Status?.StartTime is null;

    private void Start(PodWorker worker)
    {
        var uid = worker.Pod.Uid();
        var running = Task.Run(async () =>
        {
            await worker.RunAsync(stopping);
            if (stopping.IsCancellationRequested) return;
            _workers.TryRemove(uid, out _);
            worker.Dispose();
        });
        _workers[uid] = (worker, running);
    }

    /// <summary>The API has the pod no more.</summary>
    public void Remove(NamespacedName name, IReadOnlySet<string> uidsKept)
    {
        foreach (var (worker, _) in _workers.Values)
            if (worker.Pod.Name() == name.Name && worker.Pod.Namespace() == name.Namespace && !worker.Pod.IsStatic() && !uidsKept.Contains(worker.Pod.Uid())) worker.Remove();
    }

    public void RemoveStatic(string uid) => Find(uid)?.Remove();

    /// <summary>Ends pods that the runtime has and nobody knows, once the API's list is in; removes what pods left in folders and cgroups.</summary>
    public async Task EndOrphansAsync(CancellationToken cancel)
    {
        foreach (var sandbox in await parts.Runtime.ListPodSandboxesAsync(null, cancel))
        {
            var uid = sandbox.Labels.GetValueOrDefault(RuntimeLabels.PodUid) ?? sandbox.Metadata.Uid;
            if (_workers.ContainsKey(uid)) continue;
            Log.OrphanEnded(parts.Log, $"{sandbox.Metadata.Namespace}/{sandbox.Metadata.Name}");
            var pod = new V1Pod
            {
                Metadata = new V1ObjectMeta { Name = sandbox.Metadata.Name, NamespaceProperty = sandbox.Metadata.Namespace, Uid = uid },
                Spec = new V1PodSpec { Containers = [], TerminationGracePeriodSeconds = 30 },
            };
            lock (_admission)
            {
                if (_workers.ContainsKey(uid)) continue;
                var worker = new PodWorker(pod, parts, DecideResizes);
                worker.Remove();
                Start(worker);
            }
        }
        _isComplete = true;
        DecideResizes();
        foreach (var uid in parts.DevicePlugins.PodUids().Where(u => !_workers.ContainsKey(u))) parts.DevicePlugins.Release(uid);
        await UnprepareEndedAsync(cancel);
        foreach (var uid in parts.Volumes.PodUids().Concat(parts.Cgroups.PodUids()).Distinct().Where(u => !_workers.ContainsKey(u)).ToList())
        {
            try
            {
                await parts.Volumes.RemoveAsync(uid, cancel);
                parts.Cgroups.Remove(uid);
            }
            catch (Exception e) when (e is IOException or Volumes.VolumeException or System.ComponentModel.Win32Exception or UnauthorizedAccessException)
            {
                Log.CleanupFailed(parts.Log, uid, e.Message);
            }
        }
    }

    /// <summary>Gives back the devices of pods that nobody knows any more; a driver that is not there is asked when it has come.</summary>
    public async Task UnprepareEndedAsync(CancellationToken cancel)
    {
        foreach (var uid in parts.DynamicResources.PodUids().Where(u => !_workers.ContainsKey(u)).ToList())
        {
            try
            {
                await parts.DynamicResources.UnprepareAsync(uid, cancel);
            }
            catch (Exception e) when (e is IOException or Dra.DynamicResourcesException)
            {
                Log.CleanupFailed(parts.Log, uid, e.Message);
            }
        }
    }

    /// <summary>Wakes workers as the runtime reports, until cancelled. After a break of the stream everybody looks again.</summary>
    public async Task FollowRuntimeAsync(CancellationToken cancel)
    {
        var wait = TimeSpan.FromSeconds(1);
        while (!cancel.IsCancellationRequested)
        {
            using var opened = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var lookingAgain = LookAgainAfterOpeningAsync(opened.Token);
            try
            {
                await foreach (var id in parts.Runtime.EventsAsync(cancel))
                {
                    wait = TimeSpan.FromSeconds(1);
                    ContainerChanged?.Invoke(id);
                    if (await PodOfAsync(id, cancel) is { } uid) Wake(uid);
                }
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                Log.EventsBroken(parts.Log, e.Message);
            }
            await opened.CancelAsync();
            await lookingAgain;
            await Task.Delay(wait, parts.Time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
            wait = TimeSpan.FromSeconds(Math.Min(10, wait.TotalSeconds * 2));
            WakeAll();
        }
    }

    /// <summary>The runtime does not say when a subscription has begun: what happened while it was opened is looked for afterwards.</summary>
    private async Task LookAgainAfterOpeningAsync(CancellationToken cancel)
    {
        foreach (var seconds in (double[])[0.5, 3])
        {
            await Task.Delay(TimeSpan.FromSeconds(seconds), parts.Time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
            if (cancel.IsCancellationRequested) return;
            WakeAll();
        }
    }

    private async Task<string?> PodOfAsync(string id, CancellationToken cancel)
    {
        if (_podOfContainer.TryGetValue(id, out var known)) return known;
        // The map only grows by what runs here; it is emptied when it is far larger than that.
        if (_podOfContainer.Count > 4096) _podOfContainer.Clear();
        foreach (var sandbox in await parts.Runtime.ListPodSandboxesAsync(null, cancel))
            if (sandbox.Labels.TryGetValue(RuntimeLabels.PodUid, out var uid)) _podOfContainer[sandbox.Id] = uid;
        foreach (var container in await parts.Runtime.ListContainersAsync(null, cancel))
            if (container.Labels.TryGetValue(RuntimeLabels.PodUid, out var uid)) _podOfContainer[container.Id] = uid;
        return _podOfContainer.GetValueOrDefault(id);
    }
}
