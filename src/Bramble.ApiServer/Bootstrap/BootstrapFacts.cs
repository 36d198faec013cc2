using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Client;

namespace Bramble.ApiServer.Bootstrap;

/// <summary>The objects that upstream's API server makes by itself, as recorded from it (embedded). Read once at start and dropped.</summary>
internal sealed class BootstrapFacts
{
    private readonly JsonObject _lists;

    private BootstrapFacts(JsonObject lists) => _lists = lists;

    public static readonly ResourceId Namespaces = new("", "v1", "namespaces", "Namespace", false);
    public static readonly ResourceId ConfigMaps = new("", "v1", "configmaps", "ConfigMap", true);
    public static readonly ResourceId Services = new("", "v1", "services", "Service", true);
    public static readonly ResourceId Endpoints = new("", "v1", "endpoints", "Endpoints", true);
    public static readonly ResourceId EndpointSlices = new("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true);
    public static readonly ResourceId ServiceCidrs = new("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", false);
    public static readonly ResourceId Leases = new("coordination.k8s.io", "v1", "leases", "Lease", true);
    public static readonly ResourceId PriorityClasses = new("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", false);
    public static readonly ResourceId FlowSchemas = new("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "FlowSchema", false);
    public static readonly ResourceId PriorityLevels = new("flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", "PriorityLevelConfiguration", false);
    public static readonly ResourceId ApiServices = new("apiregistration.k8s.io", "v1", "apiservices", "APIService", false);
    public static readonly ResourceId ClusterRoles = new("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false);
    public static readonly ResourceId ClusterRoleBindings = new("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false);
    public static readonly ResourceId Roles = new("rbac.authorization.k8s.io", "v1", "roles", "Role", true);
    public static readonly ResourceId RoleBindings = new("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true);

    public static BootstrapFacts Load()
    {
        using var stream = typeof(BootstrapFacts).Assembly.GetManifestResourceStream("bootstrap.json") ?? throw new InvalidOperationException("the embedded bootstrap.json is missing");
        return new BootstrapFacts((JsonObject?)JsonNode.Parse(stream)?["apiserver"] ?? throw new JsonException("bootstrap.json has no apiserver"));
    }

    /// <summary>Fresh trees with apiVersion and kind.</summary>
    public IEnumerable<JsonObject> Of(ResourceId resource)
    {
        foreach (var item in ((JsonArray?)_lists[resource.Path("")] ?? []).OfType<JsonObject>())
        {
            var tree = new JsonObject { ["apiVersion"] = resource.ApiVersion, ["kind"] = resource.Kind };
            foreach (var (name, value) in item) tree[name] = value?.DeepClone();
            yield return tree;
        }
    }

    /// <summary>The rules of the ClusterRole system:node: what the Node authorizer grants every node.</summary>
    public JsonNode? NodeRules => Of(ClusterRoles).First(role => (string?)role["metadata"]!["name"] == "system:node")["rules"];
}
