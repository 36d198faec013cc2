using System.Security.Cryptography;
using System.Text;
using Bramble.Api.Naming;

namespace Bramble.Api.Catalog;

/// <summary>Where and in which version upstream stores a resource (kubeapiserver's storage factory), so that data moves between servers.</summary>
public static class StorageLayout
{
    /// <summary>What every key begins with.</summary>
    public const string Root = "/registry/";

    /// <summary>Prefix of a resource, with a slash at the end. Groups appear in it only for custom resources and those of the extension servers.</summary>
    public static string PrefixOf(GroupResource resource) => resource switch
    {
        ("", "replicationcontrollers") => "/registry/controllers/",
        ("", "endpoints") => "/registry/services/endpoints/",
        ("", "services") => "/registry/services/specs/",
        ("", "nodes") => "/registry/minions/",
        ("networking.k8s.io", "ingresses") => "/registry/ingress/",
        ("events.k8s.io", "events") => "/registry/events/",
        _ when IsMainGroup(resource.Group) => $"/registry/{resource.Resource}/",
        _ => $"/registry/{resource.Group}/{resource.Resource}/",
    };

    /// <summary>A group of the main API server; a group without a dot cannot be anybody else's.</summary>
    private static bool IsMainGroup(string group) => !group.Contains('.') || group
        is "admissionregistration.k8s.io" or "authentication.k8s.io" or "authorization.k8s.io" or "certificates.k8s.io" or "coordination.k8s.io" or "discovery.k8s.io"
        or "events.k8s.io" or "flowcontrol.apiserver.k8s.io" or "internal.apiserver.k8s.io" or "networking.k8s.io" or "node.k8s.io" or "rbac.authorization.k8s.io"
        or "resource.k8s.io" or "scheduling.k8s.io" or "storage.k8s.io" or "storagemigration.k8s.io";

    /// <summary>The kind a built-in kind is stored as: itself, but for the two that share a storage.</summary>
    public static GroupVersionKind KindOf(GroupVersionKind kind) => kind switch
    {
        ("events.k8s.io", _, "Event") => new("", "v1", "Event"),
        ("autoscaling", _, "HorizontalPodAutoscaler") => new("autoscaling", "v2", "HorizontalPodAutoscaler"),
        _ => kind,
    };

    /// <summary>What discovery shows as storageVersionHash of a kind (StorageVersionHash of apiserver's discovery package).</summary>
    public static string VersionHash(GroupVersionKind storageKind) =>
        Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes($"{storageKind.Group}/{storageKind.Version}/{storageKind.Kind}")).AsSpan(0, 8));
}
