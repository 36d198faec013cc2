using System.Text.Json.Nodes;
using Bramble.ApiServer.Bootstrap;

namespace Bramble.ApiServer.Tests.Bootstrap;

public sealed class RbacReconciliationTests
{
    private const string Expected = """{"metadata":{"name":"r","labels":{"a":"b"},"annotations":{"rbac.authorization.kubernetes.io/autoupdate":"true"}},"rules":[{"verbs":["get","list"],"apiGroups":[""],"resources":["pods"]}]}""";

    [Fact]
    public void What_is_as_expected_is_not_written() => Assert.Null(RbacReconciliation.Role(Parse(Expected), Parse(Expected)));

    [Fact]
    public void Missing_rules_come_back_and_added_ones_stay()
    {
        var existing = Parse(Expected);
        existing["rules"] = JsonNode.Parse("""[{"verbs":["get"],"apiGroups":[""],"resources":["pods","secrets"]}]""");
        var written = RbacReconciliation.Role(existing, Parse(Expected))!;
        Assert.Equal("""[{"verbs":["get"],"apiGroups":[""],"resources":["pods","secrets"]},{"verbs":["list"],"apiGroups":[""],"resources":["pods"]}]""", written["rules"]!.ToJsonString());
    }

    [Fact]
    public void Who_opted_out_is_left_alone()
    {
        var existing = Parse("""{"metadata":{"name":"r","annotations":{"rbac.authorization.kubernetes.io/autoupdate":"false"}},"rules":[]}""");
        Assert.Null(RbacReconciliation.Role(existing, Parse(Expected)));
        Assert.Null(RbacReconciliation.Binding(existing, Parse(Expected), out var recreate));
        Assert.False(recreate);
    }

    [Fact]
    public void A_binding_to_another_role_is_made_anew()
    {
        var expected = Parse("""{"metadata":{"name":"b"},"roleRef":{"kind":"ClusterRole","name":"x"},"subjects":[]}""");
        Assert.NotNull(RbacReconciliation.Binding(Parse("""{"metadata":{"name":"b"},"roleRef":{"kind":"ClusterRole","name":"y"}}"""), expected, out var recreate));
        Assert.True(recreate);
    }

    [Fact]
    public void The_recorded_objects_are_there()
    {
        var facts = BootstrapFacts.Load();
        Assert.Equal(69, facts.Of(BootstrapFacts.ClusterRoles).Count());
        Assert.Equal(4, facts.Of(BootstrapFacts.Namespaces).Count());
        Assert.NotNull(facts.NodeRules);
    }

    [Theory]
    [InlineData("""{"leaseDurationSeconds":3600,"renewTime":"2026-07-01T11:00:00.000000Z"}""", false)]
    [InlineData("""{"leaseDurationSeconds":3600,"renewTime":"2026-07-01T10:59:59.000000Z"}""", true)]
    [InlineData("""{"leaseDurationSeconds":3600}""", true)]
    [InlineData("""{"renewTime":"2026-07-01T11:00:00.000000Z"}""", true)]
    [InlineData("null", true)]
    public void An_identity_lease_goes_when_its_server_renews_it_no_longer(string spec, bool isExpired) =>
        Assert.Equal(isExpired, BootstrapObjects.IsExpired(JsonNode.Parse(spec), new DateTimeOffset(2026, 7, 1, 12, 0, 0, TimeSpan.Zero)));

    [Fact]
    public void The_identity_lease_is_named_after_the_host() => Assert.Equal(10 + 26, BootstrapObjects.LeaseName("pi").Length);

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();
}
