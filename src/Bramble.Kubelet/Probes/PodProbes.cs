using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Probes;

/// <summary>All probes of the node, driven by one timer: the next due probe of all. Probes due within the same 100 ms share a wake-up. A changed verdict
/// wakes the pod's worker. Thread-safe.</summary>
internal sealed class PodProbes(Prober prober, TimeProvider time, Action<V1Pod, string, string, string> tell, Action<string> wake) : IDisposable
{
    private static readonly TimeSpan Together = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly Dictionary<(string ContainerId, ProbeKind Kind), Watched> _watched = [];
    private readonly PriorityQueue<Watched, long> _due = new();
    private readonly CancellationTokenSource _stop = new();
    private ITimer? _timer;

    public void Dispose()
    {
        _stop.Cancel();
        _timer?.Dispose();
    }

    public ProbeVerdicts Verdicts(string containerId)
    {
        lock (_gate)
        {
            return new(
                _watched.TryGetValue((containerId, ProbeKind.Startup), out var s) ? s.State.Verdict : null,
                _watched.TryGetValue((containerId, ProbeKind.Liveness), out var l) ? l.State.Verdict : null,
                _watched.TryGetValue((containerId, ProbeKind.Readiness), out var r) ? r.State.Verdict : null);
        }
    }

    /// <summary>Makes the probes those of the containers that run now. Verdicts of instances adopted after a start are taken from the pod's old status.</summary>
    public void Update(V1Pod pod, ObservedPod observed, string podIp, V1PodStatus? old)
    {
        lock (_gate)
        {
            var current = new HashSet<string>(StringComparer.Ordinal);
            foreach (var spec in pod.Spec.AllContainers())
            {
                if (spec.Kind is ContainerKind.Ephemeral or ContainerKind.Init) continue;
                if (observed.Find(spec.Name) is not { State: ContainerState.ContainerRunning } running) continue;
                current.Add(running.Id);
                Watch(pod, spec.Container, running, podIp, ProbeKind.Startup, spec.Container.StartupProbe, old);
                Watch(pod, spec.Container, running, podIp, ProbeKind.Liveness, spec.Container.LivenessProbe, old);
                Watch(pod, spec.Container, running, podIp, ProbeKind.Readiness, spec.Container.ReadinessProbe, old);
            }
            foreach (var (key, watched) in _watched.ToList())
                if (watched.Pod.Uid() == pod.Uid() && !current.Contains(key.ContainerId)) Drop(key, watched);
        }
    }

    /// <summary>No more probes for the pod; liveness and startup stop when it ends, readiness goes on until it has ended.</summary>
    public void Stop(string podUid, bool keepReadiness)
    {
        lock (_gate)
            foreach (var (key, watched) in _watched.ToList())
                if (watched.Pod.Uid() == podUid && !(keepReadiness && key.Kind == ProbeKind.Readiness)) Drop(key, watched);
    }

    private void Drop((string, ProbeKind) key, Watched watched)
    {
        watched.IsDropped = true;
        _watched.Remove(key);
    }

    private void Watch(V1Pod pod, V1Container container, ContainerStatus running, string podIp, ProbeKind kind, V1Probe? probe, V1PodStatus? old)
    {
        if (probe is null) return;
        if (_watched.TryGetValue((running.Id, kind), out var known))
        {
            known.Pod = pod;
            if (podIp.Length > 0) known.PodIp = podIp;
            return;
        }
        var state = ProbeState.Begin(kind);
        var shown = (old?.ContainerStatuses ?? []).Concat(old?.InitContainerStatuses ?? []).FirstOrDefault(s => s.Name == container.Name);
        if (shown?.ContainerID?.EndsWith("/" + running.Id, StringComparison.Ordinal) == true)
        {
            if (kind == ProbeKind.Startup && shown.Started == true) state = state with { Verdict = true };
            if (kind == ProbeKind.Readiness && shown.Ready) state = state with { Verdict = true };
        }
        var watched = new Watched { Pod = pod, Container = container, ContainerId = running.Id, Kind = kind, Probe = probe, PodIp = podIp, State = state };
        _watched[(running.Id, kind)] = watched;
        if (state.IsDone(kind)) return;
        // Delay counts from the container's start; the time that has gone is not waited again.
        var age = time.GetUtcNow() - DateTimeOffset.UnixEpoch.AddTicks(running.StartedAt / 100);
        var delay = TimeSpan.FromSeconds(probe.InitialDelaySeconds ?? 0) - age;
        Schedule(watched, delay > TimeSpan.Zero ? delay : TimeSpan.Zero);
    }

    private void Schedule(Watched watched, TimeSpan wait)
    {
        watched.DueAt = time.GetTimestamp() + (long)(wait.TotalSeconds * time.TimestampFrequency);
        _due.Enqueue(watched, watched.DueAt);
        Arm();
    }

    private void Arm()
    {
        if (!_due.TryPeek(out var next, out _)) return;
        var wait = TimeSpan.FromSeconds((double)(next.DueAt - time.GetTimestamp()) / time.TimestampFrequency);
        if (wait < TimeSpan.Zero) wait = TimeSpan.Zero;
        _timer ??= time.CreateTimer(_ => RunDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    private void RunDue()
    {
        if (_stop.IsCancellationRequested) return;
        var run = new List<Watched>();
        lock (_gate)
        {
            var until = time.GetTimestamp() + (long)(Together.TotalSeconds * time.TimestampFrequency);
            while (_due.TryPeek(out var next, out _) && next.DueAt <= until)
            {
                _due.Dequeue();
                if (!next.IsDropped) run.Add(next);
            }
            Arm();
        }
        foreach (var watched in run) _ = Task.Run(() => RunAsync(watched));
    }

    private async Task RunAsync(Watched watched)
    {
        var period = TimeSpan.FromSeconds(watched.Probe.PeriodSeconds ?? 10);
        try
        {
            // Until the container has started only its startup probe asks.
            var isHeld = watched.Kind != ProbeKind.Startup && watched.Container.StartupProbe is not null && Verdicts(watched.ContainerId).Startup != true;
            if (!isHeld) await ProbeAsync(watched);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return;
        }
        catch (Exception e)
        {
            tell(watched.Pod, watched.Container.Name, "Unhealthy", $"{watched.Kind} probe errored and resulted in unknown state: {e.Message}");
        }
        lock (_gate)
            if (!watched.IsDropped && !watched.State.IsDone(watched.Kind)) Schedule(watched, period);
    }

    private async Task ProbeAsync(Watched watched)
    {
        var outcome = await prober.ProbeAsync(watched.Probe, watched.Container, watched.ContainerId, watched.PodIp, _stop.Token);
        if (watched.IsDropped) return;
        if (!outcome.IsSuccess) tell(watched.Pod, watched.Container.Name, "Unhealthy", $"{watched.Kind} probe failed: {outcome.Output}");
        bool isChanged;
        lock (_gate)
        {
            var next = watched.State.With(outcome.IsSuccess, watched.Probe);
            isChanged = next.Verdict != watched.State.Verdict;
            watched.State = next;
        }
        if (isChanged) wake(watched.Pod.Uid());
    }

    private sealed class Watched
    {
        public required V1Pod Pod { get; set; }
        public required V1Container Container { get; init; }
        public required string ContainerId { get; init; }
        public required ProbeKind Kind { get; init; }
        public required V1Probe Probe { get; init; }
        public required string PodIp { get; set; }
        public required ProbeState State { get; set; }
        public long DueAt { get; set; }
        public bool IsDropped { get; set; }
    }
}
