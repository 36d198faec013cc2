using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Naming;

namespace Bramble.Api.Tests.Catalog;

public sealed class KindConversionTests
{
    private static readonly GroupVersionKind V1 = new("autoscaling", "v1", "HorizontalPodAutoscaler");
    private static readonly GroupVersionKind V2 = new("autoscaling", "v2", "HorizontalPodAutoscaler");

    [Fact]
    public void An_autoscaler_of_v1_without_metrics_aims_at_80_percent_cpu()
    {
        var hpa = Parse("""{"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v1","metadata":{"name":"a"},"spec":{"maxReplicas":3}}""");
        KindConversion.Convert(hpa, V2);
        Assert.Equal(
            """[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}]""",
            hpa["spec"]!["metrics"]!.ToJsonString());
        Assert.Equal("autoscaling/v2", (string?)hpa["apiVersion"]);
    }

    [Fact]
    public void What_v1_cannot_say_travels_in_annotations_and_comes_back()
    {
        const string Before = """
            {"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v2","metadata":{"name":"a","annotations":{"z":"1"}},"spec":{"scaleTargetRef":{"kind":"D","name":"d"},
            "minReplicas":1,"maxReplicas":3,"metrics":[{"type":"Pods","pods":{"metric":{"name":"rps"},"target":{"type":"AverageValue","averageValue":"10"}}},
            {"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":70}}}],
            "behavior":{"scaleUp":{"stabilizationWindowSeconds":0,"selectPolicy":"Max","policies":[{"type":"Pods","value":4,"periodSeconds":15}]}}},
            "status":{"currentReplicas":1,"desiredReplicas":2,"currentMetrics":[{"type":"Resource","resource":{"name":"cpu","current":{"averageValue":"5m","averageUtilization":3}}}],
            "conditions":[{"type":"AbleToScale","status":"True","lastTransitionTime":null}]}}
            """;
        var hpa = Parse(Before);
        KindConversion.Convert(hpa, V1);
        Assert.Equal(70, (int)hpa["spec"]!["targetCPUUtilizationPercentage"]!);
        Assert.Equal(3, (int)hpa["status"]!["currentCPUUtilizationPercentage"]!);
        Assert.Equal(
            """[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"10"}}]""",
            (string?)hpa["metadata"]!["annotations"]!["autoscaling.alpha.kubernetes.io/metrics"]);
        KindConversion.Convert(hpa, V2);
        Assert.True(JsonNode.DeepEquals(Parse(Before), hpa), hpa.ToJsonString());
    }

    [Fact]
    public void An_event_keeps_everything_under_its_other_names()
    {
        const string Before = """
            {"kind":"Event","apiVersion":"v1","metadata":{"name":"e"},"involvedObject":{"kind":"Pod"},"reason":"R","message":"M","source":{"component":"c"},
            "firstTimestamp":"2020-01-01T00:00:00Z","lastTimestamp":null,"count":2,"type":"Normal","eventTime":null,"reportingComponent":"","reportingInstance":""}
            """;
        var e = Parse(Before);
        KindConversion.Convert(e, new("events.k8s.io", "v1", "Event"));
        Assert.Equal(("M", 2, "Pod"), ((string?)e["note"], (int)e["deprecatedCount"]!, (string?)e["regarding"]!["kind"]));
        Assert.False(e.ContainsKey("reportingController"));
        KindConversion.Convert(e, new("", "v1", "Event"));
        Assert.True(JsonNode.DeepEquals(Parse(Before), e), e.ToJsonString());
    }

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();
}
