using Bramble.Controllers.Jobs;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Jobs;

public sealed class JobRulesTests
{
    /// <param name="known">How many failed before.</param>
    /// <param name="succeeded">Seconds before noon at which Pods ended, and so <paramref name="failed"/>.</param>
    [Theory]
    [InlineData("nothing new", 2, "", "", 2)]
    [InlineData("each failure counts", 0, "", "3 1 2", 3)]
    [InlineData("on top of those before", 2, "", "1", 3)]
    [InlineData("a success is a new beginning", 2, "1", "", 0)]
    [InlineData("failures before it count no longer", 2, "1", "3 2", 0)]
    [InlineData("at the same moment neither", 0, "1", "1", 0)]
    [InlineData("those after it do", 2, "3", "5 4 2 1", 2)]
    public void The_back_off_counts_failures_since_the_last_success(string because, int known, string succeeded, string failed, int failures)
    {
        Assert.NotEmpty(because);
        var next = new JobBackOff(known, known > 0 ? Noon.AddHours(-1) : null).After(Ended(succeeded), Ended(failed));
        Assert.Equal(failures, next.Failures);
        var last = failed.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse).DefaultIfEmpty().Min();
        Assert.Equal(failures == 0 ? null : last > 0 ? Noon.AddSeconds(-last) : Noon.AddHours(-1), next.LastFailureAt);
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1, 0, 10)]
    [InlineData(1, 4, 6)]
    [InlineData(1, 10, 0)]
    [InlineData(1, 11, 0)]
    [InlineData(3, 0, 40)]
    [InlineData(6, 0, 320)]
    [InlineData(7, 0, 600)]
    [InlineData(1000, 0, 600)]
    public void It_waits_ten_seconds_doubled_up_to_ten_minutes(int failures, int elapsedSeconds, int leftSeconds) =>
        Assert.Equal(TimeSpan.FromSeconds(leftSeconds), new JobBackOff(failures, Noon).Remaining(Noon.AddSeconds(elapsedSeconds)));

    private const string Ready = """{"type":"Ready","status":"False","lastTransitionTime":"2024-01-01T11:00:00Z"}""";
    private const string Sidecar = "\"initContainers\":[{\"name\":\"i\",\"restartPolicy\":\"Always\"}]";

    [Theory]
    [InlineData("its last container", "", "\"containerStatuses\":[{\"state\":{\"terminated\":{\"finishedAt\":\"2024-01-01T10:00:01Z\"}}},{\"state\":{\"terminated\":{\"finishedAt\":\"2024-01-01T10:00:03Z\"}}}]", "", "10:00:03")]
    [InlineData("its sidecar", Sidecar, "\"containerStatuses\":[{\"state\":{\"terminated\":{\"finishedAt\":\"2024-01-01T10:00:01Z\"}}}],\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{\"terminated\":{\"finishedAt\":\"2024-01-01T10:00:09Z\"}}}]", "", "10:00:09")]
    [InlineData("one runs still: since it is not ready", "", $"\"containerStatuses\":[{{\"state\":{{\"running\":{{}}}}}}],\"conditions\":[{Ready}]", "", "11:00:00")]
    [InlineData("when it was told to go", "", "\"containerStatuses\":[{\"state\":{\"running\":{}}}]", ",\"deletionTimestamp\":\"2024-01-01T11:30:30Z\",\"deletionGracePeriodSeconds\":30", "11:30:00")]
    [InlineData("when it was made", "", "\"phase\":\"Failed\"", "", "09:00:00")]
    public void A_Pod_ended_with(string because, string spec, string status, string metadata, string at)
    {
        Assert.NotEmpty(because);
        var pod = Model<V1Pod>($$$"""{"metadata":{"name":"p","creationTimestamp":"2024-01-01T09:00:00Z"{{{metadata}}} },"spec":{ {{{spec}}} },"status":{ {{{status}}} } }""");
        Assert.Equal(at, JobBackOff.FinishedAt(pod).UtcDateTime.ToString("HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture));
    }

    private const string InTwo = "\"onExitCodes\":{\"operator\":\"In\",\"values\":[2]}";
    private const string NotInTwo = "\"onExitCodes\":{\"operator\":\"NotIn\",\"values\":[2]}";
    private const string OfC = "\"onExitCodes\":{\"containerName\":\"c\",\"operator\":\"In\",\"values\":[2]}";
    private const string Disrupted = "\"onPodConditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\"}]";
    private const string Exited = "\"containerStatuses\":[{\"name\":\"a\",\"state\":{\"terminated\":{\"exitCode\":0}}},{\"name\":\"b\",\"state\":{\"terminated\":{\"exitCode\":2}}}]";
    private const string ExitedFirst = "\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{\"terminated\":{\"exitCode\":2}}}]";
    private const string HasCondition = "\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\"}]";

    [Theory]
    [InlineData("no rule", "", Exited, "counted")]
    [InlineData("no rule matches", $"FailJob {Disrupted}", Exited, "counted")]
    [InlineData("an exit code", $"FailJob {InTwo}", Exited, "Container b for pod d/p failed with exit code 2 matching FailJob rule at index 0")]
    [InlineData("of an init container", $"FailJob {InTwo}", ExitedFirst, "Container i for pod d/p failed with exit code 2 matching FailJob rule at index 0")]
    [InlineData("of another container", $"FailJob {OfC}", Exited, "counted")]
    [InlineData("what succeeded is not asked", $"FailJob {NotInTwo}", Exited, "counted")]
    [InlineData("what runs still is not asked", $"FailJob {NotInTwo}", "\"containerStatuses\":[{\"name\":\"a\",\"state\":{\"running\":{}}}]", "counted")]
    [InlineData("the first that matches decides", $"Ignore {InTwo};FailJob {InTwo}", Exited, "ignored")]
    [InlineData("also when it only counts", $"Count {InTwo};FailJob {InTwo}", Exited, "counted")]
    [InlineData("an action that nobody knows is passed over", $"Later {InTwo};Ignore {InTwo}", Exited, "ignored")]
    [InlineData("an index", $"FailIndex {InTwo}", Exited, "counted, fails its index")]
    [InlineData("a condition", $"Ignore {InTwo};FailJob {Disrupted}", HasCondition, "Pod d/p has condition DisruptionTarget matching FailJob rule at index 1")]
    [InlineData("a condition that is not true", $"FailJob {Disrupted}", "\"conditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"False\"}]", "counted")]
    public void A_failed_Pod_means(string because, string rules, string status, string verdict)
    {
        Assert.NotEmpty(because);
        var list = string.Join(',', rules.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(r => $"{{\"action\":\"{r.Split(' ')[0]}\",{r[(r.IndexOf(' ') + 1)..]}}}"));
        var job = Model<V1Job>($$$"""{"metadata":{"name":"j"},"spec":{"podFailurePolicy":{"rules":[{{{list}}}]} } }""");
        var pod = Model<V1Pod>($$$"""{"metadata":{"name":"p","namespace":"d"},"spec":{},"status":{"phase":"Failed",{{{status}}} } }""");
        var found = PodFailurePolicy.Decide(job.Spec.PodFailurePolicy, pod);
        Assert.Equal(verdict, found.FailJobMessage ?? (found.IsCounted ? "counted" : "ignored") + (found.FailsIndex ? ", fails its index" : ""));
    }

    [Theory]
    [InlineData("no rules", "", "0", null)]
    [InlineData("all of a rule", "1-2", "1,2,4", "Matched rules at index 0")]
    [InlineData("not all of it", "1-2", "0,1", null)]
    [InlineData("as many as it says", "3-6#2", "0-2,4-7", "Matched rules at index 0")]
    [InlineData("too few of them", "3-6#2", "0-2,6,7", null)]
    [InlineData("as many as it says of any", "#3", "0,5,9", "Matched rules at index 0")]
    [InlineData("the second rule", "9;4,6", "0-2,4-7", "Matched rules at index 1")]
    [InlineData("nothing has succeeded", "#0", "", null)]
    [InlineData("a rule that is none", "nonsense;0", "0", "Matched rules at index 1")]
    [InlineData("of a Job that was made smaller all are enough", "8-12#4", "8,9", "Matched rules at index 0")]
    public void A_Job_is_a_success_before_its_end_by(string because, string rules, string succeeded, string? message)
    {
        Assert.NotEmpty(because);
        var policy = new V1SuccessPolicy
        {
            Rules = [.. rules.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(r => r.Split('#')).Select(r => new V1SuccessPolicyRule
            {
                SucceededIndexes = r[0].Length > 0 ? r[0] : null,
                SucceededCount = r.Length > 1 ? int.Parse(r[1], System.Globalization.CultureInfo.InvariantCulture) : null,
            })],
        };
        Assert.Equal(message, SuccessPolicy.Decide(policy, 10, IndexSet.Parse(succeeded, 10)));
    }

    private static List<V1Pod> Ended(string secondsAgo) => [.. secondsAgo.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(s => Model<V1Pod>($$$"""
        {"metadata":{"name":"p"},"spec":{},"status":{"containerStatuses":[{"state":{"terminated":{"finishedAt":"{{{Client.KubeTime.Seconds(Noon.AddSeconds(-int.Parse(s, System.Globalization.CultureInfo.InvariantCulture)))}}}"} } }]} }
        """))];
}
