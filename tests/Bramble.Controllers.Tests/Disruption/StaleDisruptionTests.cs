using Bramble.Client;
using Bramble.Controllers.Disruption;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Disruption;

/// <summary>It is noon.</summary>
public sealed class StaleDisruptionTests
{
    /// <param name="condition">Status and reason; empty: there is none.</param>
    /// <param name="secondsAgo">Since when; null: it does not say.</param>
    /// <param name="wait">Seconds; null: nothing is taken back.</param>
    [Theory]
    [InlineData("nothing was announced", "", 0, "Running", false, null)]
    [InlineData("announced this moment", "True EvictionByEvictionAPI", 0, "Running", false, 120)]
    [InlineData("announced a while ago", "True EvictionByEvictionAPI", 90, "Running", false, 30)]
    [InlineData("announced two minutes ago", "True EvictionByEvictionAPI", 120, "Running", false, 0)]
    [InlineData("announced long ago", "True PreemptionByScheduler", 180, "Running", false, -60)]
    [InlineData("announced nobody knows when", "True EvictionByEvictionAPI", null, "Running", false, 0)]
    [InlineData("by a clock that is ahead of ours", "True EvictionByEvictionAPI", -30, "Running", false, 150)]
    [InlineData("of a Pod that waits", "True DeletionByTaintManager", 180, "Pending", false, -60)]
    [InlineData("without a reason", "True ", 180, "Running", false, -60)]
    [InlineData("the kubelet's own", "True TerminationByKubelet", 180, "Running", false, null)]
    [InlineData("taken back already", "False EvictionByEvictionAPI", 180, "Running", false, null)]
    [InlineData("nobody knows", "Unknown EvictionByEvictionAPI", 180, "Running", false, null)]
    [InlineData("it came: the Pod goes", "True EvictionByEvictionAPI", 180, "Running", true, null)]
    [InlineData("it came: the Pod has ended", "True EvictionByEvictionAPI", 180, "Failed", false, null)]
    [InlineData("the Pod ended by itself", "True EvictionByEvictionAPI", 180, "Succeeded", false, null)]
    public void Wait(string because, string condition, int? secondsAgo, string phase, bool isGoing, int? wait)
    {
        Assert.NotEmpty(because);
        var status = condition.Split(' ') is [var value, var reason]
            ? $$$"""
               ,"conditions":[{"type":"Ready","status":"True"},{"type":"DisruptionTarget","status":"{{{value}}}","reason":"{{{reason}}}"{{{(secondsAgo is { } ago ? $",\"lastTransitionTime\":\"{KubeTime.Seconds(Noon.AddSeconds(-ago))}\"" : "")}}} }]
               """ : "";
        var going = isGoing ? ",\"deletionTimestamp\":\"2024-01-01T12:00:00Z\"" : "";
        var pod = Model<V1Pod>($$$"""{"metadata":{"name":"p","namespace":"d"{{{going}}} },"status":{"phase":"{{{phase}}}"{{{status}}} } }""");
        Assert.Equal(wait, StaleDisruption.Wait(pod, Noon)?.TotalSeconds);
    }

    [Theory]
    [InlineData("of a Pod with a generation", ",\"generation\":3", ",\"observedGeneration\":3")]
    [InlineData("of one without", "", "")]
    [InlineData("of one whose generation says nothing", ",\"generation\":0", "")]
    public void Taken_back(string because, string generation, string observed)
    {
        Assert.NotEmpty(because);
        var pod = Model<V1Pod>($$$"""{"metadata":{"name":"p","namespace":"d","uid":"u"{{{generation}}} } }""");
        Assert.Equal(
            $$$"""{"metadata":{"uid":"u"},"status":{"conditions":[{"type":"DisruptionTarget","status":"False","lastTransitionTime":"2024-01-01T12:00:00Z","reason":null,"message":null{{{observed}}} }]}}""".Replace(" }", "}", StringComparison.Ordinal),
            StaleDisruption.TakenBack(pod, Noon).ToJsonString());
    }
}
