using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.PersistentVolumes;
using k8s.Models;

namespace Bramble.Controllers.Tests.PersistentVolumes;

public sealed class ReclaimingTests
{
    private static Reclaim Failed(string message) => new Reclaim.Fail("VolumeFailedDelete", message);

    public static TheoryData<string, string, object> Cases => new()
    {
        { "what is kept is kept", """{"persistentVolumeReclaimPolicy":"Retain","hostPath":{"path":"/tmp/a"}}""", new Reclaim.Leave() },
        { "a driver removes what a driver made", """{"persistentVolumeReclaimPolicy":"Delete","csi":{"driver":"d","volumeHandle":"h"}}""", new Reclaim.Leave() },
        { "a folder under /tmp goes", """{"persistentVolumeReclaimPolicy":"Delete","hostPath":{"path":"/tmp/a"}}""", new Reclaim.RemoveFolder("/tmp/a") },
        { "any other folder does not", """{"persistentVolumeReclaimPolicy":"Delete","hostPath":{"path":"/srv/a"}}""", Failed("host_path deleter only supports /tmp/.+ but received provided /srv/a") },
        { "an export is nobody's to remove", """{"persistentVolumeReclaimPolicy":"Delete","nfs":{"server":"s","path":"/"}}""", Failed("error getting deleter volume plugin for volume \"v\": no deletable volume plugin matched") },
        { "nor is a disk made by hand", """{"persistentVolumeReclaimPolicy":"Delete","local":{"path":"/mnt"}}""", Failed("error getting deleter volume plugin for volume \"v\": no volume plugin matched") },
        { "a folder or an export is emptied", """{"persistentVolumeReclaimPolicy":"Recycle","nfs":{"server":"s","path":"/"}}""", new Reclaim.Recycle() },
        { "nothing else is", """{"persistentVolumeReclaimPolicy":"Recycle","local":{"path":"/mnt"}}""", new Reclaim.Fail("VolumeFailedRecycle", "No recycler plugin found for the volume!") },
        { "a policy of tomorrow", """{"persistentVolumeReclaimPolicy":"Archive"}""", new Reclaim.Fail("VolumeUnknownReclaimPolicy", "Volume has unrecognized PersistentVolumeReclaimPolicy") },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decide(string because, string spec, object expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, Reclaiming.Decide(Volume(spec, "{}")));
    }

    [Theory]
    [InlineData("rancher.io/local-path", null)]
    [InlineData("kubernetes.io/aws-ebs", null)]
    [InlineData("kubernetes.io/glusterfs", "no volume plugin matched name: kubernetes.io/glusterfs")]
    public void A_provisioner_removes_what_it_made_if_there_is_one(string provisioner, string? why)
    {
        var decided = Reclaiming.Decide(Volume("""{"persistentVolumeReclaimPolicy":"Delete","hostPath":{"path":"/srv/a"}}""", $$"""{"pv.kubernetes.io/provisioned-by":"{{provisioner}}"}"""));
        Assert.Equal(why is null ? new Reclaim.Leave() : Failed(why), decided);
    }

    [Theory]
    [InlineData("rancher.io/local-path", null, true)]
    [InlineData("rancher.io/local-path", null, true, "a b", true)]
    [InlineData("kubernetes.io/aws-ebs", null, true)]
    [InlineData("kubernetes.io/no-provisioner", "no volume plugin matched name: kubernetes.io/no-provisioner", false)]
    [InlineData("kubernetes.io/host-path", "Failed to create provisioner: provisioning in volume plugin \"kubernetes.io/host-path\" is disabled", true)]
    [InlineData("kubernetes.io/host-path", "Mount options are not supported by the provisioner but StorageClass \"c\" has mount options [a b]", true, "a b")]
    [InlineData("kubernetes.io/host-path", "plugin \"kubernetes.io/host-path\" is not a CSI plugin. Only CSI plugin can provision a claim with a datasource", false, "a b", true)]
    [InlineData("kubernetes.io/nfs", "no provisionable volume plugin matched", false)]
    public void Who_makes_volumes_for_a_class(string provisioner, string? why, bool isNoted, string options = "", bool copies = false)
    {
        var storageClass = new V1StorageClass { Metadata = new V1ObjectMeta { Name = "c" }, Provisioner = provisioner, MountOptions = options.Split(' ', StringSplitOptions.RemoveEmptyEntries) };
        var claim = new V1PersistentVolumeClaim { Spec = new V1PersistentVolumeClaimSpec { DataSource = copies ? new V1TypedLocalObjectReference { Kind = "PersistentVolumeClaim", Name = "other" } : null } };
        Assert.Equal((why, isNoted), (InTreePlugins.WhyNotProvisioned(storageClass, claim, out var noted), noted));
    }

    [Theory]
    [InlineData("of a plugin that has moved", "\"pv.kubernetes.io/provisioned-by\":\"kubernetes.io/aws-ebs\"", "ebs.csi.aws.com")]
    [InlineData("which is noted", "\"pv.kubernetes.io/provisioned-by\":\"kubernetes.io/aws-ebs\",\"pv.kubernetes.io/migrated-to\":\"ebs.csi.aws.com\"", null)]
    [InlineData("not rightly", "\"pv.kubernetes.io/provisioned-by\":\"kubernetes.io/aws-ebs\",\"pv.kubernetes.io/migrated-to\":\"other\"", "ebs.csi.aws.com")]
    [InlineData("of one that has not", "\"pv.kubernetes.io/provisioned-by\":\"rancher.io/local-path\"", null)]
    [InlineData("and is said to have", "\"pv.kubernetes.io/provisioned-by\":\"rancher.io/local-path\",\"pv.kubernetes.io/migrated-to\":\"other\"", "")]
    [InlineData("made by hand", "\"pv.kubernetes.io/migrated-to\":\"other\"", null)]
    [InlineData("the annotation's old name counts when there is no other", "\"old\":\"kubernetes.io/gce-pd\"", "pd.csi.storage.gke.io")]
    public void The_driver_that_a_plugin_has_moved_to(string because, string annotations, string? noted)
    {
        Assert.NotEmpty(because);
        var tree = Some.Tree("{\"metadata\":{\"annotations\":{" + annotations + "}}}");
        Assert.Equal(noted is not null, InTreePlugins.NoteMigration(tree, Reclaiming.ProvisionedBy, "old"));
        if (noted is not null) Assert.Equal(noted, (string?)tree["metadata"]!["annotations"]![InTreePlugins.MigratedTo] ?? "");
    }

    [Theory]
    [InlineData("what is to be deleted is kept until it is", "kubernetes.io/host-path", "Delete", "a", "a kubernetes.io/pv-controller")]
    [InlineData("which it is", "kubernetes.io/host-path", "Delete", "kubernetes.io/pv-controller", null)]
    [InlineData("it is to be kept now", "kubernetes.io/host-path", "Retain", "kubernetes.io/pv-controller a", "a")]
    [InlineData("its driver is no longer", "kubernetes.io/host-path", "Retain", "external-provisioner.volume.kubernetes.io/finalizer", "")]
    [InlineData("it has moved to a driver", "kubernetes.io/aws-ebs", "Delete", "kubernetes.io/pv-controller external-provisioner.volume.kubernetes.io/finalizer", "external-provisioner.volume.kubernetes.io/finalizer")]
    [InlineData("a driver's own", "d", "Delete", "external-provisioner.volume.kubernetes.io/finalizer", null)]
    [InlineData("made by hand", "", "Delete", "", null)]
    public void Finalizers(string because, string provisioner, string policy, string finalizers, string? expected)
    {
        Assert.NotEmpty(because);
        var tree = Some.Tree("{\"metadata\":{\"annotations\":{\"pv.kubernetes.io/provisioned-by\":\"" + provisioner + "\"}},\"spec\":{\"persistentVolumeReclaimPolicy\":\"" + policy + "\"}}");
        tree["metadata"]!["finalizers"] = new JsonArray([.. finalizers.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(f => (JsonNode)f)]);
        Assert.Equal(expected is not null, Reclaiming.ProtectInTree(tree));
        if (expected is not null) Assert.Equal(expected, string.Join(' ', tree["metadata"]!["finalizers"]!.AsArray().Select(f => (string?)f)));
    }

    private static V1PersistentVolume Volume(string spec, string annotations) => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(
        "{\"metadata\":{\"name\":\"v\",\"annotations\":" + annotations + "},\"spec\":" + spec + "}")).Model<V1PersistentVolume>();
}
