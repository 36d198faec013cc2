using System.Text.Json.Nodes;
using Bramble.Kubelet.Node;

namespace Bramble.Kubelet.Tests.Node;

/// <summary>What of a node's status is written.</summary>
public class NodeStatusTests
{
    [Theory]
    [InlineData("the same is not written", """{"nodeInfo":{"a":"1"}}""", """{"nodeInfo":{"a":"1"}}""", null)]
    [InlineData("what is new is written", """{"nodeInfo":{"a":"1"}}""", """{"nodeInfo":{"a":"1","swap":{"capacity":4}}}""", """{"nodeInfo":{"a":"1","swap":{"capacity":4}}}""")]
    [InlineData("swap that was switched off is taken away", """{"nodeInfo":{"a":"1","swap":{"capacity":4}}}""", """{"nodeInfo":{"a":"1"}}""", """{"nodeInfo":{"a":"1","swap":null}}""")]
    [InlineData("addresses are replaced whole", """{"addresses":[{"type":"Hostname","address":"a"}]}""", """{"addresses":[{"type":"Hostname","address":"b"}]}""",
        """{"addresses":[{"$patch":"replace"},{"type":"Hostname","address":"b"}]}""")]
    public void Of_a_status_the_changes_are_written(string why, string current, string wanted, string? patch)
    {
        var made = NodeStatus.Patch(JsonNode.Parse(current)!.AsObject(), JsonNode.Parse(wanted)!.AsObject(), isReportDue: false)?["status"];
        Assert.True(JsonNode.DeepEquals(patch is null ? null : JsonNode.Parse(patch), made), $"{why}: {made?.ToJsonString()}");
    }
}
