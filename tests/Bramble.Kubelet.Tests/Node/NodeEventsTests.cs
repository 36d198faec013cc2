using System.Text.Json.Nodes;
using Bramble.Kubelet.Images;
using Bramble.Kubelet.Node;

namespace Bramble.Kubelet.Tests.Node;

/// <summary>What is told about a node.</summary>
public class NodeEventsTests
{
    private const string Good = """{"conditions":[{"type":"MemoryPressure","status":"False"},{"type":"DiskPressure","status":"False"},{"type":"PIDPressure","status":"False"},{"type":"Ready","status":"True"}],"nodeInfo":{"bootID":"b"}}""";

    [Theory]
    [InlineData("a new node", null, Good, "NodeHasSufficientMemory NodeHasNoDiskPressure NodeHasSufficientPID NodeReady")]
    [InlineData("nothing new", Good, Good, "")]
    [InlineData("it had not been heard of", """{"conditions":[{"type":"MemoryPressure","status":"Unknown"},{"type":"DiskPressure","status":"False"},{"type":"PIDPressure","status":"False"},{"type":"Ready","status":"Unknown"}]}""", Good,
        "NodeHasSufficientMemory NodeReady")]
    [InlineData("it is in need", Good, """{"conditions":[{"type":"MemoryPressure","status":"True"},{"type":"DiskPressure","status":"True"},{"type":"PIDPressure","status":"True"},{"type":"Ready","status":"False"}]}""",
        "NodeHasInsufficientMemory NodeHasDiskPressure NodeHasInsufficientPID NodeNotReady")]
    public void Conditions_that_change_are_told(string why, string? before, string now, string reasons) =>
        Assert.Equal((why, reasons), (why, string.Join(' ', NodeEvents.Changes(Status(before), Status(now)!))));

    [Theory]
    [InlineData("""{"nodeInfo":{"bootID":"a"}}""", "Node n has been rebooted, boot id: b")]
    [InlineData("""{"nodeInfo":{"bootID":"b"}}""", null)]
    [InlineData("""{"nodeInfo":{"bootID":""}}""", null)]
    [InlineData("{}", null)]
    [InlineData(null, null)]
    public void A_new_start_of_the_machine_is_told(string? before, string? message) => Assert.Equal(message, NodeEvents.Rebooted("n", Status(before), Status(Good)!));

    [Fact]
    public void A_disk_that_stays_full_is_told() =>
        Assert.Equal("Insufficient free disk space on the node's image filesystem (91% of 29.0 GiB used). Failed to free sufficient space by deleting unused images (freed 1024 bytes). "
            + "Investigate disk usage, as it could be used by active images, logs, volumes, or other data.", ImageGarbage.NotEnough(91.7m, 31_138_512_896, 1024));

    [Fact]
    public void Pods_together_get_what_is_not_reserved()
    {
        var machine = Machine.Read() with { Cores = 4, MemoryBytes = 2000, HugePages = new Dictionary<long, long>() };
        var resources = NodeResources.Of(machine, 0, 110, NodeResources.Parse("cpu=500m,memory=300"), evictionMemoryBytes: 100, evictionDiskBytes: 0);
        Assert.Equal((3.5m, 1700m, 1600m), (resources.Enforced["cpu"], resources.Enforced["memory"], resources.Allocatable["memory"]));
    }

    private static JsonObject? Status(string? json) => json is null ? null : JsonNode.Parse(json)!.AsObject();
}
