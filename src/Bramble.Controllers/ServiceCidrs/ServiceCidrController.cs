using System.Net;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.ServiceCidrs;

/// <summary>Service ranges that users add: ready from the start, and not gone before the last address in them is. KEP-1880.</summary>
internal sealed class ServiceCidrController : IReconciler
{
    private const string ManagedBy = "ipaddress.kubernetes.io/managed-by";
    private const string Finalizer = "networking.k8s.io/service-cidr-finalizer";

    /// <summary>Addresses may be being taken in the moment of the deletion: they are seen within this time.</summary>
    private static readonly TimeSpan DeletionGrace = TimeSpan.FromSeconds(10);

    private readonly ControllerContext _context;
    private readonly IInformer<V1ServiceCIDR> _ranges;
    private readonly IInformer<V1IPAddress> _addresses;
    private readonly WriteBarrier _writes = new();

    public ServiceCidrController(ControllerContext context)
    {
        _context = context;
        _ranges = context.Watches(Resources.ServiceCIDRs, _ => AddAll());
        _addresses = context.Watches(Resources.IPAddresses, change =>
        {
            // One that comes may hold up a deletion as one that goes may end the waiting.
            if (change.Old is null || change.New is null) AddAll(onlyDeleted: true);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (_ranges.FindObject(name) is not { } found) return Requeue.Never;
        var range = found.Model<V1ServiceCIDR>();
        var tree = found.ToTree();
        var now = _context.Time.GetUtcNow();
        var status = tree["status"]?.DeepClone().AsObject() ?? [];
        if (range.Metadata.DeletionTimestamp is { } deletedAt)
        {
            if (range.Metadata.Finalizers?.Contains(Finalizer) != true) return Requeue.Never;
            if (IsInUse(range))
            {
                status.SetCondition("Ready", false, "Terminating", "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR", now);
                if (await _context.Client.WriteStatusAsync(Resources.ServiceCIDRs, tree, status, cancel) is { } told) _writes.Wrote(name, _ranges, told);
                return Requeue.Never;
            }
            var left = deletedAt.Add(DeletionGrace) - now;
            if (left > TimeSpan.Zero) return Requeue.After(left < DeletionGrace ? left : DeletionGrace);
            await PatchFinalizersAsync(found, [.. range.Metadata.Finalizers.Where(f => f != Finalizer)], cancel);
            return Requeue.Never;
        }
        if (range.Metadata.Finalizers?.Contains(Finalizer) != true)
        {
            await PatchFinalizersAsync(found, [.. range.Metadata.Finalizers ?? [], Finalizer], cancel);
            return Requeue.Never;       // the change brings it back
        }
        status.SetCondition("Ready", true, "", "Kubernetes Service CIDR is ready", now);
        if (await _context.Client.WriteStatusAsync(Resources.ServiceCIDRs, tree, status, cancel) is { } written) _writes.Wrote(name, _ranges, written);
        return Requeue.Never;
    }

    private async Task PatchFinalizersAsync(KubeObject found, IReadOnlyList<string> finalizers, CancellationToken cancel)
    {
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["uid"] = found.Uid,
                ["resourceVersion"] = found.ResourceVersion.ToString(System.Globalization.CultureInfo.InvariantCulture),
                ["finalizers"] = finalizers.Count == 0 ? null : new JsonArray([.. finalizers.Select(f => (JsonNode)f)]),
            },
        };
        _writes.Wrote(found.Name, _ranges, await _context.Client.MergePatchAsync(Resources.ServiceCIDRs, found.Name, patch, null, cancel));
    }

    /// <summary>An address of a Service in it that no other range holds.</summary>
    private bool IsInUse(V1ServiceCIDR range)
    {
        var own = Networks(range);
        var others = _ranges.List().Where(r => r.Metadata.Name != range.Metadata.Name && !r.IsBeingDeleted()).SelectMany(Networks).ToList();
        return _addresses.List().Any(a => a.Metadata.Labels is { } labels && labels.TryGetValue(ManagedBy, out var by) && by == "ipallocator.k8s.io" && IPAddress.TryParse(a.Metadata.Name, out var ip) && own.Exists(n => ServiceRange.Holds(n, ip)) && !others.Exists(n => ServiceRange.Holds(n, ip)));
    }

    private static List<IPNetwork> Networks(V1ServiceCIDR range) =>
        [.. (range.Spec?.Cidrs ?? []).Select(c => IPNetwork.TryParse(c, out var network) ? network : (IPNetwork?)null).OfType<IPNetwork>()];

    private void AddAll(bool onlyDeleted = false)
    {
        foreach (var range in _ranges.List())
            if (!onlyDeleted || range.IsBeingDeleted()) _context.Queue.Add(range.NamespacedName());
    }
}
