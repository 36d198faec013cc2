using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>What becomes of the Endpoints object that has a Service's name. Pure.</summary>
internal abstract record EndpointsPlan
{
    public const string ManagedByLabel = "endpoints.kubernetes.io/managed-by";
    private const string HeadlessLabel = "service.kubernetes.io/headless";
    private const string OverCapacity = "endpoints.kubernetes.io/over-capacity";

    private EndpointsPlan() { }

    public sealed record Keep : EndpointsPlan;

    /// <summary>Its Service is gone.</summary>
    public sealed record Delete : EndpointsPlan;

    public sealed record Create(JsonObject Endpoints) : EndpointsPlan;

    public sealed record Update(JsonObject Endpoints) : EndpointsPlan;

    /// <param name="pods">Those that the Service selects.</param>
    /// <param name="known">What has its name now.</param>
    /// <param name="changedAt">When what leads to a write happened; null: nobody knows.</param>
    public static EndpointsPlan Decide(V1Service? service, IReadOnlyList<V1Pod> pods, KubeObject? known, DateTimeOffset? changedAt)
    {
        if (service is null) return known is null ? new Keep() : new Delete();
        if (!IsMadeFor(service)) return new Keep();
        var subsets = Subsets(service, pods);
        var labels = Labels(service);
        var tree = known?.ToTree() ?? new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Endpoints",
            ["metadata"] = new JsonObject { ["name"] = service.Metadata.Name, ["namespace"] = service.Metadata.NamespaceProperty },
        };
        if (known is not null && IsSame(tree, subsets, labels)) return new Keep();
        var metadata = tree["metadata"]!.AsObject();
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
        return known is null ? new Create(tree) : new Update(tree);
    }

    /// <summary>Others' Endpoints are their own: those of a Service without a selector, and of one that is but a name for something else.</summary>
    public static bool IsMadeFor([NotNullWhen(true)] V1Service? service) => service is { Spec: { Selector.Count: > 0, Type: not "ExternalName" } };

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

    private static List<EndpointSubset> Subsets(V1Service service, IReadOnlyList<V1Pod> pods)
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
