using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>EndpointSlices of Services with a selector: what proxies and DNS read.</summary>
internal sealed class EndpointSliceController : IReconciler
{
    private const string ServiceLabel = "kubernetes.io/service-name";
    private const string ManagedByLabel = "endpointslice.kubernetes.io/managed-by";
    private const string HeadlessLabel = "service.kubernetes.io/headless";
    private const string ManagedBy = "endpointslice-controller.k8s.io";
    private const string ByService = "endpoints/service";
    private const int EndpointsMax = 100;

    private readonly ControllerContext _context;
    private readonly ServiceWatch _watch;
    private readonly IInformer<V1EndpointSlice> _slices;
    private readonly WriteBarrier _writes = new();

    public EndpointSliceController(ControllerContext context)
    {
        _context = context;
        _watch = new ServiceWatch(context);
        _slices = context.Watches(Resources.EndpointSlices, change =>
        {
            if (ServiceOf(change.New ?? change.Old!) is { } service) context.Queue.Add(service);
        });
        _slices.AddIndex(ByService, s => ServiceOf(s) is { } service ? [service.ToString()] : []);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        var existing = _slices.ByIndex(ByService, name.ToString()).ToList();
        if (_watch.Services.Find(name) is not { } service) return Requeue.Never;       // its slices are collected with it
        if (service.Spec.Selector is not { Count: > 0 } || service.Spec.Type == "ExternalName") return Requeue.Never;
        if (service.IsBeingDeleted()) return Requeue.Never;

        var pods = _watch.PodsOf(service);
        foreach (var family in ServiceEndpoints.Families(service))
        {
            var known = existing.Where(s => s.AddressType == family && !s.IsBeingDeleted()).OrderBy(s => s.Metadata.CreationTimestamp).ThenBy(s => s.Metadata.Name, StringComparer.Ordinal).ToList();
            existing.RemoveAll(s => s.AddressType == family);
            await ReconcileAsync(service, family, pods, known, cancel);
        }
        foreach (var slice in existing) await DeleteAsync(name, slice, cancel);     // of a family that the Service no longer has
        return Requeue.Never;
    }

    private async Task ReconcileAsync(V1Service service, string family, List<V1Pod> pods, List<V1EndpointSlice> known, CancellationToken cancel)
    {
        var name = service.NamespacedName();
        var wanted = ServiceEndpoints.Of(service, pods, family, _watch.ZoneOf)
            .SelectMany(g => g.Endpoints.Chunk(EndpointsMax).Select(chunk => (g.Ports, Endpoints: chunk))).ToList();
        // A Service without Pods keeps one empty slice, so that "no endpoints" and "not looked at yet" differ.
        if (wanted.Count == 0) wanted.Add(([], []));
        foreach (var (ports, endpoints) in wanted)
        {
            var tree = Slice(service, family, ports, endpoints);
            var uids = endpoints.Select(e => e.Pod.Metadata.Uid).ToHashSet();
            // The slice that holds most of these Pods already changes least.
            var best = known.OrderByDescending(s => (s.Endpoints ?? []).Count(e => e.TargetRef?.Uid is { } uid && uids.Contains(uid))).FirstOrDefault();
            if (best is null)
            {
                _writes.Wrote(name, _slices, await _context.Client.CreateAsync(Resources.EndpointSlices, new NamespacedName(name.Namespace, ""), tree, null, cancel));
                continue;
            }
            known.Remove(best);
            if (_slices.FindObject(best.NamespacedName())?.ToTree() is not { } current) continue;
            var changed = current.DeepClone().AsObject();
            changed["endpoints"] = tree["endpoints"]!.DeepClone();
            changed["ports"] = tree["ports"]!.DeepClone();
            changed["metadata"]!["labels"] = tree["metadata"]!["labels"]!.DeepClone();
            if (IsSame(current, changed)) continue;
            _writes.Wrote(name, _slices, await _context.Client.UpdateAsync(Resources.EndpointSlices, changed, null, cancel));
        }
        foreach (var slice in known) await DeleteAsync(name, slice, cancel);
    }

    private static bool IsSame(JsonObject current, JsonObject changed)
    {
        foreach (var field in (string[])["endpoints", "ports"])
        {
            // Null and empty say the same.
            var a = current[field] as JsonArray ?? [];
            if (!JsonNode.DeepEquals(a, changed[field])) return false;
        }
        return JsonNode.DeepEquals(current["metadata"]!["labels"], changed["metadata"]!["labels"]);
    }

    private async Task DeleteAsync(NamespacedName service, V1EndpointSlice slice, CancellationToken cancel)
    {
        await _context.Client.DeleteAsync(Resources.EndpointSlices, slice.NamespacedName(), new DeleteQuery(Uid: slice.Metadata.Uid), cancel);
        _writes.Deleted(service, _slices, slice.NamespacedName(), slice.Metadata.Uid);
    }

    private static JsonObject Slice(V1Service service, string family, IReadOnlyList<ServedPort> ports, IReadOnlyList<ServiceEndpoint> endpoints)
    {
        var labels = new JsonObject();
        foreach (var (key, value) in service.Metadata.Labels ?? new Dictionary<string, string>()) labels[key] = value;
        labels[ServiceLabel] = service.Metadata.Name;
        labels[ManagedByLabel] = ManagedBy;
        if (service.Spec.ClusterIP == "None") labels[HeadlessLabel] = "";
        return new JsonObject
        {
            ["apiVersion"] = "discovery.k8s.io/v1",
            ["kind"] = "EndpointSlice",
            ["metadata"] = new JsonObject
            {
                ["generateName"] = service.Metadata.Name + "-",
                ["namespace"] = service.Metadata.NamespaceProperty,
                ["labels"] = labels,
                ["ownerReferences"] = new JsonArray((JsonNode)new Owner(Resources.Services, service.NamespacedName(), service.Metadata.Uid).Reference()),
            },
            ["addressType"] = family,
            ["endpoints"] = new JsonArray([.. endpoints.Select(e => (JsonNode)e.ToSliceEndpoint(service.Metadata.Name))]),
            ["ports"] = new JsonArray([.. ports.Select(p => (JsonNode)p.ToSlicePort())]),
        };
    }

    private static NamespacedName? ServiceOf(V1EndpointSlice slice) =>
        slice.Metadata.Labels is { } labels && labels.TryGetValue(ManagedByLabel, out var manager) && manager == ManagedBy && labels.TryGetValue(ServiceLabel, out var service)
            ? new NamespacedName(slice.Metadata.NamespaceProperty, service) : null;
}
