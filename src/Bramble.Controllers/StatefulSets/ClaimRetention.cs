using System.Text.Json.Nodes;
using Bramble.Controllers.Workloads;

namespace Bramble.Controllers.StatefulSets;

/// <summary><c>spec.persistentVolumeClaimRetentionPolicy</c>: claims that are to go with their set have the set as owner, and those that go with a Pod that is
/// scaled away have that Pod. The garbage collector does the rest. KEP-1847.</summary>
internal static class ClaimRetention
{
    public sealed record Policy(bool GoesWithSet, bool GoesWithScaling)
    {
        public static Policy Of(JsonObject set)
        {
            var policy = set["spec"]!["persistentVolumeClaimRetentionPolicy"];
            return new Policy((string?)policy?["whenDeleted"] == "Delete", (string?)policy?["whenScaled"] == "Delete");
        }

        public bool IsRetain => !GoesWithSet && !GoesWithScaling;
    }

    /// <param name="isCondemned">The Pod's ordinal is outside the set's range.</param>
    /// <returns>The owners that the claim must have; null: they are right, or not ours to change.</returns>
    public static JsonArray? Decide(JsonArray? owners, Policy policy, Owner set, Owner pod, bool isCondemned)
    {
        var known = (owners ?? []).OfType<JsonObject>().ToList();
        // An earlier set or Pod of the same name: the collector removes the claim with it.
        if (IsStale(known, set) || IsStale(known, pod)) return null;
        var others = known.Where(o => !Names(o, set) && !Names(o, pod)).ToList();
        if (HasOtherController(known, policy, set, pod))
            return others.Count == known.Count ? null : New(others);

        var wantsSet = policy.GoesWithSet && !(policy.GoesWithScaling && isCondemned);
        var wantsPod = policy.GoesWithScaling && isCondemned;
        var isRight = Has(known, set) == wantsSet && Has(known, pod) == wantsPod
            && known.TrueForAll(o => ((string?)o["uid"] != set.Uid && (string?)o["uid"] != pod.Uid) || (bool?)o["controller"] == true);
        if (isRight) return null;
        if (wantsPod) others.Add(pod.Reference());
        if (wantsSet) others.Add(set.Reference());
        return New(others);
    }

    /// <summary>The claim still belongs to a Pod of this name that is gone: it goes with it, and only then its successor comes.</summary>
    public static bool GoesWithEarlierPod(JsonObject? claim, Policy policy, string pod) => policy.GoesWithScaling
        && claim?["metadata"]!["ownerReferences"] is JsonArray owners && owners.OfType<JsonObject>().Any(o => (string?)o["kind"] == "Pod" && (string?)o["name"] == pod);

    /// <summary>Somebody else manages the claim: the policy is not for it.</summary>
    public static bool HasOtherController(IEnumerable<JsonObject> owners, Policy policy, Owner set, Owner pod) =>
        !policy.IsRetain && owners.Any(o => Names(o, set) ? (string?)o["uid"] != set.Uid : Names(o, pod) ? (string?)o["uid"] != pod.Uid : (bool?)o["controller"] == true);

    /// <summary>Names the owner but for its uid: an earlier one.</summary>
    public static bool IsStale(IEnumerable<JsonObject> owners, Owner owner) => owners.FirstOrDefault(o => Names(o, owner)) is { } named && (string?)named["uid"] != owner.Uid;

    private static bool Names(JsonObject reference, Owner owner) =>
        (string?)reference["apiVersion"] == owner.Resource.ApiVersion && (string?)reference["kind"] == owner.Resource.Kind && (string?)reference["name"] == owner.Name.Name;

    private static bool Has(IEnumerable<JsonObject> owners, Owner owner) => owners.Any(o => (string?)o["uid"] == owner.Uid);

    private static JsonArray New(IEnumerable<JsonObject> owners) => new([.. owners.Select(o => o.DeepClone())]);
}
