using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>The old Endpoints object of each Service with a selector, for clients that still read it.</summary>
internal sealed class EndpointsController : IReconciler
{
    private const string ManagedByLabel = "endpoints.kubernetes.io/managed-by";
    private const string HeadlessLabel = "service.kubernetes.io/headless";
    private const string OverCapacity = "endpoints.kubernetes.io/over-capacity";

    private readonly ControllerContext _context;
    private readonly ServiceWatch _watch;
    private readonly IInformer<V1Endpoints> _endpoints;
    private readonly WriteBarrier _writes = new();
    private readonly ChangeTimes _times = new();

    public EndpointsController(ControllerContext context)
    {
        _context = context;
        _watch = new ServiceWatch(context);
        // Its own that are there at the start: their Service may have gone meanwhile. Later only one that was removed is of interest.
        _endpoints = context.Watches(Resources.Endpoints, change =>
        {
            if (change.New is null || (change.Old is null && change.New.Metadata.Labels?.ContainsKey(ManagedByLabel) == true)) context.Queue.Add(change.Name);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        var known = _endpoints.FindObject(name);
        if (_watch.Services.Find(name) is not { } service)
        {
            _times.Forget(name);
            if (known is not null) await _context.Client.DeleteAsync(Resources.Endpoints, name, new DeleteQuery(Uid: known.Uid), cancel);
            return Requeue.Never;
        }
        if (service.Spec.Selector is not { Count: > 0 } || service.Spec.Type == "ExternalName") return Requeue.Never;

        var pods = _watch.PodsOf(service);
        var changedAt = _times.Next(service, pods);
        var subsets = Subsets(service, pods);
        var labels = Labels(service);
        var tree = known?.ToTree() ?? new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Endpoints",
            ["metadata"] = new JsonObject { ["name"] = name.Name, ["namespace"] = name.Namespace },
        };
        var metadata = tree["metadata"]!.AsObject();
        if (known is not null && IsSame(tree, subsets, labels)) return Requeue.Never;
        var isCut = EndpointSubsets.Truncate(subsets);
        tree["subsets"] = Trees(subsets);
        metadata["labels"] = labels;
        ChangeTimes.Write(metadata, changedAt);
        if (isCut)
        {
            if (metadata["annotations"] is not JsonObject annotations) metadata["annotations"] = annotations = [];
            annotations[OverCapacity] = "truncated";
        }
        else
        {
            (metadata["annotations"] as JsonObject)?.Remove(OverCapacity);
        }
        try
        {
            var written = known is null ? await _context.Client.CreateAsync(Resources.Endpoints, tree, cancel) : await _context.Client.UpdateAsync(Resources.Endpoints, tree, null, cancel);
            _writes.Wrote(name, _endpoints, written);
        }
        catch (StatusException e) when (known is null && e.IsNamespaceTerminating)
        {
            return Requeue.Never;
        }
        catch (StatusException e)
        {
            var about = new EventSubject("v1", "Endpoints", name, known?.Uid ?? "", (string?)metadata["resourceVersion"] ?? "");
            if (known is null) _context.Events.Warning(about, "FailedToCreateEndpoint", $"Failed to create endpoint for service {name}: {e.Message}");
            else _context.Events.Warning(about, "FailedToUpdateEndpoint", $"Failed to update endpoint {name}: {e.Message}");
            throw;
        }
        return Requeue.Never;
    }

    /// <summary>Endpoints that another version ordered differently are equal all the same.</summary>
    private static bool IsSame(JsonObject tree, List<EndpointSubset> subsets, JsonObject labels)
    {
        var known = (tree["subsets"] as JsonArray ?? []).OfType<JsonObject>().Select(EndpointSubset.Of).ToList();
        return JsonNode.DeepEquals(Trees(EndpointSubsets.Repack(known)), Trees(subsets)) && JsonNode.DeepEquals(tree["metadata"]!["labels"], labels)
            && !EndpointSubsets.IsTooMany(known) && tree["metadata"]!["annotations"]?[OverCapacity] is null;
    }

    private static JsonArray Trees(IEnumerable<EndpointSubset> subsets) => new([.. subsets.Select(s => (JsonNode)s.ToTree())]);

    private static JsonObject Labels(V1Service service)
    {
        var labels = new JsonObject();
        foreach (var (key, value) in service.Metadata.Labels ?? new Dictionary<string, string>()) labels[key] = value;
        labels.Remove(HeadlessLabel);
        if (ServiceEndpoints.IsHeadless(service)) labels[HeadlessLabel] = "";
        labels[ManagedByLabel] = "endpoint-controller";
        return labels;
    }

    private static List<EndpointSubset> Subsets(V1Service service, List<V1Pod> pods)
    {
        var hasPorts = service.Spec.Ports is { Count: > 0 };
        var subsets = new List<EndpointSubset>();
        foreach (var endpoint in ServiceEndpoints.Of(service, pods, ServiceEndpoints.Families(service)[0], _ => null))
        {
            // Endpoints cannot say "terminating": such Pods are left out, unless the Service wants all addresses.
            if (endpoint.IsTerminating && service.Spec.PublishNotReadyAddresses != true) continue;
            if (endpoint.Ports.Count == 0 && (hasPorts || service.Spec.ClusterIP != "None")) continue;
            subsets.Add(new EndpointSubset(endpoint.Ports, [new SubsetAddress(Address(service, endpoint), endpoint.IsReady)]));
        }
        return EndpointSubsets.Repack(subsets);
    }

    private static JsonObject Address(V1Service service, ServiceEndpoint endpoint)
    {
        var address = new JsonObject { ["ip"] = endpoint.Address };
        if (endpoint.HostnameIn(service.Metadata.Name) is { } hostname) address["hostname"] = hostname;
        if (!string.IsNullOrEmpty(endpoint.Pod.Spec.NodeName)) address["nodeName"] = endpoint.Pod.Spec.NodeName;
        address["targetRef"] = endpoint.Target();
        return address;
    }
}
