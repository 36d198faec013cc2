using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>Mirrors Endpoints that somebody made for a Service without a selector to EndpointSlices, because proxies read only those.</summary>
internal sealed class EndpointSliceMirroringController : IReconciler
{
    private const string ByEndpoints = "endpoints/mirrored";

    private readonly ControllerContext _context;
    private readonly IInformer<V1Endpoints> _endpoints;
    private readonly IInformer<V1Service> _services;
    private readonly IInformer<V1EndpointSlice> _slices;
    private readonly SliceWriter _writer;
    private readonly WriteBarrier _writes = new();

    public EndpointSliceMirroringController(ControllerContext context)
    {
        _context = context;
        context.Queue.BackOff = (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(100));
        _endpoints = context.Watches(Resources.Endpoints, change =>
        {
            if (Mirroring.IsWanted(change.Old) || Mirroring.IsWanted(change.New)) context.Queue.Add(change.Name);
        });
        _services = context.Watches(Resources.Services, change =>
        {
            if (Mirroring.HasNoSelector(change.Old) != Mirroring.HasNoSelector(change.New)) context.Queue.Add(change.Name);
        });
        _slices = context.Watches(Resources.EndpointSlices, change =>
        {
            foreach (var version in (V1EndpointSlice?[])[change.Old, change.New])
                if (version is not null && Mirroring.EndpointsOf(version) is { } name) context.Queue.Add(name);
        });
        _slices.AddIndex(ByEndpoints, s => Mirroring.EndpointsOf(s) is { } name ? [name.ToString()] : []);
        _writer = new SliceWriter(context, _slices, _writes);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        var existing = _slices.ByIndex(ByEndpoints, name.ToString()).Where(s => !s.IsBeingDeleted())
            .OrderBy(s => s.Metadata.CreationTimestamp).ThenBy(s => s.Metadata.Name, StringComparer.Ordinal)
            .Select(s => _slices.FindObject(s.NamespacedName())).OfType<KubeObject>().Select(o => new SliceTree(o.ToTree())).ToList();
        var found = _endpoints.FindObject(name);
        if (found is null || !Mirroring.IsWanted(found.Model<V1Endpoints>(), _services.Find(name)))
        {
            foreach (var slice in existing) await _writer.DeleteAsync(name, slice, $"failed to delete {slice.Name} EndpointSlice for Endpoints {name}", cancel);
            return Requeue.Never;
        }
        var tree = found.ToTree();
        var mirror = Mirroring.Decide(tree, Owner.Of(Resources.Endpoints, found), existing, Mirroring.ManagedBy);
        var about = EventSubject.Of(Resources.Endpoints, found.Model<V1Endpoints>());
        if (mirror.InvalidAddresses > 0) _context.Events.Warning(about, "InvalidIPAddress", $"Skipped {mirror.InvalidAddresses} invalid IP addresses when mirroring to EndpointSlices");
        if (mirror.SkippedAddresses > mirror.InvalidAddresses)
            _context.Events.Warning(about, "TooManyAddressesToMirror",
                $"A max of {Mirroring.AddressesMax} addresses can be mirrored to EndpointSlices per Endpoints subset. {mirror.SkippedAddresses} addresses were skipped");
        mirror.Changes.Recycle(_ => true);
        await _writer.WriteAsync(name, "Endpoints", mirror.Changes, tree["metadata"]!["deletionTimestamp"] is null, _ => { }, cancel);
        return Requeue.Never;
    }
}

/// <summary>What the slices of an Endpoints object must be: one for each subset and address family. Pure.</summary>
internal static class Mirroring
{
    public const string ManagedBy = "endpointslicemirroring-controller.k8s.io";
    public const int AddressesMax = 1000;
    private const string SkipLabel = "endpointslice.kubernetes.io/skip-mirror";
    private const string LeaderAnnotation = "control-plane.alpha.kubernetes.io/leader";
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    public sealed record Mirror(SliceChanges Changes, int InvalidAddresses, int SkippedAddresses);

    public static bool IsWanted(V1Endpoints? endpoints) =>
        endpoints is not null && !(endpoints.Metadata.Labels is { } labels && labels.TryGetValue(SkipLabel, out var skip) && skip == "true")
            && endpoints.Metadata.Annotations?.ContainsKey(LeaderAnnotation) != true;

    /// <param name="service">What has their name. One with a selector has slices of its own, made from its Pods.</param>
    public static bool IsWanted(V1Endpoints? endpoints, V1Service? service) => IsWanted(endpoints) && HasNoSelector(service);

    /// <summary>An empty selector is none.</summary>
    public static bool HasNoSelector(V1Service? service) => service is not null && service.Spec.Selector is not { Count: > 0 };

    /// <summary>The Endpoints that a slice mirrors; null: it is none of these.</summary>
    public static NamespacedName? EndpointsOf(V1EndpointSlice slice) =>
        slice.Metadata.Labels is { } labels && labels.TryGetValue(SliceTree.ManagedByLabel, out var manager) && manager == ManagedBy
            && labels.TryGetValue(SliceTree.ServiceLabel, out var name) && name.Length > 0
            ? new NamespacedName(slice.Metadata.NamespaceProperty, name) : null;

    public static Mirror Decide(JsonObject endpoints, Owner owner, IReadOnlyList<SliceTree> existing, string managedBy)
    {
        var desired = new Dictionary<string, (string Family, IReadOnlyList<ServedPort> Ports, Dictionary<string, JsonObject> Endpoints)>(StringComparer.Ordinal);
        int invalid = 0, skipped = 0;
        foreach (var subset in EndpointSubsets.Repack((endpoints["subsets"] as JsonArray ?? []).OfType<JsonObject>().Select(EndpointSubset.Of)))
        {
            foreach (var family in (ReadOnlySpan<string>)["IPv4", "IPv6"])
                desired.TryAdd($"{family}-{SliceTree.KeyOf(subset.Ports)}", (family, subset.Ports, new(StringComparer.Ordinal)));
            var added = 0;
            foreach (var address in subset.Addresses.OrderBy(a => a.IsReady ? 0 : 1))
            {
                if (added >= AddressesMax) break;
                if (AddressOf(address.Ip) is not { } ip)
                {
                    invalid++;
                    continue;
                }
                var endpoint = EndpointOf(address, ip);
                var family = ip.AddressFamily == AddressFamily.InterNetworkV6 ? "IPv6" : "IPv4";
                desired[$"{family}-{SliceTree.KeyOf(subset.Ports)}"].Endpoints[SliceTree.KeyOf(endpoint)] = endpoint;
                added++;
            }
            skipped += subset.Addresses.Count - added;
        }

        var changes = new SliceChanges();
        var known = existing.GroupBy(s => $"{s.Family}-{s.PortsKey}").ToDictionary(g => g.Key, g => g.ToList());
        foreach (var (key, (family, ports, wanted)) in desired)
        {
            known.Remove(key, out var slices);
            slices ??= [];
            if (wanted.Count == 0)
            {
                changes.Delete.AddRange(slices);
                continue;
            }
            changes.Delete.AddRange(slices.Skip(1));
            var slice = SliceTree.New(family, ports, owner);
            slice.Metadata["labels"] = Labels(endpoints, owner.Name.Name, managedBy);
            if (Annotations(endpoints) is { Count: > 0 } annotations) slice.Metadata["annotations"] = annotations;
            slice.Endpoints = [.. wanted.Values];
            if (slices.Count == 0) changes.Create.Add(slice);
            else if (!IsSame(slices[0], slice, owner)) changes.Update.Add(slice.InPlaceOf(slices[0]));
        }
        foreach (var gone in known.Values) changes.Delete.AddRange(gone);
        return new Mirror(changes, invalid, skipped);
    }

    private static bool IsSame(SliceTree known, SliceTree wanted, Owner owner)
    {
        var (were, now) = (known.Endpoints, wanted.Endpoints);
        // Somebody may have written one twice.
        var before = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
        foreach (var endpoint in were) before[SliceTree.KeyOf(endpoint)] = endpoint;
        return were.Count == now.Count && now.TrueForAll(e => before.TryGetValue(SliceTree.KeyOf(e), out var there) && SliceTree.IsSameState(e, there))
            && JsonNode.DeepEquals(known.Labels, wanted.Labels) && JsonNode.DeepEquals(known.Metadata["annotations"] ?? new JsonObject(), wanted.Metadata["annotations"] ?? new JsonObject())
            // Endpoints that were made anew under the same name are another owner.
            && !(known.Metadata["ownerReferences"] as JsonArray ?? []).Any(o => (string?)o?["kind"] == "Endpoints" && (string?)o["name"] == owner.Name.Name && (string?)o["uid"] != owner.Uid);
    }

    /// <summary>Endpoints may say addresses as slices may not: leading zeros mean nothing (.NET takes them for octal), and IPv4 within IPv6 is IPv4.</summary>
    private static IPAddress? AddressOf(string text)
    {
        var plain = text.Contains(':') ? text : string.Join('.', text.Split('.').Select(part => part.Length > 1 ? part.TrimStart('0') is { Length: > 0 } kept ? kept : "0" : part));
        if (!IPAddress.TryParse(plain, out var ip)) return null;
        return ip.IsIPv4MappedToIPv6 ? ip.MapToIPv4() : ip;
    }

    private static JsonObject EndpointOf(SubsetAddress address, IPAddress ip)
    {
        var endpoint = new JsonObject { ["addresses"] = new JsonArray(ip.ToString()), ["conditions"] = new JsonObject { ["ready"] = address.IsReady } };
        if ((string?)address.Tree["hostname"] is { Length: > 0 } hostname) endpoint["hostname"] = hostname;
        if (address.Tree["targetRef"] is { } target) endpoint["targetRef"] = target.DeepClone();
        if ((string?)address.Tree["nodeName"] is { } node) endpoint["nodeName"] = node;
        return endpoint;
    }

    private static JsonObject Labels(JsonObject endpoints, string name, string managedBy)
    {
        var labels = endpoints["metadata"]!["labels"]?.DeepClone().AsObject() ?? [];
        labels[SliceTree.ServiceLabel] = name;
        labels[SliceTree.ManagedByLabel] = managedBy;
        return labels;
    }

    private static JsonObject Annotations(JsonObject endpoints)
    {
        var annotations = endpoints["metadata"]!["annotations"]?.DeepClone().AsObject() ?? [];
        annotations.Remove(ChangeTimes.Annotation);
        annotations.Remove(LastApplied);
        return annotations;
    }
}
