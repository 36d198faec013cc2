using System.Text.Json.Nodes;
using Bramble.Api.Apply;
using Bramble.Api.Naming;

namespace Bramble.Api.Tests.Apply;

/// <summary>What a write to an endpoint never owns.</summary>
public class ResetFieldsTests
{
    [Theory]
    [InlineData("", true, "f:status")]
    [InlineData("status", true, "f:metadata f:spec")]
    [InlineData("scale", true, "")]
    [InlineData("", false, "")]
    public void Of_a_custom_resource_it_hangs_on_its_definitions_status(string subresource, bool hasStatus, string expected) =>
        Assert.Equal(expected, Names(ResetFields.OfCustom(subresource, hasStatus)));

    [Theory]
    [InlineData("volumeattachments.storage.k8s.io", "status", "f:metadata f:spec")]
    [InlineData("customresourcedefinitions.apiextensions.k8s.io", "status", "f:spec")]
    [InlineData("jobs.batch", "status", "f:spec")]
    [InlineData("jobs.batch", "", "f:status")]
    [InlineData("leases.coordination.k8s.io", "", "")]
    public void Of_a_built_in_one_it_hangs_on_its_strategy(string resource, string subresource, string expected)
    {
        var dot = resource.IndexOf('.');
        Assert.Equal(expected, Names(ResetFields.Of(new GroupResource(resource[(dot + 1)..], resource[..dot]), subresource)));
    }

    [Theory]
    [InlineData("ephemeralcontainers", """{"f:spec":{"f:ephemeralContainers":{"k:{\"name\":\"e\"}":{"f:image":{}}}}}""")]
    [InlineData("resize", """{"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:resources":{"f:limits":{"f:cpu":{}}}}}}}""")]
    public void The_narrow_endpoints_of_pods_write_one_field(string subresource, string expected)
    {
        var given = FieldSet.Parse(JsonNode.Parse("""
            {"f:metadata":{"f:labels":{"f:a":{}}},"f:spec":{"f:ephemeralContainers":{"k:{\"name\":\"e\"}":{"f:image":{}}},
             "f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:name":{},"f:image":{},"f:resources":{"f:limits":{"f:cpu":{}}}}},"f:nodeName":{}}}
            """))!;
        var paths = ResetFields.OnlyOf(new GroupResource("", "pods"), subresource)!;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), given.On(paths).ToTree()), given.On(paths).ToTree().ToJsonString());
    }

    private static string Names(FieldSet set) => string.Join(' ', new[] { "metadata", "spec", "status" }.Select(PathElement.Field).Where(set.HasMember));
}
