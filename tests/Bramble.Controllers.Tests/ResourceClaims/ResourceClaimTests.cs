using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.ResourceClaims;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.ResourceClaims;

public sealed class ResourceClaimTests
{
    private const string Protected = "\"finalizers\":[\"resource.kubernetes.io/delete-protection\"]";
    private const string Going = Protected + ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"";

    public static TheoryData<string, string, string, string, bool, string?, bool, bool> Cases => new()
    {
        { "in use", Protected, """{"allocation":{},"reservedFor":[{"uid":"a"}]}""", "", false, null, false, false },
        { "one of two is done", Protected, """{"allocation":{},"reservedFor":[{"uid":"a"},{"uid":"b"}]}""", "a", false, """{"allocation":{},"reservedFor":[{"uid":"b"}]}""", false, false },
        { "the last is done: the devices go back", Protected, """{"allocation":{},"reservedFor":[{"uid":"a"}]}""", "a", false, "{}", true, false },
        { "allocated and not used yet: it keeps its devices", Protected, """{"allocation":{}}""", "", false, null, false, false },
        { "deleted and not used: the devices go back and it goes", Going, """{"allocation":{}}""", "", false, "{}", true, false },
        { "deleted and never allocated", Going, "{}", "", false, null, true, false },
        { "deleted but in use: it waits", Going, """{"allocation":{},"reservedFor":[{"uid":"a"}]}""", "", false, null, false, false },
        { "made for a Pod that is done", "\"a\":1", "{}", "", true, null, false, true },
        { "made for a Pod that is done, and another uses it", Protected, """{"allocation":{},"reservedFor":[{"uid":"b"}]}""", "", true, null, false, false },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Release(string because, string metadata, string status, string done, bool isOwnerDone, string? newStatus, bool dropsFinalizer, bool deletes)
    {
        Assert.NotEmpty(because);
        var claim = JsonNode.Parse("{\"metadata\":{" + metadata + "},\"status\":" + status + "}")!.AsObject();
        var release = ClaimRelease.Decide(claim, consumer => (string?)consumer["uid"] == done, isOwnerDone);
        Assert.Equal((newStatus, dropsFinalizer, deletes), (release.Status?.ToJsonString(), release.DropsFinalizer, release.Deletes));
    }

    /// <param name="node">Empty: it has none.</param>
    [Theory]
    [InlineData("waits", "Pending", "", false, false)]
    [InlineData("runs", "Running", "n", false, false)]
    [InlineData("has ended well", "Succeeded", "n", false, true)]
    [InlineData("has ended badly", "Failed", "n", false, true)]
    [InlineData("was refused before it had a node", "Failed", "", false, true)]
    [InlineData("goes, and its containers may still run", "Running", "n", true, false)]
    [InlineData("goes, and nothing says yet whether they ran", "Pending", "n", true, false)]
    [InlineData("goes without having had a node", "Pending", "", true, true)]
    [InlineData("goes and has ended", "Succeeded", "n", true, true)]
    public void A_Pod_is_done(string because, string phase, string node, bool isGoing, bool expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, ClaimRelease.IsDone(Some.Pod("p", phase, isBeingDeleted: isGoing, node: node.Length == 0 ? null : node)));
    }

    /// <param name="owner">The claim's: apiVersion, kind, uid, and whether it controls it.</param>
    /// <param name="pod">What has the owner's name: uid and phase; null: nothing that is known.</param>
    [Theory]
    [InlineData("its Pod runs", "v1 Pod uid-p true", "uid-p Running", false)]
    [InlineData("its Pod has ended", "v1 Pod uid-p true", "uid-p Succeeded", true)]
    [InlineData("its Pod was made anew", "v1 Pod old true", "uid-p Running", true)]
    [InlineData("its Pod is not known: it may be newer than the copy", "v1 Pod uid-p true", null, false)]
    [InlineData("nobody's", "", "uid-p Succeeded", false)]
    [InlineData("a Pod's that does not control it", "v1 Pod uid-p false", "uid-p Succeeded", false)]
    [InlineData("another kind's", "v1 Service uid-p true", "uid-p Succeeded", false)]
    [InlineData("of another API", "example.com/v1 Pod uid-p true", "uid-p Succeeded", false)]
    public void The_Pod_it_was_made_for_is_done(string because, string owner, string? pod, bool expected)
    {
        Assert.NotEmpty(because);
        var references = owner.Split(' ') is [var version, var kind, var uid, var controls] ? $$"""{"apiVersion":"{{version}}","kind":"{{kind}}","name":"p","uid":"{{uid}}","controller":{{controls}}}""" : "";
        var claim = Some.Model<Resourcev1ResourceClaim>($$$"""{"metadata":{"name":"c","namespace":"d","ownerReferences":[{{{references}}}]},"spec":{} }""");
        Assert.Equal(expected, ClaimRelease.IsDone(ClaimRelease.OwnerOf(claim), pod is null ? null : Some.Pod(pod.Split(' ')[0]["uid-".Length..], pod.Split(' ')[1])));
    }

    [Theory]
    [InlineData("""{"resource":"pods","name":"p","uid":"u"}""", true)]
    [InlineData("""{"apiGroup":"","resource":"pods","name":"p","uid":"u"}""", true)]
    [InlineData("""{"apiGroup":"example.com","resource":"pods","name":"p","uid":"u"}""", false)]
    [InlineData("""{"apiGroup":"","resource":"services","name":"p","uid":"u"}""", false)]
    [InlineData("""{"apiGroup":"scheduling.k8s.io","resource":"podgroups","name":"p","uid":"u"}""", false)]
    [InlineData("""{"name":"p","uid":"u"}""", false)]
    public void Only_Pods_are_asked_whether_they_are_done(string consumer, bool expected) => Assert.Equal(expected, ClaimRelease.IsPod(Some.Tree(consumer)));

    [Fact]
    public async Task A_template_that_is_missing_is_told_of_and_used_when_it_comes()
    {
        await using var scenario = Start("resource-claim-controller");
        var pod = await scenario.CreateAsync(Resources.Pods, """{"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[],"resourceClaims":[{"name":"gpu","resourceClaimTemplateName":"t"}]}}""");
        await EventuallyAsync(async () => (await scenario.EventsAsync("p")).Contains(
            "FailedResourceClaimCreation: PodResourceClaim gpu: resource claim template \"t\": resourceclaimtemplate.resource.k8s.io \"t\" not found"));
        await scenario.CreateAsync(Resources.ResourceClaimTemplates, """{"metadata":{"name":"t","namespace":"d"},"spec":{"metadata":{"labels":{"l":"1"}},"spec":{"devices":{}}}}""");
        await EventuallyAsync(async () => (await scenario.FindAsync(Resources.Pods, "p", "d"))!["status"]?["resourceClaimStatuses"] is not null);
        var claim = Assert.Single((await scenario.Api.ListAsync(Resources.ResourceClaims, new ListQuery("d"), default)).Items);
        var tree = claim.ToTree();
        Assert.StartsWith("p-gpu-", claim.Name.Name);
        Assert.Equal(pod.Uid, (string?)tree["metadata"]!["ownerReferences"]![0]!["uid"]);
        Assert.Equal("gpu", (string?)tree["metadata"]!["annotations"]!["resource.kubernetes.io/pod-claim-name"]);

        // The Pod has ended: nobody needs its claim, though the Pod stays.
        await scenario.Api.ChangeAsync(Resources.Pods, new NamespacedName("d", "p"), t => t["status"]!["phase"] = "Succeeded");
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.ResourceClaims, claim.Name.Name, "d") is null);

        // Nor is it made anew, whatever else happens to the Pod: one that comes later has its claim when the controller has looked at this one.
        await scenario.Api.ChangeAsync(Resources.Pods, new NamespacedName("d", "p"), t => t["metadata"]!["labels"] = new JsonObject { ["touched"] = "yes" });
        await scenario.CreateAsync(Resources.Pods, """{"metadata":{"name":"q","namespace":"d"},"spec":{"containers":[],"resourceClaims":[{"name":"gpu","resourceClaimTemplateName":"t"}]}}""");
        await EventuallyAsync(async () => (await scenario.FindAsync(Resources.Pods, "q", "d"))!["status"]?["resourceClaimStatuses"] is not null);
        Assert.Equal("q-gpu-00002", Assert.Single((await scenario.Api.ListAsync(Resources.ResourceClaims, new ListQuery("d"), default)).Items).Name.Name);
    }

    [Fact]
    public async Task What_the_Pods_status_says_of_its_claims_counts()
    {
        // All is there before the controller looks: a claim that its Pod's status names and that is not there is made anew.
        var api = new TestCluster();
        await CreateAsync(Resources.ResourceClaimTemplates, "t", """{"metadata":{"name":"t","namespace":"d"},"spec":{"spec":{"devices":{}}}}""");
        var pod = await CreateAsync(Resources.Pods, "p", """
            {"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[],"schedulingGates":[{"name":"g"}],"resourceClaims":[{"name":"none","resourceClaimTemplateName":"t"},{"name":"named","resourceClaimTemplateName":"t"},{"name":"lost","resourceClaimTemplateName":"t"}]},
            "status":{"resourceClaimStatuses":[{"name":"none"},{"name":"named","resourceClaimName":"own"},{"name":"lost","resourceClaimName":"gone"}]} }
            """);
        // It is the Pod's, though nobody wrote down for what.
        await CreateAsync(Resources.ResourceClaims, "own", $$$"""{"metadata":{"name":"own","namespace":"d","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"{{{pod.Uid}}}","controller":true}]},"spec":{} }""");
        await using var scenario = Start("resource-claim-controller", api);
        await EventuallyAsync(async () => (await scenario.FindAsync(Resources.Pods, "p", "d"))!["status"]!["resourceClaimStatuses"]!.ToJsonString() is var statuses
            && statuses.StartsWith("""[{"name":"none"},{"name":"named","resourceClaimName":"own"},{"name":"lost","resourceClaimName":"p-lost-""", StringComparison.Ordinal));

        async Task<KubeObject> CreateAsync(ResourceId resource, string name, string json) => await api.CreateAsync(resource, new NamespacedName("d", name), JsonNode.Parse(json)!.AsObject(), null, default);
    }

    [Fact]
    public async Task The_claim_the_scheduler_made_for_extended_resources_goes_when_the_Pod_has_ended()
    {
        await using var scenario = Start("resource-claim-controller");
        var pod = await scenario.CreateAsync(Resources.Pods, """{"metadata":{"name":"p","namespace":"d"},"spec":{"nodeName":"n","containers":[]},"status":{"phase":"Running","extendedResourceClaimStatus":{"resourceClaimName":"c","requestMappings":[]}}}""");
        await scenario.CreateAsync(Resources.ResourceClaims, $$$"""
            {"metadata":{"name":"c","namespace":"d",{{{Protected}}},"annotations":{"resource.kubernetes.io/extended-resource-claim":"true"},"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"{{{pod.Uid}}}","controller":true}]},
            "spec":{},"status":{"allocation":{},"reservedFor":[{"resource":"pods","name":"p","uid":"{{{pod.Uid}}}"}]} }
            """);
        await scenario.Api.ChangeAsync(Resources.Pods, new NamespacedName("d", "p"), t => t["metadata"]!["labels"] = new JsonObject { ["touched"] = "yes" });
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.ResourceClaims, "c", "d") is not null);
        await scenario.Api.ChangeAsync(Resources.Pods, new NamespacedName("d", "p"), t => t["status"]!["phase"] = "Failed");
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.ResourceClaims, "c", "d") is null);
    }

    [Fact]
    public async Task A_Pod_placed_without_the_scheduler_gets_its_allocated_claim_reserved()
    {
        await using var scenario = Start("resource-claim-controller");
        await scenario.CreateAsync(Resources.ResourceClaims, """{"metadata":{"name":"c","namespace":"d"},"spec":{},"status":{"allocation":{}}}""");
        var pod = await scenario.CreateAsync(Resources.Pods, """{"metadata":{"name":"p","namespace":"d"},"spec":{"nodeName":"n","containers":[],"resourceClaims":[{"name":"gpu","resourceClaimName":"c"}]}}""");
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.ResourceClaims, "c", "d"))!["status"]!["reservedFor"]?[0]?["uid"] == pod.Uid);
    }
}
