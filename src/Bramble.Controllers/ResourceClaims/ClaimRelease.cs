using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.ResourceClaims;

/// <summary>What becomes of a claim when Pods are done with it. Pure. Source: KEP-4381; syncClaim of upstream's resourceclaim controller.</summary>
/// <param name="Status">The status to write; null: it stays.</param>
/// <param name="DropsFinalizer">Nothing is allocated any longer: the claim may go.</param>
/// <param name="Deletes">It was made for a Pod that will not run again.</param>
internal sealed record ClaimRelease(JsonObject? Status, bool DropsFinalizer, bool Deletes)
{
    public const string Finalizer = "resource.kubernetes.io/delete-protection";

    /// <param name="isDone">Whether a consumer is a Pod that holds nothing any longer.</param>
    /// <param name="isOwnerDone">The Pod that it was made for is known and will not run again.</param>
    public static ClaimRelease Decide(JsonObject claim, Func<JsonObject, bool> isDone, bool isOwnerDone)
    {
        var reserved = (claim["status"]?["reservedFor"] as JsonArray ?? []).OfType<JsonObject>().ToList();
        var kept = reserved.Where(consumer => !isDone(consumer)).ToList();
        var isProtected = (claim["metadata"]?["finalizers"] as JsonArray ?? []).Any(f => (string?)f == Finalizer);
        var isAllocated = claim["status"]?["allocation"] is not null;
        var deletes = kept.Count == 0 && isOwnerDone;
        // A claim that nobody has used yet keeps what it was given: only the last consumer's leaving gives it back.
        var isLeft = kept.Count < reserved.Count && kept.Count == 0;
        var isGoing = claim["metadata"]?["deletionTimestamp"] is not null && kept.Count == 0;
        var deallocates = isProtected && isAllocated && (isLeft || isGoing);
        var dropsFinalizer = isProtected && (isGoing || (isLeft && (!isAllocated || deallocates)));
        if (kept.Count == reserved.Count && !deallocates) return new ClaimRelease(null, dropsFinalizer, deletes);
        var status = claim["status"]!.DeepClone().AsObject();
        status.Remove("reservedFor");
        if (kept.Count > 0) status["reservedFor"] = new JsonArray([.. kept.Select(k => k.DeepClone())]);
        if (deallocates) status.Remove("allocation");
        return new ClaimRelease(status, dropsFinalizer, deletes);
    }

    /// <summary>Others' consumers stay: nobody here knows when they are done.</summary>
    public static bool IsPod(JsonObject consumer) => (string?)consumer["resource"] == "pods" && (string?)consumer["apiGroup"] is (null or "");

    /// <summary>A Pod that holds nothing any longer: it has ended, or goes without having had a node.</summary>
    public static bool IsDone(V1Pod pod) => pod.IsFinished() || (pod.IsBeingDeleted() && string.IsNullOrEmpty(pod.Spec.NodeName));

    /// <summary>The Pod that a claim was made for; null: it was made for none.</summary>
    public static V1OwnerReference? OwnerOf(Resourcev1ResourceClaim claim) => claim.ControllerRef() is { ApiVersion: "v1", Kind: "Pod" } owner ? owner : null;

    /// <param name="pod">What has the owner's name. One that is not known may be newer than the copy: the garbage collector sees to it if it is truly gone.</param>
    public static bool IsDone(V1OwnerReference? owner, V1Pod? pod) => owner is not null && pod is not null && (pod.Metadata.Uid != owner.Uid || IsDone(pod));
}
