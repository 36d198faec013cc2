using System.Text.Json.Nodes;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Authentication;

namespace Bramble.ApiServer.Tests.Admission;

/// <summary>What a webhook is shown.</summary>
public class AdmissionRequestTests
{
    private static AdmissionRequest Request(string version) => new()
    {
        Operation = AdmissionOperation.Create,
        Kind = new("autoscaling", version, "HorizontalPodAutoscaler"),
        Resource = new("autoscaling", "horizontalpodautoscalers"),
        Version = version,
        User = new UserInfo("u", []),
        Reader = new FixedReader(),
        Object = JsonNode.Parse("""
            {"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"h"},"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"D","name":"d"},
             "metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":5}}}]}}
            """)!.AsObject(),
    };

    [Fact]
    public void An_object_is_shown_in_the_version_that_was_asked_for()
    {
        var request = Request("v1");
        var shown = request.AsRequested(request.Object)!;
        Assert.Equal("autoscaling/v1", (string?)shown["apiVersion"]);
        Assert.Equal(5, (int?)shown["spec"]!["targetCPUUtilizationPercentage"]);
        Assert.Equal("autoscaling/v2", (string?)request.Object!["apiVersion"]);
    }

    [Fact]
    public void An_object_in_that_version_is_not_copied()
    {
        var request = Request("v2");
        Assert.Same(request.Object, request.AsRequested(request.Object));
    }
}
