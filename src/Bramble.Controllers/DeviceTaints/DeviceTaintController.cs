using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Client.Placement;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Nodes;
using k8s.Models;

namespace Bramble.Controllers.DeviceTaints;

/// <summary>Removes Pods whose ResourceClaims hold devices with NoExecute taints that they do not tolerate (any longer). A key is a Pod.</summary>
internal sealed class DeviceTaintController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Pod> _pods;
    private readonly IInformer<KubeObject> _claims;
    private readonly IInformer<KubeObject> _slices;
    private readonly ConcurrentDictionary<NamespacedName, string> _waiting = new();      // the uids of Pods that are to go later
    private readonly ConcurrentDictionary<NamespacedName, string> _tainted = new();      // slices with such taints, mostly none; and their pools

    public DeviceTaintController(ControllerContext context)
    {
        _context = context;
        _pods = context.Watches(Resources.Pods, change =>
        {
            if (_waiting.ContainsKey(change.Name) || change.New is { } pod && Claims(pod).Any()) context.Queue.Add(change.Name);
        });
        _claims = context.WatchesObjects(Resources.ResourceClaims, change =>
        {
            AddConsumers(change.Old);
            AddConsumers(change.New);
        });
        _slices = context.WatchesObjects(Resources.ResourceSlices, change =>
        {
            var versions = new[] { change.Old, change.New }.OfType<KubeObject>().Select(slice => slice.ToTree()).ToList();
            var pool = DeviceEviction.PoolOf(versions[^1]);
            var hadTaints = _tainted.Values.Contains(pool);
            if (change.New is not null && DeviceEviction.HasTaints(versions[^1])) _tainted[change.Name] = pool;
            else _tainted.TryRemove(change.Name, out _);
            // Also a slice without taints ends those of the pool's older ones.
            if (!hadTaints && !_tainted.ContainsKey(change.Name)) return;
            foreach (var claim in _claims!.List())
                if (Results(claim.ToTree()).Any(allocated => versions.Exists(slice => DeviceEviction.IsOfPool(slice, allocated)))) AddConsumers(claim);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_pods.Find(name) is not { } pod || pod.IsBeingDeleted() || string.IsNullOrEmpty(pod.Spec.NodeName))
        {
            _waiting.TryRemove(name, out _);
            return Requeue.Never;
        }
        if (EvictionTime(pod) is not { } when)
        {
            if (_waiting.TryRemove(name, out var uid) && uid == pod.Uid()) _context.Events.Normal(About(pod), "DeviceTaintManagerEviction", "Cancelling deletion");
            return Requeue.Never;
        }
        if (when - _context.Time.GetUtcNow() is var left && left > TimeSpan.Zero)
        {
            _waiting[name] = pod.Uid();
            return Requeue.After(left);
        }
        _context.Events.Normal(About(pod), "DeviceTaintManagerEviction", "Marking for deletion");
        await PodEviction.RunAsync(_context, pod, "DeletionByDeviceTaintManager", "Device Taint manager: deleting due to NoExecute taint", cancel);
        _waiting.TryRemove(name, out _);
        return Requeue.Never;
    }

    /// <summary>The earliest of all its claims'; null: it may stay.</summary>
    private DateTimeOffset? EvictionTime(V1Pod pod)
    {
        if (_tainted.IsEmpty) return null;
        var slices = _slices.List().Select(slice => slice.ToTree()).ToList();
        return Claims(pod).Select(claim => DeviceEviction.Time(claim, slices)).Min();
    }

    /// <summary>The claims that are reserved for a Pod.</summary>
    private IEnumerable<JsonObject> Claims(V1Pod pod) => ClaimNames.Of(pod)
        .Select(name => _claims.Find(new NamespacedName(pod.Namespace(), name))?.ToTree()).OfType<JsonObject>()
        .Where(claim => Consumers(claim).Any(consumer => (string?)consumer["uid"] == pod.Uid()));

    private void AddConsumers(KubeObject? claim)
    {
        if (claim is null) return;
        foreach (var consumer in Consumers(claim.ToTree()))
            if ((string?)consumer["resource"] == "pods" && (string?)consumer["name"] is { } pod) _context.Queue.Add(new NamespacedName(claim.Name.Namespace, pod));
    }

    private static IEnumerable<JsonObject> Consumers(JsonObject claim) => (claim["status"]?["reservedFor"] as JsonArray ?? []).OfType<JsonObject>();

    private static IEnumerable<JsonObject> Results(JsonObject claim) => (claim["status"]?["allocation"]?["devices"]?["results"] as JsonArray ?? []).OfType<JsonObject>();

    private static EventSubject About(V1Pod pod) => new("v1", "Pod", pod.NamespacedName(), pod.Uid(), "");
}
