using System.Text;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.PersistentVolumes;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.PersistentVolumes;

public sealed class VolumeProtectionTests
{
    private const string Claimed = """[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}]""";
    private const string Own = """[{"name":"v","ephemeral":{"volumeClaimTemplate":{"spec":{}}}}]""";

    [Theory]
    [InlineData(false, "[]", "Lacking", """["f"]""")]
    [InlineData(false, """["other"]""", "Lacking", """["other","f"]""")]
    [InlineData(false, """["f"]""", "Right", null)]
    [InlineData(true, """["a","f","b"]""", "InTheWay", """["a","b"]""")]
    [InlineData(true, """["other"]""", "Right", null)]
    [InlineData(true, "[]", "Right", null)]
    public void A_finalizer_is_added_to_what_stays_and_taken_from_what_goes(bool isGoing, string finalizers, string need, string? expected)
    {
        var obj = KubeObject.Parse(Encoding.UTF8.GetBytes("{\"metadata\":{\"name\":\"c\",\"finalizers\":" + finalizers + (isGoing ? ",\"deletionTimestamp\":\"2024-01-01T12:00:00Z\"" : "") + "}}"));
        var decided = ProtectionFinalizer.Decide(obj.Model<V1PersistentVolumeClaim>().Metadata, "f");
        Assert.Equal(need, decided.ToString());
        if (expected is not null) Assert.Equal(expected, ProtectionFinalizer.Mended(obj, "f", decided)["metadata"]!["finalizers"]!.ToJsonString());
    }

    /// <param name="name">The claim's: the Pod's is p.</param>
    /// <param name="owner">The uid of the Pod that the claim is of.</param>
    [Theory]
    [InlineData("a Pod that has it", "c", "", Claimed, "n", "Running", "", true)]
    [InlineData("a Pod without a node", "c", "", Claimed, "", "Pending", "", false)]
    [InlineData("a Pod on its node that has not begun", "c", "", Claimed, "n", "Pending", "", true)]
    [InlineData("a failed Pod, until it is removed", "c", "", Claimed, "n", "Failed", "", true)]
    [InlineData("a finished Pod, until it is removed", "c", "", Claimed, "n", "Succeeded", "", true)]
    [InlineData("a Pod that is ending", "c", "", Claimed, "n", "Running", "30", true)]
    [InlineData("a Pod that has ended and is about to go", "c", "", Claimed, "n", "Running", "0", true)]
    [InlineData("a Pod with others", "d", "", Claimed, "n", "Running", "", false)]
    [InlineData("a Pod with a folder", "c", "", """[{"name":"c","emptyDir":{}}]""", "n", "Running", "", false)]
    [InlineData("its own", "p-v", "uid-p", Own, "n", "Running", "", true)]
    [InlineData("its own, no node yet", "p-v", "uid-p", Own, "", "Pending", "", false)]
    [InlineData("its own, ending", "p-v", "uid-p", Own, "n", "Running", "30", true)]
    [InlineData("its own, ended", "p-v", "uid-p", Own, "n", "Running", "0", false)]
    [InlineData("another Pod's that has the name", "p-v", "uid-of-another", Own, "n", "Running", "", false)]
    [InlineData("nobody's that has the name", "p-v", "", Own, "n", "Running", "", false)]
    [InlineData("without volumes", "c", "", "[]", "n", "Running", "", false)]
    public void Which_Pods_use_a_claim(string because, string name, string owner, string volumes, string node, string phase, string grace, bool uses)
    {
        Assert.NotEmpty(because);
        Assert.Equal(uses, ClaimPods.Uses(Pod("uid-p", volumes, node, phase, grace), Claim(name, owner)));
    }

    /// <param name="old">The Pod's uid before, then its grace period; "": it was not there.</param>
    [Theory]
    [InlineData("new", "", "u", "")]
    [InlineData("new, ended already", "", "u 0", "d/c")]
    [InlineData("changed", "u", "u", "")]
    [InlineData("ending", "u", "u 30", "")]
    [InlineData("ended", "u 30", "u 0", "d/c")]
    [InlineData("gone", "u 0", "", "d/c")]
    [InlineData("replaced by another of its name", "u", "w", "d/c")]
    public void After_which_changes_a_claim_may_be_free(string because, string old, string now, string expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, string.Join(' ', ClaimPods.MaybeFree(PodOf(old), PodOf(now))));

        static V1Pod? PodOf(string state) => state.Length == 0 ? null : Pod(state.Split(' ')[0], Claimed, "n", "Running", state.Split(' ').ElementAtOrDefault(1) ?? "");
    }

    [Theory]
    [InlineData(false, false, "Available", "Lacking")]
    [InlineData(false, false, "Bound", "Lacking")]
    [InlineData(false, true, "Available", null)]
    [InlineData(true, true, "Available", "InTheWay")]
    [InlineData(true, true, "Released", "InTheWay")]
    [InlineData(true, true, "Pending", "InTheWay")]
    [InlineData(true, true, "Bound", null)]
    [InlineData(true, false, "Bound", null)]
    public void A_bound_volume_stays(bool isGoing, bool isProtected, string phase, string? expected)
    {
        var deletion = isGoing ? ",\"deletionTimestamp\":\"2024-01-01T12:00:00Z\"" : "";
        var volume = Some.Model<V1PersistentVolume>($$$"""
            {"metadata":{"name":"v","finalizers":[{{{(isProtected ? "\"kubernetes.io/pv-protection\"" : "")}}}]{{{deletion}}} },"status":{"phase":"{{{phase}}}"} }
            """);
        Assert.Equal(expected, VolumeProtectionController.Decide(volume)?.ToString());
    }

    [Fact]
    public async Task A_claim_goes_when_its_last_Pod_has_gone_and_a_volume_when_it_is_bound_no_longer()
    {
        await using var scenario = Start("pvc-protection-controller");
        await scenario.CreateAsync(Resources.PersistentVolumeClaims, """{"metadata":{"name":"c","namespace":"d"},"spec":{}}""");
        await EventuallyAsync(async () => (await scenario.FindAsync(Resources.PersistentVolumeClaims, "c", "d"))!["metadata"]!["finalizers"]?.ToJsonString() == """["kubernetes.io/pvc-protection"]""");
        foreach (var name in (string[])["p", "q"])
            await scenario.CreateAsync(Resources.Pods, $$$"""{"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"nodeName":"n","volumes":{{{Claimed}}}} }""");
        await scenario.Api.DeleteAsync(Resources.PersistentVolumeClaims, new NamespacedName("d", "c"), new DeleteQuery(), default);
        await scenario.Api.DeleteAsync(Resources.Pods, new NamespacedName("d", "p"), new DeleteQuery(GracePeriodSeconds: 0), default);
        // What is made after shows that the first Pod's end has been looked at.
        await scenario.CreateAsync(Resources.PersistentVolumeClaims, """{"metadata":{"name":"later","namespace":"d"},"spec":{}}""");
        await EventuallyAsync(async () => (await scenario.FindAsync(Resources.PersistentVolumeClaims, "later", "d"))!["metadata"]!["finalizers"] is not null);
        Assert.NotNull(await scenario.FindAsync(Resources.PersistentVolumeClaims, "c", "d"));
        await scenario.Api.DeleteAsync(Resources.Pods, new NamespacedName("d", "q"), new DeleteQuery(GracePeriodSeconds: 0), default);
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.PersistentVolumeClaims, "c", "d") is null);

        await using var volumes = Start("pv-protection-controller");
        await volumes.CreateAsync(Resources.PersistentVolumes, """{"metadata":{"name":"v"},"spec":{},"status":{"phase":"Bound"}}""");
        await EventuallyAsync(async () => (await volumes.FindAsync(Resources.PersistentVolumes, "v"))!["metadata"]!["finalizers"]?.ToJsonString() == """["kubernetes.io/pv-protection"]""");
        await volumes.Api.DeleteAsync(Resources.PersistentVolumes, new NamespacedName("", "v"), new DeleteQuery(), default);
        await volumes.CreateAsync(Resources.PersistentVolumes, """{"metadata":{"name":"later"},"spec":{},"status":{"phase":"Available"}}""");
        await EventuallyAsync(async () => (await volumes.FindAsync(Resources.PersistentVolumes, "later"))!["metadata"]!["finalizers"] is not null);
        Assert.NotNull(await volumes.FindAsync(Resources.PersistentVolumes, "v"));
        await volumes.Api.ChangeAsync(Resources.PersistentVolumes, new NamespacedName("", "v"), v => v["status"]!["phase"] = "Released");
        await EventuallyAsync(async () => await volumes.FindAsync(Resources.PersistentVolumes, "v") is null);
    }

    private static V1Pod Pod(string uid, string volumes, string node, string phase, string grace) => Some.Model<V1Pod>($$$"""
        {"metadata":{"name":"p","namespace":"d","uid":"{{{uid}}}"{{{(grace.Length == 0 ? "" : $",\"deletionTimestamp\":\"2024-01-01T12:00:00Z\",\"deletionGracePeriodSeconds\":{grace}")}}} },
         "spec":{"nodeName":"{{{node}}}","volumes":{{{volumes}}} },"status":{"phase":"{{{phase}}}"} }
        """);

    private static V1PersistentVolumeClaim Claim(string name, string owner) => Some.Model<V1PersistentVolumeClaim>($$$"""
        {"metadata":{"name":"{{{name}}}","namespace":"d","ownerReferences":[{{{(owner.Length == 0 ? "" : $$"""{"apiVersion":"v1","kind":"Pod","name":"p","uid":"{{owner}}","controller":true}""")}}}]} }
        """);
}
