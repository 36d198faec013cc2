using System.Text.Json.Nodes;
using Bramble.ApiServer.Caching;
using Bramble.Client;
using Bramble.Storage;

namespace Bramble.ApiServer.Verbs;

/// <summary>Writes of single objects to the store, returning when the caches have applied them.</summary>
internal sealed class ObjectStore(IStore store, WatchCache cache)
{
    /// <summary>Null: somebody else was faster; the caches then hold what is there.</summary>
    public async ValueTask<KubeObject?> PutAsync(ServedResource resource, NamespacedNameAndBytes obj, KubeObject? live, CancellationToken cancel)
    {
        var durability = DurabilityOf(resource, obj.Bytes, live);
        var result = await store.PutAsync(resource.KeyOf(obj.Name), obj.Bytes, live?.ResourceVersion ?? 0, durability, cancel);
        if (!result.Succeeded)
        {
            await CatchUpAsync(result, cancel);
            return null;
        }
        await cache.WaitForAsync(result.Revision, cancel);
        return resource.Cache.Current.Items.Find(obj.Name) is { } cached && cached.ResourceVersion == result.Revision
            ? cached
            : WireForm.Make(obj.Name, obj.Bytes, result.Revision);
    }

    /// <summary>The revision of the deletion; null: somebody else was faster.</summary>
    public async ValueTask<long?> DeleteAsync(ServedResource resource, KubeObject live, CancellationToken cancel)
    {
        var result = await store.DeleteAsync(resource.KeyOf(live.Name), live.ResourceVersion, cancel);
        if (!result.Succeeded)
        {
            await CatchUpAsync(result, cancel);
            return null;
        }
        await cache.WaitForAsync(result.Revision, cancel);
        return result.Revision;
    }

    private Task CatchUpAsync(WriteResult lost, CancellationToken cancel) =>
        lost.Current is { } current
            ? cache.WaitForAsync(current.Revision, cancel)
            : cache.ReachNewestAsync(cancel).AsTask();

    /// <summary>Events, and Lease updates that change nothing but renewTime, ride along with the next durable commit: they are most of an idle cluster's writes.</summary>
    private static Durability DurabilityOf(ServedResource resource, ReadOnlyMemory<byte> bytes, KubeObject? live) => resource.Api switch
    {
        { StorageKind: { Group: "", Kind: "Event" } } => Durability.Lazy,
        { Group: "coordination.k8s.io", Plural: "leases" } when live is not null && IsRenewal(bytes, live) => Durability.Lazy,
        _ => Durability.Durable,
    };

    private static bool IsRenewal(ReadOnlyMemory<byte> bytes, KubeObject live)
    {
        var now = JsonNode.Parse(bytes.Span)!.AsObject();
        var before = live.ToTree();
        foreach (var tree in (ReadOnlySpan<JsonObject>)[now, before])
        {
            tree.Meta().Remove("resourceVersion");
            tree.Meta().Remove("managedFields");
            (tree["spec"] as JsonObject)?.Remove("renewTime");
        }
        return JsonNode.DeepEquals(now, before);
    }
}

/// <summary>An object as it goes to the store.</summary>
internal readonly record struct NamespacedNameAndBytes(Bramble.Api.Naming.NamespacedName Name, ReadOnlyMemory<byte> Bytes);
