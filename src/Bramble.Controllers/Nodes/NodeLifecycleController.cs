using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Nodes;

/// <summary>Notices nodes that fell silent and taints nodes by their conditions.</summary>
/// <remarks>A heartbeat counts from the moment it is seen here, on the monotonic clock: no clock of a board is believed, so one that jumps by 30 days (no
/// clock battery, then NTP) makes nobody late.</remarks>
internal sealed class NodeLifecycleController : IReconciler
{
    /// <summary>A new node gets a little longer for its first heartbeat.</summary>
    private static readonly TimeSpan StartupGrace = TimeSpan.FromSeconds(60);
    private const string LeaseNamespace = "kube-node-lease";

    private readonly ControllerContext _context;
    private readonly IInformer<V1Node> _nodes;
    private readonly IInformer<V1Pod> _pods;
    private readonly ConcurrentDictionary<string, Heartbeat> _heartbeats = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _announced = new(StringComparer.Ordinal);
    private readonly ZoneEvictions _zones;

    public NodeLifecycleController(ControllerContext context)
    {
        _context = context;
        _zones = new ZoneEvictions(context.Config.NodeEvictions, context.Time);
        _nodes = context.Watches(Resources.Nodes, NodeChanged);
        context.Watches(Resources.Leases, change =>
        {
            if (change.Name.Namespace == LeaseNamespace && change.New is not null) Beat(change.Name.Name);
        });
        _pods = context.Watches(Resources.Pods, change =>
        {
            // A Pod that was placed on a node that is silent already.
            if (change.New is { Spec.NodeName: { Length: > 0 } node } pod && change.Old?.Spec.NodeName != node && pod.IsReady()) context.Queue.Add(new NamespacedName("", node));
        });
        _pods.AddIndex(NodePods.ByNode, NodePods.Node);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_nodes.FindObject(name) is not { } found) return Requeue.Never;
        var tree = found.ToTree();
        if (_announced.TryAdd(name.Name, true)) _context.Events.Normal(About(tree, name), "RegisteredNode", $"Node {name.Name} event: Registered Node {name.Name} in Controller");
        var heartbeat = _heartbeats.GetOrAdd(name.Name, _ => new Heartbeat(_context.Time.GetTimestamp()));
        var grace = NodeTaints.Condition(tree, "Ready") is null ? StartupGrace : _context.Config.NodeMonitorGracePeriod;
        var age = _context.Time.GetElapsedTime(heartbeat.At);
        var now = _context.Time.GetUtcNow();
        var wasReady = NodeTaints.Condition(tree, "Ready") == "True";
        if (age >= grace && SilentNode.MarkUnknown(tree, now))
        {
            ControllersLog.NodeState(_context.Log, name.Name, "unreachable", age);
            found = await _context.Client.UpdateAsync(Resources.Nodes, tree, "status", cancel);
            tree = found.ToTree();
            if (wasReady) _context.Events.Normal(About(tree, name), "NodeNotReady", $"Node {name.Name} status is now: NodeNotReady");
        }
        // This node as it is now, not as the copy still has it: the last one that fell silent must be seen before anybody is evicted.
        if (_zones.Observe([.. _nodes.List().Where(n => n.Metadata.Name != name.Name), found.Model<V1Node>()])) ForgiveAll();
        var ready = NodeTaints.Condition(tree, "Ready");
        var (eviction, wait) = EvictionOf(found.Model<V1Node>(), tree, ready);
        if (NodeTaints.Decide(tree, eviction, now) is { } taints)
        {
            var patch = new JsonObject
            {
                ["metadata"] = new JsonObject { ["resourceVersion"] = tree["metadata"]!["resourceVersion"]!.DeepClone() },
                ["spec"] = new JsonObject { ["taints"] = taints.Count == 0 ? null : taints },
            };
            await _context.Client.MergePatchAsync(Resources.Nodes, name, patch, null, cancel);
        }
        if (BetaLabels.Decide(tree) is { } labels) await _context.Client.MergePatchAsync(Resources.Nodes, name, new JsonObject { ["metadata"] = new JsonObject { ["labels"] = labels } }, null, cancel);
        // A kubelet that lives says itself which of its Pods serve.
        if (ready == "Unknown") await MarkPodsNotReadyAsync(name.Name, now, cancel);
        // The next look is when the node would be late; each heartbeat puts it off.
        return (age >= grace ? Requeue.Never : Requeue.After(grace - age + TimeSpan.FromMilliseconds(50))).Or(wait);
    }

    private (EvictionTaint Eviction, TimeSpan? Wait) EvictionOf(V1Node node, JsonObject tree, string? ready)
    {
        if (_zones.IsAllDown) return (EvictionTaint.Never, null);
        if (!NodeTaints.NeedsEviction(ready) || NodeTaints.IsEvicting(tree)) return (EvictionTaint.Later, null);
        var wait = _zones.Next(ZoneStates.KeyOf(node));
        return wait == TimeSpan.Zero ? (EvictionTaint.Allowed, null) : (EvictionTaint.Later, wait);
    }

    /// <summary>After nobody was heard of, everybody gets time to be heard again.</summary>
    private void ForgiveAll()
    {
        foreach (var node in _heartbeats.Keys) _heartbeats[node] = new Heartbeat(_context.Time.GetTimestamp());
        foreach (var node in _nodes.List()) _context.Queue.Add(node.NamespacedName());
    }

    private void NodeChanged(ObjectChange<V1Node> change)
    {
        if (change.New is not { } node)
        {
            _heartbeats.TryRemove(change.Name.Name, out _);
            if (_announced.TryRemove(change.Name.Name, out _))
                _context.Events.Normal(new EventSubject("v1", "Node", change.Name, change.Old!.Metadata.Uid, ""), "RemovingNode", $"Node {change.Name.Name} event: Removing Node {change.Name.Name} from Controller");
            return;
        }
        var before = change.Old?.Status?.Conditions?.FirstOrDefault(c => c.Type == "Ready")?.LastHeartbeatTime;
        var now = node.Status?.Conditions?.FirstOrDefault(c => c.Type == "Ready")?.LastHeartbeatTime;
        if (now != before && change.Old is not null) Beat(change.Name.Name);
        // How its zone is concerns all that are down; who is well needs no look.
        if (ZoneStates.IsReady(change.Old) != ZoneStates.IsReady(node))
            foreach (var other in _nodes.List().Where(n => !ZoneStates.IsReady(n))) _context.Queue.Add(other.NamespacedName());
        _context.Queue.Add(change.Name);
    }

    private void Beat(string node)
    {
        var known = _heartbeats.TryGetValue(node, out var last);
        _heartbeats[node] = new Heartbeat(_context.Time.GetTimestamp());
        // Only after a silence is there anything to decide; otherwise the look that waits finds the newer heartbeat.
        if (!known || _context.Time.GetElapsedTime(last.At) >= _context.Config.NodeMonitorGracePeriod) _context.Queue.Add(new NamespacedName("", node));
    }

    /// <summary>Pods of a node that is not ready serve nobody: they leave their Services.</summary>
    private async Task MarkPodsNotReadyAsync(string node, DateTimeOffset now, CancellationToken cancel)
    {
        foreach (var pod in _pods.ByIndex(NodePods.ByNode, node))
        {
            if (!pod.IsReady()) continue;
            var condition = new JsonObject { ["type"] = "Ready", ["status"] = "False", ["lastTransitionTime"] = KubeTime.Seconds(now) };
            try
            {
                await _context.Client.StrategicPatchAsync(
                    Resources.Pods, pod.NamespacedName(),
                    new JsonObject { ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid }, ["status"] = new JsonObject { ["conditions"] = new JsonArray((JsonNode)condition) } },
                    "status", cancel);
                _context.Events.Warning(EventSubject.Of(Resources.Pods, pod), "NodeNotReady", "Node is not ready");
            }
            catch (StatusException e) when (e.IsNotFound || e.IsConflict)
            {
                // Gone or changed meanwhile.
            }
        }
    }

    private static EventSubject About(JsonObject node, NamespacedName name) => new("v1", "Node", name, (string?)node["metadata"]?["uid"] ?? name.Name, "");

    private readonly record struct Heartbeat(long At);
}

internal static class NodePods
{
    public const string ByNode = "nodes/pods";

    public static IEnumerable<string> Node(V1Pod pod) => string.IsNullOrEmpty(pod.Spec.NodeName) ? [] : [pod.Spec.NodeName];
}
