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

    private const string Cpu = """{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}""";

    /// <param name="metrics">Of v2; null: only what is aimed at without any.</param>
    [Theory]
    [InlineData("nothing", "", null)]
    [InlineData("no JSON", "abc", null)]
    [InlineData("none", "[]", null)]
    [InlineData("no list", """{"type":"Pods"}""", null)]
    [InlineData("no metric", "[1]", null)]
    [InlineData("a type that is none", """[{"type":5}]""", null)]
    [InlineData("a name that is none", """[{"type":"Resource","resource":{"name":7,"targetAverageValue":"1"}}]""", null)]
    [InlineData("a share that is none", """[{"type":"Resource","resource":{"name":"cpu","targetAverageUtilization":"x"}}]""", null)]
    [InlineData("an amount that is none", """[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"x"}}]""", null)]
    [InlineData("a selector that is none", """[{"type":"Pods","pods":{"metricName":"m","selector":[],"targetAverageValue":"1"}}]""", null)]
    [InlineData("an object that is none", """[{"type":"Object","object":{"metricName":"m","target":5}}]""", null)]
    [InlineData("one broken breaks all", """[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"1"}},{"type":5}]""", null)]
    [InlineData("an empty one", "[null]", """[{"type":""}]""")]
    [InlineData("a right one", """[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"1"}}]""", """[{"type":"Resource","resource":{"name":"memory","target":{"type":"AverageValue","averageValue":"1"}}}]""")]
    [InlineData("of Pods, no amount is none of them", """[{"type":"Pods","pods":{"metricName":"m"}}]""", """[{"type":"Pods","pods":{"metric":{"name":"m"},"target":{"type":"AverageValue","averageValue":"0"}}}]""")]
    [InlineData("of an object too", """[{"type":"Object","object":{"target":{"kind":"A","name":"b"},"metricName":"m"}}]""",
        """[{"type":"Object","object":{"describedObject":{"kind":"A","name":"b"},"target":{"type":"Value","value":"0"},"metric":{"name":"m"}}}]""")]
    [InlineData("but not beside an average", """[{"type":"Object","object":{"target":{"kind":"A","name":"b"},"metricName":"m","targetValue":"0","averageValue":"100"}}]""",
        """[{"type":"Object","object":{"describedObject":{"kind":"A","name":"b"},"target":{"type":"AverageValue","averageValue":"100"},"metric":{"name":"m"}}}]""")]
    public void Metrics_of_v1_are_in_an_annotation(string because, string annotation, string? metrics)
    {
        Assert.NotEmpty(because);
        var hpa = Annotated("metrics", annotation);
        KindConversion.Convert(hpa, V2);
        Assert.Equal(metrics ?? $"[{Cpu}]", hpa["spec"]!["metrics"]!.ToJsonString());
        Assert.Null(hpa["metadata"]!["annotations"]);
    }

    [Theory]
    [InlineData("no object", "[]", null)]
    [InlineData("nothing in it", "{}", null)]
    [InlineData("rules that are none", """{"ScaleUp":5}""", null)]
    [InlineData("a time that is none", """{"ScaleUp":{"StabilizationWindowSeconds":"x"}}""", null)]
    [InlineData("rules", """{"ScaleUp":null,"scaledown":{"SelectPolicy":"Min","Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":3}],"Tolerance":"100m"}}""",
        """{"scaleDown":{"selectPolicy":"Min","policies":[{"type":"Pods","value":1,"periodSeconds":3}],"tolerance":"100m"}}""")]
    public void Behaviour_of_v1_is_in_an_annotation(string because, string annotation, string? behavior)
    {
        Assert.NotEmpty(because);
        var hpa = Annotated("behavior", annotation);
        KindConversion.Convert(hpa, V2);
        Assert.Equal(behavior, hpa["spec"]!["behavior"]?.ToJsonString());
    }

    [Theory]
    [InlineData("current-metrics", """[{"type":1}]""", "currentMetrics", """[{"type":"Resource","resource":{"name":"cpu","current":{"averageUtilization":7}}}]""")]
    [InlineData("current-metrics", """[{"type":"Pods","pods":{"metricName":"m"}}]""", "currentMetrics", """[{"type":"Pods","pods":{"metric":{"name":"m"},"current":{"averageValue":"0"}}}]""")]
    [InlineData("current-metrics", "[]", "currentMetrics", null)]
    [InlineData("conditions", """[{"type":1}]""", "conditions", null)]
    [InlineData("conditions", "[1]", "conditions", null)]
    [InlineData("conditions", """[{"type":"A","status":"True"}]""", "conditions", """[{"type":"A","status":"True","lastTransitionTime":null}]""")]
    public void A_status_of_v1_is_in_annotations_too(string name, string annotation, string field, string? expected)
    {
        var hpa = Annotated(name, annotation);
        KindConversion.Convert(hpa, V2);
        Assert.Equal(expected, hpa["status"]![field]?.ToJsonString());
    }

    [Fact]
    public void The_share_of_CPU_is_v1s_own_and_an_amount_of_it_is_not()
    {
        var hpa = Parse("""
            {"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v2","metadata":{"name":"a"},"spec":{"minReplicas":1,"maxReplicas":3,"metrics":[
            {"type":"Resource","resource":{"name":"cpu","target":{"type":"AverageValue","averageValue":"300m"}}},
            {"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":70}}}]}}
            """);
        KindConversion.Convert(hpa, V1);
        Assert.Equal(70, (int)hpa["spec"]!["targetCPUUtilizationPercentage"]!);
        Assert.Equal("""[{"type":"Resource","resource":{"name":"cpu","targetAverageValue":"300m"}}]""", (string?)hpa["metadata"]!["annotations"]!["autoscaling.alpha.kubernetes.io/metrics"]);
    }

    private static JsonObject Annotated(string name, string annotation)
    {
        var hpa = Parse("""{"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v1","metadata":{"name":"a"},"spec":{"maxReplicas":3},"status":{"currentReplicas":1,"desiredReplicas":1,"currentCPUUtilizationPercentage":7}}""");
        hpa["metadata"]!["annotations"] = new JsonObject { ["autoscaling.alpha.kubernetes.io/" + name] = annotation };
        return hpa;
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
