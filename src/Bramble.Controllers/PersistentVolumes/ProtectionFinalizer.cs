using System.Text.Json.Nodes;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>What an object needs that is to stay as long as something uses it.</summary>
internal enum Protection
{
    /// <summary>It has its finalizer and stays, or goes without it.</summary>
    Right,

    /// <summary>It stays and lacks its finalizer.</summary>
    Lacking,

    /// <summary>It is to go: its finalizer too, as soon as nothing uses it.</summary>
    InTheWay,
}

/// <summary>A finalizer by which a claim, a volume or a class stays while it is in use. Pure.</summary>
internal static class ProtectionFinalizer
{
    public static Protection Decide(V1ObjectMeta metadata, string finalizer) => Decide(metadata.DeletionTimestamp is not null, metadata.Finalizers?.Contains(finalizer) == true);

    /// <param name="isProtected">It has the finalizer.</param>
    public static Protection Decide(bool isBeingDeleted, bool isProtected) => (isBeingDeleted, isProtected) switch
    {
        (false, false) => Protection.Lacking,
        (true, true) => Protection.InTheWay,
        _ => Protection.Right,
    };

    /// <returns>The object with the finalizer that it lacks, or without the one in its way; others' stay in their order.</returns>
    public static JsonObject Mended(KubeObject obj, string finalizer, Protection need)
    {
        var tree = obj.ToTree();
        var metadata = tree["metadata"]!.AsObject();
        var kept = (metadata["finalizers"] as JsonArray ?? []).Where(f => (string?)f != finalizer).Select(f => f!.DeepClone()).ToList();
        if (need == Protection.Lacking) kept.Add(finalizer);
        metadata["finalizers"] = new JsonArray([.. kept]);
        return tree;
    }
}
