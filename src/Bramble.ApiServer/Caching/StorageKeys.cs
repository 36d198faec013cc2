using Bramble.Api.Naming;

namespace Bramble.ApiServer.Caching;

/// <summary>Upstream's layout of etcd keys: <c>/registry/pods/ns/name</c>, with the names that are older than the resources'.</summary>
internal static class StorageKeys
{
    public const string Root = "/registry/";

    /// <summary>Prefix of a resource's keys, with both slashes.</summary>
    public static string PrefixOf(GroupResource resource) => Root + Folder(resource) + "/";

    public static string KeyOf(GroupResource resource, NamespacedName name) =>
        name.Namespace.Length == 0 ? $"{PrefixOf(resource)}{name.Name}" : $"{PrefixOf(resource)}{name.Namespace}/{name.Name}";

    /// <summary>Which resource's cache holds a resource: both groups' events are one.</summary>
    public static GroupResource StorageOf(GroupResource resource) =>
        resource is { Group: "events.k8s.io", Resource: "events" } ? new GroupResource("", "events") : resource;

    /// <summary>Custom resources live below their group: their folder has two parts.</summary>
    public static bool IsBuiltInGroup(string group) =>
        !group.Contains('.') || group.EndsWith(".k8s.io", StringComparison.Ordinal) && group
            is "admissionregistration.k8s.io" or "authentication.k8s.io" or "authorization.k8s.io" or "certificates.k8s.io" or "coordination.k8s.io"
            or "discovery.k8s.io" or "events.k8s.io" or "flowcontrol.apiserver.k8s.io" or "networking.k8s.io" or "node.k8s.io" or "policy"
            or "rbac.authorization.k8s.io" or "resource.k8s.io" or "scheduling.k8s.io" or "storage.k8s.io" or "storagemigration.k8s.io" or "internal.apiserver.k8s.io";

    private static string Folder(GroupResource resource) => resource switch
    {
        { Group: "", Resource: "nodes" } => "minions",
        { Group: "", Resource: "replicationcontrollers" } => "controllers",
        { Group: "", Resource: "services" } => "services/specs",
        { Group: "", Resource: "endpoints" } => "services/endpoints",
        { Group: "networking.k8s.io", Resource: "ingresses" } => "ingress",
        _ when IsBuiltInGroup(resource.Group) => resource.Resource,
        _ => $"{resource.Group}/{resource.Resource}",
    };
}
