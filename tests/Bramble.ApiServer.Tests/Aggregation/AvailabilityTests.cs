using System.Text.Json.Nodes;
using Bramble.ApiServer.Aggregation;

namespace Bramble.ApiServer.Tests.Aggregation;

public sealed class AvailabilityTests
{
    private static readonly RemoteService Remote = RemoteServices.Of("v1.wardle.example.com");

    public static TheoryData<string, string?, string[], string?, string> Rules => new()
    {
        { "no Service", null, [], "ServiceNotFound", "service/api in \"wardle\" is not present" },
        { "another port", """{"type":"ClusterIP","ports":[{"port":80}]}""", [], "ServicePortError", "service/api in \"wardle\" is not listening on port 443" },
        { "no slice", """{"type":"ClusterIP","ports":[{"port":443,"name":"https"}]}""", [], "EndpointsNotFound", "cannot find endpointslices for service/api in \"wardle\"" },
        {
            "nobody ready", """{"type":"ClusterIP","ports":[{"port":443,"name":"https"}]}""",
            ["""{"ports":[{"name":"https","port":6443}],"endpoints":[{"addresses":["10.42.0.2"],"conditions":{"ready":false}}]}"""],
            "MissingEndpoints", "endpointslices for service/api in \"wardle\" have no addresses with port name \"https\""
        },
        {
            "ready on another port only", """{"type":"ClusterIP","ports":[{"port":443,"name":"https"}]}""",
            ["""{"ports":[{"name":"metrics","port":6443}],"endpoints":[{"addresses":["10.42.0.2"]}]}"""],
            "MissingEndpoints", "endpointslices for service/api in \"wardle\" have no addresses with port name \"https\""
        },
        {
            "one is ready", """{"type":"ClusterIP","ports":[{"port":443}]}""",
            ["""{"ports":[{"name":"","port":6443}],"endpoints":[{"addresses":["10.42.0.2"],"conditions":{"ready":true}}]}"""], null, ""
        },
        { "somewhere else", """{"type":"ExternalName","externalName":"example.com"}""", [], null, "" },
    };

    [Theory, MemberData(nameof(Rules))]
    public void What_the_cluster_says_of_the_Service_decides_before_anybody_is_asked(string rule, string? service, string[] slices, string? reason, string message)
    {
        var tree = service is null ? null : new JsonObject { ["spec"] = JsonNode.Parse(service) };
        var decided = Availability.Decide(Remote, tree, [.. slices.Select(slice => JsonNode.Parse(slice)!.AsObject())]);
        Assert.True(decided?.Reason == reason, rule);
        Assert.Equal(message, decided?.Message ?? "");
    }

    [Fact]
    public void The_time_of_the_condition_moves_only_with_its_status()
    {
        var t0 = DateTimeOffset.Parse("2026-01-01T00:00:00Z", null);
        var first = Availability.Change(null, Availability.FailedDiscovery("x"), t0)!;
        Assert.Equal("""{"conditions":[{"type":"Available","status":"False","lastTransitionTime":"2026-01-01T00:00:00Z","reason":"FailedDiscoveryCheck","message":"x"}]}""", first.ToJsonString());
        Assert.Null(Availability.Change(first, Availability.FailedDiscovery("x"), t0.AddMinutes(1)));
        Assert.Equal("2026-01-01T00:00:00Z", (string?)Availability.Change(first, Availability.FailedDiscovery("y"), t0.AddMinutes(1))!["conditions"]![0]!["lastTransitionTime"]);
        Assert.Equal("2026-01-01T00:01:00Z", (string?)Availability.Change(first, Availability.Passed, t0.AddMinutes(1))!["conditions"]![0]!["lastTransitionTime"]);
    }
}
