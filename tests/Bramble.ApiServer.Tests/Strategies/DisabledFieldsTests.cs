using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Tests.Strategies;

/// <summary>Fields of features that are off.</summary>
public class DisabledFieldsTests
{
    private const string Stop = """{"containers":[{"name":"c","lifecycle":{"stopSignal":"SIGTERM"}}]}""";
    private const string StopAndHook = """{"containers":[{"name":"c","lifecycle":{"stopSignal":"SIGTERM","preStop":{"sleep":{"seconds":1}}}}]}""";
    private const string Projected = """{"volumes":[{"projected":{"sources":[{"clusterTrustBundle":{"name":"x"}},{"podCertificate":{"keyType":"ED25519"}},{"secret":{"name":"s"}}]}}]}""";

    /// <summary>The new spec, the old one (null: created), what is stored.</summary>
    public static TheoryData<string, string, string?, string> Specs => new()
    {
        { "a stop signal alone takes its lifecycle along", Stop, null, """{"containers":[{"name":"c"}]}""" },
        { "a hook stays", StopAndHook, null, """{"containers":[{"name":"c","lifecycle":{"preStop":{"sleep":{"seconds":1}}}}]}""" },
        { "what was there stays", Stop, StopAndHook, Stop },
        { "a scheduling group", """{"schedulingGroup":{"podGroupName":"g"}}""", "{}", "{}" },
        { "sources of a projection leave their places empty", Projected, "{}", """{"volumes":[{"projected":{"sources":[{},{},{"secret":{"name":"s"}}]}}]}""" },
    };

    [Theory]
    [MemberData(nameof(Specs))]
    public void Go_unless_they_were_there(string why, string spec, string? old, string stored)
    {
        foreach (var (group, resource, wrap) in ((string, string, string)[])[("", "pods", "{\"spec\":$}"), ("apps", "deployments", "{\"spec\":{\"template\":{\"spec\":$}}}"),
            ("batch", "cronjobs", "{\"spec\":{\"jobTemplate\":{\"spec\":{\"template\":{\"spec\":$}}}}}"), ("", "podtemplates", "{\"template\":{\"spec\":$}}")])
        {
            JsonObject Wrapped(string text) => JsonNode.Parse(wrap.Replace("$", text, StringComparison.Ordinal))!.AsObject();
            var obj = Wrapped(spec);
            DisabledPodFields.Drop(new(group, resource), obj, old is null ? null : Wrapped(old));
            Assert.True(JsonNode.DeepEquals(Wrapped(stored), obj), $"{why}: {obj.ToJsonString()}");
        }
    }

    [Fact]
    public void A_status_loses_what_nobody_may_tell_yet()
    {
        var pod = JsonNode.Parse("""{"status":{"nodeAllocatableResourceClaimStatuses":[{}],"containerStatuses":[{"volumeMounts":[{"name":"v","volumeStatus":{"image":{"imageRef":"x"}}}]}]}}""")!.AsObject();
        DisabledPodFields.Drop(new("", "pods"), pod, []);
        Assert.Equal("""{"status":{"containerStatuses":[{"volumeMounts":[{"name":"v"}]}]}}""", pod.ToJsonString());
    }

    [Fact]
    public void Topology_of_endpoints_is_not_written_by_v1()
    {
        const string slice = """{"addressType":"IPv4","endpoints":[{"addresses":["1.2.3.4"],"deprecatedTopology":{"kubernetes.io/hostname":"n1","a":"b"}}]}""";
        var stored = Written.Stored("discovery.k8s.io/v1/endpointslices", slice);
        Assert.Equal("""{"addresses":["1.2.3.4"],"conditions":{}}""", stored["endpoints"]![0]!.ToJsonString());
    }

    [Fact]
    public void A_limit_range_needs_no_name() =>
        Assert.Equal(36, ((string)Written.Stored("/v1/limitranges", """{"metadata":{"name":""},"spec":{"limits":[]}}""")["metadata"]!["name"]!).Length);
}
