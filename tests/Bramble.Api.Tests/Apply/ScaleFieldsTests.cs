using System.Text.Json.Nodes;
using Bramble.Api.Apply;

namespace Bramble.Api.Tests.Apply;

public sealed class ScaleFieldsTests
{
    private static readonly string[] Path = ["spec", "replicas"];

    private const string Creator = """{"manager":"creator","operation":"Update","apiVersion":"apps/v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:paused":{},"f:replicas":{}}}}""";
    private const string CreatorWithout = """{"manager":"creator","operation":"Update","apiVersion":"apps/v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:paused":{}}}}""";
    private const string Applier = """{"manager":"m","operation":"Apply","apiVersion":"apps/v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:paused":{},"f:replicas":{}}}}""";

    private static string OnScale(string manager, string operation, string subresource) =>
        $$"""{"manager":"{{manager}}","operation":"{{operation}}","apiVersion":"autoscaling/v1","time":"2026-01-02T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{} } }{{subresource}} }""";

    [Fact]
    public void The_scale_shows_the_owners_of_the_replicas_only() =>
        Assert.Equal(
            """[{"manager":"creator","operation":"Update","apiVersion":"autoscaling/v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{}}}}]""",
            ScaleFields.ToScale(JsonNode.Parse($"[{Creator},{CreatorWithout.Replace("creator", "other", StringComparison.Ordinal)}]"), Path).ToJsonString());

    public static TheoryData<string, string, string, string> Writes => new()
    {
        {
            "an updater takes the replicas, and its time is lost", Creator, OnScale("hpa", "Update", ",\"subresource\":\"scale\""),
            """{"manager":"hpa","operation":"Update","apiVersion":"apps/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{}}},"subresource":"scale"},""" + CreatorWithout
        },
        {
            "an applier takes the replicas", Creator, OnScale("m", "Apply", ",\"subresource\":\"scale\""),
            """{"manager":"m","operation":"Apply","apiVersion":"apps/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{}}},"subresource":"scale"},""" + CreatorWithout
        },
        { "who applied the parent keeps them", Applier, OnScale("m", "Apply", ""), Applier },
        { "nobody has them any more", Creator, "", CreatorWithout },
    };

    [Theory, MemberData(nameof(Writes))]
    public void A_write_of_the_scale_is_carried_over_to_the_parent(string rule, string parent, string scale, string expected) =>
        Assert.True($"[{expected}]" == ScaleFields.ToParent(JsonNode.Parse($"[{parent}]"), JsonNode.Parse($"[{scale}]"), Path, "apps/v1")!.ToJsonString(), rule);
}
