using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Queue;

/// <summary>How long refused Pods wait. KubeSchedulerConfiguration's podInitialBackoffSeconds and podMaxBackoffSeconds; doubled each time in between.</summary>
internal sealed record BackOff(TimeSpan Initial, TimeSpan Max)
{
    public static readonly BackOff Default = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));

    /// <param name="count">1: the first time.</param>
    public TimeSpan After(int count) => count == 0 ? TimeSpan.Zero : count > 30 || Initial.Ticks > Max.Ticks >> (count - 1) ? Max : TimeSpan.FromTicks(Initial.Ticks << (count - 1));
}

/// <summary>How many Pods wait, and for what.</summary>
/// <param name="binding">They have a node, and it does not show yet.</param>
internal sealed class QueueLengths(int active, int backingOff, int unschedulable, int gated, int binding)
{
    public int Binding => binding;
    public int Active => active;
    public int BackingOff => backingOff;
    public int Unschedulable => unschedulable;
    public int Gated => gated;
}

/// <summary>Pods that want a node. Active ones by priority and age; refused ones lie aside until something happens that a rule which refused them says may help
/// (KEP-4247), then back off, and after five minutes in any case; gated ones until their gates are gone. Thread-safe.</summary>
/// <remarks>When nothing is active those that back off are taken at once (KEP-5142): a back-off spares a busy scheduler, an idle one need not wait. What failed
/// with an error waits in any case. What happens while a Pod is being looked at is kept until it is known whether that was what it needed.</remarks>
internal sealed class SchedulingQueue : IDisposable
{
    private const string AttemptFailed = "ScheduleAttemptFailure";

    private static readonly TimeSpan UnschedulableMax = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);     // ends of back-offs are rounded to it, so that priority orders those that end together

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly BackOff _backOff;
    private readonly Func<PodInfo, QueueGate?> _gateOf;
    private readonly QueueMetrics _metrics;
    private readonly Dictionary<NamespacedName, QueuedPod> _pods = [];
    private readonly SortedSet<QueuedPod> _active = new(Comparer<QueuedPod>.Create(QueuedPod.ByPriority));
    private readonly SortedSet<QueuedPod> _backingOff = new(Comparer<QueuedPod>.Create(ByBackOff));
    private readonly SortedSet<QueuedPod> _failed = new(Comparer<QueuedPod>.Create(ByBackOff));
    private readonly SortedSet<QueuedPod> _unschedulable = new(Comparer<QueuedPod>.Create((a, b) => a.Since != b.Since ? a.Since.CompareTo(b.Since) : a.Order.CompareTo(b.Order)));
    private readonly List<ClusterChange> _changes = [];        // since the first of those in flight was taken
    private readonly Permits _available = new(0);
    private readonly ITimer _timer;
    private int _inFlight;
    private long _order;

    /// <param name="gateOf">What keeps a Pod from being looked at; null: nothing.</param>
    public SchedulingQueue(TimeProvider time, BackOff backOff, Func<PodInfo, QueueGate?> gateOf, QueueMetrics? metrics = null)
    {
        _time = time;
        _backOff = backOff;
        _gateOf = gateOf;
        _metrics = metrics ?? new();
        _timer = time.CreateTimer(_ => Tick(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Add(PodInfo pod)
    {
        lock (_gate)
        {
            RemoveLocked(pod.Name);
            var added = new QueuedPod(pod, _order++) { Since = _time.GetTimestamp() };
            _pods.Add(pod.Name, added);
            Enqueue(added, "UnschedulablePodAdd");
            SetTimer();
        }
    }

    /// <summary>A new version of a Pod that has no node yet.</summary>
    public void Update(PodInfo old, PodInfo now)
    {
        lock (_gate)
        {
            if (!_pods.TryGetValue(now.Name, out var known) || known.Pod.Uid != now.Uid)
            {
                Add(now);
                return;
            }
            var kinds = PodChanges.Between(old, now);
            if (known.State == QueueState.InFlight)
            {
                foreach (var kind in Each(kinds)) _changes.Add(new(kind, old, now));
                return;
            }
            if (known.State == QueueState.Binding)
            {
                known.Pod = now;
                return;
            }
            // The order depends on the priority, which is the Pod's.
            var set = SetOf(known);
            set.Remove(known);
            known.Pod = now;
            set.Add(known);
            if (known.State != QueueState.Unschedulable) return;
            foreach (var kind in Each(kinds))
            {
                if (!IsWorthTrying(known, new(kind, old, now))) continue;
                Requeue(known, ChangeNames.Of(kind, isWaitingPod: true));
                break;
            }
            SetTimer();
        }
    }

    public void Remove(NamespacedName name)
    {
        lock (_gate) RemoveLocked(name);
    }

    /// <summary>The next Pod; <see cref="Done"/>, <see cref="Binds"/>, <see cref="Refused"/> or <see cref="Failed"/> must follow.</summary>
    public async ValueTask<PodInfo> TakeAsync(CancellationToken cancel)
    {
        while (true)
        {
            await _available.TakeAsync(cancel);
            lock (_gate)
            {
                if ((_active.Min ?? _backingOff.Min) is not { } next) continue;      // it was removed meanwhile
                SetOf(next).Remove(next);
                if (next.State == QueueState.BackingOff) _metrics.Came(_metrics.Active, "PopFromBackoffQ");
                next.State = QueueState.InFlight;
                next.Attempts++;
                _inFlight++;
                return next.Pod;
            }
        }
    }

    /// <summary>The Pod is gone, or has a node by somebody else: the queue is through with it.</summary>
    public void Done(PodInfo pod)
    {
        lock (_gate)
            if (_pods.TryGetValue(pod.Name, out var known) && known.Pod.Uid == pod.Uid) RemoveLocked(pod.Name);
    }

    /// <summary>A node was found and is being written; <see cref="Remove"/> follows when it shows, <see cref="Failed"/> when it could not be.</summary>
    /// <returns>Null: the Pod is not of the queue any more.</returns>
    public QueuedPod? Binds(PodInfo pod)
    {
        lock (_gate)
        {
            if (!_pods.TryGetValue(pod.Name, out var known) || known.Pod.Uid != pod.Uid || known.State != QueueState.InFlight) return null;
            known.State = QueueState.Binding;
            _inFlight--;
            ForgetChanges();
            return known;
        }
    }

    /// <summary>The rules found no node for the Pod.</summary>
    /// <param name="now">Its newest version.</param>
    public void Refused(PodInfo now, IReadOnlyList<IFilterPlugin> rejectors, ChangeKinds mayHelp)
    {
        lock (_gate)
        {
            var known = BackFromFlight(now);
            known.Rejectors = rejectors;
            known.MayHelp = mayHelp;
            known.RefusedCount++;
            known.ErrorCount = 0;
            var isWorthTrying = known.IsForced;
            foreach (var change in _changes) isWorthTrying |= IsWorthTrying(known, change);
            known.IsForced = false;
            ForgetChanges();
            if (isWorthTrying) Requeue(known, AttemptFailed);
            else LayAside(known, AttemptFailed);
            SetTimer();
        }
    }

    /// <summary>Something else than a rule stood in the way: a write failed, an object could not be read.</summary>
    public void Failed(PodInfo now)
    {
        lock (_gate)
        {
            var known = BackFromFlight(now);
            known.Rejectors = [];
            known.MayHelp = ChangeKinds.None;
            known.ErrorCount++;
            known.IsForced = false;
            ForgetChanges();
            Requeue(known, AttemptFailed);
            SetTimer();
        }
    }

    /// <summary>Something happened that may help some of the refused.</summary>
    /// <param name="whom">Null: all.</param>
    public void Happened(in ClusterChange change, Func<PodInfo, bool>? whom = null)
    {
        lock (_gate)
        {
            if (_inFlight > 0) _changes.Add(change);
            if (_unschedulable.Count == 0) return;
            List<QueuedPod>? helped = null;
            foreach (var waiting in _unschedulable)
                if ((waiting.Awaits & change.Kind) != 0 && whom?.Invoke(waiting.Pod) != false && IsWorthTrying(waiting, change)) (helped ??= []).Add(waiting);
            if (helped is null) return;
            foreach (var pod in helped) Requeue(pod, ChangeNames.Of(change.Kind, isWaitingPod: false));
            SetTimer();
        }
    }

    /// <summary>The Pod is worth a try now, whatever it waits for.</summary>
    public void Activate(NamespacedName name)
    {
        lock (_gate)
        {
            if (!_pods.TryGetValue(name, out var known) || known.State is QueueState.Binding or QueueState.Active) return;
            if (known.State == QueueState.InFlight)
            {
                known.IsForced = true;
                return;
            }
            SetOf(known).Remove(known);
            Enqueue(known, "ForceActivate");
        }
    }

    /// <summary>The victims of a preemption for the Pod are told. What was worth a try meanwhile, and was not tried because of it, is tried now: it may be what the Pod waits for.</summary>
    public void Preempted(NamespacedName name)
    {
        lock (_gate)
        {
            if (!_pods.TryGetValue(name, out var known) || known.State != QueueState.Unschedulable || known.Gate != QueueGate.Preemption) return;
            _unschedulable.Remove(known);
            Enqueue(known, "ForceActivate");
        }
    }

    public QueueLengths Lengths()
    {
        lock (_gate)
        {
            var gated = _unschedulable.Count(p => p.Gate is not null);
            return new(_active.Count, _backingOff.Count + _failed.Count, _unschedulable.Count - gated, gated, _pods.Values.Count(p => p.State == QueueState.Binding));
        }
    }

    /// <summary>How many Pods wait because of each plugin (of the profile with the name in front: <c>default-scheduler/NodeAffinity</c>).</summary>
    public Dictionary<string, int> Reasons()
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        lock (_gate)
        {
            foreach (var pod in _pods.Values)
            {
                if (pod.State is QueueState.InFlight or QueueState.Binding) continue;
                var isGateTold = pod.Gate is null;
                foreach (var rejector in pod.Rejectors)
                {
                    Count(pod, rejector.Name);
                    isGateTold |= rejector.Name == pod.Gate?.Plugin;
                }
                if (!isGateTold) Count(pod, pod.Gate!.Plugin);
            }
        }
        return counts;

        void Count(QueuedPod pod, string plugin)
        {
            var key = $"{pod.Pod.SchedulerName}/{plugin}";
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }
    }

    public void Dispose() => _timer.Dispose();

    private static int ByBackOff(QueuedPod a, QueuedPod b) => a.BackOffUntil != b.BackOffUntil ? a.BackOffUntil.CompareTo(b.BackOffUntil) : QueuedPod.ByPriority(a, b);

    private static IEnumerable<ChangeKinds> Each(ChangeKinds kinds)
    {
        for (var bit = 1; bit != 0 && bit <= (int)kinds; bit <<= 1)
            if (((int)kinds & bit) != 0) yield return (ChangeKinds)bit;
    }

    private static bool IsWorthTrying(QueuedPod pod, in ClusterChange change)
    {
        if ((pod.Awaits & change.Kind) == 0) return false;
        if (pod.Gate is not null && pod.Gate != QueueGate.Preemption) return change.New is not PodInfo now || now.Uid == pod.Pod.Uid;
        foreach (var rejector in pod.Rejectors)
            if ((rejector.MayHelp & change.Kind) != 0 ? rejector.Helps(pod.Pod, change) : (WakeUps.Of(rejector) & change.Kind) != 0) return true;
        return pod.Rejectors.Count == 0;
    }

    /// <summary>After five minutes, whatever happened; a preemption is over by then.</summary>
    private static bool IsRetried(QueuedPod pod) => pod.Gate is null || pod.Gate == QueueGate.Preemption;

    private SortedSet<QueuedPod> SetOf(QueuedPod pod) => pod.State switch
    {
        QueueState.Active => _active,
        QueueState.Unschedulable => _unschedulable,
        _ => pod.ErrorCount > 0 ? _failed : _backingOff,
    };

    /// <summary>To the active ones, if nothing keeps it.</summary>
    private void Enqueue(QueuedPod pod, string why)
    {
        pod.Gate = _gateOf(pod.Pod);
        if (pod.Gate is null) MakeActive(pod, why);
        else LayAside(pod, why);
    }

    private void MakeActive(QueuedPod pod, string why)
    {
        pod.State = QueueState.Active;
        if (pod.FirstActiveAt == 0) pod.FirstActiveAt = _time.GetTimestamp();
        _active.Add(pod);
        _available.Release();
        _metrics.Came(_metrics.Active, why);
    }

    private void LayAside(QueuedPod pod, string why)
    {
        pod.State = QueueState.Unschedulable;
        _unschedulable.Add(pod);
        _metrics.Came(_metrics.Unschedulable, why);
    }

    /// <summary>To the active ones, or first to those that back off.</summary>
    private void Requeue(QueuedPod pod, string why)
    {
        if (pod.State == QueueState.Unschedulable) _unschedulable.Remove(pod);
        var count = pod.ErrorCount > 0 ? pod.ErrorCount : pod.RefusedCount;
        if (pod.BackOffUntil == 0) pod.BackOffUntil = Aligned(pod.Since + Ticks(_backOff.After(count)));
        if (count == 0 || pod.BackOffUntil < Aligned(_time.GetTimestamp()) || _backOff.Max == TimeSpan.Zero)
        {
            Enqueue(pod, why);
            return;
        }
        // From there it may be taken at any time, so it is asked now what keeps it.
        pod.Gate = _gateOf(pod.Pod);
        if (pod.Gate is not null)
        {
            LayAside(pod, why);
            return;
        }
        pod.State = QueueState.BackingOff;
        SetOf(pod).Add(pod);
        _metrics.Came(_metrics.BackOff, why);
        if (pod.ErrorCount == 0) _available.Release();
    }

    private QueuedPod BackFromFlight(PodInfo now)
    {
        if (_pods.TryGetValue(now.Name, out var known) && known.Pod.Uid == now.Uid)
        {
            if (known.State == QueueState.InFlight) _inFlight--;
            else if (known.State != QueueState.Binding) SetOf(known).Remove(known);
        }
        else
        {
            RemoveLocked(now.Name);
            _pods.Add(now.Name, known = new QueuedPod(now, _order++));
        }
        known.State = QueueState.InFlight;
        known.Pod = now;
        known.Since = _time.GetTimestamp();
        known.BackOffUntil = 0;
        known.WasForgotten = false;
        return known;
    }

    private void RemoveLocked(NamespacedName name)
    {
        if (!_pods.Remove(name, out var gone)) return;
        if (gone.State == QueueState.InFlight)
        {
            _inFlight--;
            ForgetChanges();
        }
        else if (gone.State != QueueState.Binding)
        {
            SetOf(gone).Remove(gone);
        }
    }

    private void ForgetChanges()
    {
        if (_inFlight == 0) _changes.Clear();
    }

    private void Tick()
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            foreach (var set in (SortedSet<QueuedPod>[])[_backingOff, _failed])
            {
                while (set.Min is { } due && due.BackOffUntil < Aligned(now))
                {
                    set.Remove(due);
                    MakeActive(due, "BackoffComplete");
                }
            }
            var before = now - Ticks(UnschedulableMax);
            foreach (var left in _unschedulable.TakeWhile(p => p.Since < before).Where(IsRetried).ToList())
            {
                left.WasForgotten = true;
                Requeue(left, "UnschedulableTimeout");
            }
            SetTimer();
        }
    }

    private void SetTimer()
    {
        var next = long.MaxValue;
        // The end was rounded down: the whole second in which it is belongs to the back-off.
        if (_backingOff.Min is { } backingOff) next = Math.Min(next, backingOff.BackOffUntil + Ticks(Window));
        if (_failed.Min is { } failed) next = Math.Min(next, failed.BackOffUntil + Ticks(Window));
        foreach (var waiting in _unschedulable)
        {
            if (!IsRetried(waiting)) continue;
            // A moment later, so that what is due is past.
            next = Math.Min(next, waiting.Since + Ticks(UnschedulableMax + TimeSpan.FromMilliseconds(1)));
            break;
        }
        if (next == long.MaxValue) return;
        var wait = _time.GetElapsedTime(_time.GetTimestamp(), next);
        _timer.Change(wait < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : wait, Timeout.InfiniteTimeSpan);
    }

    private long Aligned(long timestamp) => timestamp - (timestamp % Ticks(Window));

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * _time.TimestampFrequency);
}
