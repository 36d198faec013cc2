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
        var now = _context.Time.GetUtcNow();
        switch (RangeStep.Decide(range, _ranges.List(), _addresses.List(), now))
        {
            case RangeStep.Protect:
                await PatchFinalizersAsync(found, [.. range.Metadata.Finalizers ?? [], RangeStep.Finalizer], cancel);
                break;       // the change brings it back
            case RangeStep.Release:
                await PatchFinalizersAsync(found, [.. range.Metadata.Finalizers.Where(f => f != RangeStep.Finalizer)], cancel);
                break;
            case RangeStep.Wait(var delay):
                return Requeue.After(delay);
            case RangeStep.Tell tell:
                var tree = found.ToTree();
                var status = tree["status"]?.DeepClone().AsObject() ?? [];
                status.SetCondition("Ready", tell.IsReady, tell.Reason, tell.Message, now);
                if (await _context.Client.WriteStatusAsync(Resources.ServiceCIDRs, tree, status, cancel) is { } written) _writes.Wrote(name, _ranges, written);
                break;
        }
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

    private void AddAll(bool onlyDeleted = false)
    {
        foreach (var range in _ranges.List())
            if (!onlyDeleted || range.IsBeingDeleted()) _context.Queue.Add(range.NamespacedName());
    }
}
