using System.Text.Json.Nodes;

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
}
