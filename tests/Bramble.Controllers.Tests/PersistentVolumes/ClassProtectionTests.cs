using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.PersistentVolumes;
using k8s;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.PersistentVolumes;

public sealed class ClassProtectionTests
{
    [Fact]
    public async Task A_class_of_attributes_stays_while_a_claim_is_being_changed_to_it()
    {
        await using var scenario = Start("volumeattributesclass-protection-controller");
        await scenario.CreateAsync(Resources.PersistentVolumeClaims, """{"metadata":{"name":"c","namespace":"d"},"spec":{},"status":{"modifyVolumeStatus":{"targetVolumeAttributesClassName":"fast","status":"Pending"}}}""");
        await scenario.CreateAsync(Resources.VolumeAttributesClasses, """{"metadata":{"name":"fast"},"driverName":"d"}""");
        await EventuallyAsync(async () => (await scenario.FindAsync(Resources.VolumeAttributesClasses, "fast"))!["metadata"]!["finalizers"]?.ToJsonString() == "[\"kubernetes.io/vac-protection\"]");
        await scenario.Api.DeleteAsync(Resources.VolumeAttributesClasses, new NamespacedName("", "fast"), new DeleteQuery(), default);
        await scenario.CreateAsync(Resources.VolumeAttributesClasses, """{"metadata":{"name":"later"},"driverName":"d"}""");
        await EventuallyAsync(async () => (await scenario.FindAsync(Resources.VolumeAttributesClasses, "later"))!["metadata"]!["finalizers"] is not null);
        Assert.NotNull(await scenario.FindAsync(Resources.VolumeAttributesClasses, "fast"));
        await scenario.Api.ChangeAsync(Resources.PersistentVolumeClaims, new NamespacedName("d", "c"), t => t["status"]!.AsObject().Remove("modifyVolumeStatus"));
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.VolumeAttributesClasses, "fast") is null);
    }

    /// <summary>The class that it asks for, the one that it has, and the one that it is being changed to.</summary>
    [Theory]
    [InlineData("""{"spec":{}}""", "")]
    [InlineData("""{"spec":{"volumeAttributesClassName":""}}""", "")]
    [InlineData("""{"spec":{"volumeAttributesClassName":"a"}}""", "a")]
    [InlineData("""{"spec":{},"status":{"currentVolumeAttributesClassName":"b"}}""", "b")]
    [InlineData("""{"spec":{},"status":{"modifyVolumeStatus":{"targetVolumeAttributesClassName":"c","status":"InProgress"}}}""", "c")]
    [InlineData("""{"spec":{"volumeAttributesClassName":"a"},"status":{"currentVolumeAttributesClassName":"b","modifyVolumeStatus":{"targetVolumeAttributesClassName":"a","status":"Pending"}}}""", "a b")]
    public void Classes_that_a_claim_holds(string claim, string expected) => Assert.Equal(expected, string.Join(' ', AttributesClassProtectionController.NamesOf(Read<V1PersistentVolumeClaim>(claim))));

    [Theory]
    [InlineData("""{"spec":{}}""", "")]
    [InlineData("""{"spec":{"volumeAttributesClassName":"a"}}""", "a")]
    public void Classes_that_a_volume_holds(string volume, string expected) => Assert.Equal(expected, string.Join(' ', AttributesClassProtectionController.NamesOf(Read<V1PersistentVolume>(volume))));

    [Theory]
    [InlineData("2Gi", "1Gi", "u", "", true)]
    [InlineData("1Gi", "1Gi", "u", "", false)]
    [InlineData("1Gi", "1Gi", "u", "volume.alpha.kubernetes.io/pre-resize-capacity", true)]
    [InlineData("2Gi", "1Gi", "other", "", false)]
    public void A_claim_that_asks_for_more_waits_for_its_driver(string wanted, string had, string boundTo, string annotation, bool waits)
    {
        var claim = Read<V1PersistentVolumeClaim>("{\"metadata\":{\"name\":\"c\",\"uid\":\"u\"},\"spec\":{\"resources\":{\"requests\":{\"storage\":\"" + wanted + "\"}}},\"status\":{\"capacity\":{\"storage\":\"" + had + "\"}}}");
        var volume = Read<V1PersistentVolume>("{\"metadata\":{\"name\":\"v\",\"annotations\":{\"" + annotation + "\":\"\"}},\"spec\":{\"claimRef\":{\"uid\":\"" + boundTo + "\"}}}");
        Assert.Equal(waits, ClaimExpansionController.Waits(claim, volume));
    }

    [Theory]
    [InlineData("\"csi\":{\"driver\":\"d\",\"volumeHandle\":\"h\"}", "waiting for an external controller to expand this PVC", null)]
    [InlineData("\"gcePersistentDisk\":{\"pdName\":\"p\"}", "CSI migration enabled for kubernetes.io/gce-pd; waiting for external resizer to expand the pvc", "pd.csi.storage.gke.io")]
    public async Task Who_is_waited_for_is_told(string source, string message, string? resizer)
    {
        await using var scenario = Start("expand-controller");
        await scenario.CreateAsync(Resources.PersistentVolumeClaims, """{"metadata":{"name":"c","namespace":"d"},"spec":{"volumeName":"v"},"status":{"phase":"Pending"}}""");
        var uid = (await scenario.Api.FindAsync(Resources.PersistentVolumeClaims, new NamespacedName("d", "c"), default))!.Uid;
        await scenario.CreateAsync(Resources.PersistentVolumes, "{\"metadata\":{\"name\":\"v\"},\"spec\":{" + source + ",\"claimRef\":{\"uid\":\"" + uid + "\"}}}");
        await scenario.Api.ChangeAsync(Resources.PersistentVolumeClaims, new NamespacedName("d", "c"), t => (t["spec"]!["resources"], t["status"]!["phase"]) = (Some.Tree("""{"requests":{"storage":"2Gi"}}"""), "Bound"));
        await EventuallyAsync(async () => (await scenario.EventsAsync("c")).SequenceEqual(["ExternalExpanding: " + message]));
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.PersistentVolumeClaims, "c", "d"))!["metadata"]!["annotations"]?["volume.kubernetes.io/storage-resizer"] == resizer);
    }

    private static T Read<T>(string json) where T : class, IKubernetesObject<V1ObjectMeta> => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(json)).Model<T>();
}
