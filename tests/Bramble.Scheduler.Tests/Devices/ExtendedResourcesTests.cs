using System.Text.Json.Nodes;
using Bramble.Scheduler.Devices;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Devices;

public sealed class ExtendedResourcesTests
{
    /// <summary>Containers as <c>name:kind=resource*amount,...</c>; kinds: i (init), s (sidecar), c. Then the requests and which container's resource each serves.</summary>
    [Theory]
    [InlineData("c1:c=x*2", "container-0-request-0 cx 2", "c1 x container-0-request-0")]
    [InlineData("c1:c=x*2 c2:c=x*1", "container-0-request-0 cx 2, container-1-request-0 cx 1", "c1 x container-0-request-0, c2 x container-1-request-0")]
    [InlineData("c1:c=x*1,y*3", "container-0-request-0 cx 1, container-0-request-1 cy 3", "c1 x container-0-request-0, c1 y container-0-request-1")]
    [InlineData("c1:c=other*1,x*1", "container-0-request-1 cx 1", "c1 x container-0-request-1")]
    [InlineData("c1:c=x*0", "", "")]
    [InlineData("i1:i=x*2 c1:c=x*3", "container-1-request-0 cx 3", "c1 x container-1-request-0, i1 x container-1-request-0")]
    [InlineData("i1:i=x*3 c1:c=x*2", "container-0-request-0 cx 1, container-1-request-0 cx 2", "c1 x container-1-request-0, i1 x container-1-request-0, i1 x container-0-request-0")]
    [InlineData("i1:i=x*2 i2:i=x*3 c1:c=x*1", "container-1-request-0 cx 2, container-2-request-0 cx 1",
        "c1 x container-2-request-0, i1 x container-2-request-0, i1 x container-1-request-0, i2 x container-2-request-0, i2 x container-1-request-0")]
    [InlineData("i1:i=x*1 s1:s=x*1 c1:c=x*1", "container-1-request-0 cx 1, container-2-request-0 cx 1", "s1 x container-1-request-0, c1 x container-2-request-0, i1 x container-1-request-0")]
    [InlineData("s1:s=x*2 i1:i=x*2 c1:c=x*1", "container-0-request-0 cx 2, container-1-request-0 cx 1, container-2-request-0 cx 1",
        "s1 x container-0-request-0, c1 x container-2-request-0, i1 x container-2-request-0, i1 x container-1-request-0")]
    public void Requests_of_the_containers(string containers, string requests, string mappings)
    {
        var (claim, map) = ExtendedResources.ClaimFor(Pod(containers), new Dictionary<string, DeviceClass> { ["example.com/x"] = Class("cx"), ["example.com/y"] = Class("cy") });
        Assert.Equal(requests, string.Join(", ", claim.Requests.SelectMany(r => r).Select(r => $"{r.Name} {r.ClassName} {r.Count}")));
        Assert.Equal(mappings, string.Join(", ", map.Select(m => $"{m!["containerName"]} {((string)m["resourceName"]!).Split('/')[1]} {m["requestName"]}")));
    }

    [Fact]
    public void The_claim_is_the_Pods()
    {
        var (claim, _) = ExtendedResources.ClaimFor(Pod("c1:c=x*1"), new Dictionary<string, DeviceClass> { ["example.com/x"] = Class("cx") });
        Assert.Equal(
            """{"name":"\u003Cextended-resources\u003E","uid":"\u003Cextended-resources\u003Eu","generateName":"p-extended-resources-","namespace":"d","annotations":{"resource.kubernetes.io/extended-resource-claim":"true"},"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","controller":true}]}""",
            claim.Tree["metadata"]!.ToJsonString());
        Assert.True(claim.IsOfExtendedResources);
        Assert.Equal("u", claim.OwnerUid);
    }

    [Theory]
    [InlineData("2026-01-01T00:00:00Z", "a", "2026-01-02T00:00:00Z", "b", false)]
    [InlineData("2026-01-02T00:00:00Z", "b", "2026-01-01T00:00:00Z", "a", true)]
    [InlineData("2026-01-01T00:00:00Z", "a", "2026-01-01T00:00:00Z", "b", true)]
    public void Of_two_classes_with_one_resource_the_newer_serves_it(string createdAt, string name, string otherCreatedAt, string otherName, bool isFirst)
    {
        Assert.Equal(isFirst, Class(name, createdAt).ComesBefore(Class(otherName, otherCreatedAt)));
        Assert.Equal(!isFirst, Class(otherName, otherCreatedAt).ComesBefore(Class(name, createdAt)));
    }

    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static TheoryData<string, string, string, bool, string?> Readiness => new()
    {
        { "nothing has to become true", """{"device":"e"}""", "[]", true, null },
        { "its driver says nothing yet", Result, "[]", false, null },
        { "not true yet", Result, Told("Ready", "False"), false, null },
        { "true", Result, Told("Ready", "True"), true, null },
        { "another device's", Result, Told("Ready", "True").Replace("\"g\"", "\"h\"", StringComparison.Ordinal), false, null },
        { "failed", Result, Told("Broken", "True"), false, "device binding failed: claim=c, reason=Why, message=\"so \\\"it\\\" is\"" },
        { "failed, though ready too", Result, Told("Ready", "True", "Broken", "True"), false, "device binding failed: claim=c, reason=Why, message=\"so \\\"it\\\" is\"" },
        { "it did not fail", Result, Told("Broken", "False"), false, null },
    };

    [Theory]
    [MemberData(nameof(Readiness))]
    public void Readiness_of_devices_for_a_Pod(string because, string result, string devices, bool isReady, string? failure)
    {
        Assert.NotEmpty(because);
        Assert.Equal(isReady, Claim(result, devices, "2026-01-01T11:59:00Z").IsReady(Now, TimeSpan.FromMinutes(10), out var why));
        Assert.Equal(failure, why);
    }

    [Fact]
    public void A_driver_has_so_much_time()
    {
        Assert.False(Claim(Result, "[]", "2026-01-01T11:50:00Z").IsReady(Now, TimeSpan.FromMinutes(10), out var why));
        Assert.Null(why);
        Assert.False(Claim(Result, "[]", "2026-01-01T11:49:59Z").IsReady(Now, TimeSpan.FromMinutes(10), out why));
        Assert.Equal("device binding timeout: claim=c", why);
        Assert.True(Claim(Result, Told("Ready", "True"), "2026-01-01T11:49:59Z").IsReady(Now, TimeSpan.FromMinutes(10), out why));
        Assert.Null(why);
    }

    private const string Result = """{"driver":"d","pool":"p","device":"g","bindingConditions":["Ready"],"bindingFailureConditions":["Broken"]}""";

    private static string Told(params string[] conditions) => $$"""
        [{"driver":"d","pool":"p","device":"g","conditions":[{{string.Join(',', conditions.Chunk(2).Select(c => $$"""{"type":"{{c[0]}}","status":"{{c[1]}}","reason":"Why","message":"so \"it\" is"}"""))}}]}]
        """;

    private static DeviceClaim Claim(string result, string devices, string allocatedAt) => DeviceClaim.Of(JsonNode.Parse($$$"""
        {"metadata":{"name":"c"},"status":{"allocation":{"allocationTimestamp":"{{{allocatedAt}}}","devices":{"results":[{{{result}}}]} },"devices":{{{devices}}} } }
        """)!.AsObject());

    private static DeviceClass Class(string name, string createdAt = "") => DeviceClass.Of(JsonNode.Parse($$$"""{"metadata":{"name":"{{{name}}}","creationTimestamp":"{{{createdAt}}}"} }""")!.AsObject());

    private static V1Pod Pod(string containers)
    {
        var pod = new V1Pod { Metadata = new V1ObjectMeta { Name = "p", NamespaceProperty = "d", Uid = "u" }, Spec = new V1PodSpec { Containers = [], InitContainers = [] } };
        foreach (var text in containers.Split(' '))
        {
            var (name, kind, amounts) = (text.Split(':')[0], text.Split(':')[1][0], text.Split('=')[1].Split(','));
            var container = new V1Container
            {
                Name = name,
                RestartPolicy = kind == 's' ? "Always" : null,
                Resources = new V1ResourceRequirements { Requests = amounts.ToDictionary(a => $"example.com/{a.Split('*')[0]}", a => new ResourceQuantity(a.Split('*')[1])) },
            };
            (kind == 'c' ? pod.Spec.Containers : pod.Spec.InitContainers).Add(container);
        }

        return pod;
    }
}
