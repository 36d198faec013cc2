using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.StatefulSets;
using Bramble.Controllers.Workloads;

namespace Bramble.Controllers.Tests.StatefulSets;

/// <summary>The table of KEP-1847.</summary>
public sealed class ClaimRetentionTests
{
    private static readonly Owner Set = new(Resources.StatefulSets, new NamespacedName("d", "db"), "set");
    private static readonly Owner Pod = new(Resources.Pods, new NamespacedName("d", "db-1"), "pod");

    [Theory]
    [InlineData("kept: nobody owns it", "Retain", "Retain", false, "", null)]
    [InlineData("kept now: earlier owners are taken away", "Retain", "Retain", false, "set", "")]
    [InlineData("goes with the set", "Delete", "Retain", false, "", "set")]
    [InlineData("goes with the set, and has it already", "Delete", "Retain", false, "set", null)]
    [InlineData("goes with scaling: not while the Pod stays", "Retain", "Delete", false, "", null)]
    [InlineData("goes with scaling: with the Pod that goes", "Retain", "Delete", true, "", "pod")]
    [InlineData("scaled up again: it is kept", "Retain", "Delete", false, "pod", "")]
    [InlineData("both: the set's while the Pod stays", "Delete", "Delete", false, "", "set")]
    [InlineData("both: the Pod's when it goes", "Delete", "Delete", true, "set", "pod")]
    [InlineData("somebody else manages it: left alone", "Delete", "Delete", false, "other", null)]
    [InlineData("somebody else manages it: our own name is taken out", "Delete", "Delete", false, "other set", "other")]
    [InlineData("of an earlier set: the collector's", "Delete", "Retain", false, "oldset", null)]
    [InlineData("of an earlier Pod: the collector's", "Retain", "Delete", true, "oldpod", null)]
    public void Owners_of_a_claim(string because, string whenDeleted, string whenScaled, bool isCondemned, string owners, string? expected)
    {
        Assert.NotEmpty(because);
        var known = new JsonArray([.. owners.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(o => (JsonNode)Reference(o))]);
        var policy = new ClaimRetention.Policy(whenDeleted == "Delete", whenScaled == "Delete");
        var decided = ClaimRetention.Decide(known, policy, Set, Pod, isCondemned);
        Assert.Equal(expected, decided is null ? null : string.Join(' ', decided.Select(o => (string?)o!["uid"])));
    }

    [Theory]
    [InlineData("nobody's", "Delete", "", false)]
    [InlineData("of a Pod of the name", "Delete", "pod", true)]
    [InlineData("of an earlier one", "Delete", "oldpod", true)]
    [InlineData("of the set", "Delete", "set", false)]
    [InlineData("kept: it is taken over", "Retain", "pod", false)]
    public void A_claim_that_goes_with_an_earlier_Pod(string because, string whenScaled, string owners, bool expected)
    {
        Assert.NotEmpty(because);
        var claim = new JsonObject { ["metadata"] = new JsonObject { ["ownerReferences"] = new JsonArray([.. owners.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(o => (JsonNode)Reference(o))]) } };
        Assert.Equal(expected, ClaimRetention.GoesWithEarlierPod(claim, new ClaimRetention.Policy(false, whenScaled == "Delete"), "db-1"));
        Assert.False(ClaimRetention.GoesWithEarlierPod(claim, new ClaimRetention.Policy(false, true), "db-2"));
        Assert.False(ClaimRetention.GoesWithEarlierPod(null, new ClaimRetention.Policy(false, true), "db-1"));
    }

    private static JsonObject Reference(string uid) => uid switch
    {
        "set" => Set.Reference(),
        "pod" => Pod.Reference(),
        "oldset" => (Set with { Uid = "oldset" }).Reference(),
        "oldpod" => (Pod with { Uid = "oldpod" }).Reference(),
        _ => new Owner(Resources.ConfigMaps, new NamespacedName("d", "other"), uid).Reference(),
    };
}
