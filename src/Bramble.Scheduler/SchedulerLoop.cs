using System.Collections.Concurrent;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Scheduler.Configuration;
using Bramble.Scheduler.Cycle;
using Bramble.Scheduler.Devices;
using Bramble.Scheduler.Extenders;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Preemption;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Scheduler;

/// <summary>Gives each Pod that has no node one: filters, then scores, then a binding. One Pod is decided at a time, on state in memory; what has to be written
/// is written meanwhile by others, at most 64 bindings at once. Sleeps while nothing waits.</summary>
public sealed class SchedulerLoop
{
    private const int NoteMax = 1024;

    private readonly IKubeClient _client;
    private readonly IInformers _informers;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _logs;
    private readonly ILogger _log;
    private readonly SchedulerConfiguration _configuration;
    private readonly Random _random;
    private readonly NodeSearch _search;

    private readonly Lock _gate = new();                                    // guards _cluster and _known
    private readonly ClusterState _cluster = new();
    private readonly Dictionary<NamespacedName, PodInfo> _known = [];       // every Pod that is not finished

    private readonly ConcurrentDictionary<string, RunningPreemption> _preempting = new(StringComparer.Ordinal);   // by uid of the Pod for which it is
    private readonly TaskSet _tasks = new();
    private readonly SchedulerMetrics _metrics = new();
    private IReadOnlyDictionary<string, RunningProfile> _profiles = new Dictionary<string, RunningProfile>();
    private IInformer<V1Pod> _pods = null!;
    private IInformer<V1Node> _nodes = null!;
    private IInformer<V1PodDisruptionBudget> _budgets = null!;
    private volatile SchedulingQueue _queue = null!;
    private PodStatusWriter _status = null!;
    private PodBinder _binder = null!;
    private Preemptor _preemptor = null!;
    private DynamicResources _dynamicResources = null!;
    private IReadOnlyList<Extender> _extenders = [];

    /// <param name="configuration">Profiles and limits; null: the defaults.</param>
    /// <param name="random">Chooses among equally good nodes.</param>
    public SchedulerLoop(IKubeClient client, IInformers informers, TimeProvider time, ILoggerFactory logs, SchedulerConfiguration? configuration = null, Random? random = null)
    {
        (_client, _informers, _time, _logs) = (client, informers, time, logs);
        _log = logs.CreateLogger("scheduler");
        _configuration = configuration ?? SchedulerConfiguration.Default;
        _random = random ?? new Random();
        _search = new NodeSearch(_random);
    }

    /// <summary>Upstream's metrics of the scheduler, as Prometheus reads them.</summary>
    public string Metrics()
    {
        int nodes, pods;
        lock (_gate) (nodes, pods) = (_cluster.NodeCount, _cluster.PodCount);
        return _metrics.Text(_queue?.Lengths() ?? new(0, 0, 0, 0, 0), _queue?.Reasons() ?? [], nodes, pods, _tasks.Count);
    }

    /// <summary>Until cancelled; bindings under way are finished.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        var recorders = new List<EventRecorder>();
        _pods = _informers.For(Resources.Pods);
        _budgets = _informers.For(Resources.PodDisruptionBudgets);
        using var status = _status = new PodStatusWriter(_client, _pods, HasNode, _time, _log);
        _binder = new PodBinder(_client, _time, _log);
        _preemptor = new Preemptor(_client, _binder, _time, _log);
        var nodes = _nodes = _informers.For(Resources.Nodes);
        var parts = new PluginParts(_client, _informers, _time);
        _dynamicResources = parts.DynamicResources;
        _extenders = [.. _configuration.Extenders.Select(e => new Extender(e, _time))];
        _profiles = _configuration.Profiles.ToDictionary(p => p.SchedulerName, Run, StringComparer.Ordinal);
        using var queue = _queue = new SchedulingQueue(_time, _configuration.BackOff, Gate, _metrics.Queue);
        var subscriptions = new List<IDisposable>();
        var writing = status.RunAsync(cancel);
        try
        {
            await Task.WhenAll(nodes.Synced, _pods.Synced, _budgets.Synced, parts.Synced).WaitAsync(cancel);
            subscriptions.Add(nodes.Subscribe(NodeChanged));
            subscriptions.AddRange(parts.Follow(change => _queue.Happened(change)));
            subscriptions.Add(_pods.Subscribe(PodChanged));
            while (true) await ScheduleAsync(await queue.TakeAsync(cancel), cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // stopping
        }
        foreach (var subscription in subscriptions) subscription.Dispose();
        await _tasks.FinishedAsync();
        await writing;
        foreach (var recorder in recorders) await recorder.DisposeAsync();
        foreach (var extender in _extenders) extender.Dispose();

        RunningProfile Run(ProfileSettings settings)
        {
            var events = new EventRecorder(_client, settings.SchedulerName, "", _time, _logs);
            recorders.Add(events);
            var profile = settings.Compose(parts);
            var metrics = _metrics.Add(profile, _time);
            return new(profile with { Metrics = metrics }, events, metrics);
        }
    }

    private async Task ScheduleAsync(PodInfo pod, CancellationToken cancel)
    {
        if (_pods.Find(pod.Name) is not { } current || current.Metadata.Uid != pod.Uid || !string.IsNullOrEmpty(current.Spec.NodeName) || !_profiles.TryGetValue(pod.SchedulerName, out var profile))
        {
            _queue.Done(pod);
            return;
        }
        if (current.IsBeingDeleted())
        {
            profile.Events.WithAction(About(pod), "Warning", "FailedScheduling", "Scheduling", $"skip schedule deleting pod: {pod.Name}");
            _queue.Done(pod);
            return;
        }
        var start = _time.GetTimestamp();
        Assignment? assignment;
        Refusal? refusal;
        try
        {
            if (IsPlaced(pod)) return;
            (assignment, refusal) = ExtenderCalls.For(current, _extenders, _nodes, _pods, _log) is { } extenders ? await DecideAsync(pod, profile, extenders, cancel) : Decide(pod, profile);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // A rule that fails must not stop the Pods behind this one.
            if (e is not SchedulingException) SchedulerLog.SearchFailed(_log, pod.Name, e);
            Fail(pod, profile, e.Message, start);
            return;
        }
        finally
        {
            _metrics.Decided(_time.GetElapsedTime(start));
        }
        if (refusal is not null)
        {
            Tell(pod, profile, refusal, start);
            return;
        }
        var queued = _queue.Binds(pod);
        _status.Drop(pod.Name);
        await _tasks.AddAsync(() => BindAsync(pod, profile, assignment!, queued, start, cancel), isBounded: assignment!.Reservations.Count == 0, cancel);
    }

    /// <summary>It was placed while it was on its way here.</summary>
    private bool IsPlaced(PodInfo pod)
    {
        if (!HasNode(pod.Name, pod.Uid)) return false;
        _queue.Done(pod);
        return true;
    }

    private (Assignment?, Refusal?) Decide(PodInfo pod, RunningProfile profile)
    {
        lock (_gate)
        {
            if (_search.Find(profile.Profile, pod, _cluster, out var filters, out var diagnosis) is { } node) return (Assign(pod, profile, node, filters, null), null);
            return (null, Refuse(pod, diagnosis, LookFurther(pod, profile, filters, diagnosis)));
        }
    }

    /// <summary>The same with others who are asked over the network: meanwhile the cluster goes on, and what is decided is what it was like before. What does not hold any more
    /// is found when it is written.</summary>
    private async Task<(Assignment?, Refusal?)> DecideAsync(PodInfo pod, RunningProfile profile, ExtenderCalls extenders, CancellationToken cancel)
    {
        PodFilters filters;
        Diagnosis diagnosis;
        IReadOnlyList<NodeInfo> fitting = [];
        // First the node that is nominated for the Pod, if it fits; then all.
        var triesNominated = pod.NominatedNode.Length > 0;
        while (true)
        {
            lock (_gate) fitting = [.. _search.Fitting(profile.Profile, pod, _cluster, triesNominated, extenders.Chooses, out filters, out diagnosis)];
            try
            {
                fitting = await extenders.FilterAsync(fitting, diagnosis, cancel);
            }
            catch (SchedulingException e) when (triesNominated)
            {
                // All nodes may still have an answer.
                SchedulerLog.NominatedNotTried(_log, pod.Name, pod.NominatedNode, e.Message);
                fitting = [];
            }
            if (fitting.Count > 0 || !triesNominated) break;
            triesNominated = false;
        }
        if (fitting.Count > 0)
        {
            var others = fitting.Count > 1 ? await extenders.PrioritizeAsync(fitting, cancel) : null;
            lock (_gate) return (Assign(pod, profile, _search.Best(profile.Profile, pod, _cluster, filters, fitting, others), filters, extenders.Binder), null);
        }

        Further further;
        lock (_gate) further = LookFurther(pod, profile, filters, diagnosis, choosesVictims: false);
        var outcome = further.Outcome;
        if (outcome is PreemptionOutcome.Candidates candidates)
        {
            try
            {
                outcome = VictimChoice.Choose(await extenders.PreemptAsync(candidates.All, Read, cancel));
            }
            catch (SchedulingException e)
            {
                outcome = new PreemptionOutcome.Failed($"preemption: {e.Message}");
            }
        }
        lock (_gate) return (null, Refuse(pod, diagnosis, further with { Outcome = outcome }));

        IReadOnlyList<Victims> Read(System.Text.Json.Nodes.JsonObject named, Extender extender)
        {
            lock (_gate) return ExtenderCalls.Read(named, extender, _cluster);
        }
    }

    /// <summary>The Pod counts as on the node from now on, and what it needs there is kept for it.</summary>
    /// <param name="binder">Writes the binding in our stead.</param>
    private Assignment Assign(PodInfo pod, RunningProfile profile, NodeInfo node, PodFilters filters, Extender? binder)
    {
        var reservations = new List<IReservation>();
        var (start, current) = (profile.Metrics.Now, "");
        try
        {
            foreach (var (plugin, filter) in filters.All)
            {
                if (plugin is not IReservingPlugin reserving) continue;
                current = plugin.Name;
                if (reserving.Reserve(pod, filter, node) is { } reservation) reservations.Add(reservation);
            }
            profile.Metrics.Took(ExtensionPoint.Reserve, start);
        }
        catch (Exception e)
        {
            foreach (var reservation in reservations) reservation.Revert();
            profile.Metrics.Took(ExtensionPoint.Reserve, start, StepStatus.Error);
            if (e is SchedulingException) throw new SchedulingException($"running Reserve plugin \"{current}\": {e.Message}");
            throw;
        }
        _cluster.Place(pod, node.Name, isAssumed: true);
        _cluster.Nominations.Remove(pod.Uid);
        return new(node.Name, reservations, reservations.Count == 0 ? null : _binder.Begin(pod), binder);
    }

    /// <summary>No node fits: could something be done about it?</summary>
    /// <param name="choosesVictims">False: others have a say in it.</param>
    private Further LookFurther(PodInfo pod, RunningProfile profile, PodFilters filters, Diagnosis diagnosis, bool choosesVictims = true)
    {
        if (_cluster.NodeCount == 0) return new([], false, null, null);
        var (messages, mayPreempt, freed) = FreeClaims(pod, profile.Profile, filters, diagnosis);
        // Where nothing is tried at all no node stays nominated.
        if (!mayPreempt || profile.Profile.Preemption is not { } args) return new(messages, mayPreempt && !profile.Profile.FreesClaims, freed, null);
        IReadOnlyList<Budget> Budgets() => [.. _budgets.List().Select(Budget.Of)];
        _metrics.Preempts();
        var start = profile.Metrics.Now;
        var outcome = choosesVictims
            ? VictimChoice.Decide(pod, diagnosis, filters, _cluster, Budgets, args, _random)
            : VictimChoice.Look(pod, diagnosis, filters, _cluster, Budgets, args, _random);
        profile.Metrics.Took(ExtensionPoint.PostFilter, start, outcome is PreemptionOutcome.Preempt or PreemptionOutcome.Candidates ? StepStatus.Success : StepStatus.Unschedulable);
        return new(messages, mayPreempt, freed, outcome);
    }

    private Refusal Refuse(PodInfo pod, Diagnosis diagnosis, Further further)
    {
        if (diagnosis.NodeCount == 0)
        {
            _cluster.Nominations.Remove(pod.Uid);
            return new("no nodes available to schedule pods", [], ChangeKinds.NodeAdded, "", null, [], null);
        }
        var (afterwards, outcome) = (further.Messages, further.Outcome);
        var victims = (outcome as PreemptionOutcome.Preempt)?.Victims;
        var nominated = !further.MayPreempt || outcome is PreemptionOutcome.NotEligible or PreemptionOutcome.Failed ? null : victims?.Node ?? "";
        // One that went, or got a node, while it was decided on keeps no room: nobody would give it back.
        if (nominated is not null && _known.TryGetValue(pod.Name, out var known) && known.Uid == pod.Uid && !_cluster.IsPlaced(pod.Name, pod.Uid)) _cluster.Nominations.Set(pod, nominated);
        // Those that go already need no second call: when all do there is nothing to wait for.
        List<PodInfo> leaving = [.. victims?.Pods.Where(v => !v.IsLeaving) ?? []];
        if (leaving.Count > 0) _preempting[pod.Uid] = new RunningPreemption();
        if (outcome is PreemptionOutcome.Failed failed) afterwards = [failed.Message];
        if (outcome is PreemptionOutcome.NotEligible notEligible) afterwards.Add(notEligible.Message);
        if (outcome is PreemptionOutcome.NotHelpful notHelpful) afterwards.Add(notHelpful.Message);
        // When room is being made there is nothing to add.
        return new(diagnosis.Message(victims is null ? string.Join(", ", afterwards) : ""), diagnosis.Rejectors, diagnosis.MayHelp, nominated, victims, leaving, further.Freed);
    }

    /// <summary>What is tried before preemption: to give up devices that keep the Pod from its nodes. Upstream's words are in every message, also of Pods without
    /// claims; where a rule refused before DynamicResources was asked at all they are "not found", and preemption is not tried.</summary>
    private static (List<string> Messages, bool MayPreempt, DeviceClaim? Freed) FreeClaims(PodInfo pod, Profile profile, PodFilters filters, Diagnosis diagnosis)
    {
        if (!profile.FreesClaims) return ([], true, null);
        var order = profile.Filters.ToList();
        var asked = order.FindIndex(f => f is DynamicResources);
        if (diagnosis.Before is not null && order.IndexOf(diagnosis.Rejectors[^1]) < asked) return (["not found"], false, null);
        var (claim, message) = DynamicResources.ToFree(pod, filters.All.FirstOrDefault(f => f.Plugin is DynamicResources).Filter);
        return ([message], true, claim);
    }

    private void Tell(PodInfo pod, RunningProfile profile, Refusal refusal, long start)
    {
        _metrics.Attempted(profile.Profile.SchedulerName, "unschedulable", _time.GetElapsedTime(start));
        var newest = Newest(pod, out var isMadeAnew);
        if (newest is not null && !HasNode(pod.Name, pod.Uid)) _queue.Refused(newest, refusal.Rejectors, refusal.MayHelp);
        else _queue.Done(pod);
        // Nobody needs the room any more; of another Pod under the same name nothing is to be said.
        if (newest is null) _preempting.TryRemove(pod.Uid, out _);
        if (isMadeAnew) return;
        profile.Events.WithAction(About(newest ?? pod), "Warning", "FailedScheduling", "Scheduling", Note(refusal.Message));
        _status.Write(pod, "Unschedulable", refusal.Message, refusal.NominatedNode);
        if (refusal.Freed is { } claim) _tasks.Add(() => FreeAsync(pod, claim));
        if (refusal.Leaving.Count == 0) return;
        _metrics.Victims(refusal.Victims!.Pods.Count);
        _tasks.Add(() => PreemptAsync(pod, profile, refusal.Victims.Node, refusal.Leaving));
    }

    private async Task PreemptAsync(PodInfo pod, RunningProfile profile, string node, IReadOnlyList<PodInfo> victims)
    {
        if (!_preempting.TryGetValue(pod.Uid, out var running)) return;       // the Pod went meanwhile: nobody needs the room
        var start = _time.GetTimestamp();
        using var bounded = new CancellationTokenSource(TimeSpan.FromSeconds(30), _time);
        // Less important Pods that waited for this node look for another.
        List<PodInfo> lesser;
        lock (_gate) lesser = [.. _cluster.Nominations.On(node).Where(p => p.Priority < pod.Priority)];
        foreach (var other in lesser) _status.Write(other, null, null, "");
        var isDone = false;
        try
        {
            isDone = await _preemptor.PreemptAsync(pod, victims, node, profile.Profile.SchedulerName, profile.Events, running, bounded.Token);
        }
        catch (OperationCanceledException)
        {
            // The API did not answer for 30 s: the Pod is tried again.
        }
        _preempting.TryRemove(pod.Uid, out _);
        _metrics.Preempted(isDone, _time.GetElapsedTime(start));
        if (!isDone || running.IsRoomMissed) _queue.Activate(pod.Name);
    }

    private async Task FreeAsync(PodInfo pod, DeviceClaim claim)
    {
        using var bounded = new CancellationTokenSource(TimeSpan.FromSeconds(30), _time);
        try
        {
            await _dynamicResources.FreeAsync(claim, bounded.Token);
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException or OperationCanceledException)
        {
            SchedulerLog.ClaimNotFreed(_log, pod.Name, claim.Name, e.Message);
        }
    }

    private async Task BindAsync(PodInfo pod, RunningProfile profile, Assignment assignment, QueuedPod? queued, long start, CancellationToken cancel)
    {
        try
        {
            await _binder.BindAsync(pod, assignment, new BindingReport(pod, profile.Metrics, profile.Events, _metrics), cancel);
            _metrics.Attempted(profile.Profile.SchedulerName, "scheduled", _time.GetElapsedTime(start));
            if (queued is not null) _metrics.Scheduled(queued.Attempts, _time.GetElapsedTime(queued.FirstActiveAt), queued.WasForgotten);
            profile.Events.WithAction(About(pod), "Normal", "Scheduled", "Binding", $"Successfully assigned {pod.Name.Namespace}/{pod.Name.Name} to {assignment.Node}");
            if (assignment.Reservations.Count == 0) return;
            lock (_gate)
                foreach (var reservation in assignment.Reservations) reservation.Fulfilled();
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException or OperationCanceledException or SchedulingException)
        {
            PodInfo? forgotten;
            lock (_gate)
            {
                foreach (var reservation in assignment.Reservations) reservation.Revert();
                forgotten = _cluster.IsAssumed(pod.Name, pod.Uid) ? _cluster.Remove(pod.Name) : null;
            }
            if (cancel.IsCancellationRequested) return;
            if (forgotten is not null || assignment.Reservations.Count > 0) _queue.Happened(new(ChangeKinds.PodRemoved, forgotten ?? pod, null), other => other.Uid != pod.Uid);
            if (Newest(pod, out _) is null || HasNode(pod.Name, pod.Uid))
            {
                _queue.Done(pod);
                return;
            }
            SchedulerLog.BindFailed(_log, pod.Name, assignment.Node, e.Message);
            await UndoAsync(pod, assignment);
            Fail(pod, profile, e.Message, start);
        }
    }

    private async Task UndoAsync(PodInfo pod, Assignment assignment)
    {
        using var bounded = new CancellationTokenSource(TimeSpan.FromSeconds(30), _time);
        try
        {
            foreach (var reservation in assignment.Reservations) await reservation.UndoAsync(bounded.Token);
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException or OperationCanceledException)
        {
            SchedulerLog.NotUndone(_log, pod.Name, e.Message);
        }
    }

    private void Fail(PodInfo pod, RunningProfile profile, string message, long start)
    {
        _metrics.Attempted(profile.Profile.SchedulerName, "error", _time.GetElapsedTime(start));
        if (Newest(pod, out var isMadeAnew) is not { } newest)
        {
            _queue.Done(pod);
            if (!isMadeAnew) profile.Events.WithAction(About(pod), "Warning", "FailedScheduling", "Scheduling", Note(message));
            return;
        }
        // It keeps no room from others, also while its status cannot be written.
        lock (_gate) _cluster.Nominations.Remove(pod.Uid);
        _queue.Failed(newest);
        profile.Events.WithAction(About(newest), "Warning", "FailedScheduling", "Scheduling", Note(message));
        _status.Write(newest, "SchedulerError", message, "");
    }

    /// <summary>What a Pod must wait for before it is looked at at all: its gates, its victims, and claims that are not made yet.</summary>
    private QueueGate? Gate(PodInfo pod)
    {
        var metrics = _profiles.TryGetValue(pod.SchedulerName, out var profile) ? profile.Metrics : null;
        var start = metrics?.Now ?? 0;
        var gate = pod.IsGated ? QueueGate.SchedulingGates
            : _preempting.TryGetValue(pod.Uid, out var running) && running.HoldsBack(_pods) ? QueueGate.Preemption
            : _dynamicResources.HasAllClaims(pod) ? null : QueueGate.Claims;
        metrics?.Took(ExtensionPoint.PreEnqueue, start, gate is null ? StepStatus.Success : StepStatus.UnschedulableAndUnresolvable);
        return gate;
    }

    private static string Note(string message) => message.Length <= NoteMax ? message : message[..(NoteMax - 4)] + " ...";

    private static EventSubject About(PodInfo pod) => EventSubject.Of(Resources.Pods, pod.Pod);

    /// <returns>Null: the Pod is gone.</returns>
    private PodInfo? Newest(PodInfo pod, out bool isMadeAnew)
    {
        lock (_gate)
        {
            isMadeAnew = _known.TryGetValue(pod.Name, out var known) && known.Uid != pod.Uid;
            return isMadeAnew ? null : known;
        }
    }

    private bool HasNode(NamespacedName name, string uid)
    {
        lock (_gate) return _cluster.IsPlaced(name, uid);
    }

    private void NodeChanged(ObjectChange<V1Node> change)
    {
        lock (_gate)
        {
            if (change.New is { } node) _cluster.SetNode(node);
            else _cluster.RemoveNode(change.Name.Name);
        }
        if (change.Old is null || change.New is null)
        {
            _queue.Happened(new(change.Old is null ? ChangeKinds.NodeAdded : ChangeKinds.NodeRemoved, change.Old, change.New));
            return;
        }
        var kinds = NodeChanges.Between(change.Old, change.New);
        if (_extenders.Count > 0 && NodeChanges.IsToldToExtenders(change.Old, change.New)) kinds |= ChangeKinds.Other;
        TellEach(kinds, change.Old, change.New);
    }

    private void PodChanged(ObjectChange<V1Pod> change)
    {
        PodInfo? old;
        lock (_gate) _known.TryGetValue(change.Name, out old);
        var isGone = change.New is not { } pod || pod.Status?.Phase is "Succeeded" or "Failed";
        if (old is not null && (isGone || old.Uid != change.New!.Metadata.Uid))
        {
            PodGone(old);
            old = null;
        }
        if (isGone) return;
        var now = new PodInfo(change.New!);
        if (string.IsNullOrEmpty(now.Pod.Spec.NodeName)) PodWaits(old, now);
        else PodHasNode(old, now);
    }

    private void PodGone(PodInfo old)
    {
        _queue.Remove(old.Name);
        _status.Drop(old.Name);
        PodInfo? placed;
        lock (_gate)
        {
            _known.Remove(old.Name);
            placed = _cluster.Remove(old.Name);
            _cluster.Nominations.Remove(old.Uid);
        }
        _preempting.TryRemove(old.Uid, out _);
        _binder.Stop(old);
        if (placed is not null) _queue.Happened(new(ChangeKinds.PodRemoved, placed, null));
        else if (old.NominatedNode.Length > 0) NominationGone(old);
    }

    private void PodHasNode(PodInfo? old, PodInfo now)
    {
        lock (_gate)
        {
            _known[now.Name] = now;
            _cluster.Place(now, now.Pod.Spec.NodeName, isAssumed: false);
            _cluster.Nominations.Remove(now.Uid);
        }
        if (old is null || string.IsNullOrEmpty(old.Pod.Spec.NodeName))
        {
            _queue.Remove(now.Name);
            _status.Drop(now.Name);
            _queue.Happened(new(ChangeKinds.PodAdded, null, now));
            return;
        }
        var kinds = PodChanges.Between(old, now);
        TellEach(kinds == ChangeKinds.None && _extenders.Count > 0 ? ChangeKinds.Other : kinds, old, now);
    }

    private void PodWaits(PodInfo? old, PodInfo now)
    {
        bool isAssumed;
        lock (_gate)
        {
            _known[now.Name] = now;
            // Another scheduler's Pods have no claim on a node before they are on it.
            if (!_profiles.ContainsKey(now.SchedulerName)) return;
            isAssumed = _cluster.IsAssumed(now.Name, now.Uid);
            if (!isAssumed && (old is null || old.NominatedNode.Length + now.NominatedNode.Length > 0 || _cluster.Nominations.NodeOf(now.Uid) is null)) _cluster.Nominations.Set(now, now.NominatedNode);
        }
        if (isAssumed)
        {
            if (now.IsLeaving && old?.IsLeaving != true) Forget(now);
            return;
        }
        if (old is null)
        {
            _queue.Add(now);
            return;
        }
        // Our own writes to the status do not make it worth another try.
        _queue.Update(old, now);
        if (old.NominatedNode.Length > 0 && old.NominatedNode != now.NominatedNode) NominationGone(old);
    }

    /// <summary>A Pod that was given a node goes before it is bound: it will not be any more, so others may have the room now.</summary>
    private void Forget(PodInfo leaving)
    {
        PodInfo? placed;
        lock (_gate) placed = _cluster.Remove(leaving.Name);
        _binder.Stop(leaving);
        if (placed is not null) _queue.Happened(new(ChangeKinds.PodRemoved, placed, null));
    }

    /// <summary>Others that are not more important could have the room now.</summary>
    private void NominationGone(PodInfo old) => _queue.Happened(new(ChangeKinds.PodRemoved, old, null), other => other.Priority <= old.Priority);

    private void TellEach(ChangeKinds kinds, object old, object now)
    {
        for (var rest = (int)kinds; rest != 0; rest &= rest - 1) _queue.Happened(new((ChangeKinds)(rest & -rest), old, now));
    }

    /// <summary>What could be done about a Pod that fits nowhere.</summary>
    /// <param name="MayPreempt">False: preemption was not tried.</param>
    private sealed record Further(List<string> Messages, bool MayPreempt, DeviceClaim? Freed, PreemptionOutcome? Outcome);

    private sealed record RunningProfile(Profile Profile, EventRecorder Events, CycleMetrics Metrics);

    /// <param name="NominatedNode">Null: as it is; empty: none.</param>
    /// <param name="Leaving">The victims that have to be told.</param>
    private sealed record Refusal(string Message, IReadOnlyList<IFilterPlugin> Rejectors, ChangeKinds MayHelp, string? NominatedNode, Victims? Victims, IReadOnlyList<PodInfo> Leaving, DeviceClaim? Freed);
}
