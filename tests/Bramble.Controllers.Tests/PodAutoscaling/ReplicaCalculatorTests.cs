using Bramble.Controllers.PodAutoscaling;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.PodAutoscaling;

/// <summary>The examples of upstream's documentation ("Algorithm details") and of its replica calculator.</summary>
public sealed class ReplicaCalculatorTests
{
    private static readonly ReplicaCalculator Calculator = new(new AutoscalerSettings());
    private static readonly Tolerances TenPercent = new(0.1, 0.1);

    /// <param name="usages">CPU millicores of each Pod, its request is 1000; "-": no metrics; "p": pending; "x": failed; "d": going; "u": not ready yet.</param>
    [Theory]
    [InlineData("200m where 100m are wanted: twice as many", 1, 10, "200", 2)]
    [InlineData("50m where 100m are wanted: half as many", 2, 10, "50 50", 1)]
    [InlineData("three Pods at half of the target", 3, 60, "300 300 300", 2)]
    [InlineData("within a tenth of the target nothing changes", 3, 100, "1010 1030 1020", 3)]
    [InlineData("just beyond a tenth it does", 3, 90, "1010 1030 1020", 4)]
    [InlineData("far too few: rounded up", 3, 30, "300 500 700", 5)]
    [InlineData("Pods without metrics count as idle when more are wanted", 3, 40, "- 400 950", 4)]
    [InlineData("and as using all they asked for when fewer are wanted", 3, 60, "- 300 200", 3)]
    [InlineData("pending Pods count as idle when more are wanted", 3, 30, "p 500 700", 4)]
    [InlineData("and do not count when fewer are wanted", 3, 60, "p 300 200", 1)]
    [InlineData("failed Pods do not count", 2, 30, "x 500 700", 4)]
    [InlineData("nor those that go", 2, 30, "d 500 700", 4)]
    [InlineData("Pods that are not ready yet count as idle when more are wanted", 3, 30, "u 500 700", 4)]
    [InlineData("what is unknown does not turn the direction", 2, 100, "1200 -", 2)]
    [InlineData("nor does a rollout's Pod that is there besides", 2, 50, "100 100 -", 2)]
    [InlineData("Pods without metrics count as on target where that is more than all they asked for", 3, 300, "200 100 -", 2)]
    public void Utilization(string because, int current, int targetPercent, string usages, int expected)
    {
        Assert.NotEmpty(because);
        var (pods, metrics) = Given(usages);
        Assert.Equal(expected, Calculator.ForUtilization(current, targetPercent, metrics, pods, "cpu", "", TenPercent, Noon).Replicas);
    }

    [Fact]
    public void The_status_shows_the_average_of_those_that_counted()
    {
        var (pods, metrics) = Given("300 500 700");
        Assert.Equal(new Proposal(5, 500, 50), Calculator.ForUtilization(3, 30, metrics, pods, "cpu", "", TenPercent, Noon));
    }

    [Theory]
    [InlineData("an average value: 20 where 15 are wanted", 3, 15, "20 20 20", 4, 20)]
    [InlineData("without metrics of one Pod it counts as exactly on target when fewer are wanted", 3, 25, "- 10 10", 2, 10)]
    [InlineData("and as nothing when more are wanted", 3, 15, "- 50 10", 4, 30)]
    public void Average(string because, int current, long target, string usages, int expected, long usage)
    {
        Assert.NotEmpty(because);
        var (pods, metrics) = Given(usages);
        Assert.Equal(new Proposal(expected, usage), Calculator.ForAverage(current, target, metrics, pods, "", TenPercent, Noon));
    }

    [Theory]
    [InlineData("an object's value: each ready Pod stands for its share", 3, 15, 20, "1 1 1", 4)]
    [InlineData("only ready Pods count", 3, 50, 10, "1 1 u", 1)]
    [InlineData("within the tolerance", 3, 20, 21, "1 1 1", 3)]
    [InlineData("from zero: as many as the value is targets", 0, 15, 40, "", 3)]
    public void Value(string because, int current, long target, long usage, string pods, int expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, ReplicaCalculator.ForValue(current, target, usage, pods.Length == 0 ? [] : Given(pods).Pods, TenPercent).Replicas);
    }

    [Theory]
    [InlineData("90 messages, 30 a Pod", 2, 30, 90, 3, 45)]
    [InlineData("within the tolerance", 3, 30, 92, 3, 31)]
    [InlineData("many more than numbers hold", 3, 1, long.MaxValue, int.MaxValue, long.MaxValue)]
    public void Value_per_Pod(string because, int running, long target, long usage, int expected, long average)
    {
        Assert.NotEmpty(because);
        Assert.Equal(new Proposal(expected, average), ReplicaCalculator.ForValuePerPod(running, target, usage, TenPercent));
    }

    [Theory]
    [InlineData("the Pod's own request stands for its containers'", "\"resources\":{\"requests\":{\"cpu\":\"2\"}}", "", 25)]
    [InlineData("with what the runtime takes", "\"resources\":{\"requests\":{\"cpu\":\"2\"}},\"overhead\":{\"cpu\":\"500m\"}", "", 20)]
    [InlineData("what it does not say its containers do", "\"resources\":{\"requests\":{\"memory\":\"1Gi\"}}", "", 50)]
    [InlineData("or an init container, where that is more", "\"resources\":{\"requests\":{\"memory\":\"1Gi\"}},\"initContainers\":[{\"name\":\"i\",\"resources\":{\"requests\":{\"cpu\":\"2\"}}}]", "", 25)]
    [InlineData("with the sidecars before it", "\"resources\":{\"requests\":{\"memory\":\"1Gi\"}},\"initContainers\":[{\"name\":\"s\",\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{\"cpu\":\"500m\"}}},{\"name\":\"i\",\"resources\":{\"requests\":{\"cpu\":\"2\"}}}]", "", 20)]
    [InlineData("without one the runtime's share does not count", "\"overhead\":{\"cpu\":\"500m\"}", "", 50)]
    [InlineData("nor where one container is meant", "\"resources\":{\"requests\":{\"cpu\":\"2\"}},\"overhead\":{\"cpu\":\"500m\"}", "c", 50)]
    public void Requests(string because, string ofPod, string container, int percent)
    {
        Assert.NotEmpty(because);
        const string containers = """ "containers":[{"name":"c","resources":{"requests":{"cpu":"1"}}}], """;
        var pod = Pod("p0", ready: Noon.AddMinutes(-50), spec: containers + ofPod, status: $",\"startTime\":\"{Client.KubeTime.Seconds(Noon.AddHours(-1))}\"");
        var metrics = new Dictionary<string, PodMetric> { ["p0"] = new(500, Noon, TimeSpan.FromSeconds(30)) };
        Assert.Equal(percent, Calculator.ForUtilization(1, 50, metrics, [pod], "cpu", container, TenPercent, Noon).UtilizationPercent);
    }

    [Fact]
    public void More_than_numbers_hold_is_as_much_as_they_hold()
    {
        var (pods, _) = Given("1 1");
        var metrics = pods.ToDictionary(p => p.Metadata.Name, _ => new PodMetric(long.MaxValue, Noon, default));
        Assert.Equal(new Proposal(int.MaxValue, long.MaxValue), Calculator.ForAverage(2, 1, metrics, pods, "", TenPercent, Noon));
    }

    [Fact]
    public void Each_direction_has_its_own_tolerance()
    {
        var tolerances = new Tolerances(Down: 0.5, Up: 0.01);
        Assert.Equal(2, ReplicaCalculator.ForValue(2, 100, 60, Given("1 1").Pods, tolerances).Replicas);
        Assert.Equal(3, ReplicaCalculator.ForValue(2, 100, 105, Given("1 1").Pods, tolerances).Replicas);
    }

    [Theory]
    [InlineData("no pods returned by selector while calculating replica count", "", "", "")]
    [InlineData("did not receive metrics for targeted pods (pods might be unready)", "- -", "", "")]
    [InlineData("missing request for memory in container c of Pod p0", "5 5", "memory", "")]
    [InlineData("container other not found in Pod p0", "5 5", "cpu", "other")]
    public void What_cannot_be_calculated_is_said_in_upstreams_words(string message, string usages, string resource, string container)
    {
        var (pods, metrics) = usages.Length == 0 ? ([], []) : Given(usages);
        Assert.Equal(message, Assert.Throws<MetricException>(() => Calculator.ForUtilization(1, 50, metrics, pods, resource, container, TenPercent, Noon)).Message);
    }

    [Fact]
    public void A_young_Pod_counts_when_it_was_ready_during_all_of_the_sample()
    {
        Assert.Equal(2, Young(readySince: Noon.AddSeconds(-60)));
        // Ready for 10 s, measured over 30: the start is in the sample.
        Assert.Equal(1, Young(readySince: Noon.AddSeconds(-10)));

        static int Young(DateTimeOffset readySince)
        {
            var pods = new[] { RunningPod("p0", Noon.AddMinutes(-10), Noon.AddMinutes(-9)), RunningPod("p1", Noon.AddMinutes(-2), readySince) };
            var metrics = pods.ToDictionary(p => p.Metadata.Name, _ => new PodMetric(100, Noon, TimeSpan.FromSeconds(30)));
            // A target far above: only who counts matters.
            return Calculator.ForAverage(2, 100, metrics, pods, "cpu", new Tolerances(0, 0), Noon).Replicas is var replicas && metrics.Count == 2 ? replicas : metrics.Count;
        }
    }

    private static (List<V1Pod> Pods, Dictionary<string, PodMetric> Metrics) Given(string usages)
    {
        var pods = new List<V1Pod>();
        var metrics = new Dictionary<string, PodMetric>();
        foreach (var usage in usages.Split(' '))
        {
            var name = $"p{pods.Count}";
            pods.Add(usage switch
            {
                "p" => WithRequest(name, "Pending"),
                "x" => WithRequest(name, "Failed"),
                "d" => WithRequest(name, "Running", isBeingDeleted: true),
                "u" => RunningPod(name, Noon.AddMinutes(-1), null),
                _ => RunningPod(name, Noon.AddHours(-1), Noon.AddMinutes(-50)),
            });
            if (usage is not ("-" or "p")) metrics[name] = new PodMetric(long.TryParse(usage, out var millis) ? millis : 1, Noon, TimeSpan.FromSeconds(30));
        }
        return (pods, metrics);
    }

    private static V1Pod RunningPod(string name, DateTimeOffset started, DateTimeOffset? ready) => Pod(
        name, ready: ready, spec: """ "containers":[{"name":"c","resources":{"requests":{"cpu":"1"}}}] """, status: $",\"startTime\":\"{Client.KubeTime.Seconds(started)}\"");

    private static V1Pod WithRequest(string name, string phase, bool isBeingDeleted = false) =>
        Pod(name, phase, isBeingDeleted: isBeingDeleted, spec: """ "containers":[{"name":"c","resources":{"requests":{"cpu":"1"}}}] """);
}
