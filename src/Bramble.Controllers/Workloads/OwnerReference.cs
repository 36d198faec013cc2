using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using k8s;
using k8s.Models;

namespace Bramble.Controllers.Workloads;

/// <summary>A controller's object as the owner of others.</summary>
internal sealed record Owner(ResourceId Resource, NamespacedName Name, string Uid)
{
    public static Owner Of(ResourceId resource, KubeObject obj) => new(resource, obj.Name, obj.Uid);

    public JsonObject Reference() => new()
    {
        ["apiVersion"] = Resource.ApiVersion,
        ["kind"] = Resource.Kind,
        ["name"] = Name.Name,
        ["uid"] = Uid,
        ["controller"] = true,
        ["blockOwnerDeletion"] = true,
    };
}

/// <summary>Adopts orphans that the selector matches and releases children that it matches no longer.</summary>
internal static class Claiming
{
    /// <param name="matches">The owner's selector on a child.</param>
    /// <param name="onWrite">Hears of each write.</param>
    /// <param name="finalizer">What an adopted child gets and a released one loses.</param>
    /// <returns>The children that the owner has now.</returns>
    /// <exception cref="StatusException">The first that failed; the others were tried all the same. Nothing is to be decided then: a child may be missing.</exception>
    public static async Task<List<T>> ClaimAsync<T>(
        IKubeClient client, Owner owner, bool ownerIsBeingDeleted, Resource<T> childResource, IReadOnlyList<T> candidates, Func<T, bool> matches,
        Action<KubeObject> onWrite, CancellationToken cancel, string? finalizer = null)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var claimed = new List<T>();
        bool? mayAdopt = null;
        StatusException? failure = null;
        foreach (var child in candidates)
        {
            if (child.ControllerRef() is { } controller)
            {
                if (controller.Uid != owner.Uid) continue;
                if (matches(child))
                {
                    claimed.Add(child);
                    continue;
                }
                if (ownerIsBeingDeleted) continue;
                var reference = new JsonObject { ["$patch"] = "delete", ["uid"] = owner.Uid };
                try
                {
                    await PatchAsync(client, childResource, child, reference, onWrite, finalizer is null ? null : ("$deleteFromPrimitiveList/finalizers", finalizer), cancel);
                }
                catch (StatusException e)
                {
                    // Invalid: it is not the owner's any more, or another of its name.
                    if (!e.IsNotFound && e.Status.Code != 422) failure ??= e;
                }
                continue;
            }
            if (ownerIsBeingDeleted || !matches(child) || child.IsBeingDeleted()) continue;
            // The owner is read anew: a copy may show an owner that is gone, and adopting for it would have the children collected.
            mayAdopt ??= await client.FindAsync(owner.Resource, owner.Name, cancel) is { } fresh && fresh.Uid == owner.Uid && fresh.ToTree()["metadata"]?["deletionTimestamp"] is null;
            if (mayAdopt == false)
            {
                failure ??= StatusErrors.Conflict(owner.Resource.GroupResource, owner.Name.Name, "it is going and adopts nobody");
                continue;
            }
            try
            {
                // What the API made of it: with the finalizer, so that one that has ended already is counted at once.
                var adopted = await PatchAsync(client, childResource, child, owner.Reference(), onWrite, finalizer is null ? null : ("finalizers", finalizer), cancel);
                claimed.Add(adopted.Model<T>());
            }
            catch (StatusException e)
            {
                if (!e.IsNotFound) failure ??= e;
            }
        }
        return failure is null ? claimed : throw failure;
    }

    private static async Task<KubeObject> PatchAsync<T>(
        IKubeClient client, Resource<T> resource, T child, JsonObject reference, Action<KubeObject> onWrite,
        (string Field, string Value)? finalizer, CancellationToken cancel)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["uid"] = child.Metadata.Uid, ["ownerReferences"] = new JsonArray((JsonNode)reference) } };
        if (finalizer is { } change) patch["metadata"]![change.Field] = new JsonArray(change.Value);
        var written = await client.StrategicPatchAsync(resource, child.NamespacedName(), patch, null, cancel);
        onWrite(written);
        return written;
    }
}
