using System.Security.Cryptography;
using System.Text;
using Bramble.Api.Naming;

namespace Bramble.Api.Catalog;

/// <summary>Where and in which version upstream stores a resource (kubeapiserver's storage factory), so that data moves between servers.</summary>
public static class StorageLayout
{
    /// <summary>Prefix of a built-in resource, with a slash at the end. Groups do not appear in it, but for those of the extension servers.</summary>
    public static string PrefixOf(GroupResource resource) => resource switch
    {
        ("", "replicationcontrollers") => "/registry/controllers/",
        ("", "endpoints") => "/registry/services/endpoints/",
        ("", "services") => "/registry/services/specs/",
        ("", "nodes") => "/registry/minions/",
        ("networking.k8s.io", "ingresses") => "/registry/ingress/",
        ("apiextensions.k8s.io" or "apiregistration.k8s.io", _) => CustomPrefixOf(resource),
        _ => $"/registry/{resource.Resource}/",
    };

    /// <summary>Prefix of a custom resource.</summary>
    public static string CustomPrefixOf(GroupResource resource) => $"/registry/{resource.Group}/{resource.Resource}/";

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
