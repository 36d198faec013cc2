using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.PersistentVolumes;
using k8s.Models;

namespace Bramble.Controllers.Tests.PersistentVolumes;

public sealed class VolumeMatchTests
{
    private const string Claim = """{"metadata":{"name":"c","namespace":"d","uid":"u"},"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"s","resources":{"requests":{"storage":"2Gi"}}}}""";

    public static TheoryData<string, string, string[], bool, string?> Cases => new()
    {
        { "the smallest that is large enough", Claim, [Volume("a", 1), Volume("b", 5), Volume("c", 3)], false, "c" },
        { "none is large enough", Claim, [Volume("a", 1)], false, null },
        { "fewer ways of access before smaller size", Claim, [Volume("many", 2, "\"ReadWriteOnce\",\"ReadWriteMany\""), Volume("one", 9)], false, "one" },
        { "more ways of access when nothing else is left", Claim, [Volume("many", 2, "\"ReadWriteOnce\",\"ReadWriteMany\"")], false, "many" },
        { "the one reserved for it", Claim, [Volume("a", 2), Volume("b", 9, claim: "c")], false, "b" },
        { "not one reserved for another", Claim, [Volume("a", 2, claim: "other")], false, null },
        { "not one whose claim of this name is gone", Claim, [Volume("a", 2, claim: "c", claimUid: "older")], false, null },
        { "not one that is too small, even reserved", Claim, [Volume("a", 1, claim: "c")], false, null },
        { "when the scheduler is to choose, only a reservation counts", Claim, [Volume("a", 2)], true, null },
        { "when the scheduler is to choose, the reserved one", Claim, [Volume("a", 2), Volume("b", 2, claim: "c")], true, "b" },
        { "only one that is available", Claim, [Volume("a", 2, phase: "Released")], false, null },
        { "of its class", Claim.Replace("\"s\"", "\"t\""), [Volume("a", 2)], false, null },
        { "of its mode", Claim.Replace("\"accessModes\"", "\"volumeMode\":\"Block\",\"accessModes\""), [Volume("a", 2)], false, null },
        { "that its selector selects", Claim.Replace("\"accessModes\"", "\"selector\":{\"matchLabels\":{\"n\":\"b\"}},\"accessModes\""), [Volume("a", 2), Volume("b", 3)], false, "b" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Best(string because, string claim, string[] volumes, bool isDelayed, string? expected)
    {
        Assert.NotEmpty(because);
        var found = KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(claim));
        Assert.Equal(expected, VolumeMatch.Best(found.Model<V1PersistentVolumeClaim>(), found.ToTree(), volumes.Select(Read), isDelayed)?.Metadata.Name);
    }

    [Theory]
    [InlineData(1, "\"ReadWriteOnce\"", "s", "requested PV is too small")]
    [InlineData(2, "\"ReadWriteOnce\"", "t", "storageClassName does not match")]
    [InlineData(2, "\"ReadOnlyMany\"", "s", "incompatible accessMode")]
    [InlineData(2, "\"ReadWriteOnce\"", "s", null)]
    public void Why_a_volume_asked_for_by_name_does_not_suit(int gib, string modes, string storageClass, string? why) =>
        Assert.Equal(why, VolumeMatch.Mismatch(Read(Volume("a", gib, modes).Replace("\"storageClassName\":\"s\"", $"\"storageClassName\":\"{storageClass}\"")), KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(Claim)).Model<V1PersistentVolumeClaim>()));

    private static V1PersistentVolume Read(string json) => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(json)).Model<V1PersistentVolume>();

    private static string Volume(string name, int gib, string modes = "\"ReadWriteOnce\"", string? claim = null, string claimUid = "", string phase = "Available")
    {
        var volume = JsonNode.Parse("{\"metadata\":{\"name\":\"" + name + "\",\"labels\":{\"n\":\"" + name + "\"}},\"spec\":{\"accessModes\":[" + modes + "],\"storageClassName\":\"s\",\"capacity\":{\"storage\":\"" + gib + "Gi\"}},\"status\":{\"phase\":\"" + phase + "\"}}")!;
        if (claim is not null) volume["spec"]!["claimRef"] = new JsonObject { ["namespace"] = "d", ["name"] = claim, ["uid"] = claimUid };
        return volume.ToJsonString();
    }
}
