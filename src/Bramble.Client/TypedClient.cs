using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using k8s;
using k8s.Models;

namespace Bramble.Client;

/// <summary>Typed shapes of the calls of <see cref="IKubeClient"/>. Reading gives models; writing takes trees, because a model may lack the newest fields.</summary>
public static class TypedClient
{
    /// <summary>Null when it does not exist.</summary>
    public static async ValueTask<T?> FindModelAsync<T>(this IKubeClient client, Resource<T> resource, NamespacedName name, CancellationToken cancel)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        (await client.FindAsync(resource, name, cancel))?.Model<T>();

    /// <summary>All pages.</summary>
    public static async ValueTask<IReadOnlyList<T>> ListModelsAsync<T>(this IKubeClient client, Resource<T> resource, ListQuery query, CancellationToken cancel)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var found = new List<T>();
        while (true)
        {
            var page = await client.ListAsync(resource, query, cancel);
            found.AddRange(page.Items.Select(o => o.Model<T>()));
            if (string.IsNullOrEmpty(page.Continue)) return found;
            query = query with { Continue = page.Continue };
        }
    }

    /// <summary>Creates the object; name (or generateName) and namespace are its own.</summary>
    public static ValueTask<KubeObject> CreateAsync(this IKubeClient client, ResourceId resource, JsonObject body, CancellationToken cancel) =>
        client.CreateAsync(resource, NameOf(body), body, null, cancel);

    /// <summary>Replaces the object (or its <paramref name="subresource"/>); the tree's resourceVersion is the precondition.</summary>
    public static ValueTask<KubeObject> UpdateAsync(
        this IKubeClient client, ResourceId resource, JsonObject body, string? subresource, CancellationToken cancel) =>
        client.UpdateAsync(resource, NameOf(body), body, subresource, cancel);

    public static ValueTask<KubeObject> MergePatchAsync(
        this IKubeClient client, ResourceId resource, NamespacedName name, JsonObject patch, string? subresource, CancellationToken cancel) =>
        client.PatchAsync(resource, name, new Patch(PatchType.Merge, patch), subresource, cancel);

    public static ValueTask<KubeObject> StrategicPatchAsync(
        this IKubeClient client, ResourceId resource, NamespacedName name, JsonObject patch, string? subresource, CancellationToken cancel) =>
        client.PatchAsync(resource, name, new Patch(PatchType.Strategic, patch), subresource, cancel);

    private static NamespacedName NameOf(JsonObject body)
    {
        var metadata = body["metadata"]?.AsObject() ?? throw new JsonException("object without metadata");
        return new NamespacedName((string?)metadata["namespace"] ?? "", (string?)metadata["name"] ?? "");
    }
}

/// <summary>What every part asks of an object's metadata.</summary>
public static class ObjectIdentity
{
    public static NamespacedName NamespacedName(this IKubernetesObject<V1ObjectMeta> obj) => new(obj.Metadata.NamespaceProperty ?? "", obj.Metadata.Name);

    public static bool IsBeingDeleted(this IKubernetesObject<V1ObjectMeta> obj) => obj.Metadata.DeletionTimestamp is not null;

    /// <summary>The owner that manages it, if any.</summary>
    public static V1OwnerReference? ControllerRef(this IKubernetesObject<V1ObjectMeta> obj)
    {
        foreach (var owner in obj.Metadata.OwnerReferences ?? [])
            if (owner.Controller == true) return owner;
        return null;
    }

    public static bool IsControlledBy(this IKubernetesObject<V1ObjectMeta> obj, string uid) => obj.ControllerRef()?.Uid == uid;
}
