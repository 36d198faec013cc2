using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>EndpointSlices of Services with a selector: what proxies and DNS read.</summary>
internal sealed class EndpointSliceController : IReconciler
{
    private const string ManagedBy = "endpointslice-controller.k8s.io";
    private const string ByService = "endpoints/service";

    private readonly ControllerContext _context;
    private readonly ServiceWatch _watch;
    private readonly IInformer<V1EndpointSlice> _slices;
    private readonly SliceWriter _writer;
    private readonly WriteBarrier _writes = new();
    private readonly ChangeTimes _times = new();
    private readonly ConcurrentDictionary<NamespacedName, HintsGiven> _hints = new();
    private volatile IReadOnlyDictionary<string, double>? _shares;

    public EndpointSliceController(ControllerContext context)
    {
        _context = context;
        // Much may have to be written for one key, and a node that a Pod waits for does not come in milliseconds.
        context.Queue.BackOff = (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1000));
        _watch = new ServiceWatch(context);
        _slices = context.Watches(Resources.EndpointSlices, change =>
        {
            foreach (var version in (V1EndpointSlice?[])[change.Old, change.New])
                if (version is not null && ServiceOf(version) is { } service) context.Queue.Add(service);
        });
        _slices.AddIndex(ByService, s => ServiceOf(s) is { } service ? [service.ToString()] : []);
        _writer = new SliceWriter(context, _slices, _writes);
        context.Watches(Resources.Nodes, NodeChanged);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (_watch.Services.Find(name) is not { } service)      // its slices are collected with it
        {
            _times.Forget(name);
            _hints.TryRemove(name, out _);
            return Requeue.Never;
        }
        if (service.Spec.Selector is not { Count: > 0 } || service.Spec.Type == "ExternalName") return Requeue.Never;

        var existing = _slices.ByIndex(ByService, name.ToString()).Where(s => !s.IsBeingDeleted())
            .OrderBy(s => s.Metadata.CreationTimestamp).ThenBy(s => s.Metadata.Name, StringComparer.Ordinal)
            .Select(s => _slices.FindObject(s.NamespacedName())).OfType<KubeObject>().Select(o => new SliceTree(o.ToTree())).ToList();
        var pods = _watch.PodsOf(service);
        var changedAt = _times.Next(service, pods);
        var families = ServiceEndpoints.Families(service);
        // What fails in one family does not keep the other from its endpoints.
        var failures = new List<StatusException>();
        foreach (var slice in existing.Where(s => !families.Contains(s.Family))) SetHints(name, slice.Family, null);
        foreach (var family in families) await ReconcileAsync(service, family, pods, [.. existing.Where(s => s.Family == family)], changedAt, failures, cancel);
        foreach (var slice in existing.Where(s => !families.Contains(s.Family)))
        {
            try
            {
                await _writer.DeleteAsync(name, slice, $"error deleting {slice.Name} EndpointSlice for Service {name}", cancel);
            }
            catch (StatusException e)
            {
                failures.Add(e);
            }
        }
        if (failures.Count == 0) return Requeue.Never;
        var messages = failures.Select(f => f.Message).Distinct(StringComparer.Ordinal).ToList();
        var message = messages.Count == 1 ? messages[0] : $"[{string.Join(", ", messages)}]";
        _context.Events.Warning(About(service), "FailedToUpdateEndpointSlices", $"Error updating Endpoint Slices for Service {name}: {message}");
        throw new StatusException(failures[0].Status with { Message = message });
    }

    private async Task ReconcileAsync(
        V1Service service, string family, List<V1Pod> pods, List<SliceTree> existing, DateTimeOffset? changedAt, List<StatusException> failures, CancellationToken cancel)
    {
        var name = service.NamespacedName();
        var desired = new List<(IReadOnlyList<ServedPort>, JsonObject?)>();
        foreach (var endpoint in ServiceEndpoints.Of(service, pods, family, _watch.ZoneOf))
        {
            if (_watch.IsNodeMissing(endpoint.Pod) && service.Spec.PublishNotReadyAddresses != true)
            {
                // The node may come yet: looked at again after a while.
                failures.Add(new StatusException(new Status(500, "", $"skipping Pod {endpoint.Pod.Metadata.Name} for Service {name}: Node {endpoint.Pod.Spec.NodeName} Not Found")));
                desired.Add((endpoint.Ports, null));
                continue;
            }
            desired.Add((endpoint.Ports, endpoint.ToSliceEndpoint(name.Name)));
        }
        var owner = new Owner(Resources.Services, name, service.Metadata.Uid);
        var labels = Labels(service);
        var changes = SlicePlan.Decide(
            service.Metadata.Uid, existing, desired,
            ports =>
            {
                var slice = SliceTree.New(family, ports, owner);
                slice.Metadata["labels"] = labels.DeepClone();
                return slice;
            },
            labels, slice => LabelsDiffer(slice, service));
        var events = Hint(service, family, changes, changes.Unchanged(existing));
        changes.Recycle(s => s.IsOwnedBy(service.Metadata.Uid));
        try
        {
            await _writer.WriteAsync(name, "Service", changes, !service.IsBeingDeleted(), slice => ChangeTimes.Write(slice.Metadata, changedAt), cancel);
        }
        catch (StatusException e)
        {
            failures.Add(e);
        }
        foreach (var (isNormal, reason, message) in events)
        {
            if (isNormal) _context.Events.Normal(About(service), reason, message);
            else _context.Events.Warning(About(service), reason, message);
        }
    }

    private List<(bool IsNormal, string Reason, string Message)> Hint(V1Service service, string family, SliceChanges changes, List<SliceTree> unchanged)
    {
        var name = service.NamespacedName();
        // Told once for a Service, not for each family.
        var wereTold = _hints.TryGetValue(name, out var given) && given.AreTold;
        var events = new List<(bool, string, string)>();
        if (TopologyHints.IsAsked(service))
        {
            var (byZone, why) = TopologyHints.Assign(changes, unchanged, _shares);
            if (byZone is null) Say(false, "TopologyAwareHintsDisabled", why!);
            else if (!wereTold) Say(true, "TopologyAwareHintsEnabled", TopologyHints.Enabled);
            SetHints(name, family, byZone);
            return events;
        }
        if (wereTold) Say(false, "TopologyAwareHintsDisabled", TopologyHints.Disabled);
        SetHints(name, family, null);
        if (TrafficHints.IsAsked(service)) TrafficHints.Apply(changes, unchanged, service.Spec.TrafficDistribution == "PreferSameNode");
        else TopologyHints.Remove(changes, unchanged);
        return events;

        void Say(bool isNormal, string reason, string message) => events.Add((isNormal, reason, $"{message}, addressType: {family}"));
    }

    /// <summary>Zones' shares change with the nodes; Services whose zones have too few endpoints then are looked at.</summary>
    private void NodeChanged(ObjectChange<V1Node> change)
    {
        if (change.Old is { } old && change.New is { } now && IsReady(old) == IsReady(now) && Zone(old) == Zone(now)) return;
        _shares = ZoneShares.Of(_watch.Nodes);
        foreach (var (service, given) in _hints)
            if (given.ByFamily.Values.Any(byZone => TopologyHints.IsOverloaded(byZone, _shares))) _context.Queue.Add(service);
    }

    /// <param name="byZone">Null: none are given any more.</param>
    private void SetHints(NamespacedName service, string family, Dictionary<string, int>? byZone)
    {
        _hints.TryGetValue(service, out var given);
        if (given is null && byZone is null) return;
        var byFamily = given is null ? [] : new Dictionary<string, Dictionary<string, int>>(given.ByFamily);
        if (byZone is null) byFamily.Remove(family);
        else byFamily[family] = byZone;
        if (byFamily.Count == 0) _hints.TryRemove(service, out _);
        else _hints[service] = new HintsGiven(byFamily, areTold: byZone is not null);
    }

    private static bool IsReady(V1Node node) => node.Status?.Conditions?.FirstOrDefault(c => c.Type == "Ready")?.Status == "True";

    private static string? Zone(V1Node node) => node.Metadata.Labels is { } labels && labels.TryGetValue("topology.kubernetes.io/zone", out var zone) ? zone : null;

    private static bool IsReserved(string label) => label is SliceTree.ServiceLabel or SliceTree.ManagedByLabel or SliceTree.HeadlessLabel;

    private static JsonObject Labels(V1Service service)
    {
        var labels = new JsonObject();
        foreach (var (key, value) in service.Metadata.Labels ?? new Dictionary<string, string>())
            if (!IsReserved(key)) labels[key] = value;
        if (ServiceEndpoints.IsHeadless(service)) labels[SliceTree.HeadlessLabel] = "";
        labels[SliceTree.ServiceLabel] = service.Metadata.Name;
        labels[SliceTree.ManagedByLabel] = ManagedBy;
        return labels;
    }

    /// <summary>A change of the reserved labels alone is no reason to write.</summary>
    private static bool LabelsDiffer(SliceTree slice, V1Service service)
    {
        var own = (slice.Labels ?? []).Where(l => !IsReserved(l.Key)).Select(l => (l.Key, (string?)l.Value)).ToHashSet();
        return !own.SetEquals((service.Metadata.Labels ?? new Dictionary<string, string>()).Where(l => !IsReserved(l.Key)).Select(l => (l.Key, (string?)l.Value)));
    }

    /// <summary>A Service's endpoints in each zone, of each family. Never changed: read while nodes change.</summary>
    private sealed class HintsGiven(Dictionary<string, Dictionary<string, int>> byFamily, bool areTold)
    {
        public Dictionary<string, Dictionary<string, int>> ByFamily { get; } = byFamily;

        /// <summary>The event that they are on is out, and none since that they are off.</summary>
        public bool AreTold { get; } = areTold;
    }

    private static EventSubject About(V1Service service) => EventSubject.Of(Resources.Services, service);

    private static NamespacedName? ServiceOf(V1EndpointSlice slice) =>
        slice.Metadata.Labels is { } labels && labels.TryGetValue(SliceTree.ManagedByLabel, out var manager) && manager == ManagedBy
            && labels.TryGetValue(SliceTree.ServiceLabel, out var service) && service.Length > 0
            ? new NamespacedName(slice.Metadata.NamespaceProperty, service) : null;
}
