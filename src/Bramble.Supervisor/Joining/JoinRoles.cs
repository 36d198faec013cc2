using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.Supervisor.Joining;

/// <summary>What the identities of agents besides the kubelet may do; K3s' rolebindings.yaml. Nothing but reading what a node's network needs.</summary>
public static class JoinRoles
{
    private const string Controller = "system:k3s-controller";

    public static async Task EnsureAsync(IKubeClient client, CancellationToken cancel)
    {
        var rules = new JsonArray(
            Reads("", "nodes", "namespaces", "pods", "services", "endpoints"),
            Reads("discovery.k8s.io", "endpointslices"),
            Reads("networking.k8s.io", "networkpolicies", "ingresses", "ingressclasses"),
            Reads("gateway.networking.k8s.io", "gatewayclasses", "gateways", "httproutes", "referencegrants"));
        await ApplyAsync(client, Resources.ClusterRoles, Controller, new JsonObject { ["rules"] = rules }, cancel);
        await ApplyAsync(client, Resources.ClusterRoleBindings, Controller, Binding(Controller, Controller), cancel);
        // What people add to the cluster DNS, which each node answers itself.
        var custom = new JsonObject
        {
            ["apiGroups"] = new JsonArray((JsonNode)""),
            ["resources"] = new JsonArray((JsonNode)"configmaps"),
            ["resourceNames"] = new JsonArray("coredns", "coredns-custom"),
            ["verbs"] = new JsonArray("get", "list", "watch"),
        };
        await ApplyAsync(client, Resources.Roles, Controller, new JsonObject { ["rules"] = new JsonArray((JsonNode)custom) }, cancel, "kube-system");
        await ApplyAsync(client, Resources.RoleBindings, Controller, Binding(Controller, Controller, "Role"), cancel, "kube-system");
        await ApplyAsync(client, Resources.ClusterRoleBindings, "kube-apiserver-kubelet-admin", Binding("system:kubelet-api-admin", "kube-apiserver"), cancel);
    }

    private static JsonNode Reads(string group, params string[] resources) => new JsonObject
    {
        ["apiGroups"] = new JsonArray((JsonNode)group),
        ["resources"] = new JsonArray([.. resources.Select(r => (JsonNode)r)]),
        ["verbs"] = new JsonArray("get", "list", "watch"),
    };

    private static JsonObject Binding(string role, string user, string kind = "ClusterRole") => new()
    {
        ["roleRef"] = new JsonObject { ["apiGroup"] = "rbac.authorization.k8s.io", ["kind"] = kind, ["name"] = role },
        ["subjects"] = new JsonArray(new JsonObject { ["apiGroup"] = "rbac.authorization.k8s.io", ["kind"] = "User", ["name"] = user }),
    };

    // Server-side apply: a start that finds all in place writes nothing.
    private static async Task ApplyAsync(IKubeClient client, ResourceId resource, string name, JsonObject content, CancellationToken cancel, string ns = "")
    {
        content["apiVersion"] = "rbac.authorization.k8s.io/v1";
        content["kind"] = resource.Kind;
        content["metadata"] = ns.Length == 0 ? new JsonObject { ["name"] = name } : new JsonObject { ["name"] = name, ["namespace"] = ns };
        await client.PatchAsync(resource, new NamespacedName(ns, name), new Patch(PatchType.Apply, content, "k3s-supervisor", Force: true), null, cancel);
    }
}
