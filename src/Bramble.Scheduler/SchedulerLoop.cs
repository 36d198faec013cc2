using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Scheduler.Filters;
using Bramble.Scheduler.Scores;
using Bramble.Scheduler.State;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Scheduler;

/// <summary>Gives each Pod that has no node one: filters, then scores, then a binding. One Pod is decided at a time; bindings are written meanwhile, at most
/// 16 at once. Sleeps while nothing waits.</summary>
public sealed class SchedulerLoop(IKubeClient client, IInformers informers, TimeProvider time, ILoggerFactory logs)
{
    private const string SchedulerName = "default-scheduler";

    private readonly ILogger _log = logs.CreateLogger("scheduler");
    private readonly Lock _gate = new();        // guards _cluster
    private readonly ClusterState _cluster = new();
    private readonly SemaphoreSlim _bindings = new(16);
    private readonly Random _random = new();
    private IInformer<V1Pod> _pods = null!;
    private IReadOnlyList<IFilterPlugin> _filters = [];
    private IReadOnlyList<IScorePlugin> _scores = [];
    private VolumeBinding _volumes = null!;
    private EventRecorder _events = null!;
    private SchedulingQueue _queue = null!;

    /// <summary>Until cancelled; bindings under way are finished.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        await using var events = _events = new EventRecorder(client, SchedulerName, "", time, logs);
        using var queue = _queue = new SchedulingQueue(time);
        var nodes = informers.For(Resources.Nodes);
        var namespaces = informers.For(Resources.Namespaces);
        var claims = informers.For(Resources.PersistentVolumeClaims);
        var volumes = informers.For(Resources.PersistentVolumes);
        var classes = informers.For(Resources.StorageClasses);
        _pods = informers.For(Resources.Pods);
        _volumes = new VolumeBinding(claims, volumes, classes);
        IDictionary<string, string>? NamespaceLabels(string name) => namespaces.Find(new NamespacedName("", name))?.Metadata.Labels;
        _filters = [new NodeUnschedulable(), new NodeName(), new TaintToleration(), new NodeAffinity(), new NodePorts(), new NodeResourcesFit(), _volumes, new PodTopologySpread(), new InterPodAffinity(NamespaceLabels)];
        _scores = [new TaintPreference(), new NodePreference(), new LeastAllocated(), new BalancedAllocation(), new SpreadPreference(), new PodPreference(NamespaceLabels), new ImageLocality()];

        var binding = new HashSet<Task>();
        try
        {
            await Task.WhenAll(nodes.Synced, namespaces.Synced, claims.Synced, volumes.Synced, classes.Synced, _pods.Synced).WaitAsync(cancel);
            using var a = nodes.Subscribe(NodeChanged);
            using var b = _pods.Subscribe(PodChanged);
            using var c = claims.Subscribe(_ => _queue.Happened(ClusterEvents.VolumeChanged));
            using var d = volumes.Subscribe(_ => _queue.Happened(ClusterEvents.VolumeChanged));
            using var e = classes.Subscribe(_ => _queue.Happened(ClusterEvents.VolumeChanged));
            while (true)
            {
                var pod = await queue.TakeAsync(cancel);
                binding.RemoveWhere(t => t.IsCompleted);
                if (await ScheduleAsync(pod, cancel) is { } started) binding.Add(started);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // stopping
        }
        await Task.WhenAll(binding);
    }

    /// <returns>The binding that was started, if any.</returns>
    private async Task<Task?> ScheduleAsync(PodInfo pod, CancellationToken cancel)
    {
        if (_pods.Find(pod.Name) is not { } current || current.Metadata.Uid != pod.Uid || current.IsBeingDeleted() || !string.IsNullOrEmpty(current.Spec.NodeName))
        {
            _queue.Remove(pod.Name);
            return null;
        }
        NodeInfo? best;
        var refusals = new Dictionary<NodeInfo, FilterResult>();
        var mayHelp = ClusterEvents.NodeAdded;
        Victims? victims = null;
        lock (_gate)
        {
            best = Choose(pod, refusals, ref mayHelp);
            if (best is not null) _cluster.Place(pod, best.Name);       // assumed, until the informer shows it
            else if (pod.Pod.Status?.NominatedNodeName is not { Length: > 0 } nominated || !IsEmptying(nominated, pod)) victims = Preemption.Decide(pod, refusals, _cluster, Filter);
        }
        if (best is null)
        {
            await RefuseAsync(pod, refusals, mayHelp, victims, cancel);
            return null;
        }
        await _bindings.WaitAsync(cancel);
        return BindAsync(pod, best.Name);
    }

    private NodeInfo? Choose(PodInfo pod, Dictionary<NodeInfo, FilterResult> refusals, ref ClusterEvents mayHelp)
    {
        var fitting = new List<NodeInfo>();
        foreach (var node in _cluster.Nodes)
        {
            var result = FilterResult.Fits;
            foreach (var filter in _filters)
            {
                result = filter.Filter(pod, node, _cluster);
                if (result.DoesFit) continue;
                mayHelp |= filter.MayHelp;
                break;
            }
            if (result.DoesFit) fitting.Add(node);
            else refusals.Add(node, result);
        }
        if (fitting.Count <= 1) return fitting.FirstOrDefault();
        var totals = new double[fitting.Count];
        foreach (var score in _scores)
        {
            var scores = fitting.Select(n => score.Score(pod, n, _cluster)).ToArray();
            score.Normalize(scores);
            for (var i = 0; i < totals.Length; i++) totals[i] += score.Weight * scores[i];
        }
        var most = totals.Max();
        var equals = Enumerable.Range(0, totals.Length).Where(i => totals[i] >= most - 1e-9).ToList();
        return fitting[equals[_random.Next(equals.Count)]];
    }

    private FilterResult Filter(PodInfo pod, NodeInfo node)
    {
        foreach (var filter in _filters)
            if (filter.Filter(pod, node, _cluster) is { DoesFit: false } refusal) return refusal;
        return FilterResult.Fits;
    }

    /// <summary>Victims of an earlier preemption for this Pod are still going: no second round.</summary>
    private bool IsEmptying(string node, PodInfo pod) => _cluster.Find(node)?.Pods.Any(p => p.Pod.IsBeingDeleted() && p.Priority < pod.Priority) == true;

    private async Task BindAsync(PodInfo pod, string node)
    {
        // A decision made is carried out also while stopping; it is bounded by the client's own limits.
        using var bounded = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        try
        {
            foreach (var claim in _volumes.WaitingClaims(pod.Pod).ToList())
                await client.MergePatchAsync(
                    Resources.PersistentVolumeClaims, claim.NamespacedName(),
                    new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { ["volume.kubernetes.io/selected-node"] = node } } }, null, bounded.Token);
            var body = new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Binding",
                ["metadata"] = new JsonObject { ["name"] = pod.Name.Name, ["namespace"] = pod.Name.Namespace, ["uid"] = pod.Uid },
                ["target"] = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Node", ["name"] = node },
            };
            await client.CreateAsync(Resources.Pods, pod.Name, body, "binding", bounded.Token);
            _queue.Placed(pod.Name);
            _events.WithAction(About(pod), "Normal", "Scheduled", "Binding", $"Successfully assigned {pod.Name.Namespace}/{pod.Name.Name} to {node}");
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException or OperationCanceledException)
        {
            var isUnbound = string.IsNullOrEmpty(_pods.Find(pod.Name)?.Spec.NodeName);
            lock (_gate)
                if (isUnbound && _cluster.IsPlaced(pod.Name, pod.Uid)) _cluster.Remove(pod.Name);
            if (e is StatusException { IsNotFound: true })
            {
                _queue.Remove(pod.Name);
            }
            else
            {
                SchedulerLog.BindFailed(_log, pod.Name, node, e.Message);
                _queue.Refused(pod, ClusterEvents.All);
                _queue.Happened(ClusterEvents.All);
            }
        }
        finally
        {
            _bindings.Release();
        }
    }

    private async Task RefuseAsync(PodInfo pod, Dictionary<NodeInfo, FilterResult> refusals, ClusterEvents mayHelp, Victims? victims, CancellationToken cancel)
    {
        var message = FitError.Message(refusals.Count, refusals.Values.Select(r => r.Reasons!));
        if (refusals.Count > 0 && victims is null)
            message += pod.Pod.Spec.PreemptionPolicy == "Never" ? " preemption: not eligible due to preemptionPolicy=Never." : " " + FitError.Preemption(refusals.Values);
        _queue.Refused(pod, victims is null ? mayHelp : ClusterEvents.All);
        _events.WithAction(About(pod), "Warning", "FailedScheduling", "Scheduling", message);
        try
        {
            if (victims is not null) await PreemptAsync(pod, victims, cancel);
            await WriteConditionAsync(pod, message, victims?.Node.Name, cancel);
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException)
        {
            if (e is not StatusException { IsNotFound: true }) SchedulerLog.StatusFailed(_log, pod.Name, e.Message);
        }
    }

    private async Task PreemptAsync(PodInfo pod, Victims victims, CancellationToken cancel)
    {
        foreach (var victim in victims.Pods)
        {
            var condition = new JsonObject
            {
                ["type"] = "DisruptionTarget",
                ["status"] = "True",
                ["reason"] = "PreemptionByScheduler",
                ["message"] = $"{SchedulerName}: preempting to accommodate a higher priority pod",
                ["lastTransitionTime"] = KubeTime.Seconds(time.GetUtcNow()),
            };
            try
            {
                await client.StrategicPatchAsync(
                    Resources.Pods, victim.Name, new JsonObject { ["status"] = new JsonObject { ["conditions"] = new JsonArray((JsonNode)condition) } }, "status", cancel);
                await client.DeleteAsync(Resources.Pods, victim.Name, new DeleteQuery(Uid: victim.Uid), cancel);
            }
            catch (StatusException e) when (e.IsNotFound)
            {
                continue;       // gone by itself
            }
            _events.WithAction(About(victim), "Normal", "Preempted", "Preempting", $"Preempted by pod {pod.Uid} on node {victims.Node.Name}");
        }
    }

    private async Task WriteConditionAsync(PodInfo pod, string message, string? nominatedNode, CancellationToken cancel)
    {
        var known = pod.Pod.Status?.Conditions?.FirstOrDefault(c => c.Type == "PodScheduled");
        var current = _pods.Find(pod.Name)?.Status?.Conditions?.FirstOrDefault(c => c.Type == "PodScheduled") ?? known;
        if (nominatedNode is null && current is { Status: "False", Reason: "Unschedulable" } && current.Message == message) return;
        var condition = new JsonObject
        {
            ["type"] = "PodScheduled",
            ["status"] = "False",
            ["reason"] = "Unschedulable",
            ["message"] = message,
            ["lastProbeTime"] = null,
        };
        if (pod.Pod.Metadata.Generation is { } generation and > 0) condition["observedGeneration"] = generation;
        if (current?.Status != "False" || current.LastTransitionTime is null) condition["lastTransitionTime"] = KubeTime.Seconds(time.GetUtcNow());
        var status = new JsonObject { ["conditions"] = new JsonArray((JsonNode)condition) };
        if (nominatedNode is not null) status["nominatedNodeName"] = nominatedNode;
        await client.StrategicPatchAsync(Resources.Pods, pod.Name, new JsonObject { ["metadata"] = new JsonObject { ["uid"] = pod.Uid }, ["status"] = status }, "status", cancel);
    }

    private static EventSubject About(PodInfo pod) => EventSubject.Of(Resources.Pods, pod.Pod);

    private void NodeChanged(ObjectChange<V1Node> change)
    {
        lock (_gate)
        {
            if (change.New is { } node) _cluster.SetNode(node);
            else _cluster.RemoveNode(change.Name.Name);
        }
        if (change.New is null) return;
        if (change.Old is null) _queue.Happened(ClusterEvents.NodeAdded);
        else if (Matters(change.Old, change.New)) _queue.Happened(ClusterEvents.NodeChanged);
    }

    /// <summary>Heartbeats and images change no decision.</summary>
    private static bool Matters(V1Node old, V1Node now) =>
        old.Spec?.Unschedulable != now.Spec?.Unschedulable
        || !Equals(old.Metadata.Labels, now.Metadata.Labels, (a, b) => a == b)
        || !Equals(old.Status?.Allocatable, now.Status?.Allocatable, (a, b) => a.ToString() == b.ToString())
        || !(old.Spec?.Taints ?? []).Select(t => (t.Key, t.Value, t.Effect)).SequenceEqual((now.Spec?.Taints ?? []).Select(t => (t.Key, t.Value, t.Effect)));

    private static bool Equals<T>(IDictionary<string, T>? a, IDictionary<string, T>? b, Func<T, T, bool> equal) =>
        (a?.Count ?? 0) == (b?.Count ?? 0) && (a is null || a.All(p => b!.TryGetValue(p.Key, out var other) && equal(p.Value, other)));

    private void PodChanged(ObjectChange<V1Pod> change)
    {
        if (change.New is not { } pod || pod.Status?.Phase is "Succeeded" or "Failed")
        {
            _queue.Remove(change.Name);
            bool usedNode;
            lock (_gate) usedNode = _cluster.Remove(change.Name);
            if (usedNode) _queue.Happened(ClusterEvents.PodRemoved);
            return;
        }
        if (!string.IsNullOrEmpty(pod.Spec.NodeName))
        {
            var info = new PodInfo(pod);
            bool isNew;
            lock (_gate)
            {
                isNew = !_cluster.IsPlaced(change.Name, pod.Metadata.Uid);
                _cluster.Place(info, pod.Spec.NodeName);
            }
            _queue.Remove(change.Name);
            if (isNew || string.IsNullOrEmpty(change.Old?.Spec.NodeName)) _queue.Happened(ClusterEvents.PodAdded);
            return;
        }
        if ((pod.Spec.SchedulerName ?? SchedulerName) != SchedulerName) return;
        if (pod.IsBeingDeleted() || pod.Spec.SchedulingGates is { Count: > 0 })
        {
            _queue.Remove(change.Name);
            return;
        }
        lock (_gate)
            if (_cluster.IsPlaced(change.Name, pod.Metadata.Uid)) return;     // being bound
        // Our own writes to the status do not make it worth another try.
        _queue.Set(new PodInfo(pod), change.Old is not null && change.Old.Metadata.Generation != pod.Metadata.Generation);
    }
}
