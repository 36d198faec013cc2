using Bramble.Client;
using Bramble.Kubelet.Containers;
using Bramble.Kubelet.Volumes;
using k8s;
using k8s.Models;

namespace Bramble.Kubelet.Tests.Volumes;

public sealed class ClaimVolumesTests
{
    private const string Claim = """{"metadata":{"name":"c","namespace":"d","uid":"u"},"spec":{"volumeName":"v"},"status":{"phase":"Bound"}}""";
    private const string Volume = """{"metadata":{"name":"v"},"spec":{"claimRef":{"uid":"u"}}}""";

    public static TheoryData<string, string, string?, string?> Cases => new()
    {
        { "bound to each other", Claim, Volume, null },
        { "not bound yet", Claim.Replace("Bound", "Pending"), Volume, "PVC is not bound" },
        { "going away and in nobody's use", Claim.Replace("\"uid\"", "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\",\"uid\""), Volume, "PVC is being deleted" },
        { "going away but protected: a pod that runs may go on", Claim.Replace("\"uid\"", "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\",\"finalizers\":[\"kubernetes.io/pvc-protection\"],\"uid\""), Volume, null },
        { "the claim lost its volume's name", Claim.Replace("\"volumeName\":\"v\"", ""), Volume, "PVC has empty pvc.Spec.VolumeName" },
        { "the volume is gone", Claim, null, "failed to fetch PV v from API server: persistentvolumes \"v\" not found" },
        { "the volume does not know of it", Claim, """{"metadata":{"name":"v"},"spec":{}}""", "found PV object v but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim" },
        { "the volume is another's", Claim, Volume.Replace("\"u\"", "\"w\""), "found PV object v but its pv.Spec.ClaimRef.UID w does not point to claim.UID u" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Why_a_claim_cannot_be_used(string because, string claim, string? volume, string? why)
    {
        Assert.NotEmpty(because);
        Assert.Equal(why, ClaimVolumes.WhyNotUsable(Read<V1PersistentVolumeClaim>(claim), volume is null ? null : Read<V1PersistentVolume>(volume)));
    }

    private const string Zone = ""","nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"zone","operator":"In","values":["a"]}]}]}}""";

    [Theory]
    [InlineData("{}", "", false, null)]
    [InlineData("""{"zone":"a"}""", Zone, false, null)]
    [InlineData("""{"zone":"b"}""", Zone, false, "MountVolume.NodeAffinity check failed for volume \"v\" : no matching NodeSelectorTerms")]
    [InlineData("{}", Zone + ""","volumeMode":"Block" """, false, "MapVolume.NodeAffinity check failed for volume \"v\" : no matching NodeSelectorTerms")]
    [InlineData(null, Zone, false, null)]
    [InlineData("{}", ""","accessModes":["ReadWriteOncePod"]""", false, null)]
    [InlineData("{}", ""","accessModes":["ReadWriteOncePod"]""", true, "MountVolume.SetUp failed for volume \"v\" : volume uses the ReadWriteOncePod access mode and is already in use by another pod")]
    [InlineData("{}", ""","accessModes":["ReadWriteOncePod"],"volumeMode":"Block" """, true, "MapVolume.SetUpDevice failed for volume \"v\" : volume uses the ReadWriteOncePod access mode and is already in use by another pod")]
    [InlineData("{}", ""","accessModes":["ReadWriteOncePod","ReadWriteOnce"]""", true, null)]
    [InlineData("{}", ""","accessModes":["ReadWriteOnce"]""", true, null)]
    public void Why_a_volume_cannot_be_used_here(string? labels, string more, bool isUsedElsewhere, string? why) => Assert.Equal(why, ClaimVolumes.WhyNotHere(
        Read<V1PersistentVolume>($$$"""{"metadata":{"name":"v"},"spec":{"claimRef":{"uid":"u"}{{{more}}} } }"""),
        labels is null ? null : Read<V1Node>($$$"""{"metadata":{"name":"n","labels":{{{labels}}} } }"""), isUsedElsewhere));

    /// <summary>The volume's annotation, the groups that the pod names, and those it is in besides.</summary>
    [Theory]
    [InlineData("777", "[]", "777")]
    [InlineData("777", "[5]", "777")]
    [InlineData("777", "[5,777]", "")]
    [InlineData("users", "[]", "")]
    [InlineData("", "[]", "")]
    public void A_pod_is_of_the_groups_of_its_volumes(string annotation, string groups, string besides)
    {
        var group = ClaimVolumes.GroupOf(Read<V1PersistentVolume>($$$"""{"metadata":{"name":"v","annotations":{"pv.beta.kubernetes.io/gid":"{{{annotation}}}"}},"spec":{}}"""));
        MountedVolume[] volumes = [new("/a"), new("/b") { Group = group }, new("/c") { Group = group }];
        Assert.Equal(besides, string.Join(' ', SecurityContexts.GroupsOf(Read<V1Pod>($$$"""{"metadata":{"name":"p"},"spec":{"containers":[],"securityContext":{"supplementalGroups":{{{groups}}} } } }"""), volumes)));
    }

    [Theory]
    [InlineData("{}", null)]
    [InlineData("""{"fsGroup":1000}""", null)]
    [InlineData("""{"fsGroup":2000}""", "The requested fsGroup is 2000, but the volume v has GID 1000. The volume may not be shareable.")]
    public void A_pod_is_told_that_others_have_the_volume_with_another_group(string securityContext, string? warning) => Assert.Equal(
        warning, ClaimVolumes.AnothersGroup(Read<V1Pod>($$$"""{"metadata":{"name":"p"},"spec":{"containers":[],"securityContext":{{{securityContext}}} } }"""), "v", 1000));

    private static T Read<T>(string json) where T : class, IKubernetesObject<V1ObjectMeta> => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(json)).Model<T>();
}
