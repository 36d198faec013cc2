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
    [InlineData("rancher.io/local-path", null)]
    [InlineData("kubernetes.io/no-provisioner", "no volume plugin matched name: kubernetes.io/no-provisioner")]
    [InlineData("kubernetes.io/host-path", "Failed to create provisioner: provisioning in volume plugin \"kubernetes.io/host-path\" is disabled")]
    [InlineData("kubernetes.io/nfs", "no provisionable volume plugin matched")]
    public void Who_makes_volumes_for_a_class(string provisioner, string? why) => Assert.Equal(why, InTreePlugins.WhyNotProvisioned(InTreePlugins.DriverOf(provisioner)));

    private static V1PersistentVolume Volume(string spec, string annotations) => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(
        "{\"metadata\":{\"name\":\"v\",\"annotations\":" + annotations + "},\"spec\":" + spec + "}")).Model<V1PersistentVolume>();
}
