using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.PodAutoscaling;

/// <summary>The autoscaler with its own role on stored objects; the test plays the metrics server and moves the clock.</summary>
public sealed class HorizontalPodAutoscalerTests : IAsyncLifetime
{
    private const string Cpu = """[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}}]""";

    private readonly ControllerScenario _scenario = Start("horizontal-pod-autoscaler");
    private int _millicores = 500;

    public async ValueTask InitializeAsync()
    {
        _scenario.Api.Clock = _scenario.Time;
        _scenario.Api.Others = (path, query) => path switch
        {
            "/apis/metrics.k8s.io/v1beta1/namespaces/d/pods" when query is [{ Key: "labelSelector", Value: "app=web" }] => Metrics(),
            _ => throw ClientStatus.NotFound("get", new GroupResource("metrics.k8s.io", "pods"), ""),
        };
        await _scenario.CreateAsync(Resources.Deployments, """{"metadata":{"name":"web","namespace":"d"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}}},"status":{"replicas":2}}""");
        await PodsAsync(2);
    }

    public ValueTask DisposeAsync() => _scenario.DisposeAsync();

    [Fact]
    public async Task Busy_Pods_get_company_and_the_status_says_so()
    {
        await AutoscalerAsync(Cpu);
        await _scenario.Time.UntilAsync(1, async () => await ReplicasAsync() == 4 && (await StatusAsync())["currentMetrics"] is JsonArray);
        var status = await StatusAsync();
        Assert.Equal((2, 4), ((int?)status["currentReplicas"], (int?)status["desiredReplicas"]));
        Assert.Equal("""[{"type":"Resource","resource":{"name":"cpu","current":{"averageUtilization":100,"averageValue":"500m"}}}]""", status["currentMetrics"]!.ToJsonString());
        Assert.NotNull(status["lastScaleTime"]);
        Assert.Equal(
        [
            "AbleToScale True SucceededRescale the HPA controller was able to update the target scale to 4",
            "ScalingActive True ValidMetricFound the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)",
            "ScalingLimited False DesiredWithinRange the desired count is within the acceptable range",
        ], Conditions(status));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("hpa")).Contains("SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target"));
    }

    [Fact]
    public async Task Idle_Pods_go_only_after_five_minutes()
    {
        _millicores = 100;
        await AutoscalerAsync(Cpu);
        var waited = await _scenario.Time.UntilAsync(1, async () => Conditions(await StatusAsync()).Any(c => c.StartsWith("AbleToScale True ScaleDownStabilized", StringComparison.Ordinal)));
        Assert.Equal(2, await ReplicasAsync());
        waited += await _scenario.Time.UntilAsync(5, async () => await ReplicasAsync() == 1);
        Assert.InRange(waited, TimeSpan.FromMinutes(5), TimeSpan.MaxValue);
    }

    [Fact]
    public async Task A_look_that_sees_the_same_writes_nothing()
    {
        _millicores = 250;
        var looks = 0;
        _scenario.Api.Others = (_, _) =>
        {
            Interlocked.Increment(ref looks);
            return Metrics();
        };
        await AutoscalerAsync(Cpu);
        await _scenario.Time.UntilAsync(1, async () => Conditions(await StatusAsync()).Contains("ScalingLimited False DesiredWithinRange the desired count is within the acceptable range"));
        var (before, seen) = (await VersionAsync(), looks);
        await _scenario.Time.UntilAsync(5, () => Task.FromResult(Volatile.Read(ref looks) >= seen + 3));
        Assert.Equal(before, await VersionAsync());

        async Task<string?> VersionAsync() => (string?)(await _scenario.FindAsync(Resources.HorizontalPodAutoscalers, "hpa", "d"))!["metadata"]!["resourceVersion"];
    }

    [Fact]
    public async Task Without_metrics_nothing_changes_and_the_reason_is_told()
    {
        _scenario.Api.Others = (_, _) => throw ClientStatus.NotFound("get", new GroupResource("metrics.k8s.io", "pods"), "");
        await AutoscalerAsync(Cpu);
        const string why = "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)";
        await _scenario.Time.UntilAsync(1, async () => Conditions(await StatusAsync()).Contains($"ScalingActive False FailedGetResourceMetric the HPA was unable to compute the replica count: {why}"));
        Assert.Equal("""[{"type":""}]""", (await StatusAsync())["currentMetrics"]!.ToJsonString());
        await EventuallyAsync(async () => (await _scenario.EventsAsync("hpa")) is var events && events.Contains($"FailedGetResourceMetric: {why}")
            && events.Contains($"FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: {why}"));
        Assert.Equal(2, await ReplicasAsync());
    }

    [Theory]
    [InlineData("below the least", 3, 5, 3, "Current number of replicas below Spec.MinReplicas")]
    [InlineData("above the most", 1, 1, 1, "Current number of replicas above Spec.MaxReplicas")]
    public async Task Bounds_hold_without_any_metrics(string because, int least, int most, int expected, string reason)
    {
        Assert.NotEmpty(because);
        await AutoscalerAsync(Cpu, least, most);
        await _scenario.Time.UntilAsync(1, async () => await ReplicasAsync() == expected && (await _scenario.EventsAsync("hpa")).Contains($"SuccessfulRescale: New size: {expected}; reason: {reason}"));
    }

    [Fact]
    public async Task What_is_scaled_to_zero_stays_there()
    {
        await _scenario.Api.ChangeAsync(Resources.Deployments, new NamespacedName("d", "web"), t => t["spec"]!["replicas"] = 0);
        await AutoscalerAsync(Cpu);
        await _scenario.Time.UntilAsync(1, async () => Conditions(await StatusAsync()).Contains("ScalingActive False ScalingDisabled scaling is disabled since the replica count of the target is zero"));
    }

    [Fact]
    public async Task Two_autoscalers_of_the_same_Pods_do_nothing()
    {
        await AutoscalerAsync(Cpu);
        await AutoscalerAsync(Cpu, name: "other");
        await _scenario.Time.UntilAsync(1, async () => Conditions(await StatusAsync()).Contains("ScalingActive False AmbiguousSelector pods by selector app=web are controlled by multiple HPAs: [{hpa d} {other d}]"));
    }

    [Theory]
    [InlineData("Deployment", "apps/v1", "missing", "deployments.apps \"missing\" not found")]
    [InlineData("Frob", "example.com/v1", "web", "no matches for kind \"Frob\" in group \"example.com\"")]
    public async Task A_target_that_is_not_there_is_told_of(string kind, string apiVersion, string name, string why)
    {
        await _scenario.CreateAsync(Resources.HorizontalPodAutoscalers, $$$"""
            {"metadata":{"name":"hpa","namespace":"d"},"spec":{"maxReplicas":3,"scaleTargetRef":{"apiVersion":"{{{apiVersion}}}","kind":"{{{kind}}}","name":"{{{name}}}"},"metrics":{{{Cpu}}} } }
            """);
        await _scenario.Time.UntilAsync(1, async () => Conditions(await StatusAsync()).Contains($"AbleToScale False FailedGetScale the HPA controller was unable to get the target's current scale: {why}"));
    }

    [Fact]
    public async Task One_metric_that_fails_does_not_keep_the_others_from_asking_for_more()
    {
        await AutoscalerAsync(Cpu[..^1] + "," + """{"type":"External","external":{"metric":{"name":"queue"},"target":{"type":"AverageValue","averageValue":"30"}}}]""");
        await _scenario.Time.UntilAsync(1, async () => await ReplicasAsync() == 4);
    }

    [Fact]
    public async Task Values_of_something_else_count_for_each_Pod()
    {
        _scenario.Api.Others = (path, _) => path == "/apis/external.metrics.k8s.io/v1beta1/namespaces/d/queue"
            ? new JsonObject { ["items"] = new JsonArray(new JsonObject { ["value"] = "60" }, new JsonObject { ["value"] = "30" }) }
            : throw new StatusException(new Status(500, "", path));
        await AutoscalerAsync("""[{"type":"External","external":{"metric":{"name":"queue","selector":{"matchLabels":{"q":"a"}}},"target":{"type":"AverageValue","averageValue":"30"}}}]""");
        await _scenario.Time.UntilAsync(1, async () => await ReplicasAsync() == 3);
        await EventuallyAsync(async () => (await _scenario.EventsAsync("hpa")).Contains(
            "SuccessfulRescale: New size: 3; reason: external metric queue(&LabelSelector{MatchLabels:map[string]string{q: a,},MatchExpressions:[]LabelSelectorRequirement{},}) above target"));
    }

    [Theory]
    [InlineData("Pods", "FailedGetPodsMetric", "failed to get pods metric value: ")]
    [InlineData("External", "FailedGetExternalMetric", "failed to get queue external metric value: failed to get queue external metric: ")]
    public async Task A_selector_that_is_none_is_told_of_and_the_look_goes_on(string type, string reason, string error)
    {
        const string why = "\"Near\" is not a valid label selector operator";
        await AutoscalerAsync($$$"""[{"type":"{{{type}}}","{{{type.ToLowerInvariant()}}}":{"metric":{"name":"queue","selector":{"matchExpressions":[{"key":"a","operator":"Near"}]} },"target":{"type":"AverageValue","averageValue":"30"} } }]""");
        await _scenario.Time.UntilAsync(1, async () => Conditions(await StatusAsync()).Contains($"ScalingActive False {reason} the HPA was unable to compute the replica count: {why}"));
        await EventuallyAsync(async () => (await _scenario.EventsAsync("hpa")).Contains($"FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: {error}{why}"));
    }

    [Fact]
    public async Task Of_several_series_of_a_Pod_the_last_counts()
    {
        _scenario.Api.Others = (path, _) => path == "/apis/custom.metrics.k8s.io/v1beta2/namespaces/d/pods/*/qps"
            ? new JsonObject { ["items"] = new JsonArray(Of("web-0", "5"), Of("web-0", "20"), Of("web-1", 20)) }
            : throw new StatusException(new Status(500, "", path));
        await AutoscalerAsync("""[{"type":"Pods","pods":{"metric":{"name":"qps"},"target":{"type":"AverageValue","averageValue":"10"}}}]""");
        await _scenario.Time.UntilAsync(1, async () => (await _scenario.EventsAsync("hpa")).Contains("SuccessfulRescale: New size: 4; reason: pods metric qps above target"));
        Assert.Equal(4, await ReplicasAsync());

        static JsonNode Of(string pod, JsonNode value) => new JsonObject { ["describedObject"] = new JsonObject { ["name"] = pod }, ["value"] = value };
    }

    [Fact]
    public async Task A_kind_that_nobody_serves_has_no_metrics()
    {
        await AutoscalerAsync("""[{"type":"Object","object":{"metric":{"name":"qps"},"describedObject":{"apiVersion":"example.com/v1","kind":"Frob","name":"x"},"target":{"type":"Value","value":"30"}}}]""");
        const string why = "unable to map kind Frob.example.com to resource: no matches for kind \"Frob\" in group \"example.com\"";
        await _scenario.Time.UntilAsync(1, async () => (await _scenario.EventsAsync("hpa")).Contains($"FailedGetObjectMetric: unable to get metric qps: Frob on d x/unable to fetch metrics from custom metrics API: {why}"));
    }

    private async Task AutoscalerAsync(string metrics, int least = 1, int most = 10, string name = "hpa") => await _scenario.CreateAsync(Resources.HorizontalPodAutoscalers, $$$"""
        {"metadata":{"name":"{{{name}}}","namespace":"d"},"spec":{"minReplicas":{{{least}}},"maxReplicas":{{{most}}},"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"metrics":{{{metrics}}} } }
        """);

    private async Task PodsAsync(int count)
    {
        for (var i = 0; i < count; i++)
            await _scenario.CreateAsync(Resources.Pods, $$$"""
                {"metadata":{"name":"web-{{{i}}}","namespace":"d","labels":{"app":"web"}},"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"500m"} } }]},
                 "status":{"phase":"Running","startTime":"2024-01-01T10:00:00Z","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2024-01-01T10:01:00Z"}]} }
                """);
    }

    private JsonObject Metrics()
    {
        var items = new JsonArray();
        for (var i = 0; i < 2; i++)
            items.Add((JsonNode)new JsonObject
            {
                ["metadata"] = new JsonObject { ["name"] = $"web-{i}" },
                ["timestamp"] = KubeTime.Seconds(_scenario.Time.GetUtcNow()),
                ["window"] = "30s",
                ["containers"] = new JsonArray(new JsonObject { ["name"] = "c", ["usage"] = new JsonObject { ["cpu"] = $"{_millicores}m" } }),
            });
        return new JsonObject { ["items"] = items };
    }

    private async Task<int?> ReplicasAsync() => (int?)(await _scenario.FindAsync(Resources.Deployments, "web", "d"))!["spec"]!["replicas"];

    private async Task<JsonObject> StatusAsync() => (await _scenario.FindAsync(Resources.HorizontalPodAutoscalers, "hpa", "d"))!["status"] as JsonObject ?? [];

    private static List<string> Conditions(JsonObject status) =>
        [.. (status["conditions"] as JsonArray ?? []).Select(c => $"{c!["type"]} {c["status"]} {c["reason"]} {c["message"]}")];
}
