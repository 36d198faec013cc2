using System.Threading.Channels;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Cgroups;
using Bramble.Kubelet.Containers;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.DevicePlugins;
using Bramble.Kubelet.Dra;
using Bramble.Kubelet.Resize;
using Bramble.Kubelet.Volumes;
using k8s.Models;

namespace Bramble.Kubelet.Pods;

/// <summary>One pod's life on this node: observe, decide, act, publish, then sleep until something about it changes. All steps are safe to repeat; a start
/// of the node begins with the same first step. One task runs it; the other members may be called from anywhere.</summary>
/// <param name="ended">Its resources are free for others.</param>
internal sealed class PodWorker(V1Pod pod, PodParts parts, Action ended) : IDisposable
{
    private static readonly TimeSpan RetryFirst = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryLongest = TimeSpan.FromSeconds(60);

    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Dictionary<string, StartFailure> _failures = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly PodResize _resize = new(pod);
    private PodEnd? _end;
    private volatile bool _isRemoved;
    private bool _isCleaned;
    private int _failedSteps;
    private DateTimeOffset? _lookAgain;
    private CancellationTokenSource? _running;
    private (Task Task, long? Grace, CancellationTokenSource Cancel)? _kill;

    /// <summary>The pod with the resources that the node has given to it.</summary>
    public V1Pod Pod => _resize.Allocated;

    public PodResize Resize => _resize;

    /// <summary>It will run nothing any more (its containers may still be ending).</summary>
    public bool IsEnding => Volatile.Read(ref _end) is not null;

    /// <summary>Nothing of it runs; its resources count no more.</summary>
    public bool HasEnded => _isCleaned;

    public void Wake() => _signal.Writer.TryWrite(true);

    public void Update(V1Pod newer)
    {
        var known = Pod;
        _resize.Update(newer);
        if (newer.IsBeingDeleted()) End(PodEnd.Deleted);
        // Most updates are the echo of our own status.
        if (PodChange.NeedsSync(known, newer)) Wake();
    }

    /// <summary>The API has it no more.</summary>
    public void Remove()
    {
        _isRemoved = true;
        // There is nothing to write a status to; asking for the pod would be refused, as a node may only see its own.
        parts.Statuses.Forget(Pod.Uid());
        End(PodEnd.Deleted);
        Wake();
    }

    /// <summary>Begins its end; the first reason stays.</summary>
    public void End(PodEnd why)
    {
        lock (_gate)
        {
            if (_end is null)
            {
                _end = why;
                // What is being started now is not wanted any more.
                _running?.Cancel();
            }
        }
        Wake();
    }

    public void Dispose() => _kill?.Cancel.Dispose();

    public async Task RunAsync(CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            _lookAgain = null;
            try
            {
                var isFinished = IsEnding ? await EndStepAsync(cancel) : await SyncStepAsync(cancel);
                if (isFinished) return;
                _failedSteps = 0;
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (OperationCanceledException)
            {
                // The step was interrupted because the pod is to end.
                continue;
            }
            catch (Exception e)
            {
                var wait = TimeSpan.FromSeconds(Math.Min(RetryLongest.TotalSeconds, RetryFirst.TotalSeconds * (1 << Math.Min(6, _failedSteps++))));
                if (e is VolumesNotReadyException { Problems: var problems } && !IsEnding)
                    foreach (var problem in problems) parts.Tell(Pod, null, "Warning", "FailedMount", problem);
                else if (e is DynamicResourcesException && !IsEnding)
                    parts.Tell(Pod, null, "Warning", "FailedPrepareDynamicResources", $"Failed to prepare dynamic resources: prepare dynamic resources: {e.Message}");
                else Log.SyncFailed(parts.Log, Pod.Described(), e.Message, wait);
                LookAgainAt(parts.Time.GetUtcNow() + wait);
            }
            await SleepAsync(cancel);
        }
    }

    private void LookAgainAt(DateTimeOffset? at)
    {
        if (at is not null && (_lookAgain is null || at < _lookAgain)) _lookAgain = at;
    }

    private async Task SleepAsync(CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        if (_lookAgain is { } at)
        {
            var wait = at - parts.Time.GetUtcNow();
            if (wait > TimeSpan.Zero)
            {
                var timer = Task.Delay(wait, parts.Time, stop.Token);
                var signal = _signal.Reader.WaitToReadAsync(stop.Token).AsTask();
                await Task.WhenAny(timer, signal);
                await stop.CancelAsync();
            }
        }
        else
        {
            try
            {
                await _signal.Reader.WaitToReadAsync(cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
        }
        _signal.Reader.TryRead(out _);
    }

    /// <returns>Always false: a pod that runs is not finished.</returns>
    private async Task<bool> SyncStepAsync(CancellationToken node)
    {
        using var running = CancellationTokenSource.CreateLinkedTokenSource(node);
        lock (_gate)
        {
            if (_end is not null) return false;
            _running = running;
        }
        try
        {
            await SyncAsync(Pod, running.Token);
        }
        finally
        {
            lock (_gate) _running = null;
        }
        return false;
    }

    private async Task SyncAsync(V1Pod pod, CancellationToken cancel)
    {
        parts.Objects.Use(pod.Uid(), Projections.References(pod), Wake);
        var observed = await parts.Observer.ObserveAsync(pod.Uid(), cancel);
        if (pod.Status.IsTerminalPhase() || IsOver(pod))
        {
            End(IsOver(pod) && !pod.Status.IsTerminalPhase()
                ? new PodEnd(Reason: "DeadlineExceeded", Message: "Pod was active on the node longer than the specified deadline")
                : PodEnd.Completed);
            return;
        }
        UpdateProbes(pod, observed);
        var status = Status(pod, observed, isTerminal: false, end: null);
        if (status.IsTerminalPhase())
        {
            // The terminal phase is published when nothing runs any more.
            End(PodEnd.Completed);
            return;
        }
        Publish(pod, status);

        if (parts.NetworkProblem() is { } problem && !pod.IsHostNetwork())
        {
            parts.Tell(pod, null, "Warning", "NetworkNotReady", $"network is not ready: {problem}");
            LookAgainAt(parts.Time.GetUtcNow().AddSeconds(5));
            return;
        }
        if (status.Conditions.Any(c => c.Type == AllContainersRestart.ConditionType && c.Status == "True"))
        {
            await RemoveContainersAsync(pod, observed, cancel);
            Wake();
            return;
        }
        var resizes = _resize.Decide(observed);
        parts.Cgroups.Ensure(pod, _resize.Limits);
        if (await VolumesAsync(pod, observed, cancel) is not { } volumes) return;
        LookAgainAt(parts.Tokens.NextRenewal(pod.Uid()));
        LookAgainAt(parts.Volumes.NextLook(pod.Uid()));
        if (pod.Spec.ActiveDeadlineSeconds is { } deadline && status.StartTime is { } started)
            LookAgainAt(new DateTimeOffset(started, TimeSpan.Zero).AddSeconds(deadline));

        var actions = PodActions.Decide(pod, observed, parts.Probes.Verdicts, resizes);
        foreach (var name in _failures.Keys.ToList())
            if (observed.Find(name) is { State: ContainerState.ContainerRunning }) _failures.Remove(name);
        if (!actions.IsNothing)
        {
            await ActAsync(pod, observed, actions, volumes, cancel);
            observed = await parts.Observer.ObserveAsync(pod.Uid(), cancel);
            UpdateProbes(pod, observed);
            Publish(pod, Status(pod, observed, isTerminal: false, end: null));
        }
        if (_resize.IsUnderWay) await ResizeAsync(pod, observed, cancel);
        await TidyAsync(pod, observed, cancel);
    }

    /// <returns>Null: they cannot be had on this node, and the pod ends.</returns>
    private async Task<IReadOnlyDictionary<string, MountedVolume>?> VolumesAsync(V1Pod pod, ObservedPod observed, CancellationToken cancel)
    {
        try
        {
            return await parts.Volumes.EnsureAsync(pod, observed.Ips, cancel);
        }
        catch (AttachLimitException e)
        {
            parts.Tell(pod, null, "Warning", "VolumeAttachmentLimitExceeded", e.Message);
            End(new PodEnd(GraceSeconds: 0, Reason: "VolumeAttachmentLimitExceeded", Message: PodAdmission.Rejected + e.Message));
            return null;
        }
    }

    /// <summary>Removes all containers, so that the next step starts the pod from its beginning.</summary>
    private async Task RemoveContainersAsync(V1Pod pod, ObservedPod observed, CancellationToken cancel)
    {
        var killer = new ContainerKiller(parts);
        foreach (var container in AllContainersRestart.Removals(pod, observed))
        {
            if (container.State != ContainerState.ContainerExited) await killer.KillAsync(pod, new KillAction(container.Id, container.Metadata.Name, "killing"), 0, observed.Ips, cancel);
            await parts.Runtime.RemoveContainerAsync(container.Id, cancel);
        }
    }

    private async Task ResizeAsync(V1Pod pod, ObservedPod observed, CancellationToken cancel)
    {
        // What waits for its restart comes back as not running, or with its new resources.
        var resizes = _resize.Decide(observed);
        var now = parts.Time.GetUtcNow();
        if (await new PodResizer(parts).ResizeAsync(pod, _resize, [.. resizes.Where(r => !r.IsByRestart)], cancel) is { } problem)
        {
            if (_resize.Fail(problem, now.UtcDateTime)) parts.Tell(pod, null, "Warning", "ResizeError", ResizeMessage.Of("Pod resize error", pod, _resize.Generation, problem));
            LookAgainAt(now + PodResizer.Again);
        }
        else if (!resizes.Any(r => r.IsByRestart))
        {
            parts.Cgroups.Ensure(pod, PodCgroupLimits.Of(pod));
            if (_resize.Complete() is { } reached) parts.Tell(pod, null, "Normal", "ResizeCompleted", ResizeMessage.Of("Pod resize completed", pod, reached));
        }
        Publish(pod, Status(pod, observed, isTerminal: false, end: null));
    }

    private void UpdateProbes(V1Pod pod, ObservedPod observed)
    {
        var podIp = pod.IsHostNetwork() ? parts.HostIps.FirstOrDefault() ?? "127.0.0.1" : observed.Ips.FirstOrDefault() ?? "";
        parts.Probes.Update(pod, observed, podIp, parts.Statuses.Find(pod));
    }

    private bool IsOver(V1Pod pod) =>
        pod.Spec.ActiveDeadlineSeconds is { } seconds && parts.Statuses.Find(pod)?.StartTime is { } started
        && parts.Time.GetUtcNow() >= new DateTimeOffset(started, TimeSpan.Zero).AddSeconds(seconds);

    private async Task ActAsync(V1Pod pod, ObservedPod observed, PodActions actions, IReadOnlyDictionary<string, MountedVolume> volumes, CancellationToken cancel)
    {
        var killer = new ContainerKiller(parts);
        if (actions.CreateSandbox && !string.IsNullOrEmpty(actions.SandboxId))
            parts.Tell(pod, null, "Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
        if (actions.KillPod)
        {
            await killer.KillPodAsync(pod, observed, null, cancel);
            if (!actions.CreateSandbox) return;
        }
        else
        {
            await Task.WhenAll(actions.ToKill.Select(k => killer.KillAsync(pod, k, null, observed.Ips, cancel)));
            // Restarts count from an instance that has ended.
            if (actions.ToKill.Count > 0) observed = await parts.Observer.ObserveAsync(pod.Uid(), cancel);
        }

        var sandbox = parts.Sandboxes.Of(pod, actions.Attempt);
        var sandboxId = actions.SandboxId ?? "";
        var ips = observed.Ips;
        var handler = "";
        try
        {
            handler = actions.CreateSandbox ? await RuntimeHandlerAsync(pod, cancel) : observed.Sandboxes[0].RuntimeHandler;
            if (pod.Spec.HostUsers == false) sandbox.Linux.SecurityContext.NamespaceOptions.UsernsOptions = parts.UserNamespaces.Of(pod, handler);
        }
        catch (Exception e) when (e is ContainerConfigException or VolumeException)
        {
            parts.Tell(pod, null, "Warning", "FailedCreatePodSandBox", $"Failed to create pod sandbox: {e.Message}");
            throw;
        }
        if (actions.CreateSandbox)
        {
            try
            {
                await parts.DevicePlugins.AllocateAsync(pod, cancel);
            }
            catch (DevicePluginException e)
            {
                // Its place was promised to it: a node that cannot keep that lets another have the pod's successor.
                var message = $"Allocate failed due to {e.Message}, which is unexpected";
                parts.Tell(pod, null, "Warning", "UnexpectedAdmissionError", message);
                End(new PodEnd(GraceSeconds: 0, Reason: "UnexpectedAdmissionError", Message: PodAdmission.Rejected + message));
                return;
            }
            await parts.DynamicResources.PrepareAsync(pod, cancel);
            try
            {
                Directory.CreateDirectory(sandbox.LogDirectory, (UnixFileMode)0b111_101_101);
                sandboxId = await parts.Runtime.RunPodSandboxAsync(sandbox, handler, cancel);
            }
            catch (RuntimeException e)
            {
                parts.Tell(pod, null, "Warning", "FailedCreatePodSandBox", $"Failed to create pod sandbox: {e.Message}");
                throw;
            }
            observed = await parts.Observer.ObserveAsync(pod.Uid(), cancel);
            ips = observed.Ips;
            // The address is worth telling before images are pulled.
            Publish(pod, Status(pod, observed, isTerminal: false, end: null));
            if (parts.Config.PodStarts is { } starts) await starts(pod, ips, cancel);
        }
        if (pod.IsHostNetwork()) ips = parts.HostIps;

        var starter = new ContainerStarter(parts);
        foreach (var name in actions.EphemeralToStart.Concat(actions.InitToStart).Concat(actions.ToStart))
        {
            var spec = pod.Spec.FindContainer(name)!.Value;
            var result = await starter.StartAsync(pod, spec, sandboxId, sandbox, observed, ips, volumes, cancel);
            if (result.Failure is null)
            {
                _resize.IsInForce(name);
                _failures.Remove(name);
                continue;
            }
            _failures[name] = result.Failure;
            // A failed pull shows as such for a moment, then as waiting (ImagePullBackOff) until the next try.
            LookAgainAt(result.Failure.Reason == "ErrImagePull" ? parts.Time.GetUtcNow().AddSeconds(2) : result.RetryAt ?? parts.Time.GetUtcNow().AddSeconds(10));
            // Later init containers wait for this one; sidecars and app containers do not wait for each other.
            if (spec.Kind == ContainerKind.Init) return;
        }
    }

    private async Task<string> RuntimeHandlerAsync(V1Pod pod, CancellationToken cancel)
    {
        if (string.IsNullOrEmpty(pod.Spec.RuntimeClassName)) return "";
        var found = await parts.Client.FindAsync(Resources.RuntimeClasses, new NamespacedName("", pod.Spec.RuntimeClassName), cancel);
        return found?.Model<V1RuntimeClass>().Handler
            ?? throw new VolumeException($"failed to get sandbox runtime: RuntimeClass \"{pod.Spec.RuntimeClassName}\" not found");
    }

    /// <summary>Keeps the newest and the one before of each container, and the sandbox in use.</summary>
    private async Task TidyAsync(V1Pod pod, ObservedPod observed, CancellationToken cancel)
    {
        foreach (var old in observed.Containers.GroupBy(c => c.Metadata.Name).SelectMany(g => g.Skip(2)).Where(c => c.State == ContainerState.ContainerExited))
        {
            await parts.Runtime.RemoveContainerAsync(old.Id, cancel);
            var log = Path.Combine(parts.Sandboxes.LogFolder(pod), old.Metadata.Name);
            if (Directory.Exists(log))
                foreach (var file in Directory.EnumerateFiles(log, $"{ContainerStatuses.RestartCountOf(old)}.log*")) File.Delete(file);
        }
        foreach (var old in observed.Sandboxes.Skip(1).Where(s => s.State == PodSandboxState.SandboxNotready))
        {
            var filter = new ContainerFilter { PodSandboxId = old.Id };
            if ((await parts.Runtime.ListContainersAsync(filter, cancel)).Count == 0) await parts.Runtime.RemovePodSandboxAsync(old.Id, cancel);
        }
    }

    private V1PodStatus Status(V1Pod pod, ObservedPod observed, bool isTerminal, PodEnd? end)
    {
        var status = PodStatuses.Decide(Input(pod, observed, isTerminal, end));
        parts.DynamicResources.AddHealth(pod, status);
        parts.DevicePlugins.AddHealth(pod, status);
        _resize.AddTo(status);
        return status;
    }

    private StatusInput Input(V1Pod pod, ObservedPod observed, bool isTerminal, PodEnd? end) => new()
    {
        Pod = pod,
        Observed = observed,
        Old = parts.Statuses.Find(pod),
        Probes = parts.Probes.Verdicts,
        Failures = _failures.GetValueOrDefault,
        TerminationMessage = parts.TerminationMessages.Read,
        RuntimeName = parts.RuntimeName,
        HasRecursiveReadOnly = parts.RuntimeSupport.HasRecursiveReadOnly(observed.Sandboxes is [var sandbox, ..] ? sandbox.RuntimeHandler : ""),
        NodeIps = parts.Config.NodeIps,
        IsTerminal = isTerminal,
        Failed = end?.Failed,
        Disruption = end?.Disruption,
    };

    private void Publish(V1Pod pod, V1PodStatus status) => parts.Statuses.Set(pod, status, parts.ApiUid(pod));

    /// <returns>True: nothing is left of the pod anywhere.</returns>
    private async Task<bool> EndStepAsync(CancellationToken cancel)
    {
        var pod = Pod;
        var end = _end!;
        var observed = await parts.Observer.ObserveAsync(pod.Uid(), cancel);
        if (observed.IsAnythingRunning)
        {
            if (_kill is { Task.IsFaulted: true } failed)
            {
                _kill = null;
                await failed.Task;
            }
            var grace = end.GraceSeconds ?? pod.Metadata.DeletionGracePeriodSeconds;
            if (_kill is { } going && grace is not null && (going.Grace is null || grace < going.Grace))
            {
                // Less time than before (kubectl delete --now): the longer wait is given up.
                await going.Cancel.CancelAsync();
                _kill = null;
            }
            if (_kill is null || _kill.Value.Task.IsCompleted) StartKill(pod, observed, grace, cancel);
            parts.Probes.Stop(pod.Uid(), keepReadiness: true);
            if (!_isRemoved && !end.Failed.HasValue && !end.IsCompletion) Publish(pod, Status(pod, observed, isTerminal: false, end: null));
            return false;
        }
        parts.Probes.Stop(pod.Uid(), keepReadiness: false);
        if (!_isCleaned) await CleanAsync(pod, observed, end, cancel);
        if (_isRemoved) return await RemoveAllAsync(pod, observed, cancel);
        if (pod.IsBeingDeleted() && !pod.IsStatic()) await DeleteFromApiAsync(pod, cancel);
        return false;
    }

    private void StartKill(V1Pod pod, ObservedPod observed, long? grace, CancellationToken node)
    {
        var cancel = CancellationTokenSource.CreateLinkedTokenSource(node);
        var task = Task.Run(async () =>
        {
            try
            {
                await new ContainerKiller(parts).KillPodAsync(pod, observed, grace, cancel.Token);
            }
            finally
            {
                Wake();
            }
        });
        _kill = (task, grace, cancel);
    }

    private async Task CleanAsync(V1Pod pod, ObservedPod observed, PodEnd end, CancellationToken cancel)
    {
        // First: once the API knows that the pod has ended, its devices may be given to another.
        await parts.DynamicResources.UnprepareAsync(pod.Uid(), cancel);
        parts.DevicePlugins.Release(pod.Uid());
        var status = Status(pod, observed, isTerminal: true, end);
        parts.Objects.Forget(pod.Uid());
        await parts.Volumes.RemoveAsync(pod.Uid(), cancel);
        if (!parts.Cgroups.Remove(pod.Uid())) throw new IOException("its cgroup is still in use");
        parts.Tokens.Forget(pod.Uid());
        parts.Restarts.Forget(pod.Uid());
        parts.Images.Forget(pod.Uid());
        _isCleaned = true;
        ended();
        if (_isRemoved) return;
        Publish(pod, status);
        if (!await parts.Statuses.FlushAsync(pod.Uid(), cancel)) LookAgainAt(parts.Time.GetUtcNow().AddSeconds(2));
    }

    private async Task DeleteFromApiAsync(V1Pod pod, CancellationToken cancel)
    {
        if (!await parts.Statuses.FlushAsync(pod.Uid(), cancel))
        {
            LookAgainAt(parts.Time.GetUtcNow().AddSeconds(2));
            return;
        }
        try
        {
            await parts.Client.DeleteAsync(Resources.Pods, new(pod.Namespace(), pod.Name()), new DeleteQuery(GracePeriodSeconds: 0, Uid: pod.Uid()), cancel);
        }
        catch (StatusException e) when (e.IsNotFound || e.Status.Code == 409)
        {
            // Gone, or another pod has the name by now.
        }
    }

    private async Task<bool> RemoveAllAsync(V1Pod pod, ObservedPod observed, CancellationToken cancel)
    {
        foreach (var container in observed.Containers) await parts.Runtime.RemoveContainerAsync(container.Id, cancel);
        foreach (var sandbox in observed.Sandboxes) await parts.Runtime.RemovePodSandboxAsync(sandbox.Id, cancel);
        var logs = parts.Sandboxes.LogFolder(pod);
        if (Directory.Exists(logs)) Directory.Delete(logs, recursive: true);
        if (parts.Config.ContainerLogsDirectory is { } links && Directory.Exists(links))
            foreach (var link in Directory.EnumerateFiles(links, $"{pod.Name()}_{pod.Namespace()}_*.log").Where(l => !File.Exists(l))) File.Delete(link);
        parts.Statuses.Forget(pod.Uid());
        return true;
    }
}
