using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>The old Endpoints object of each Service with a selector, for clients that still read it.</summary>
internal sealed class EndpointsController : IReconciler
{
    private const string ManagedByLabel = "endpoints.kubernetes.io/managed-by";
    private const string HeadlessLabel = "service.kubernetes.io/headless";

    private readonly ControllerContext _context;
    private readonly ServiceWatch _watch;
    private readonly IInformer<V1Endpoints> _endpoints;

    public EndpointsController(ControllerContext context)
    {
        _context = context;
        _watch = new ServiceWatch(context);
        _endpoints = context.Watches(Resources.Endpoints);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        var known = _endpoints.FindObject(name);
        if (_watch.Services.Find(name) is not { } service)
        {
            // Endpoints that somebody made by hand for no Service are theirs.
            if (known?.Model<V1Endpoints>().Metadata.Labels?.ContainsKey(ManagedByLabel) == true)
                await _context.Client.DeleteAsync(Resources.Endpoints, name, new DeleteQuery(Uid: known.Uid), cancel);
            return Requeue.Never;
        }
        if (service.Spec.Selector is not { Count: > 0 } || service.Spec.Type == "ExternalName" || service.IsBeingDeleted()) return Requeue.Never;

        var subsets = Subsets(service, _watch.PodsOf(service));
        var labels = new JsonObject();
        foreach (var (key, value) in service.Metadata.Labels ?? new Dictionary<string, string>()) labels[key] = value;
        labels[ManagedByLabel] = "endpoint-controller";
        if (service.Spec.ClusterIP == "None") labels[HeadlessLabel] = "";
        if (known is null)
        {
            var body = new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Endpoints",
                ["metadata"] = new JsonObject { ["name"] = name.Name, ["namespace"] = name.Namespace, ["labels"] = labels },
                ["subsets"] = subsets,
            };
            try
            {
                await _context.Client.CreateAsync(Resources.Endpoints, body, cancel);
            }
            catch (StatusException e) when (e.Status.Code == 403 && e.Message.Contains("terminat", StringComparison.Ordinal))
            {
                // The namespace is going.
            }
            return Requeue.Never;
        }
        var tree = known.ToTree();
        if (JsonNode.DeepEquals(tree["subsets"] as JsonArray ?? [], subsets) && JsonNode.DeepEquals(tree["metadata"]!["labels"], labels)) return Requeue.Never;
        tree["subsets"] = subsets;
        tree["metadata"]!["labels"] = labels;
        await _context.Client.UpdateAsync(Resources.Endpoints, tree, null, cancel);
        return Requeue.Never;
    }

    private JsonArray Subsets(V1Service service, List<V1Pod> pods)
    {
        var subsets = new JsonArray();
        foreach (var (ports, endpoints) in ServiceEndpoints.Of(service, pods, ServiceEndpoints.Families(service)[0], _watch.ZoneOf))
        {
            // Endpoints cannot say "terminating": such Pods are left out, unless the Service wants all addresses.
            var shown = endpoints.Where(e => !e.IsTerminating || service.Spec.PublishNotReadyAddresses == true).OrderBy(e => e.Address, StringComparer.Ordinal).ToList();
            if (shown.Count == 0 || (ports.Count == 0 && service.Spec.ClusterIP != "None")) continue;
            var subset = new JsonObject();
            Add("addresses", shown.Where(e => e.IsReady));
            Add("notReadyAddresses", shown.Where(e => !e.IsReady));
            if (ports.Count > 0) subset["ports"] = new JsonArray([.. ports.Select(p => (JsonNode)p.ToEndpointsPort())]);
            subsets.Add((JsonNode)subset);

            void Add(string field, IEnumerable<ServiceEndpoint> list)
            {
                var addresses = new JsonArray([.. list.Select(e => (JsonNode)Address(service, e))]);
                if (addresses.Count > 0) subset[field] = addresses;
            }
        }
        return subsets;
    }

    private static JsonObject Address(V1Service service, ServiceEndpoint endpoint)
    {
        var address = new JsonObject { ["ip"] = endpoint.Address };
        if (!string.IsNullOrEmpty(endpoint.Pod.Spec.Hostname) && endpoint.Pod.Spec.Subdomain == service.Metadata.Name) address["hostname"] = endpoint.Pod.Spec.Hostname;
        if (!string.IsNullOrEmpty(endpoint.Pod.Spec.NodeName)) address["nodeName"] = endpoint.Pod.Spec.NodeName;
        address["targetRef"] = endpoint.Target();
        return address;
    }
}
